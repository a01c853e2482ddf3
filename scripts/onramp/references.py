"""Reference files: which ones an exposure needs, and where they are found."""

import difflib
from pathlib import Path

from onramp.errors import ParameterError, ReferenceFileError
from onramp.interleaving import is_interleaved
from onramp.parameters import Detector1Parameters, nearest
from onramp.reference_digest import digest
from onramp.reference_file import OpenReference, open_reference
from onramp.reference_index import index_folder, mismatch, moment, specificity, use_after
from onramp.reference_types import REFERENCE_TYPES, Reference, ReferenceType, belongs_to

__all__ = [
    "REFERENCE_TYPES",
    "OpenReference",
    "Reference",
    "ReferenceFolder",
    "ReferenceType",
    "check_overrides",
    "checked",
    "needed_types",
    "open_reference",
    "overriding",
    "select",
]


DISPENSABLE = ("saturation", "superbias"), ("clean_flicker_noise", "flat")
"""Steps that run without a type of reference."""


def needed_types(parameters: Detector1Parameters, exposure) -> dict[str, tuple[str, ...]]:
    """
    Return the steps that are on and need a reference, by type.

    Parameters
    ----------
    parameters : Detector1Parameters
    exposure : Exposure or ExposureFacts
        Of which instrument, type and readout pattern count.
    """
    found = {}
    for kind in REFERENCE_TYPES.values():
        if not belongs_to(kind.type, exposure.instrument):
            continue
        if kind.interleaved and not is_interleaved(exposure.readpatt):
            continue
        users = [(step, getattr(parameters, step)) for step in kind.steps]
        steps = tuple(
            step
            for step, values in users
            if not values.skip and _look_at(kind, values, exposure.exp_type)
        )
        if steps:
            found[kind.type] = steps
    return found


def _look_at(kind, values, exp_type):
    says = getattr(values, kind.parameter) if kind.parameter else True
    return says(exp_type) if callable(says) else says


def select(exposure, types, folder, overrides=None) -> dict[str, Reference | None]:
    """
    Choose an exposure's reference files.

    An override comes first. Of the folder's files that suit the exposure the most specific wins,
    then the one with the latest USEAFTER before the observation.

    Parameters
    ----------
    exposure : Exposure
    types : Detector1Parameters or iterable of str
        The parameters, of which the steps that are on count, or the types of reference.
    folder : str, Path, ReferenceFolder or None
        Where to look: this folder and the folders in it.
    overrides : mapping of str to str or Path, optional
        Path or "N/A" by type.

    Returns
    -------
    dict of str to Reference or None
        By type; None where the steps that need it are to be skipped.

    Raises
    ------
    ParameterError
        If an override is of an unknown type.
    ReferenceFileError
        If a file is missing, ambiguous or unusable.
    """
    overrides = check_overrides(overrides or {})
    if isinstance(types, Detector1Parameters):
        needed = needed_types(types, exposure)
    else:
        known = (kind for kind in types if belongs_to(kind, exposure.instrument))
        needed = {kind: REFERENCE_TYPES[kind].steps for kind in known}
    if folder is not None and not isinstance(folder, ReferenceFolder):
        folder = ReferenceFolder(folder)
    chosen = {}
    for kind, steps in needed.items():
        if kind in overrides:
            path = overriding(kind, steps, overrides[kind])
        elif folder is None:
            path = _absent(exposure, kind, steps, "no folder of reference files was given")
        else:
            path = folder.best(exposure, kind, steps)
        chosen[kind] = path and checked(kind, path)
    return chosen


def check_overrides(overrides) -> dict[str, str | Path]:
    """Return the overrides that say something; raise ParameterError if a type is unknown."""
    for kind, value in overrides.items():
        if kind not in REFERENCE_TYPES:
            hint = nearest(kind, REFERENCE_TYPES)
            raise ParameterError(f"override_{kind}: no such type of reference; {hint}")
        if not (value is None or isinstance(value, str | Path)):
            raise ParameterError(f"override_{kind}={value!r}: expected the path of a file, or N/A")
    return {kind: value for kind, value in overrides.items() if str(value or "").strip()}


def overriding(kind, steps, value) -> Path | None:
    """Return the path that an override gives, None if it is N/A and the steps may be skipped."""
    if str(value).strip().upper() != "N/A":
        path = Path(value).expanduser()
        if path.is_file():
            return path
        problem = "not a file" if path.exists() else "no such file"
        raise ReferenceFileError(f"override_{kind}={value}: {problem}; give a path, or N/A")
    indispensable = [step for step in steps if step in REFERENCE_TYPES[kind].indispensable]
    if indispensable:
        names = " and ".join(indispensable)
        raise ReferenceFileError(
            f"override_{kind}=N/A: {names} cannot do without; give a path, or skip {names}"
        )
    return None


