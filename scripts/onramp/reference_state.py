"""A digest of the reference files that an exposure may use: a changed one reruns its job."""

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from onramp.errors import ReferenceFileError
from onramp.parameters import Detector1Parameters
from onramp.reference_digest import digest
from onramp.reference_index import index_folder, read_primary, text, wrong_detector
from onramp.references import needed_types

START = 16384
CARD = re.compile(rb"(INSTRUME|DETECTOR)= '([^']*)'")


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
            detector = _detector_of(uncal)
        except OSError:
            return "unreadable exposure"
        return self._of_detector(detector, frozenset(needed_types(parameters)))

    def _of_detector(self, detector, types):
        parts = [
            f"{kind}={_content(Path(value).expanduser()) if _is_path(value) else value}"
            for kind, value in sorted(self.overrides.items())
            if kind in types
        ]
        for candidate in self.candidates:
            wanted = candidate.type in types and candidate.type not in self.overrides
            if wanted and wrong_detector(candidate.facts, detector) is None:
                parts.append(f"{candidate.path.name} {_content(candidate.path)}")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _detector_of(uncal):
    """Return an exposure's detector from the first bytes of its file: there may be thousands."""
    with open(uncal, "rb") as file:
        found = dict(CARD.findall(file.read(START)))
    if len(found) == 2:
        return _Detector(text(found[b"INSTRUME"].decode()), text(found[b"DETECTOR"].decode()))
    header = read_primary(uncal)
    return _Detector(text(header.get("INSTRUME")), text(header.get("DETECTOR")))


def _is_path(value):
    return str(value or "").strip().upper() not in ("", "N/A")


def _content(path):
    """Return a file's digest; what is wrong with it is for the job that uses it to say."""
    try:
        return digest(path).sha256
    except ReferenceFileError as problem:
        return str(problem)
