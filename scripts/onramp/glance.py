"""What the first bytes of an exposure tell of it, for lists of thousands that cannot be opened."""

import os
import re
from typing import NamedTuple

from onramp.errors import InputError

START = 65536  # bytes, and as many at the end
TEXT = re.compile(rb"(INSTRUME|DETECTOR)= '([^']*)'")
AXIS = re.compile(rb"NAXIS([1-4]) *= *(\d+) ")
SUPERSTRIPES = re.compile(rb"SSTR_NST= *[1-9]")
READ_TIMES = re.compile(rb"read_times:\s*(\[\s*\[|-)")  # that are not an empty list
EXTENSION = b"XTENSION= 'IMAGE"
NAME = re.compile(rb"EXTNAME *= '(\w+) *'")


class Glance(NamedTuple):
    """An exposure's detector and the shape of its samples."""

    instrument: str
    detector: str
    shape: tuple[int, int, int, int]
    """nints, ngroups, ny, nx; of whole frames where stripes are put together to these."""
    uneven: bool
    """Whether groups are not evenly spaced, and fitted by LIKELY therefore."""


def glance(uncal) -> Glance:
    """
    Read an exposure's detector and shape without checking anything else.

    Raises
    ------
    InputError
        If the file does not begin as an uncal file does.
    """
    try:
        with open(uncal, "rb", buffering=0) as file:
            primary, _, extension = file.read(START).partition(EXTENSION)
            file.seek(max(0, os.fstat(file.fileno()).st_size - START))
            uneven = READ_TIMES.search(file.read(START)) is not None
    except OSError as problem:
        raise InputError(f"{uncal}: {problem.strerror}") from problem
    facts = dict(TEXT.findall(primary))
    first_name = NAME.search(extension)
    header = extension[: first_name.end()] if first_name else b""
    axes = {int(axis): int(length) for axis, length in AXIS.findall(header)}
    if len(facts) < 2 or len(axes) < 4 or first_name[1] != b"SCI" or 0 in axes.values():
        raise InputError(f"{uncal}: does not begin as an uncal file does; fetch it again")
    words = (facts[keyword].decode("ascii", "replace").strip() for keyword in sorted(facts))
    detector, instrument = words
    shape = tuple(axes[n] for n in (4, 3, 2, 1))
    if SUPERSTRIPES.search(primary):
        shape, uneven = _of_whole_frames(uncal) or (shape, uneven)
    return Glance(instrument, detector, shape, uneven)


def _of_whole_frames(uncal):
    """Return shape and timing of what superstripes are put together to, None if they cannot be."""
    from onramp.exposure import Exposure

    try:
        with Exposure(uncal) as exposure:
            return exposure.shape, bool(exposure.read_times)
    except InputError:
        return None  # said by the job itself
