"""Jumps by sigma clipping of the differences across integrations."""

import numpy as np

from onramp.flags import JUMP_DET
from onramp.kernels import inner_kernel, kernel, sort_all_columns
from onramp.steps.differences import BLOCK_VALUES, load_columns

CLIP_PASSES = 5
LARGEST = np.finfo(np.float32).max


@inner_kernel
def _sort_finite(diffs, first, stride, block):
    """Sort the finite differences of one group of each column, infinity after them."""
    for n in range(block.shape[0]):
        source, target = diffs[first + n * stride], block[n]
        for x in range(target.size):
            finite = np.abs(source[x]) < np.inf
            target[x] = source[x] if finite else np.float32(np.inf)
    sort_all_columns(block)


@inner_kernel
def _moments(block, lower, upper, below, count, spread):
    """
    Fill the number of values below `lower`, and number and deviation of those up to `upper`.

    Return whether any number has changed.
    """
    mean = np.zeros(count.size)
    before = 0
    for x in range(count.size):
        before += count[x]
    below[:] = 0
    count[:] = 0
    spread[:] = 0.0
    for n in range(block.shape[0]):
        values = block[n]
        for x in range(count.size):
            value = np.float64(values[x])
            inside = (value >= lower[x]) & (value <= upper[x])
            below[x] += value < lower[x]
            count[x] += inside
            mean[x] += value if inside else 0.0
    after = 0
    for x in range(count.size):
        mean[x] /= count[x]
        after += count[x]
    for n in range(block.shape[0]):
        values = block[n]
        for x in range(count.size):
            value = np.float64(values[x])
            inside = (value >= lower[x]) & (value <= upper[x])
            spread[x] += (value - mean[x]) ** 2 if inside else 0.0
    for x in range(count.size):
        spread[x] = np.sqrt(spread[x] / count[x])
    return before != after


@inner_kernel
def _clip(block, threshold, bounds, work):
    """Fill `bounds` with the clipped median less and plus `threshold` standard deviations."""
    below, count, spread = work
    lower, upper = bounds
    lower[:] = -np.inf
    upper[:] = LARGEST
    for _ in range(CLIP_PASSES):
        changed = _moments(block, lower, upper, below, count, spread)
        for x in range(count.size):
            if count[x] == 0:
                lower[x] = np.nan
                upper[x] = np.nan
                continue
            low = block[below[x] + (count[x] - 1) // 2, x]
            high = block[below[x] + count[x] // 2, x]
            centre = (np.float64(low) + np.float64(high)) / 2.0
            lower[x] = centre - threshold * spread[x]
            upper[x] = centre + threshold * spread[x]
        if not changed:
            break


@inner_kernel
def _flag_outside(diffs, first, stride, bounds, groupdq, y, left):
    """Flag the differences of a group of each column that are beyond the bounds."""
    steps = groupdq.shape[1] - 1
    lower, upper = bounds
    for n in range(first, diffs.shape[0], stride):
        values = diffs[n]
        flags = groupdq[n // steps, n % steps + 1, y, left : left + values.size]
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
    width = min(max(BLOCK_VALUES // size, 16), nx)
    diffs = np.zeros((ndiffs, width), np.float32)
    block = np.empty((size, width), np.float32)
    bounds = np.empty(width), np.empty(width)
    work = np.empty(width, np.int64), np.empty(width, np.int64), np.empty(width)
    for y in range(ny):
        for left in range(0, nx, width):
            load_columns(data, groupdq, gain, y, left, diffs)
            for first in range(stride):
                _sort_finite(diffs, first, stride, block)
                work[1][:] = -1
                _clip(block, threshold, bounds, work)
                _flag_outside(diffs, first, stride, bounds, groupdq, y, left)
