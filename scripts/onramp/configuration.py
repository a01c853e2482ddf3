"""What a run is asked to do: the workflow's configuration as a typed model."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from onramp import cores
from onramp.errors import ParameterError
from onramp.parameters import STEPS, Detector1Parameters, nearest, parse_steps
from onramp.reference_types import REFERENCE_TYPES
from onramp.wfss.parameters import WfssContam

THREADED_STEPS = tuple(
    step for step in STEPS if hasattr(getattr(Detector1Parameters(), step), "maximum_cores")
)

THREADS = {step: {"maximum_cores"} for step in THREADED_STEPS}
"""What may change without a change in the products."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def _text(value):
    return "" if value is None else value


def _listed(value):
    return (value,) if isinstance(value, str) else value or ()


class References(_Model):
    """Reference files, and which of them to replace."""

    source: Literal["folder", "crds"] = Field(
        "folder", description="Where reference files come from: a folder, or CRDS."
    )
    folder: str = Field("references", min_length=1, description="Folder of reference files.")
    crds_context: str | None = Field(
        None,
        pattern=r"^jwst_\d{4,}\.pmap$",
        description="CRDS context, as jwst_1364.pmap; null: the operational one at the first run.",
    )
    override: dict[Literal[tuple(REFERENCE_TYPES)], Annotated[str, BeforeValidator(_text)]] = Field(
        {}, description="Path of a file to use instead, or N/A to skip what needs it, by type."
    )


class Slitless(_Model):
    """Contamination of slitless spectra, of exposures that are cut out already."""

    exposures: str | None = Field(
        None,
        min_length=1,
        description="A folder, a glob or a file of cutouts (`*_srctype.fits`); null: off.",
    )
    parameters: WfssContam = WfssContam()


class Configuration(_Model):
    """Every option of the workflow."""

    exposures: str = Field(
        "uncal",
        min_length=1,
        description="A folder, a glob, one *_uncal.fits file, or a sheet (.tsv, .csv).",
    )
    output_dir: str = Field("results", min_length=1, description="Folder of the products.")
    parallelism: Literal["exposures", "steps"] = Field(
        "exposures",
        description="exposures: side by side, one thread each; steps: one at a time, all cores.",
    )
    save_calibrated_ramp: bool = Field(
        False, description="Write the calibrated ramp, `<exposure>_ramp.fits`, as well."
    )
    quicklook: bool = Field(True, description="Draw a picture of each exposure's products.")
    batch_seconds: float | None = Field(
        None,
        ge=0,
        description="Exposures of so many predicted seconds [s] share a job; 0: none does; "
        "null: 300 where a scheduler starts the jobs, else 30 from ten exposures a core on.",
    )
    parameter_files: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        (),
        description="Files of parameters (pars-*.asdf, or YAML with steps:), or folders of the "
        "former; what is set under steps goes before them.",
    )
    references: References = References()
    steps: Detector1Parameters = Detector1Parameters()
    wfss_contam: Slitless = Slitless()


def load(mapping: Any, origin: str) -> Configuration:
    """
    Check a configuration.

    Parameters
    ----------
    mapping : mapping
        The configuration as read from YAML.
    origin : str
        Where it comes from, for the messages.

    Raises
    ------
    ParameterError
        In one line: an unknown option (with the nearest name), a value that is not of its type, or
        options that exclude each other.
    """
    configuration = _check(mapping, origin)
    refuse_mixing(configuration.parallelism, configuration.steps, origin)
    asked = configuration.wfss_contam.parameters.maximum_cores
    if configuration.parallelism == "exposures" and asked not in ("none", "1"):
        raise ParameterError(
            f"{origin}: wfss_contam.parameters.maximum_cores={asked} does not go with parallelism: "
            "exposures; set it to none, or set parallelism: steps"
        )
    return configuration


def _check(mapping, origin):
    mapping = dict(_mapping(mapping, origin, "the configuration"))
    _known(mapping, Configuration, origin, "")
    steps = parse_steps(mapping.pop("steps", None), origin)
    if mapping.get("references") is None:
        mapping.pop("references", None)
    else:
        mapping["references"] = _references(mapping["references"], origin)
    try:
        return Configuration.model_validate({**mapping, "steps": steps})
    except ValidationError as error:
        raise ParameterError(_explain(error, origin)) from None


def load_merged(mapping: Mapping[str, Any], paths: Iterable[str]) -> Configuration:
    """Check a configuration merged from files; a mistake is told with the file that it is in."""
    paths = list(paths)
    for path in paths:
        with open(path) as file:
            _check(yaml.safe_load(file) or {}, path)
    return load(mapping, " with ".join(paths))


def _mapping(value, origin, what):
    if isinstance(value, Mapping):
        return value
    kind = "nothing" if value is None else f"a {type(value).__name__}"
    raise ParameterError(f"{origin}: {what} must be 'option: value' lines, not {kind}")


def _known(mapping, model, origin, prefix):
    for name in mapping:
        if name not in model.model_fields:
            hint = nearest(name, model.model_fields)
            raise ParameterError(f"{origin}: unknown option '{prefix}{name}'; {hint}")


def _references(values, origin):
    values = dict(_mapping(values, origin, "references"))
    _known(values, References, origin, "references.")
    values["override"] = _mapping(values.get("override") or {}, origin, "references.override")
    for kind in values["override"]:
        if kind not in REFERENCE_TYPES:
            raise ParameterError(
                f"{origin}: references.override: no reference type '{kind}'; "
                f"{nearest(kind, REFERENCE_TYPES)}"
            )
    return values


def _explain(error, origin):
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return f"{origin}: {place}={first['input']!r}: {message[0].lower()}{message[1:]}"


def refuse_mixing(parallelism: str, steps: Detector1Parameters, origin: str) -> None:
    """Raise ParameterError if exposures run side by side and a step asks for several threads."""
    if parallelism == "steps":
        return
    for step in THREADED_STEPS:
        asked = getattr(steps, step).maximum_cores
        if asked not in ("none", "1"):
            raise ParameterError(
                f"{origin}: steps.{step}.maximum_cores={asked} does not go with parallelism: "
                "exposures; set it to none, or set parallelism: steps"
            )


@cache
def plain_steps(steps: Detector1Parameters) -> dict:
    """Return parameters as a mapping, without numbers of threads; equal ones share it."""
    return steps.model_dump(exclude=THREADS)


def threads_used(steps: Detector1Parameters, granted: int) -> int:
    """Return the threads that a job takes of those granted to it."""
    asked = (getattr(steps, step).maximum_cores for step in THREADED_STEPS)
    return max(cores.threads(maximum, granted) for maximum in asked)


def remarks(configuration: Configuration, granted: int | None) -> list[str]:
    """Return what is done about thread counts that are accepted but odd, a line each."""
    if configuration.parallelism == "exposures":
        granted = 1
    if granted is None:
        return []
    asked = {step: getattr(configuration.steps, step).maximum_cores for step in THREADED_STEPS}
    found = [cores.remark(step, maximum, granted) for step, maximum in asked.items()]
    return [remark for remark in found if remark]
