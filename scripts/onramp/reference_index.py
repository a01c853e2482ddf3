"""What a folder of reference files offers, and which file suits an exposure best."""

import datetime as dt
import json
import os
from pathlib import Path
from typing import NamedTuple

from astropy.io import fits

from onramp.errors import ReferenceFileError
from onramp.fitsheaders import DamagedHeaderError, read_header

WILD = frozenset({"", "N/A", "ANY", "GENERIC", "MULTIPLE", "UNKNOWN"})
PATTERNS = {
    "DETECTOR": "P_DETECT",
    "SUBARRAY": "P_SUBARR",
    "READPATT": "P_READPA",
    "EXP_TYPE": "P_EXP_TY",
    "GRATING": "P_GRATIN",
}
"""Keywords that make a reference specific, each with the one that lists several values instead."""

_REGION = "SUBSTRT1", "SUBSTRT2", "SUBSIZE1", "SUBSIZE2"
_FACTS = (
    "REFTYPE",
    "TELESCOP",
    "INSTRUME",
    "USEAFTER",
    *PATTERNS,
    *PATTERNS.values(),
    *_REGION,
)
NAMES = tuple(f"{place}{ending}" for ending in ("fits", "asdf", "json") for place in ("*.", "*/*."))


class Candidate(NamedTuple):
    """A reference file and its primary header's keywords that matter for the choice."""

    path: Path
    facts: dict

    @property
    def type(self) -> str:
        """REFTYPE in lower case."""
        return text(self.facts["REFTYPE"]).lower()


class Index(NamedTuple):
    """The reference files of a folder."""

    candidates: list[Candidate]
    unreadable: list[Path]
    """Files by name whose header cannot be read."""


def text(value) -> str:
    """Return a keyword's value as upper-case text; nothing if it is absent."""
    return "" if isinstance(value, type(None) | fits.card.Undefined) else str(value).strip().upper()


def read_primary(path) -> fits.Header:
    """
    Read the primary header of a FITS file, and nothing else.

    Raises
    ------
    OSError
        If the file cannot be read or is no FITS file.
    """
    file = os.open(path, os.O_RDONLY)
    try:
        return read_header(file, 0)[0]
    except DamagedHeaderError as problem:
        raise OSError(f"damaged{problem}") from problem
    finally:
        os.close(file)


