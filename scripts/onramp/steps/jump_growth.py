"""Flags that follow from jumps: around them, after them, and where they mean nothing."""

import numpy as np

from onramp.flags import JUMP_DET
from onramp.kernels import kernel
from onramp.steps.two_point import BAD, expected_noise, gather, signed_median


@kernel
def _find_triggers(data, groupdq, gain, variance, nframes, thresholds):
    """Return (ntriggers, 4) indices of the jumps whose size makes their neighbours suspect."""
    nints, ngroups, ny, nx = data.shape
    steps = ngroups - 1
    total = 0
    jumpy = np.zeros((ny, nx), np.bool_)
    for i in range(nints):
        for g in range(1, ngroups):
            for y in range(ny):
                row = groupdq[i, g, y]
                for x in range(nx):
                    jump = (row[x] & JUMP_DET) != 0
                    total += jump
                    jumpy[y, x] |= jump
    triggers = np.empty((total, 4), np.int64)
    found = 0
    diffs = np.empty(nints * steps, np.float32)
    values = np.empty(nints * steps, np.float32)
    for y in range(ny):
        for x in range(nx):
            if not jumpy[y, x]:
                continue
            gather(data, groupdq, gain, y, x, diffs)
            median = signed_median(diffs, values)
            sigma = expected_noise(median, variance[y, x], nframes)
            for n in range(diffs.size):
                i, g = n // steps, n % steps + 1
                ratio = np.abs(diffs[n] - median) / sigma
                if (
                    groupdq[i, g, y, x] & JUMP_DET
                    and thresholds.neighbours_above < ratio < thresholds.neighbours_below
                ):
                    triggers[found, 0], triggers[found, 1] = i, g
                    triggers[found, 2], triggers[found, 3] = y, x
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
    values = np.empty(nints * steps, np.float32)
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
