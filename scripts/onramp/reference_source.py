"""Where one exposure's job takes its references from: a folder, CRDS, or a manifest."""

import logging
from pathlib import Path
from typing import NamedTuple

from onramp import references
from onramp.origins import same
from onramp.parameters import Detector1Parameters
from onramp.reference_manifest import locate, open_manifest
from onramp.reference_types import Reference

CRDS = "crds"
"""What stands for CRDS where the path of a folder is expected."""

log = logging.getLogger("onramp")


class FromManifest(NamedTuple):
    """References as a workflow has chosen them before its jobs."""

    path: str


class Resolved(NamedTuple):
    """What an exposure is calibrated with."""

    references: dict[str, Reference | None]
    parameters: Detector1Parameters
    context: str | None
    """CRDS context; None for a folder."""
    origins: dict[str, str]
    """Name of the parameter reference by "step.parameter", for values that come from one."""


def resolve(
    source, exposure, parameters, overrides=None, context=None, parameter_files=None
) -> Resolved:
    """
    Choose an exposure's references, and add what parameter references say to its parameters.

    Parameters
    ----------
    source : str, Path, FromManifest or None
        A folder, "crds", or a manifest, whose overrides and parameters are in it already.
    exposure : Exposure
    parameters : Detector1Parameters
    overrides : mapping of str to str or Path, optional
        Path or "N/A" by type.
    context : str, optional
        CRDS context; by default the operational one, and for a folder none.
    parameter_files : str, Path or iterable of them, optional
        Parameter files or folders of them; what a manifest lists has them already.

    Raises
    ------
    OnrampError
        If a file is missing or unusable, or a parameter reference asks for what is not supported.
    """
    if isinstance(source, FromManifest):
        manifest = open_manifest(source.path)
        found = locate(manifest, Path(source.path).parent)
        origins = _origins(manifest.parameters, parameters)
        resolved = Resolved(found, parameters, manifest.context, origins)
        files = manifest.parameters
    elif source == CRDS:
        from onramp.reference_choice import chooser
        from onramp.reference_facts import read_facts

        facts = read_facts(exposure.path, exposure.name)
        choice = chooser(CRDS, None, overrides, context, parameter_files=parameter_files).choose(
            facts, parameters
        )
        files = choice.manifest.parameters
        resolved = Resolved(choice.references, choice.parameters, choice.manifest.context,
                            choice.origins)  # fmt: skip
    else:
        files, origins = (), {}
        if parameter_files:
            from onramp.crds_parameters import apply
            from onramp.parameter_files import ParameterFiles

            files = ParameterFiles(parameter_files).of(exposure)
            parameters, origins = apply([(f.name, f.values) for f in files], parameters)
        chosen = references.select(exposure, parameters, source, overrides)
        resolved = Resolved(chosen, parameters, context, origins)
    _log(resolved, files)
    return resolved


def folder_of(source):
    """Return a source that is a folder, else None."""
    return None if source == CRDS or isinstance(source, FromManifest) else source


def _origins(files, parameters):
    """Return the last file that says what a parameter is, by "step.parameter"."""
    return {
        f"{step}.{name}": file.name
        for file in files
        for step, values in file.values.items()
        for name, value in values.items()
        if same(step, name, value, getattr(getattr(parameters, step), name))
    }


def _log(resolved, files):
    if resolved.context:
        log.info("references of CRDS context %s", resolved.context)
    for file in files:
        names = sorted(name for name, origin in resolved.origins.items() if origin == file.name)
        values = ", ".join(f"{name}={_value(resolved.parameters, name)}" for name in names)
        log.info("parameters from %s sha256 %s: %s", file.name, file.sha256, values or "none")
        if file.unused:
            unused = ", ".join(f"{name}={value}" for name, value in file.unused.items())
            log.warning("%s: not used: %s", file.name, unused)


def _value(parameters, name):
    step, _, parameter = name.partition(".")
    return getattr(getattr(parameters, step), parameter)
