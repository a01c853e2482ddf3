"""Flags that follow from jumps: around them, after them, and where they mean nothing."""

import numpy as np

from onramp.flags import JUMP_DET
from onramp.kernels import inner_kernel, kernel
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
MANY = 2  # where one in so many pixels of a row holds a jump, all are looked at


@inner_kernel
def _count_jumps(groupdq):
    flags = groupdq.reshape(-1)
    count = 0
    for n in range(flags.size):
        count += (flags[n] & JUMP_DET) != 0
    return count


@inner_kernel
def _find_jumpy(groupdq, y, columns):
    """Put the columns of a row that hold a jump into `columns`; return how many."""
    nints, ngroups, _, nx = groupdq.shape
    seen = np.zeros(nx, np.uint8)
    for i in range(nints):
        for g in range(1, ngroups):
            flags = groupdq[i, g, y]
            for x in range(nx):
                seen[x] |= flags[x]
    count = 0
    for x in range(nx):
        columns[count] = x
        count += (seen[x] & JUMP_DET) != 0
    return count


@inner_kernel
def _load_some(data, groupdq, gain, y, columns, diffs):
    """Fill `diffs` with the differences of some pixels of a row, NaN where a sample is bad."""
    if columns[-1] - columns[0] == columns.size - 1:
        load_columns(data, groupdq, gain, y, columns[0], diffs)
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
    """Return (n, 4) indices of the jumps that make neighbours suspect: integration, group, y, x."""
    nints, ngroups, ny, nx = data.shape
    steps = ngroups - 1
    ndiffs = nints * steps
    width = min(block_width(ndiffs, nx), PIXELS_AT_ONCE)
    diffs = np.zeros((ndiffs, width), np.float32)
    room = room_for_medians(ndiffs, width)
    median, sigma = np.empty(width), np.empty(width)
    columns = np.empty(nx + 1, np.int64)
    triggers = np.empty((_count_jumps(groupdq), 4), np.int64)
    found = 0
    for y in range(ny):
        count = _find_jumpy(groupdq, y, columns)
        if MANY * count > nx:
            count = nx
            for x in range(nx):
                columns[x] = x
        for first in range(0, count, width):
            some = columns[first : min(first + width, count)]
            _load_some(data, groupdq, gain, y, some, diffs)
            column_medians(diffs, some.size, room, median)
            for k in range(some.size):
                sigma[k] = expected_noise(median[k], variance[y, some[k]], nframes)
            for n in range(ndiffs):
                flags = groupdq[n // steps, n % steps + 1, y]
                for k in range(some.size):
                    if flags[some[k]] & JUMP_DET:
                        ratio = np.abs(diffs[n, k] - median[k]) / sigma[k]
                        if thresholds.neighbours_above < ratio < thresholds.neighbours_below:
                            triggers[found, 0], triggers[found, 1] = n // steps, n % steps + 1
                            triggers[found, 2], triggers[found, 3] = y, some[k]
                            found += 1
    return triggers[:found]


@kernel
def flag_neighbours(data, groupdq, gain, variance, nframes, thresholds):
    """Flag the four neighbours of jumps of middling size; flags set here trigger nothing."""
    ny, nx = data.shape[2:]
    triggers = _find_triggers(data, groupdq, gain, variance, nframes, thresholds)
    for n in range(triggers.shape[0]):
        i, g, y, x = triggers[n]
        plane = groupdq[i, g]
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
