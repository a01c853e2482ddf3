"""Parameter files that the user gives: ``pars-*.asdf``, what CRDS has of them, or YAML."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import yaml

from onramp import asdf_facts
from onramp.crds_parameters import PARAMETER_TYPES, read
from onramp.errors import ParameterError
from onramp.parameters import parse_steps
from onramp.reference_index import mismatch, moment, specificity, text, use_after
from onramp.reference_manifest import Parameters

PREFIX = "pars-"
YAML = ".yaml", ".yml"


class _File(NamedTuple):
    """A parameter file of a folder, and for what it is."""

    kind: str
    path: Path
    facts: dict


class ParameterFiles:
    """
    Files and folders of files, each looked at once for all exposures.

    Of a folder, and the folders in it, the most specific file of each type that suits an exposure
    is taken, as with references; a file that is named must suit.

    Parameters
    ----------
    paths : str, Path or iterable of them, or None
        Later ones win; of a folder the pipeline's file wins over the steps'.
    """

    def __init__(self, paths):
        single = isinstance(paths, str | Path) or not isinstance(paths, Iterable)
        self.paths = [Path(path) for path in ([paths] if single else paths) if path]
        self._listed, self._contents = {}, {}

    def of(self, exposure) -> tuple[Parameters, ...]:
        """
        Return what suits an exposure, in the order of precedence.

        Parameters
        ----------
        exposure : Exposure or ExposureFacts

        Raises
        ------
        ParameterError
            If a file is missing, is none, or is for other exposures; or several of a folder suit
            equally well.
        ReferenceFileError
            If a file holds no parameters.
        """
        found = []
        for path in self.paths:
            if path.is_dir():
                found += [self._content(file) for file in self._suiting(path, exposure)]
            else:
                found.append(self._named(path, exposure))
        return tuple(found)

    def _named(self, path, exposure):
        if not path.is_file():
            raise ParameterError(f"{path}: no such file; parameter_files are files or folders")
        if path.suffix in YAML:
            return self._content(_File("yaml", path, {}))
        file = _examined(path)
        if file is None:
            known = ", ".join(PARAMETER_TYPES)
            raise ParameterError(
                f"{path}: META.REFTYPE says of no step of stage 1; expected one of {known}"
            )
        reason = mismatch(file.facts, exposure)
        if reason:
            raise ParameterError(
                f"{path}: is for {reason}, not for {exposure.name}; give a folder, of which each "
                "exposure takes what suits"
            )
        return self._content(file)

    def _suiting(self, folder, exposure):
        """Return the best file of each type, the pipeline's last."""
        if folder not in self._listed:
            paths = sorted({*folder.glob("*.asdf"), *folder.glob("*/*.asdf")})
            self._listed[folder] = [file for file in map(_examined, paths) if file]
        observed, ranked = moment(exposure.date_obs), {}
        for file in self._listed[folder]:
            since = use_after(file.facts)
            if since and observed and since <= observed and not mismatch(file.facts, exposure):
                rank = specificity(file.facts, exposure), since
                ranked.setdefault(file.kind, []).append((rank, file))
        chosen = []
        for kind in PARAMETER_TYPES:
            best = max((rank for rank, _ in ranked.get(kind, ())), default=None)
            winners = [file for rank, file in ranked.get(kind, ()) if rank == best]
            if len(winners) > 1:
                names = ", ".join(str(file.path) for file in winners)
                raise ParameterError(
                    f"{exposure.name}: {len(winners)} {kind} files suit equally well: {names}; "
                    "remove all but one, or name it"
                )
            chosen += winners
        return chosen

    def _content(self, file):
        if file.path not in self._contents:
            sha256 = hashlib.sha256(_bytes(file.path)).hexdigest()
            told = _told(file.path) if file.kind == "yaml" else read(file.path, file.kind, MEND)
            self._contents[file.path] = Parameters(file.kind, file.path.name, sha256, *told)
        return self._contents[file.path]


MEND = "give another parameter file"


def _bytes(path):
    try:
        return path.read_bytes()
    except OSError as problem:
        raise ParameterError(f"{path}: {problem.strerror}; {MEND}") from problem


def _examined(path):
    """Return what an ASDF file is for, or None if it is none with parameters of stage 1."""
    try:
        tree = asdf_facts.read_tree(path)
    except OSError as problem:
        raise ParameterError(f"{path}: {problem}; {MEND}") from problem
    facts = asdf_facts.facts_of(tree)
    kind = text(facts["REFTYPE"]).lower()
    if not kind:
        kind = PREFIX + str(tree.get("class", "")).rpartition(".")[2].lower()
    return _File(kind, path, facts) if kind in PARAMETER_TYPES else None


def _told(path):
    """Return the steps' parameters of a YAML file, and nothing that is not used."""
    try:
        content = yaml.safe_load(_bytes(path))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ParameterError(f"{path}: is no YAML; {MEND}") from None
    if not isinstance(content, dict) or set(content) != {"steps"}:
        raise ParameterError(f"{path}: holds more or less than 'steps:'; give the rest as options")
    parse_steps(content["steps"], str(path))
    return {step: values for step, values in (content["steps"] or {}).items() if values}, {}
