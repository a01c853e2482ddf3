"""Medians of many columns of values at once: few are sorted, of many only those near the middle."""

from typing import NamedTuple

import numpy as np

from onramp.column_sort import sort_block
from onramp.kernels import NO, ZERO, inner_kernel, scalar_kernel, select
from onramp.steps.differences import middle_of_column, sortable

MANY = 1024  # values of a column from which on a sample tells where its median is
SAMPLE = 256  # values of a column in the sample
REACH = 24  # three standard deviations of the rank that the median has in the sample


class Room(NamedTuple):
    """Room to find the medians of columns of n values."""

    block: np.ndarray
    """(n, ncolumns) float32, values to sort, or those near the middle."""
    counts: np.ndarray
    """(3, ncolumns) int32: how many are usable, below the middle ones, and among these."""
    limits: np.ndarray
    """(2, ncolumns) float32: between which values the median is sought."""
    values: np.ndarray
    """(n,) float32, a column."""


@inner_kernel
def room_for_medians(size, width):
    """Return room for columns of `size` values."""
    return Room(
        np.empty((size, width), np.float32),
        np.empty((3, width), np.int32),
        np.empty((2, width), np.float32),
        np.empty(size, np.float32),
    )


@scalar_kernel
def column_medians(diffs, count, room, medians):
    """
    Fill in the medians of the first columns, each that of the values that are not NaN.

    Parameters
    ----------
    diffs : (n, ncolumns) float32
    count : int
        How many columns.
    room : Room
    medians : (ncolumns,) float64
        NaN where there is no value.
    """
    usable = room.counts[0, :count]
    if diffs.shape[0] < MANY:
        sortable(diffs, NO, room.block, usable)
        sort_block(room.block)
        for k in range(count):
            medians[k] = middle_of_column(room.block, k, ZERO, usable[k])
        return
    _limit(diffs, count, room)
    _keep_middle(diffs, count, room)
    for k in range(count):
        medians[k] = _median(diffs, k, room)


@scalar_kernel
def _limit(diffs, count, room):
    """Find limits between which the medians are likely to be."""
    sample, usable = room.block[:SAMPLE], room.counts[0, :count]
    usable[:] = 0
    for n in range(SAMPLE):
        source, target = diffs[n * diffs.shape[0] // SAMPLE], sample[n]
        for k in range(count):
            good = source[k] == source[k]
            target[k] = source[k] if good else np.float32(np.inf)
            usable[k] += good
    sort_block(sample)
    for k in range(count):
        middle = usable[k] // 2
        room.limits[0, k] = sample[max(middle - REACH, 0), k]
        room.limits[1, k] = sample[min(middle + REACH, SAMPLE - 1), k]


@scalar_kernel
def _keep_middle(diffs, count, room):
    """Move the values between the limits to the top of the block, and count all."""
    usable, below, inside = room.counts[0], room.counts[1], room.counts[2]
    lower, upper = room.limits[0], room.limits[1]
    for k in range(count):
        usable[k], below[k], inside[k] = 0, 0, 0
    for n in range(diffs.shape[0]):
        values = diffs[n]
        for k in range(count):
            value = values[k]
            usable[k] += value == value
            below[k] += value < lower[k]
            room.block[inside[k], k] = value
            inside[k] += (value >= lower[k]) & (value <= upper[k])


@scalar_kernel
def _median(diffs, k, room):
    """Return the median of a column, from all its values if the limits do not hold it."""
    usable, below, inside = room.counts[0, k], room.counts[1, k], room.counts[2, k]
    if usable == 0:
        return np.nan
    values, count, first = room.values, ZERO, below
    if below <= (usable - 1) // 2 and usable // 2 < below + inside:
        for n in range(inside):
            values[n] = room.block[n, k]
        count += inside
    else:
        first = np.int32(0)
        for n in range(diffs.shape[0]):
            values[count] = diffs[n, k]
            count += diffs[n, k] == diffs[n, k]
    rank = np.int64(usable // 2 - first)
    select(values, count, rank)
    high = low = np.float64(values[rank])
    if usable % 2 == 0:
        low = -np.inf
        for n in range(rank):
            low = max(low, np.float64(values[n]))
    return (low + high) / 2.0
