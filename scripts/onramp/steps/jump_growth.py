"""Flags that follow from jumps: around them, after them, and where they mean nothing."""

import numpy as np

from onramp.flags import JUMP_DET
from onramp.kernels import kernel
from onramp.steps.differences import BAD, gather, signed_median
from onramp.steps.jump_triggers import find_triggers


@kernel
def flag_neighbours(data, groupdq, gain, variance, medians, nframes, thresholds, planes):
    """
    Flag the four neighbours of jumps of middling size; flags set here trigger nothing.

    Parameters
    ----------
    data : (nints, ngroups, 1, npixels) float32 [DN]
    groupdq : (nints, ngroups, 1, npixels) uint8
    gain, variance : (1, npixels) float32
        [e-/DN], and of a difference by read noise [e-2].
    medians : (2, 1, npixels) float32
        What the median of all differences of a pixel is between [e-].
    nframes : int
    thresholds : onramp.steps.jump.Thresholds
    planes : (nints, ngroups, ny, nx) uint8
        `groupdq` by rows; JUMP_DET is set in place.
    """
    ny, nx = planes.shape[2:]
    triggers = find_triggers(data, groupdq, gain, variance, medians, nframes, thresholds)
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
