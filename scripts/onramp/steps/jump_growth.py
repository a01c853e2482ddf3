"""Flags that follow from jumps: around them, after them, and where they mean nothing."""

import numpy as np

from onramp.flags import JUMP_DET
from onramp.kernels import ONE, ZERO, inner_kernel, kernel, scalar_kernel
from onramp.steps.column_medians import column_medians, room_for_medians
from onramp.steps.differences import (
    BAD,
    block_width,
    expected_noise,
    gather,
    load_columns,
    signed_median,
)

PIXELS_AT_ONCE = 128
STRETCH = 2048  # pixels that are searched for jumps at once
MANY = 2  # where one in so many pixels of a stretch holds a jump, all are looked at


@scalar_kernel
def _count_jumps(groupdq):
    flags = groupdq.reshape(-1)
    count = 0
    for n in range(flags.size):
        count += (flags[n] & JUMP_DET) != 0
    return count


@scalar_kernel
def _find_jumpy(groupdq, y, left, right, seen, columns):
    """Put the columns of a stretch of a row to be looked at into `columns`; return how many."""
    nints, ngroups = groupdq.shape[:2]
    size = right - left
    for x in range(size):
        seen[x] = 0
    for i in range(nints):
        for g in range(1, ngroups):
            flags = groupdq[i, g, y, left:right]
            for x in range(size):
                seen[x] |= flags[x]
    count = ZERO
    for x in range(size):
        columns[count] = left + x
        count += (seen[x] & JUMP_DET) != 0
    if MANY * count > size:
        count = ZERO + size
        for x in range(size):
            columns[x] = left + x
    return count


@scalar_kernel
def _load_some(data, groupdq, gain, y, columns, diffs):
    """Fill `diffs` with the differences of some pixels of a row, NaN where a sample is bad."""
    if columns[-1] - columns[0] == columns.size - 1:
        load_columns(data, groupdq, gain, y, columns[0], ZERO, ONE, diffs)
        return
    steps = data.shape[1] - 1
    for n in range(diffs.shape[0]):
        i, g = n // steps, n % steps + 1
        now, before, gains, target = data[i, g, y], data[i, g - 1, y], gain[y], diffs[n]
        flags, flags_before = groupdq[i, g, y], groupdq[i, g - 1, y]
        for k in range(columns.size):
            x = np.uintp(columns[k])
            bad = ((flags[x] | flags_before[x]) & BAD) != 0
            diff = now[x] * gains[x] - before[x] * gains[x]
            target[k] = np.float32(np.nan) if bad else diff


@inner_kernel
def _find_triggers(data, groupdq, gain, variance, nframes, thresholds):
    """Return (n, 3) indices of the jumps that make neighbours suspect: integration, group, x."""
    nints, ngroups, _, nx = data.shape
    steps = ngroups - 1
    ndiffs = nints * steps
    width = min(block_width(ndiffs, nx), PIXELS_AT_ONCE)
    diffs = np.zeros((ndiffs, width), np.float32)
    room = room_for_medians(ndiffs, width)
    median, sigma = np.empty(width), np.empty(width)
    seen, columns = np.empty(STRETCH, np.uint8), np.empty(STRETCH + 1, np.int64)
    triggers = np.empty((_count_jumps(groupdq), 3), np.int64)
    found = 0
    for left in range(0, nx, STRETCH):
        count = _find_jumpy(groupdq, ZERO, left, min(left + STRETCH, nx), seen, columns)
        for first in range(0, count, width):
            some = columns[first : min(first + width, count)]
            _load_some(data, groupdq, gain, ZERO, some, diffs)
            column_medians(diffs, some.size, room, median)
            for k in range(some.size):
                sigma[k] = expected_noise(median[k], variance[0, some[k]], nframes)
            for n in range(ndiffs):
                flags = groupdq[n // steps, n % steps + 1, 0]
                for k in range(some.size):
                    if flags[some[k]] & JUMP_DET:
                        ratio = np.abs(diffs[n, k] - median[k]) / sigma[k]
                        if thresholds.neighbours_above < ratio < thresholds.neighbours_below:
                            triggers[found, 0], triggers[found, 1] = n // steps, n % steps + 1
                            triggers[found, 2] = some[k]
                            found += 1
    return triggers[:found]


@kernel
def flag_neighbours(data, groupdq, gain, variance, nframes, thresholds, planes):
    """
    Flag the four neighbours of jumps of middling size; flags set here trigger nothing.

    Parameters
    ----------
    data : (nints, ngroups, 1, npixels) float32 [DN]
    groupdq : (nints, ngroups, 1, npixels) uint8
    gain, variance : (1, npixels) float32
        [e-/DN], and of a difference by read noise [e-2].
    nframes : int
    thresholds : onramp.steps.jump.Thresholds
    planes : (nints, ngroups, ny, nx) uint8
        `groupdq` by rows; JUMP_DET is set in place.
    """
    ny, nx = planes.shape[2:]
    triggers = _find_triggers(data, groupdq, gain, variance, nframes, thresholds)
    for n in range(triggers.shape[0]):
        i, g, pixel = triggers[n]
        y, x = pixel // nx, pixel % nx
        plane = planes[i, g]
        if y > 0 and not plane[y - 1, x] & BAD:
            plane[y - 1, x] |= JUMP_DET
        if y + 1 < ny and not plane[y + 1, x] & BAD:
            plane[y + 1, x] |= JUMP_DET
        if x > 0 and not plane[y, x - 1] & BAD:
            plane[y, x - 1] |= JUMP_DET
        if x + 1 < nx and not plane[y, x + 1] & BAD:
            plane[y, x + 1] |= JUMP_DET


@kernel
def flag_after_jumps(data, groupdq, gain, thresholds):
    """Flag the groups that follow a large jump within the given numbers of groups."""
    nints, ngroups, ny, nx = data.shape
    steps = ngroups - 1
    diffs = np.empty(nints * steps, np.float32)
    values = np.empty(nints * steps)
    reach = np.empty(ngroups, np.int64)
    for y in range(ny):
        for x in range(nx):
            jumpy = False
            for i in range(nints):
                for g in range(1, ngroups):
                    jumpy |= (groupdq[i, g, y, x] & JUMP_DET) != 0
            if not jumpy:
                continue
            gather(data, groupdq, gain, y, x, diffs)
            median = signed_median(diffs, values)
            for i in range(nints):
                for g in range(1, ngroups):
                    excess = diffs[i * steps + g - 1] - median
                    reach[g] = -1
                    if groupdq[i, g, y, x] & JUMP_DET:
                        if excess >= thresholds.after_electrons1:
                            reach[g] = thresholds.after_groups1
                        if excess >= thresholds.after_electrons2:
                            reach[g] = max(reach[g], thresholds.after_groups2)
                for g in range(1, ngroups):
                    for later in range(g, min(g + reach[g], ngroups - 1) + 1):
                        if not groupdq[i, later, y, x] & BAD:
                            groupdq[i, later, y, x] |= JUMP_DET


@kernel
def clear_bad(groupdq):
    """Clear JUMP_DET from samples that are saturated or not to be used."""
    flags = groupdq.reshape(-1)
    for n in range(flags.size):
        if flags[n] & BAD:
            flags[n] &= np.uint8(0xFF ^ JUMP_DET)
