"""Drifts of MIRI's four interleaved outputs, from the reference columns at both ends of the rows.

("Reference Pixel Correction", MIRI full frame.) Each output reads every fourth column. What the
reference pixels show is taken relative to an integration's first group, so that this one stays.
"""

import numpy as np

from onramp.flags import DO_NOT_USE
from onramp.kernels import kernel
from onramp.steps.refpix_statistics import clipped_mean

OUTPUTS = 4
SHAPE = 1024, 1032  # rows and columns of the full frame


class Lanes:
    """
    The reference pixels that are averaged together: by side, output and parity of the row.

    Parameters
    ----------
    usable : (ny, 8) bool
        The left four reference columns, then the right four.
    odd_even_rows : bool
        Whether the parities are apart.
    limit : float
        Clipping limit [sigma].
    """

    def __init__(self, usable, odd_even_rows, limit):
        step = 2 if odd_even_rows else 1
        self._sets = [
            (slice(parity, None, step), column, usable[parity::step, column])
            for column in range(2 * OUTPUTS)
            for parity in range(step)
        ]
        self._parities = step
        self._limit = np.float32(limit)
        self.complete = all(good.any() for *_, good in self._sets)

    def offsets(self, columns):
        """
        Measure one group.

        Parameters
        ----------
        columns : (ny, 8) float32
            The reference columns less those of the integration's first group [DN].

        Returns
        -------
        (2, 4) float32
            Offset by parity of the row and by output; zeros if a lane has no usable pixel.
        """
        offsets = np.zeros((2, OUTPUTS), np.float32)
        if not self.complete:
            return offsets
        means = [
            np.float32(clipped_mean(np.ascontiguousarray(columns[rows, column][good]), self._limit))
            for rows, column, good in self._sets
        ]
        means = np.array(means, np.float32).reshape(2, OUTPUTS, self._parities)
        both = np.float32(0.5) * (means[0] + means[1])
        offsets[...] = both.T
        return offsets


def usable_pixels(pixeldq):
    """Return which of some pixels may be averaged; bool for each value of their quality."""
    return (pixeldq & DO_NOT_USE) == 0


@kernel
def subtract(data, first_row, offsets):
    """
    Subtract the offsets from all groups but the first of each integration, in place.

    Differences to the first group are rounded to single precision on the way.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Signal [DN].
    first_row : int
        Row of the frame of the band's first row.
    offsets : (nints, ngroups, 2, 4) float32
        By parity of the row and by output [DN].
    """
    nints, ngroups, ny, nx = data.shape
    for i in range(nints):
        for g in range(1, ngroups):
            for y in range(ny):
                start, samples = data[i, 0, y], data[i, g, y]
                lanes = offsets[i, g, (first_row + y) % 2]
                for x in range(nx):
                    difference = np.float32(samples[x] - start[x])
                    samples[x] = np.float32(difference - lanes[x % 4]) + start[x]
