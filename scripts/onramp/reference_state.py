"""A digest of the reference files that an exposure may use: a changed one reruns its job."""

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from onramp.errors import InputError, ReferenceFileError
from onramp.glance import glance
from onramp.parameters import Detector1Parameters
from onramp.reference_digest import digest
from onramp.reference_index import index_folder, wrong_detector
from onramp.references import needed_types


class _Detector(NamedTuple):
    instrument: str
    detector: str


class ReferenceState:
    """
    What a folder of reference files holds for each detector.

    Parameters
    ----------
    folder : str or Path
    overrides : dict of str to str
        Path or "N/A" by type.

    Raises
    ------
    ReferenceFileError
        If the folder is none or cannot be read.
    """

    def __init__(self, folder, overrides):
        self.candidates = index_folder(folder).candidates
        self.overrides = overrides
        self._of_detector = cache(self._of_detector)

    def digest(self, uncal, parameters: Detector1Parameters) -> str:
        """
        Digest the contents of all files that could be chosen for an exposure.

        These are the folder's files of the exposure's detector and of the types that the steps
        need. A file that is merely touched or renamed with its folder makes no difference.
        """
        try:
            seen = glance(uncal)
        except InputError:
            return "unreadable exposure"
        types = frozenset(needed_types(parameters))
        return self._of_detector(seen.instrument, seen.detector, types)

    def _of_detector(self, instrument, detector, types):
        exposure = _Detector(instrument, detector)
        parts = [
            f"{kind}={_content(Path(value).expanduser()) if _is_path(value) else value}"
            for kind, value in sorted(self.overrides.items())
            if kind in types
        ]
        for candidate in self.candidates:
            wanted = candidate.type in types and candidate.type not in self.overrides
            if wanted and wrong_detector(candidate.facts, exposure) is None:
                parts.append(f"{candidate.path.name} {_content(candidate.path)}")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _is_path(value):
    return str(value or "").strip().upper() not in ("", "N/A")


def _content(path):
    """Return a file's digest; what is wrong with it is for the job that uses it to say."""
    try:
        return digest(path).sha256
    except ReferenceFileError as problem:
        return str(problem)
