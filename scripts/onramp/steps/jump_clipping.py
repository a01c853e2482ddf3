"""Jumps by sigma clipping of the differences across integrations."""

import numpy as np

from onramp.flags import JUMP_DET
from onramp.kernels import NO, YES, kernel, scalar_kernel, sort_block
from onramp.steps.differences import block_width, load_columns

CLIP_PASSES = 5
LARGEST = np.finfo(np.float32).max


@scalar_kernel
def _sort_finite(diffs, block):
    """Sort the finite differences of each column, infinity after them; tell if there are any."""
    found = False
    for n in range(block.shape[0]):
        source, target = diffs[n], block[n]
        for x in range(target.size):
            finite = np.abs(source[x]) < np.inf
            target[x] = source[x] if finite else np.float32(np.inf)
            found |= finite
    if found:
        sort_block(block)
    return found


@scalar_kernel
def _rank(block, x, limit, past):
    """Return how many values of a sorted column are below a limit; `past`: not above it."""
    low, high = 0, block.shape[0]
    while low < high:
        middle = (low + high) // 2
        value = np.float64(block[middle, x])
        if value < limit or (past and value == limit):
            low = middle + 1
        else:
            high = middle
    return low


@scalar_kernel
def _deviations(block, lower, upper, centre, sums):
    """Fill the sums of the deviations from `centre` of the values within limits, and of squares."""
    sums[:] = 0.0
    first, second = sums[0], sums[1]
    pairs = block.shape[0] // 2
    for n in range(pairs):  # two rows a passage: what belongs to the columns is read half as often
        one, other = block[2 * n], block[2 * n + 1]
        for x in range(centre.size):
            low, high, middle = lower[x], upper[x], centre[x]
            value, later = np.float64(one[x]), np.float64(other[x])
            deviation = value - middle if (value >= low) & (value <= high) else 0.0
            next_one = later - middle if (later >= low) & (later <= high) else 0.0
            first[x] = (first[x] + deviation) + next_one
            second[x] = (second[x] + deviation * deviation) + next_one * next_one
    for n in range(2 * pairs, block.shape[0]):
        values = block[n]
        for x in range(centre.size):
            value = np.float64(values[x])
            inside = (value >= lower[x]) & (value <= upper[x])
            deviation = value - centre[x] if inside else 0.0
            first[x] += deviation
            second[x] += deviation * deviation


@scalar_kernel
def _clip(block, threshold, bounds, work):
    """
    Fill `bounds` with the clipped median less and plus `threshold` standard deviations.

    Deviations are taken from the median, which is within a standard deviation of the mean, so that
    one passage gives both moments without cancellation.
    """
    centre, count, sums = work
    lower, upper = bounds
    lower[:] = -np.inf
    upper[:] = LARGEST
    count[:] = -1
    for _ in range(CLIP_PASSES):
        changed = False
        for x in range(count.size):
            below = _rank(block, x, lower[x], NO)
            inside = max(_rank(block, x, upper[x], YES) - below, 0)
            changed |= inside != count[x]
            count[x] = inside
            low = block[min(below + max(inside - 1, 0) // 2, block.shape[0] - 1), x]
            high = block[min(below + inside // 2, block.shape[0] - 1), x]
            centre[x] = (np.float64(low) + np.float64(high)) / 2.0
        _deviations(block, lower, upper, centre, sums)
        for x in range(count.size):
            mean = sums[0, x] / count[x]
            spread = np.sqrt(max(sums[1, x] / count[x] - mean * mean, 0.0))
            lower[x] = centre[x] - threshold * spread if count[x] > 0 else np.nan
            upper[x] = centre[x] + threshold * spread if count[x] > 0 else np.nan
        if not changed:
            break


@scalar_kernel
def _flag_outside(diffs, first, stride, bounds, groupdq, y, left):
    """Flag the differences of a group of each column that are beyond the bounds."""
    steps = groupdq.shape[1] - 1
    lower, upper = bounds
    for n in range(diffs.shape[0]):
        i, g = (first + n * stride) // steps, (first + n * stride) % steps + 1
        values, flags = diffs[n], groupdq[i, g, y, left : left + diffs.shape[1]]
        for x in range(flags.size):
            outside = (values[x] < lower[x]) | (values[x] > upper[x])
            flags[x] |= np.uint8(JUMP_DET) if outside else np.uint8(0)


@kernel
def clip_band(data, groupdq, gain, threshold, across_integrations):
    """
    Flag a band's outliers of each group across integrations, or of all groups together.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32 [DN]
    groupdq : (nints, ngroups, ny, nx) uint8
        JUMP_DET is set in place.
    gain : (ny, nx) float32 [e-/DN]
    threshold : float
        [standard deviations]
    across_integrations : bool
    """
    nints, ngroups, ny, nx = data.shape
    stride = ngroups - 1 if across_integrations else 1
    ndiffs = nints * (ngroups - 1)
    size = ndiffs // stride
    width = block_width(size, nx)
    diffs = np.zeros((size, width), np.float32)
    block = np.empty((size, width), np.float32)
    bounds = np.empty(width), np.empty(width)
    work = np.empty(width), np.empty(width, np.int64), np.empty((2, width))
    for y in range(ny):
        for left in range(0, nx, width):
            for first in range(stride):
                load_columns(data, groupdq, gain, y, left, first, stride, diffs)
                if _sort_finite(diffs, block):
                    _clip(block, threshold, bounds, work)
                    _flag_outside(diffs, first, stride, bounds, groupdq, y, left)