def index_folder(folder) -> Index:
    """
    Look at each FITS, ASDF and JSON file of a folder and of the folders in it.

    Raises
    ------
    ReferenceFileError
        If the folder is none or cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise ReferenceFileError(f"{folder}: the folder of reference files {problem}")
    candidates, unreadable, seen = [], [], set()
    try:
        paths = sorted({path for pattern in NAMES for path in folder.glob(pattern)})
    except OSError as problem:
        raise ReferenceFileError(f"{folder}: cannot be read ({problem.strerror})") from problem
    for path in paths:
        real = os.path.realpath(path)
        if path.name.startswith(".") or path.is_dir() or real in seen:
            continue
        seen.add(real)
        try:
            facts = _read_facts(path)
        except OSError:
            unreadable.append(path)
            continue
        if text(facts["REFTYPE"]):
            candidates.append(Candidate(path, facts))
    return Index(candidates, unreadable)


def _read_facts(path):
    if path.suffix == ".asdf":
        from onramp.asdf_facts import read_facts

        return {keyword: value for keyword, value in read_facts(path).items() if keyword in _FACTS}
    if path.suffix == ".json":
        return _facts_of_json(path)
    header = read_primary(path)
    return {keyword: header.get(keyword) for keyword in _FACTS}


def _facts_of_json(path):
    """Return the facts of a JSON reference, none of them if it is something else."""
    names = {"REFTYPE": "reftype", "TELESCOP": "telescope", "INSTRUME": "instrument",
             "USEAFTER": "useafter", "P_EXP_TY": "exp_type"}  # fmt: skip
    try:
        tree = json.loads(path.read_text())
    except ValueError as problem:
        raise OSError("not a JSON file, or damaged") from problem
    known = tree if isinstance(tree, dict) else {}
    return dict.fromkeys(_FACTS) | {keyword: known.get(name) for keyword, name in names.items()}


def mismatch(facts, exposure) -> str | None:
    """
    Say why a reference does not suit an exposure, as keyword and value, or None if it does.

    Parameters
    ----------
    facts : mapping of str to value
        Keywords of the reference's primary header.
    exposure : Exposure
    """
    wrong = wrong_detector(facts, exposure)
    if wrong:
        return wrong
    by_grating = ("GRATING",) if text(facts.get("REFTYPE")) == "DISPERSER" else ()
    for keyword in ("SUBARRAY", "READPATT", "EXP_TYPE", *by_grating):
        allowed = _allowed(facts, keyword)
        if allowed and _own(exposure, keyword) not in allowed:
            return f"{keyword}={'|'.join(sorted(allowed))}"
    if _own(exposure, "SUBARRAY") not in _named_subarrays(facts):
        return _uncovered(facts, exposure.area)
    return None


def stranger(facts, kind, exposure) -> str | None:
    """Say which keyword shows that a reference is of another type, instrument or grating."""
    found = text(facts.get("REFTYPE"))
    if found and found != kind.upper():
        return f"REFTYPE={found}"
    gratings = _allowed(facts, "GRATING") if kind == "disperser" else ()
    if gratings and exposure.grating not in gratings:
        return f"GRATING={'|'.join(sorted(gratings))}"
    return wrong_detector(facts, exposure)


def wrong_detector(facts, exposure) -> str | None:
    """Say which keyword shows that a reference is of another detector, or None."""
    if text(facts.get("TELESCOP")) not in WILD | {"JWST"}:
        return f"TELESCOP={text(facts['TELESCOP'])}"
    if text(facts.get("INSTRUME")) not in WILD | {exposure.instrument}:
        return f"INSTRUME={text(facts['INSTRUME'])}"
    allowed = _allowed(facts, "DETECTOR")
    if allowed and exposure.detector not in allowed:
        return f"DETECTOR={'|'.join(sorted(allowed))}"
    return None


def specificity(facts, exposure) -> int:
    """Count the keywords by which a suitable reference names the exposure."""
    named = sum(bool(_allowed(facts, keyword)) for keyword in ("DETECTOR", "READPATT", "EXP_TYPE"))
    return named + (_own(exposure, "SUBARRAY") in _named_subarrays(facts))


def _named_subarrays(facts):
    return _values(facts, "SUBARRAY") - WILD


def _values(facts, keyword):
    pattern = text(facts.get(PATTERNS[keyword]))
    listed = {value.strip() for value in pattern.split("|")} - {""}
    return listed or {text(facts.get(keyword))}


def _allowed(facts, keyword):
    """Return the values that a reference is for; nothing if it is for all."""
    values = _values(facts, keyword)
    wild = WILD | {"FULL"} if keyword == "SUBARRAY" else WILD
    return frozenset() if values & wild else values


def _own(exposure, keyword):
    return {
        "DETECTOR": exposure.detector,
        "SUBARRAY": exposure.subarray.name,
        "READPATT": exposure.readpatt,
        "EXP_TYPE": exposure.exp_type,
        "GRATING": exposure.grating,
    }[keyword]


def _uncovered(facts, subarray):
    """Say which keywords show that a reference does not reach over the subarray."""
    nx, ny = subarray.nx, subarray.ny
    for axis, start, size in ((1, subarray.xstart, nx), (2, subarray.ystart, ny)):
        first, length = facts[f"SUBSTRT{axis}"], facts[f"SUBSIZE{axis}"]
        known = isinstance(first, int) and isinstance(length, int)
        if known and (start < first or start + size > first + length):
            return f"SUBSTRT{axis}={first}, SUBSIZE{axis}={length}"
    return None


def moment(value) -> dt.datetime | None:
    """Return a date of a header as a time without zone, or None if it is no date."""
    try:
        return dt.datetime.fromisoformat(str(value).strip().replace(" ", "T")).replace(tzinfo=None)
    except ValueError:
        return None


def use_after(facts) -> dt.datetime | None:
    """Return from when a reference is to be used: ever, if it does not say; None if unreadable."""
    if not text(facts["USEAFTER"]):
        return dt.datetime.min
    return moment(facts["USEAFTER"])
