"""Medians of the lines of an image, found by counting how many values lie below a few."""

import numpy as np

from onramp.kernels import (
    FEW,
    LANES,
    inner_kernel,
    insertion_sort,
    kernel,
    middle_in_place,
    scalar_kernel,
    select,
)

SAMPLE = 32  # values of a line that tell where its middle is
OUTER = 10, 21  # ranks of these between which it is
ROUNDS = 6


@kernel
def subtract_medians(lines, mask, channels):
    """
    Subtract from each line, or each channel of it, the median of its background, in place.

    Parameters
    ----------
    lines : (nlines, n) float32
    mask : (nlines, n) bool
        Lines or channels of which nothing is set stay; nothing that is set is NaN.
    channels : int
        Parts of a line that have their own median.
    """
    nlines, n = lines.shape
    width = n // channels
    values = np.empty(width + 1, np.float32)
    room = np.empty(width + 1, np.float32)
    for line in range(nlines):
        for first in range(0, n, width):
            count = 0
            for k in range(first, first + width):
                values[count] = lines[line, k]
                count += mask[line, k]
            if count:
                lower, upper = middle_by_counting(values, count, room)
                median = (lower + upper) / np.float32(2.0)
                for k in range(first, first + width):
                    lines[line, k] -= median


@kernel
def middle_by_counting(values, count, room):
    """
    Return the middle two of the first `count` values, or the middle one twice; may reorder them.

    Parameters
    ----------
    values : (n,) float32
        At least one; no NaN among them.
    count : int
    room : (n + 1,) float32
        Is overwritten.
    """
    if count <= 4 * SAMPLE:
        return middle_in_place(values, count)
    lower, upper = (count - 1) // 2, count // 2  # the ranks that are wanted
    for n in range(SAMPLE):
        room[n] = values[n * count // SAMPLE]
    insertion_sort(room, SAMPLE)
    low, high = room[OUTER[0]], room[OUTER[1]]
    below, within = _count_below(values, count, low, high)
    if below > lower or within <= upper:
        return middle_in_place(values, count)
    for _ in range(ROUNDS):
        inside = within - below
        if inside <= FEW:
            break
        margin = np.float32(np.sqrt(inside))
        step = (high - low) / np.float32(inside)
        start = max(low, low + step * (np.float32(lower - below) - margin))
        end = min(high, low + step * (np.float32(upper - below) + margin))
        below_start, below_end = _count_below(values, count, start, end)
        if below_start <= lower:
            low, below = start, below_start
        elif below_start > upper:
            high, within = start, below_start
            continue
        if below_end > upper:
            high, within = end, below_end
        elif below_end <= lower:
            low, below = end, below_end
    found = _take_between(values, count, low, high, room)
    return _two_of(room, found, lower - below, upper - below)


@scalar_kernel
def _count_below(values, count, low, high):
    """Return how many values lie below each of two."""
    below = within = np.int32(0)
    for n in range(count):
        below += np.int32(values[n] < low)
        within += np.int32(values[n] < high)
    return below, within


@scalar_kernel
def _take_between(values, count, low, high, taken):
    """Copy the values from `low` to below `high`; return how many there are. They are few."""
    found = 0
    for first in range(0, count, LANES):
        some = values[first : min(first + LANES, count)]
        inside = 0
        for n in range(some.size):
            inside += (some[n] >= low) & (some[n] < high)
        if inside:
            for n in range(some.size):
                taken[found] = some[n]
                found += (some[n] >= low) & (some[n] < high)
    return found


@inner_kernel
def _two_of(values, count, lower, upper):
    """Return the values of two ranks, equal or next to each other, of the first `count`."""
    select(values, count, upper)
    found = values[upper]
    if lower == upper:
        return found, found
    before = values[0]
    for n in range(1, upper):
        before = max(before, values[n])
    return before, found