class ReferenceFolder:
    """
    A folder of reference files, looked through once for all exposures.

    Parameters
    ----------
    folder : str or Path
    """

    def __init__(self, folder):
        self.folder = folder
        self._index, self._suited = None, {}

    @property
    def index(self):
        """What the folder offers."""
        self._index = self._index or index_folder(self.folder)
        return self._index

    def best(self, exposure, kind, steps) -> Path | None:
        """
        Return the path of the file that suits an exposure best, None if it may be absent.

        Raises
        ------
        ReferenceFileError
            If there is none, or several suit equally well.
        """
        observed = moment(exposure.date_obs)
        if observed is None:
            raise ReferenceFileError(
                f"{exposure.path}: DATE-OBS, TIME-OBS={exposure.date_obs} is no date; mend the "
                f"header, or give override_{kind}"
            )
        suited, rejected = self._suiting(exposure, kind)
        suitable = [rank for rank in suited if rank[1] <= observed]
        if not suitable:
            rejected = rejected + [(path, f"USEAFTER={told}") for *_, path, told in suited]
            search = _search(self.folder, kind, rejected, self.index.unreadable)
            return _absent(exposure, kind, steps, search)
        best = max(rank[:2] for rank in suitable)
        winners = [str(rank[2]) for rank in suitable if rank[:2] == best]
        if len(winners) > 1:
            raise ReferenceFileError(
                f"{exposure.name}: {len(winners)} {kind} references suit equally well: "
                f"{', '.join(winners)}; remove all but one, or choose with override_{kind}"
            )
        return Path(winners[0])

    def _suiting(self, exposure, kind):
        """Return the files that suit but for the date, and the others with the reason."""
        place = exposure.area
        own = "instrument", "detector", "exp_type", "readpatt", "grating"
        region = "name", "xstart", "ystart", "nx", "ny"
        key = (kind, *(getattr(exposure, name) for name in own),
               *(getattr(place, name) for name in region))  # fmt: skip
        if key not in self._suited:
            suited, rejected = [], []
            for candidate in self.index.candidates:
                if candidate.type != kind:
                    continue
                facts, since = candidate.facts, use_after(candidate.facts)
                reason = mismatch(facts, exposure)
                if reason is None and since is None:
                    reason = f"USEAFTER={facts['USEAFTER']}"
                if reason is None:
                    rank = specificity(facts, exposure)
                    suited.append((rank, since, candidate.path, facts["USEAFTER"]))
                else:
                    rejected.append((candidate.path, reason))
            self._suited[key] = suited, rejected
        return self._suited[key]


def _search(folder, kind, rejected, unreadable):
    """Say in a few words what a folder has instead."""
    details = [f"{path.name} is for {reason}" for path, reason in rejected[:3]]
    details += [f"{len(rejected) - 3} others do not suit either"] if len(rejected) > 3 else []
    names = [path.name for path in unreadable]
    close = [name for name in names if kind in name.lower()] or difflib.get_close_matches(
        f"{kind}.fits", names, n=3, cutoff=0.0
    )
    details += [f"{name} cannot be read" for name in close[:3]]
    return f"not in {folder}" + (f" ({', '.join(details)})" if details else "")


def _absent(exposure, kind, steps, search) -> None:
    known = REFERENCE_TYPES[kind]
    if known.optional:
        return
    remedy = (
        f"give another folder, or override_{kind}=PATH (in a configuration references: override: "
        f"{kind}: PATH)"
    )
    if not set(steps).intersection(known.indispensable):
        skipped = [step for step in steps if (step, kind) not in DISPENSABLE]
        purpose = f"skip {' and '.join(skipped)}" if skipped else "do without it"
        remedy = f"{remedy}, or override_{kind}=N/A to {purpose}".replace(", or", ",", 1)
    raise ReferenceFileError(
        f"{exposure.name}: no {kind} reference for {' and '.join(steps)}, {search}; {remedy}"
    )


def checked(kind, path) -> Reference:
    """Return a reference file if a header can name it and no value in it is impossible."""
    if not (path.name.isascii() and path.name.isprintable()):
        raise ReferenceFileError(
            f"{path}: no header can hold this file's name; rename it to one in ASCII"
        )
    known = digest(path)
    if known.findings:
        raise ReferenceFileError(
            f"{path}{known.findings[0]}; fetch the file again or give another one with "
            f"override_{kind}"
        )
    return Reference(kind, path, path.name, known.sha256)
