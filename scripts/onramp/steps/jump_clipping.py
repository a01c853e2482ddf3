"""Jumps by sigma clipping of the differences across integrations."""

from typing import NamedTuple

import numpy as np

from onramp.column_sort import sort_block
from onramp.flags import JUMP_DET
from onramp.kernels import inner_kernel, kernel, scalar_kernel
from onramp.steps.differences import block_width, load_columns

CLIP_PASSES = 5


class Room(NamedTuple):
    """Room to clip a block of n columns."""

    places: np.ndarray
    """(2, n) int64: the first of the sorted values that are left, and the one past the last."""
    limits: np.ndarray
    """(2, n) float32: the smallest and the largest of the values that are left."""
    middles: np.ndarray
    """(2, n) float32: the middle two of them."""
    centre: np.ndarray
    """(n,) float64: their median."""
    sums: np.ndarray
    """(2, n) float64: of their deviations from the median, and of the squares."""
    bounds: np.ndarray
    """(2, n) float64: what the values have to lie between."""


@inner_kernel
def _room(width):
    return Room(
        np.empty((2, width), np.int64),
        np.empty((2, width), np.float32),
        np.empty((2, width), np.float32),
        np.empty(width),
        np.empty((2, width)),
        np.empty((2, width)),
    )


@scalar_kernel
def _sort_finite(diffs, block, places):
    """
    Sort the finite differences of each column, infinity after them.

    Return whether there are any, and whether others are infinite.
    """
    last = places[1]
    places[:] = 0
    found = infinite = False
    for n in range(block.shape[0]):
        source, target = diffs[n], block[n]
        for x in range(target.size):
            size = np.abs(source[x])
            finite = size < np.inf
            target[x] = source[x] if finite else np.float32(np.inf)
            last[x] += finite
            found |= finite
            infinite |= size == np.inf
    if found:
        sort_block(block)
    return found, infinite


@scalar_kernel
def _narrow(block, room):
    """
    Leave out the values that are beyond the bounds; return whether there were any.

    Bounds that would leave none of a column's values are its last: all are outside of them.
    """
    first, last = room.places[0], room.places[1]
    lower, upper = room.bounds[0], room.bounds[1]
    narrowed = False
    for x in range(first.size):
        begin, end = first[x], last[x]
        while begin < end and block[begin, x] < lower[x]:
            begin += 1
        while begin < end and block[end - 1, x] > upper[x]:
            end -= 1
        if begin == end:
            begin, end = first[x], last[x]
        narrowed |= (begin != first[x]) | (end != last[x])
        first[x], last[x] = begin, end
    return narrowed


