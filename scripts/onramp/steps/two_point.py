"""
Jumps among the two-point differences of ramps: in a single pass or by iteration.

The differences of many pixels are sorted at once. What is a jump then lies at the ends of a sorted
column, so that the iteration narrows a window and never looks at the values inside.
"""

import numpy as np

from onramp.column_sort import sort_block
from onramp.flags import JUMP_DET
from onramp.kernels import ONE, ZERO, kernel, scalar_kernel
from onramp.steps.differences import (
    block_width,
    expected_noise,
    load_columns,
    middle_of_column,
    sortable,
)

NEAR_THRESHOLD = np.float32(1e-4)  # fraction by which the quick test stays below the threshold


@scalar_kernel
def _screen(block, usable, variance, iterative, nframes, rejection, doubtful):
    """Mark the columns of a sorted block that might hold a jump: the others certainly do not."""
    last = block.shape[0] - 1
    kept = last if iterative and last != 2 else last + 1
    upper = block[kept // 2]
    lower = block[max(kept // 2 - 1 + kept % 2, 0)]
    second = block[max(last - 1, 0)]
    limit = np.float32(rejection * rejection) * (np.float32(1.0) - NEAR_THRESHOLD)
    frames = np.float32(nframes)
    for x in range(variance.size):
        median = np.float32(0.5) * (lower[x] + upper[x])
        deviation = max(block[last, x] - median, median - block[0, x])
        noise = np.abs(median) + variance[x] / frames
        clean = deviation * deviation < limit * noise
        tied = iterative & (block[last, x] == second[x])
        doubtful[x] = (usable[x] != last + 1) | tied | (not clean)


@scalar_kernel
def _median_without_largest(block, x, first, last):
    """Return the median of sorted sizes, the largest (and its ties) left out if there are four."""
    if last - first == 2:
        return np.float64(block[first, x])
    end = last
    if last - first >= 4:
        while end > first and block[end - 1, x] == block[last - 1, x]:
            end -= 1
    return middle_of_column(block, x, first, end)


@scalar_kernel
def _threshold(usable, thresholds):
    if usable >= 4:
        return thresholds.rejection
    return thresholds.four_groups if usable == 3 else thresholds.three_groups


@scalar_kernel
def _deviation(value, median):
    return np.abs(np.float32(value - median))


@scalar_kernel
def _iterate(block, x, usable, variance, nframes, thresholds):
    """Return the window of a column's sorted sizes that the iteration leaves."""
    first = ZERO
    last = usable
    while last - first >= 2:
        median = _median_without_largest(block, x, first, last)
        if last - first < usable:
            median = np.float64(np.float32(median))
        sigma = expected_noise(median, variance, nframes)
        worst = max(_deviation(block[first, x], median), _deviation(block[last - 1, x], median))
        if not worst / sigma > _threshold(last - first, thresholds):
            break
        while first < last and _deviation(block[first, x], median) == worst:
            first += 1
        while first < last and _deviation(block[last - 1, x], median) == worst:
            last -= 1
    return first, last


@scalar_kernel
def _single_pass(block, x, usable, variance, nframes, rejection):
    """Return the window of a column's sorted differences that are close to their median."""
    median = middle_of_column(block, x, ZERO, usable)
    sigma = expected_noise(median, variance, nframes)
    first = ZERO
    last = usable
    while first < last and np.abs(block[first, x] - median) / sigma > rejection:
        first += 1
    while first < last and np.abs(block[last - 1, x] - median) / sigma > rejection:
        last -= 1
    return first, last


@scalar_kernel
def _flag_outside(diffs, n_column, iterative, lower, upper, groupdq, y, x):
    """Flag a pixel's differences, or their sizes, that are beyond the bounds."""
    steps = groupdq.shape[1] - 1
    for n in range(diffs.shape[0]):
        value = np.abs(diffs[n, n_column]) if iterative else diffs[n, n_column]
        if value < lower or value > upper:
            groupdq[n // steps, n % steps + 1, y, x] |= JUMP_DET


@kernel
def detect_band(data, groupdq, gain, variance, iterative, nframes, thresholds, medians):
    """
    Flag the jumps of a band.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32 [DN]
    groupdq : (nints, ngroups, ny, nx) uint8
        JUMP_DET is set in place.
    gain : (ny, nx) float32 [e-/DN]
    variance : (ny, nx) float32
        Of a difference by read noise [e-2].
    iterative : bool
        Take out one size after the other; else all differences at once.
    nframes : int
    thresholds : onramp.steps.jump.Thresholds
    medians : (2, ny, nx) float32
        What the median of all differences of a pixel is between [e-]; filled in for the pixels in
        which there are jumps. As many sizes as differences are beyond their median, which can
        therefore not be beyond the median of the sizes.
    """
    nints, ngroups, ny, nx = data.shape
    ndiffs = nints * (ngroups - 1)
    width = block_width(ndiffs, nx)
    diffs = np.zeros((ndiffs, width), np.float32)
    block = np.empty((ndiffs, width), np.float32)
    usable = np.empty(width, np.int32)
    doubtful = np.empty(width, np.bool_)
    lowest = thresholds.rejection
    if iterative and ndiffs < 4:
        lowest = thresholds.four_groups if ndiffs == 3 else thresholds.three_groups
    for y in range(ny):
        for left in range(0, nx, width):
            ncolumns = load_columns(data, groupdq, gain, y, left, ZERO, ONE, diffs)
            sortable(diffs, iterative, block, usable)
            sort_block(block)
            row = variance[y, left : left + ncolumns]
            _screen(block, usable, row, iterative, nframes, lowest, doubtful)
            for x in range(ncolumns):
                if not doubtful[x]:
                    continue
                if iterative:
                    first, last = _iterate(block, x, usable[x], row[x], nframes, thresholds)
                else:
                    first, last = _single_pass(
                        block, x, usable[x], row[x], nframes, thresholds.rejection
                    )
                if last - first < usable[x]:
                    lower = block[first, x] if first < last else np.float32(np.inf)
                    upper = block[last - 1, x] if first < last else np.float32(-np.inf)
                    _flag_outside(diffs, x, iterative, lower, upper, groupdq, y, left + x)
                    high = block[usable[x] // 2, x]
                    low = -high if iterative else block[(usable[x] - 1) // 2, x]
                    medians[0, y, left + x], medians[1, y, left + x] = low, high
