"""Which of the detector's amplifiers reads a pixel."""

from typing import NamedTuple

import numpy as np

from onramp.limits import FULL

AMPLIFIERS = 4


class Outputs(NamedTuple):
    """The amplifier of a pixel: the sum of what its column and its row say."""

    number: int
    columns: np.ndarray
    """(nx,) int64"""
    rows: np.ndarray
    """(ny,) int64"""

    @classmethod
    def of(cls, placement, interleaved=False):
        """
        Return the amplifiers of a subarray, numbered in the order of the detector's columns.

        Parameters
        ----------
        placement : onramp.steps.refpix.Placement
        interleaved : bool
            Adjacent columns belong to different amplifiers (MIRI), not to strips of 512 columns.
        """
        nx, ny = placement.nx, placement.ny
        lanes = [np.zeros(nx, np.int64), np.zeros(ny, np.int64)]
        if not placement.full and placement.noutputs != AMPLIFIERS:
            return cls(1, *lanes)
        axis = abs(placement.fastaxis) - 1
        start, size = ((placement.xstart, nx), (placement.ystart, ny))[axis]
        column = start - 1 + np.arange(size)
        if interleaved:
            lanes[axis] = column % AMPLIFIERS
        else:
            strip = column * AMPLIFIERS // FULL
            lanes[axis] = strip if placement.fastaxis > 0 else AMPLIFIERS - 1 - strip
        return cls(AMPLIFIERS, *lanes)

    def of_rows(self, first, last):
        """Return the amplifiers of the rows [first, last)."""
        return self._replace(rows=self.rows[first:last])
