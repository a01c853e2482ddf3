"""Statistics of reference pixels, rounded as the reference rounds them."""

import numpy as np

from onramp.kernels import ZERO, kernel, middle_in_place, pairwise_sum


@kernel
def clipped_mean(values, limit):
    """
    Return the mean of values within `limit` standard deviations, clipped until none is outside.

    Parameters
    ----------
    values : (n,) float32 or float64
        At least one. The precision of the sums is theirs.
    limit : float32 or float64
        [standard deviations], in the precision of the values.
    """
    different = 0
    for value in values:
        different += value != values[0]
    if different == 0:
        return values[0]
    values = values.copy()
    squares = np.empty_like(values)
    count = values.size
    clipped = True
    while True:
        mean = pairwise_sum(values, count) / values.dtype.type(count)
        if not clipped:
            return mean
        for n in range(count):
            squares[n] = (values[n] - mean) * (values[n] - mean)
        spread = np.sqrt(pairwise_sum(squares, count) / values.dtype.type(count))
        kept = 0
        for n in range(count):
            if mean - spread * limit <= values[n] <= mean + spread * limit:
                values[kept] = values[n]
                kept += 1
        clipped = kept != count
        count = kept


def running_median(values, good, length):
    """
    Return the median over a window of rows around each row, mirrored at the ends.

    Parameters
    ----------
    values : (nrows, ncolumns) float32 or float64
    good : (nrows, ncolumns) bool
        Pixels that count.
    length : int
        Odd number of rows in the window.

    Returns
    -------
    (nrows,) float64
        NaN where no pixel of the window counts.
    """
    result = np.empty(values.shape[0])
    _fill_medians(values, good, length, result)
    return result


@kernel
def _fill_medians(values, good, length, result):
    nrows, ncolumns = values.shape
    half = length // 2
    window = np.empty(length * ncolumns, values.dtype)
    for row in range(nrows):
        count = ZERO
        for other in range(row - half, row + half + 1):
            r = -other if other < 0 else other
            r = 2 * (nrows - 1) - r if r >= nrows else r
            for column in range(ncolumns):
                if good[r, column]:
                    window[count] = values[r, column]
                    count += 1
        lower, upper = middle_in_place(window, count)
        result[row] = (lower + upper) / 2
