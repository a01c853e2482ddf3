"""Compare a product of onramp with the reference's: what must be equal, what may be close."""

from typing import NamedTuple

import numpy as np
from astropy.io import fits

RELATIVE = 1e-5
RELATIVE_WORST = 1e-3
FRACTION = 0.9999
ROUNDING = 1e-7  # of the median magnitude in an extension: zero but for rounding
FLAGS = "DQ", "PIXELDQ", "GROUPDQ"
ARRAY_KEYWORDS = {"BSCALE", "BZERO", "NAXIS3", "NAXIS4"}
STATES = "S_", "R_"
OUTCOMES = "PRIMECRS", "EXTNCRS", "GAINFACT"
STRIPES = (
    *("MSTR_RD1", "MSTR_SK1", "MSTR_RD2", "MSTR_SK2", "MSTR_RPT", "MSTR_ILV"),
    *("SSTR_STP", "SSTR_NST"),
)
"""Keywords that whole frames do without."""
OWN_KEYWORDS = "DATE", "CAL_VER", "CAL_VCS", "CRDS_VER", "CRDS_CTX", "CHECKSUM", "DATASUM"


class Agreement(NamedTuple):
    """How one extension compares."""

    product: str
    extension: str
    worst: float
    """Largest relative difference; 0 for flags."""
    fraction: float
    """Of the values that agree to `RELATIVE`, or of equal flags."""
    unequal: int
    """Flags, or table cells, that are not equal."""
    problem: str
    """Empty if the extension conforms."""


def compare_data(product, ours, theirs, rounding=ROUNDING):
    """
    Compare all extensions of two products but the ASDF one.

    Parameters
    ----------
    product : str
        Such as "rate".
    ours, theirs : Path
    rounding : float
        Differences of so much of the median magnitude in an extension do not count.

    Returns
    -------
    list of Agreement
    """
    with fits.open(ours, memmap=False) as a, fits.open(theirs, memmap=False) as b:
        return [
            _compare(product, hdu, a, rounding)
            for hdu in b
            if hdu.name != "ASDF" and not isinstance(hdu, fits.PrimaryHDU)
        ]


def _compare(product, hdu, hdus, rounding):
    name = hdu.name
    if name not in hdus:
        return Agreement(product, name, np.inf, 0.0, 0, "missing")
    x, y = hdus[name].data, hdu.data
    if isinstance(hdu, fits.BinTableHDU):
        return _compare_tables(product, name, x, y)
    if x is None or y is None:
        problem = "" if x is y else "one has an array and the other has none"
        return Agreement(product, name, 0.0, 1.0, 0, problem)
    if x.shape != y.shape or x.dtype != y.dtype:
        problem = f"{x.dtype}{x.shape} is not {y.dtype}{y.shape}"
        return Agreement(product, name, np.inf, 0.0, 0, problem)
    if np.array_equal(x.view(f"u{x.itemsize}"), y.view(f"u{y.itemsize}")):
        return Agreement(product, name, 0.0, 1.0, 0, "")
    if name in FLAGS:
        unequal = int(np.count_nonzero(x != y))
        problem = f"flags {_places(x != y)} are {x[x != y][:3]} not {y[x != y][:3]}"
        problem = problem if unequal else ""
        return Agreement(product, name, 0.0, 1 - unequal / x.size, unequal, problem)
    return _compare_values(product, name, x.astype(np.float64), y.astype(np.float64), rounding)


def _compare_tables(product, name, x, y):
    if x.columns.names != y.columns.names or len(x) != len(y):
        problem = f"{len(x)} rows of {x.columns.names} are not {len(y)} of {y.columns.names}"
        return Agreement(product, name, 0.0, 0.0, 0, problem)
    different = [n for n in y.columns.names if not np.array_equal(x[n], y[n])]
    unequal = sum(int(np.sum(x[n] != y[n])) for n in different)
    problem = f"columns {', '.join(different)}" if different else ""
    cells = max(len(y) * len(y.columns), 1)
    return Agreement(product, name, 0.0, 1 - unequal / cells, unequal, problem)


