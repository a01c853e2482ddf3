"""Compare a product of onramp with the reference's: what must be equal, and how close the rest is."""

from typing import NamedTuple

import numpy as np
from astropy.io import fits

RELATIVE = 1e-5
RELATIVE_WORST = 1e-3
FRACTION = 0.9999
FLOOR = {"SCI": 1e-5, "ERR": 1e-6, "VAR_POISSON": 1e-9, "VAR_RNOISE": 1e-9}  # rounding about zero
EQUAL = "DQ", "PIXELDQ", "GROUPDQ"
OWN_KEYWORDS = (
    "DATE FILENAME CAL_VER CAL_VCS CRDS_VER CRDS_CTX CHECKSUM DATASUM COMMENT HISTORY"
).split()


class Agreement(NamedTuple):
    """How one extension compares."""

    extension: str
    worst: float
    """Largest relative difference, or the number of unequal values for flags."""
    fraction: float
    """Of the values that agree to 1e-5."""
    problem: str
    """Empty if the extension conforms."""


def compare_images(ours, theirs):
    """
    Compare all image extensions of two products.

    Parameters
    ----------
    ours, theirs : Path

    Returns
    -------
    list of Agreement
    """
    with fits.open(ours) as a, fits.open(theirs) as b:
        names = [hdu.name for hdu in b if isinstance(hdu, fits.ImageHDU)]
        return [_compare(name, a, b) for name in names]


def _compare(name, a, b):
    if name not in a:
        return Agreement(name, np.inf, 0.0, "missing")
    x, y = a[name].data, b[name].data
    if x.shape != y.shape or x.dtype != y.dtype:
        return Agreement(name, np.inf, 0.0, f"{x.dtype}{x.shape} is not {y.dtype}{y.shape}")
    if name in EQUAL:
        wrong = int(np.count_nonzero(x != y))
        where = np.argwhere(x != y)[:3].tolist()
        return Agreement(
            name, wrong, 1 - wrong / x.size, f"{wrong} flags differ at {where}" if wrong else ""
        )
    return _compare_values(name, x.astype(np.float64), y.astype(np.float64))


def _compare_values(name, x, y):
    if not np.array_equal(np.isnan(x), np.isnan(y)):
        where = np.argwhere(np.isnan(x) != np.isnan(y))[:3].tolist()
        return Agreement(name, np.inf, 0.0, f"NaN differ at {where}")
    difference = np.nan_to_num(np.abs(x - y))
    floor = FLOOR.get(name, 1e-5)
    relative = np.where(difference <= floor, 0, difference / np.maximum(np.abs(y), 1e-300))
    relative = np.nan_to_num(relative)
    worst, fraction = float(relative.max(initial=0)), float(np.mean(relative <= RELATIVE))
    problem = ""
    if fraction < FRACTION or worst > RELATIVE_WORST:
        where = np.unravel_index(np.argmax(relative), x.shape)
        problem = f"{x[where]} is not {y[where]} at {tuple(int(n) for n in where)}"
    return Agreement(name, worst, fraction, problem)


def compare_headers(ours, theirs):
    """
    Return what differs between the headers of two products, our own keywords aside.

    Reference names are compared without their folder.
    """
    problems = []
    with fits.open(ours) as a, fits.open(theirs) as b:
        problems += _missing_extensions(a, b)
        for hdu in b:
            if hdu.name == "ASDF" or hdu.name not in a:
                continue
            problems += _compare_header(hdu.name, a[hdu.name].header, hdu.header)
    return problems


def _missing_extensions(a, b):
    ours, theirs = [h.name for h in a], [h.name for h in b if h.name != "ASDF"]
    return [] if ours == theirs else [f"extensions {ours} are not {theirs}"]


def _compare_header(name, a, b):
    problems = []
    for card in b.cards:
        key = card.keyword
        if not key or key in OWN_KEYWORDS:
            continue
        if key not in a:
            problems.append(f"{name}: {key} missing")
            continue
        x, y = a[key], card.value
        if key.startswith("R_") and y != "N/A":
            y = str(y).rpartition("/")[2]
        if isinstance(y, float):
            same = bool(np.isclose(x, y, rtol=1e-9, atol=0))
        else:
            same = x == y
        if not same:
            problems.append(f"{name}: {key}={x!r} is not {y!r}")
    return problems
