"""Where an exposure's frames lie on the detector."""

from typing import NamedTuple

import numpy as np

from onramp.limits import FULL


class Placement(NamedTuple):
    """Where the subarray lies and how it is read."""

    xstart: int
    ystart: int
    nx: int
    ny: int
    fastaxis: int
    slowaxis: int
    name: str
    noutputs: int

    @property
    def full(self) -> bool:
        """Whether the frame is the whole detector."""
        return self.nx >= FULL and self.ny >= FULL

    @property
    def window(self):
        """Rows and columns of the full frame."""
        y, x = self.ystart - 1, self.xstart - 1
        return slice(y, y + self.ny), slice(x, x + self.nx)

    def to_detector(self, frame):
        """Turn a full frame (2048, 2048) as stored to the detector's orientation (a view)."""
        if abs(self.fastaxis) == 1:
            return frame[:: np.sign(self.slowaxis), :: np.sign(self.fastaxis)]
        return frame[:: np.sign(self.fastaxis), :: np.sign(self.slowaxis)].T