def _compare_values(product, name, x, y, rounding):
    if not np.array_equal(np.isnan(x), np.isnan(y)):
        problem = f"NaN {_places(np.isnan(x) != np.isnan(y))}"
        return Agreement(product, name, np.inf, 0.0, 0, problem)
    worst, fraction, where = relative_difference(x, y, rounding)
    problem = ""
    if fraction < FRACTION or worst > RELATIVE_WORST:
        problem = f"{where}: {x[where]} is not {y[where]}"
    return Agreement(product, name, worst, fraction, 0, problem)


def relative_difference(x, y, rounding=ROUNDING):
    """
    Compare values whose NaN are at the same places.

    Parameters
    ----------
    x, y : float64 arrays of one shape
        `y` is the reference.
    rounding : float
        As in `compare_data`.

    Returns
    -------
    worst : float
        Largest relative difference.
    fraction : float
        Of the values that agree to `RELATIVE`.
    where : tuple of int
        Place of the worst.
    """
    with np.errstate(invalid="ignore"):
        difference = np.where(x == y, 0.0, np.abs(x - y))
    magnitude = np.abs(y)
    known = magnitude[np.isfinite(y) & (y != 0)]
    floor = rounding * np.median(known) if known.size else 0.0
    relative = np.zeros(y.shape)
    counted = difference > floor
    relative[counted] = difference[counted] / np.maximum(magnitude[counted], 1e-300)
    if relative.size == 0:
        return 0.0, 1.0, ()
    where = np.unravel_index(np.argmax(relative), relative.shape)
    return (
        float(relative[where]), float(np.mean(relative <= RELATIVE)), tuple(int(n) for n in where)
    )  # fmt: skip


def _places(wrong):
    """Say where in an array something is wrong."""
    places = [tuple(place) for place in np.argwhere(wrong)[:3].tolist()]
    return f"at {np.count_nonzero(wrong)} places, first {places}"


def compare_headers(ours, theirs, uncal):
    """
    Return what differs between two products' headers, keywords of one's own aside, one line each.

    All of the reference's keywords must be there with their values, and all of the uncal's but in
    the dark; states and references of steps that have not run must not. Reference files are
    compared by name.
    """
    with fits.open(ours) as a, fits.open(theirs) as b, fits.open(uncal) as raw:
        names, expected = [h.name for h in a], [h.name for h in b]
        problems = [] if names == expected else [f"extensions {names} are not {expected}"]
        for hdu in b:
            if hdu.name in names and hdu.name != "ASDF":
                problems += _compare_header(hdu.name, a[hdu.name].header, hdu.header)
        for name in () if "REFTYPE" in b[0].header else ("PRIMARY", "SCI"):
            gone = {*raw[name].header} - {*a[name].header} - ARRAY_KEYWORDS
            if not a[name].header["NAXIS"]:
                gone -= {"NAXIS1", "NAXIS2", "BUNIT"}
            gone -= {key for key in STRIPES if key not in b[name].header}
            problems += [f"{name}: {key} of the uncal is gone" for key in sorted(gone)]
    return problems


def _compare_header(name, ours, theirs):
    problems = []
    for card in theirs.cards:
        key, value = card.keyword, card.value
        if not key or key in OWN_KEYWORDS or key in ("COMMENT", "HISTORY"):
            continue
        if key not in ours:
            problems.append(f"{name}: {key} missing")
        elif not _same(ours[key], _file_name(value) if key.startswith("R_") else value):
            problems.append(f"{name}: {key}={ours[key]!r} is not {value!r}")
    for key, value in ours.items():
        claim = (key.startswith(STATES) or key in OUTCOMES) and value not in ("N/A", "SKIPPED")
        if claim and key not in theirs:
            problems.append(f"{name}: {key}={value!r} is not in the reference")
    return problems


def _file_name(value):
    return value if value == "N/A" else value.rpartition("/")[2]


def _same(x, y):
    if isinstance(x, bool) or isinstance(y, bool):
        return x is y
    if isinstance(x, int | float) and isinstance(y, int | float):
        return bool(np.isclose(x, y, rtol=1e-9, atol=0))
    return x == y