@scalar_kernel
def _look_up(block, room):
    """Fill in the limits and the middle two of the values that are left, NaN if there are none."""
    first, last = room.places[0], room.places[1]
    smallest, largest = room.limits[0], room.limits[1]
    low, high = room.middles[0], room.middles[1]
    for x in range(first.size):
        begin, end = first[x], last[x]
        if begin < end:
            smallest[x], largest[x] = block[begin, x], block[end - 1, x]
            low[x], high[x] = block[(begin + end - 1) // 2, x], block[(begin + end) // 2, x]
        else:
            smallest[x], largest[x] = np.inf, -np.inf
            low[x] = high[x] = np.nan


@scalar_kernel
def _widen(between, low, high):
    """Have intervals hold further values, but for NaN."""
    lowest, highest = between[0], between[1]
    for x in range(low.size):
        lowest[x] = low[x] if low[x] < lowest[x] else lowest[x]
        highest[x] = high[x] if high[x] > highest[x] else highest[x]


@scalar_kernel
def _deviations(block, room):
    """Sum the deviations of the values that are left from their median, and their squares."""
    smallest, largest, centre = room.limits[0], room.limits[1], room.centre
    room.sums[:] = 0.0
    first, second = room.sums[0], room.sums[1]
    pairs = block.shape[0] // 2
    for n in range(pairs):  # two rows a passage: what belongs to the columns is read half as often
        one, other = block[2 * n], block[2 * n + 1]
        for x in range(centre.size):
            low, high, middle = smallest[x], largest[x], centre[x]
            value, later = one[x], other[x]
            inside = (value >= low) & (value <= high)
            also = (later >= low) & (later <= high)
            deviation = np.float64(value) - middle if inside else 0.0
            next_one = np.float64(later) - middle if also else 0.0
            first[x] = (first[x] + deviation) + next_one
            second[x] = (second[x] + deviation * deviation) + next_one * next_one
    for n in range(2 * pairs, block.shape[0]):
        values = block[n]
        for x in range(centre.size):
            inside = (values[x] >= smallest[x]) & (values[x] <= largest[x])
            deviation = np.float64(values[x]) - centre[x] if inside else 0.0
            first[x] += deviation
            second[x] += deviation * deviation


@scalar_kernel
def _clip(block, threshold, room, medians):
    """
    Find the bounds: the median of what is left less and plus `threshold` standard deviations.

    Deviations are taken from the median, which is within a standard deviation of the mean, so that
    one passage gives both moments without cancellation. `medians` are widened to hold the medians
    of the columns as they were before anything is left out.
    """
    first, last, centre = room.places[0], room.places[1], room.centre
    low, high = room.middles[0], room.middles[1]
    deviations, squares = room.sums[0], room.sums[1]
    lower, upper = room.bounds[0], room.bounds[1]
    for n in range(CLIP_PASSES):
        if n > 0 and not _narrow(block, room):
            break
        _look_up(block, room)
        for x in range(centre.size):
            centre[x] = (np.float64(low[x]) + np.float64(high[x])) / 2.0
        if n == 0:
            _widen(medians, low, high)
        _deviations(block, room)
        for x in range(centre.size):
            count = np.float64(last[x] - first[x])
            mean = deviations[x] / count
            spread = np.sqrt(max(squares[x] / count - mean * mean, 0.0))
            lower[x] = centre[x] - threshold * spread
            upper[x] = centre[x] + threshold * spread


@scalar_kernel
def _flag_outside(diffs, first, stride, bounds, groupdq, y, left):
    """Flag the differences of a group of each column that are beyond the bounds."""
    steps = groupdq.shape[1] - 1
    lower, upper = bounds[0], bounds[1]
    for n in range(diffs.shape[0]):
        i, g = (first + n * stride) // steps, (first + n * stride) % steps + 1
        values, flags = diffs[n], groupdq[i, g, y, left : left + diffs.shape[1]]
        for x in range(flags.size):
            outside = (values[x] < lower[x]) | (values[x] > upper[x])
            flags[x] |= np.uint8(JUMP_DET) if outside else np.uint8(0)


@kernel
def clip_band(data, groupdq, gain, threshold, across_integrations, medians):
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
    medians : (2, ny, nx) float32
        To be filled: what the median of all differences of a pixel is between [e-]. It is neither
        below all medians of the groups nor above them.
    """
    nints, ngroups, ny, nx = data.shape
    stride = ngroups - 1 if across_integrations else 1
    ndiffs = nints * (ngroups - 1)
    size = ndiffs // stride
    width = block_width(size, nx)
    diffs = np.zeros((size, width), np.float32)
    block = np.empty((size, width), np.float32)
    between, room = np.empty((2, width), np.float32), _room(width)
    for y in range(ny):
        for left in range(0, nx, width):
            between[0], between[1] = np.inf, -np.inf
            for first in range(stride):
                load_columns(data, groupdq, gain, y, left, first, stride, diffs)
                found, infinite = _sort_finite(diffs, block, room.places)
                if infinite:
                    between[0], between[1] = -np.inf, np.inf
                if found:
                    _clip(block, threshold, room, between)
                    _flag_outside(diffs, first, stride, room.bounds, groupdq, y, left)
            medians[:, y, left : left + width] = between[:, : nx - left]
