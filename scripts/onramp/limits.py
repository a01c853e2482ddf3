"""Sizes that FITS and detectors have, and bounds of what a header may say."""

BLOCK, CARD = 2880, 80  # of a FITS file [bytes]
FULL = 2048  # rows and columns of a detector
MIRI_SHAPE = 1024, 1032  # rows and columns of MIRI's
MOST_FRAMES = 256  # in a group, or between groups
SHORTEST, LONGEST = 1e-6, 1e6  # frame or group [s]
LARGEST_FACTOR = 1e6


def detector_shape(instrument) -> tuple[int, int]:
    """Return the rows and columns of an instrument's whole detectors."""
    return MIRI_SHAPE if instrument == "MIRI" else (FULL, FULL)
