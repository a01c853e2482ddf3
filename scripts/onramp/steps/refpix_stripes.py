"""Drifts of the readout electronics in striped frames; see `onramp.steps.refpix`."""

import numpy as np

from onramp.flags import DO_NOT_USE, REFERENCE_PIXEL
from onramp.steps.refpix import AMPLIFIER_WIDTH, FULL, Offsets, lane_means

AMPLIFIERS = FULL // AMPLIFIER_WIDTH


class StripedOutputs:
    """
    Striped frames: an offset for each amplifier and column parity, from all reference pixels.

    Columns are counted from the subarray's start as the header has it, in the order of reading.

    Parameters
    ----------
    placement : onramp.steps.refpix.Placement
        Of the frames as stored.
    pixeldq : (ny, nx) uint32
        Data quality when the step runs.
    parameters : onramp.parameters.Refpix
    """

    def __init__(self, placement, pixeldq, parameters):
        self._transposed = abs(placement.fastaxis) == 2
        self._step = np.sign(placement.fastaxis)
        self._limit = parameters.siglimit
        self._paired = parameters.odd_even_columns
        start = placement.ystart if self._transposed else placement.xstart
        columns = np.arange(placement.ny if self._transposed else placement.nx)
        amplifier = (columns + start - 1) // AMPLIFIER_WIDTH
        self._lanes = 2 * amplifier + columns % 2 if self._paired else amplifier
        self._number = AMPLIFIERS * (2 if self._paired else 1)
        good = ((pixeldq & REFERENCE_PIXEL) != 0) & ((pixeldq & DO_NOT_USE) == 0)
        where = np.arange(pixeldq.size).reshape(pixeldq.shape)
        good, where = (self._as_read(plane, placement) for plane in (good, where))
        self.positions = [
            where[good & (self._lanes == lane)[None, :]] for lane in range(self._number)
        ]

    def _as_read(self, plane, placement):
        """Turn a frame as stored to lines and columns in the order of reading (a view)."""
        rows, columns = np.sign(placement.slowaxis), self._step
        if self._transposed:
            return plane[::columns, ::rows].T
        return plane[::rows, ::columns]

    def survey(self, blocks, shape, each):
        """Measure the offsets; see `onramp.steps.refpix.OneOutput.survey`."""
        fast = lane_means(self.positions, blocks, shape, self._limit, each)
        if self._paired:
            for first in range(0, self._number, 2):
                if not all(where.size for where in self.positions[first : first + 2]):
                    fast[:, :, first : first + 2] = 0
        lanes = np.ascontiguousarray(self._lanes[:: self._step])
        return Offsets(lanes, fast, np.empty((*shape, 0)), np.ones(shape, bool), self._transposed)
