"""Statistics of reference pixels, rounded as the reference rounds them."""

import numpy as np

from onramp.column_sort import sort_block
from onramp.kernels import (
    ZERO,
    inner_kernel,
    kernel,
    middle_in_place,
    pairwise_sum,
    scalar_kernel,
)

ROWS = 256  # whose medians are found at once
MOST_SORTED = 128  # values of a window; more are not sorted but searched


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
    return _clipped_mean(values, limit)


@kernel
def clipped_means(values, limit, means):
    """
    Fill in the clipped mean of each of some sets of values; see `clipped_mean`.

    Parameters
    ----------
    values : (nsets, n) float32
    limit : float32
    means : (nsets,) float64
    """
    for n in range(values.shape[0]):
        means[n] = _clipped_mean(values[n], limit)


@inner_kernel
def _clipped_mean(values, limit):
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
    if length * ncolumns > MOST_SORTED:
        _select_medians(values, good, length, result)
        return
    block = np.empty((length * ncolumns, min(ROWS, nrows)), values.dtype)
    counts = np.empty(block.shape[1], np.int64)
    for first in range(0, nrows, ROWS):
        last = min(first + ROWS, nrows)
        _load_windows(values, good, length, first, block[:, : last - first], counts)
        sort_block(block[:, : last - first])
        for n in range(last - first):
            count = counts[n]
            lower, upper = block[max(count - 1, 0) // 2, n], block[count // 2, n]
            result[first + n] = (lower + upper) / 2 if count else np.nan


@scalar_kernel
def _load_windows(values, good, length, first, block, counts):
    """Load the windows of some rows into columns, infinity for what does not count."""
    nrows, ncolumns = values.shape
    for n in range(block.shape[1]):
        row = first + n - length // 2
        place = 0
        count = 0
        for other in range(row, row + length):
            r = _mirrored(other, nrows)
            for column in range(ncolumns):
                usable = good[r, column]
                value = values[r, column]
                block[place, n] = value if usable else np.inf
                count += usable
                place += 1
        counts[n] = count


@scalar_kernel
def _mirrored(row, nrows):
    row = -row if row < 0 else row
    return 2 * (nrows - 1) - row if row >= nrows else row


@inner_kernel
def _select_medians(values, good, length, result):
    """Find the medians of large windows one by one."""
    nrows, ncolumns = values.shape
    half = length // 2
    window = np.empty(length * ncolumns, values.dtype)
    for row in range(nrows):
        count = ZERO
        for other in range(row - half, row + half + 1):
            r = _mirrored(other, nrows)
            for column in range(ncolumns):
                if good[r, column]:
                    window[count] = values[r, column]
                    count += 1
        lower, upper = middle_in_place(window, count)
        result[row] = (lower + upper) / 2
