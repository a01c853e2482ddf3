"""
Where the pixels of NIRSpec's IRS2 frames are, and when they are read.

A frame holds 3200 detector columns: first the reference output, then four amplifiers of 640
columns in which four reads of reference pixels follow sixteen of science pixels. Files turn the
columns into rows, in reverse order for NRS2.
"""

import numpy as np

NORMAL, REFERENCE = 16, 4  # reads in turn (NRS_NORM, NRS_REF)
OUTPUTS = 5
OUTPUT_COLUMNS = 640
COLUMNS = OUTPUTS * OUTPUT_COLUMNS
SCIENCE = 2048
PERIOD = NORMAL + REFERENCE
ROW_READS = 712
"""Clock ticks from row to row, those in which nothing is read included."""
FRAME_READS = ROW_READS * SCIENCE


def is_interleaved(readpatt) -> bool:
    """Tell whether frames of a readout pattern are interleaved."""
    return "IRS2" in str(readpatt)


def reference_columns() -> np.ndarray:
    """Return (640,) bool: columns of an output that hold reads of reference pixels."""
    place = np.arange(OUTPUT_COLUMNS) % PERIOD
    return (place >= NORMAL // 2) & (place < NORMAL // 2 + REFERENCE)


def science_columns() -> np.ndarray:
    """Return (3200,) bool: detector columns that hold science pixels."""
    science = np.tile(~reference_columns(), OUTPUTS)
    science[:OUTPUT_COLUMNS] = False
    return science


def science_rows(detector) -> np.ndarray:
    """Return (2048,) int64: where the science pixels are among the 3200 rows of a file."""
    columns = science_columns()
    return np.flatnonzero(columns[::-1] if detector == "NRS2" else columns)


def to_detector(frame, detector):
    """Turn (..., 3200, 2048) samples as stored to detector rows and columns (a view)."""
    turned = np.swapaxes(frame, -1, -2)
    return turned[..., ::-1, ::-1] if detector == "NRS2" else turned


def read_ticks() -> np.ndarray:
    """
    Return when the columns of an output are read, (640,) int64 [clock ticks from the row's start].

    In the order of reading, which runs against the columns for outputs 0, 2 and 4. Stepping to the
    reference pixels and back takes a tick each.
    """
    column = np.arange(OUTPUT_COLUMNS)
    block, place = np.divmod(column, PERIOD)
    steps = 2 * block + (place >= NORMAL // 2) + (place >= NORMAL // 2 + REFERENCE)
    return column + steps


def is_read_backwards(output) -> bool:
    """Tell whether an output reads its columns from the last to the first."""
    return output % 2 == 0


class ScienceRows:
    """
    The science pixels of an interleaved image, read like an image of 2048 rows.

    Parameters
    ----------
    image : onramp.fitsrows.ImageRows
        3200 rows.
    detector : str

    Attributes
    ----------
    shape, dtype, header, name
        As of `onramp.fitsrows.ImageRows`.
    """

    def __init__(self, image, detector):
        self._image = image
        self._rows = science_rows(detector)
        self.shape = (*image.shape[:-2], len(self._rows), image.shape[-1])
        self.dtype, self.header, self.name = image.dtype, image.header, image.name

    def read(self, first, last, leading=None, columns=slice(None)):
        """Read science rows; see `onramp.fitsrows.ImageRows.read`."""
        if first == last:
            return self._image.read(0, 0, leading, columns)
        rows = self._rows[first:last]
        stored = self._image.stored(int(rows[0]), int(rows[-1]) + 1, leading)[..., columns]
        return self._image.native(np.take(stored, rows - rows[0], axis=-2))
