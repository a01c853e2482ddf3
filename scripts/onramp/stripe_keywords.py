"""What an uncal's header says of stripes, checked against its data."""

import math

from onramp.errors import InputError
from onramp.stripes import Pattern, Stripes

KEYWORDS = (
    *("MSTR_RD1", "MSTR_SK1", "MSTR_RD2", "MSTR_SK2", "MSTR_RPT", "MSTR_ILV"),
    *("SSTR_STP", "SSTR_NST"),
)
"""In the order of `onramp.stripes.Pattern`."""


def find_stripes(exposure, values):
    """
    Return how an exposure's frames are made of stripes, or None if they are not.

    Parameters
    ----------
    exposure : Exposure
    values : dict of str to value or None
        Of KEYWORDS.

    Raises
    ------
    InputError
        If the keywords contradict each other or the data.
    """
    if not any(values.values()):
        return None
    said = next(f"{keyword}={value}" for keyword, value in values.items() if value)
    for keyword, value in values.items():
        if value is None:
            _refuse(exposure, f"{said} means stripes, but {keyword} is missing", "mend the header")
        known = isinstance(value, int | float) and not isinstance(value, bool)
        if not (known and math.isfinite(value) and value == int(value) and value >= 0):
            _refuse(exposure, f"{keyword}={value!r} is no number of lines", "mend the header")
    told = ", ".join(f"{keyword}={value}" for keyword, value in values.items())
    if exposure.instrument == "MIRI" or exposure.interleaved:
        _refuse(exposure, f"{told}: stripes are unknown in MIRI and IRS2 exposures",
                "mend the header")  # fmt: skip
    stripes = Stripes(Pattern(*(int(value) for value in values.values())), exposure.subarray)
    try:
        for position in range(min(max(stripes.number, 1), exposure.raw_shape[0])):
            stripes.runs(position)
    except ValueError as problem:
        _refuse(exposure, f"{told} ask for {problem}", "fetch the file again")
    return stripes


def check_positions(exposure):
    """
    Refuse superstripes of which some are missing.

    Raises
    ------
    InputError
    """
    number, nints = exposure.stripes.number, exposure.raw_shape[0]
    if nints % number:
        _refuse(exposure, f"SSTR_NST={number} does not divide the {nints} integrations of the file",
                "fetch the file again")  # fmt: skip
    if exposure.first_integration % number:
        _refuse(exposure, f"INTSTART={exposure.first_integration + 1} is not the first of "
                f"SSTR_NST={number} superstripes", "fetch the file again")  # fmt: skip
    if exposure.raw_shape[2:] == exposure.detector_shape:
        _refuse(exposure, f"SSTR_NST={number} is unknown where frames are whole",
                "use the official pipeline")  # fmt: skip


def _refuse(exposure, problem, remedy):
    raise InputError(f"{exposure.path}: {problem}; {remedy}")
