"""Odd ramps, one by one: those of odd pixels, and those that stand on a single group."""

from typing import NamedTuple

import numpy as np

from onramp.flags import (
    CHARGELOSS,
    DO_NOT_USE,
    JUMP_DET,
    NO_GAIN_VALUE,
    PERSISTENCE,
    SATURATED,
)
from onramp.kernels import kernel, scalar_kernel
from onramp.steps.ramp_segments import (
    NO_ZEROTH,
    ZERO_FRAME,
    ZEROTH_GROUP,
    find_segments,
    fit_segments,
    ramp_median,
    segment_time,
)
from onramp.steps.ramp_sums import combine_segments, invert, segment_variances, store

INVALID = DO_NOT_USE | SATURATED
ALONE, CLEAN, BROKEN = range(3)  # fitted one by one, as one segment, or by segments side by side
SUPPRESSED, ODD = 1, 2  # ramps of one good group that get no slope, and what needs a closer look


class Band(NamedTuple):
    """What the fit reads of a band of rows."""

    data: np.ndarray
    """(nints, ngroups, ny, nx) float32 [DN]"""
    groupdq: np.ndarray
    """(nints, ngroups, ny, nx) uint8"""
    pixeldq: np.ndarray
    """(ny, nx) uint32"""
    noise: tuple
    """Noise"""
    frames: np.ndarray
    """(nints, ny, nx) float32, first frames [DN], 0 where unusable; empty if there are none."""
    ngroups: int
    """Groups to fit, from the first one on."""


class Ramp(NamedTuple):
    """One ramp as the fit takes it, and room to work."""

    samples: np.ndarray
    """(ngroups,) float64, NaN where saturated [DN]"""
    flags: np.ndarray
    """(ngroups,) int64"""
    values: np.ndarray
    """(ngroups,) float64"""
    bounds: np.ndarray
    """(ngroups, 2) int64, first and past-the-last group of each segment."""


class Totals(NamedTuple):
    """What is gathered over the integrations of a stretch of n pixels of a row."""

    kind: np.ndarray
    """(nints, n) uint8: CLEAN, BROKEN or ALONE."""
    median: np.ndarray
    """(n,) float64, sum of the ramps' median count rates [DN/s]."""
    odd: np.ndarray
    """(nints, n) uint8: 0, SUPPRESSED or ODD."""
    sums: np.ndarray
    """(3, n) float64: slopes over read-noise variances, inverse Poisson and read-noise variances"""
    dq: np.ndarray
    """(n,) uint32, flags of the pixel and of any ramp."""
    lost: np.ndarray
    """(n,) int64, number of ramps that are DO_NOT_USE."""
    saturated: np.ndarray
    """(n,) uint8, 1 where any group is saturated."""
    pixels: np.ndarray
    """(6, n) float64: gain, variance of the read noise [e-2], Poisson and read-noise variance of a
    slope for n = 1 [(DN/s)^2], and the inverse of these two, 0 where there is no Poisson noise."""
    sound: np.ndarray
    """(n,) uint8, 1 where gain, read noise and dark current are numbers to work with."""


@kernel
def room_for_ramp(ngroups):
    """Return room for one ramp."""
    return Ramp(
        np.empty(ngroups),
        np.empty(ngroups, np.int64),
        np.empty(ngroups),
        np.empty((ngroups, 2), np.int64),
    )


@scalar_kernel
def load_ramp(band, i, y, x, rules, ramp):
    """
    Copy a ramp, suppress it if it has one group, put in its zero frame.

    Return the flags of all groups together, the number of saturated groups, that of unusable
    (saturated or DO_NOT_USE) groups, and what stands alone in the first group's place.
    """
    data, groupdq, frames = band.data, band.groupdq, band.frames
    samples, flags = ramp.samples, ramp.flags
    clean = good = saturated = unusable = seen = 0
    for g in range(flags.size):
        flag = np.int64(groupdq[i, g, y, x])
        sample = np.float64(data[i, g, y, x])
        if rules.reject_unflagged_nan and np.isnan(sample):
            flag |= DO_NOT_USE
        good += (flag & ~PERSISTENCE) == 0
        if g == 0 and rules.trimmed:
            flag &= ~JUMP_DET
        flags[g] = flag
        samples[g] = np.nan if flag & SATURATED else sample
        clean += flag == 0
        saturated += (flag & SATURATED) != 0
        unusable += (flag & INVALID) != 0
        seen |= flag
    alone = NO_ZEROTH
    if rules.suppress_one_group:
        if good == 1:
            for g in range(flags.size):
                flags[g] |= DO_NOT_USE
            unusable = flags.size
    elif clean == 1 and flags[0] == 0:
        alone = ZEROTH_GROUP
    elif clean == 0 and frames.size > 0 and frames[i, y, x] != 0.0:
        alone = ZERO_FRAME
        samples[0], flags[0] = np.float64(frames[i, y, x]), 0
        unusable -= 1
        saturated -= saturated == flags.size
    return seen, saturated, unusable, alone


@scalar_kernel
def add_odd_medians(band, y, left, right, model, ramp, totals):
    """Add the median count rates of the odd ramps of a stretch."""
    timing, _, rules = model
    nints = totals.odd.shape[0]
    for i in range(nints):
        for k in range(right - left):
            if totals.odd[i, k] == ODD:
                alone = load_ramp(band, i, y, left + k, rules, ramp)[3]
                totals.median[k] += ramp_median(
                    ramp.samples, ramp.flags, alone, timing, ramp.values
                )


@scalar_kernel
def fit_alone(band, y, left, right, model, ramp, totals, rateints):
    """
    Fit the ramps of a stretch that are left to be fitted one by one, and add them to the totals.

    `model`: Timing, weights and Rules. Return whether any group is flagged CHARGELOSS.
    """
    _, _, rules = model
    nints = totals.kind.shape[0]
    charged = 0
    for i in range(nints):
        for k in range(right - left):
            if totals.kind[i, k] == ALONE:
                counts = load_ramp(band, i, y, left + k, rules, ramp)
                charged |= counts[0] & CHARGELOSS
                _fit_ramp(band, (i, y, left, k), counts, model, ramp, totals, rateints)
    return charged != 0


@scalar_kernel
def _fit_ramp(band, place, counts, model, ramp, totals, rateints):
    """Fit one ramp; `place`: integration, row, first column of the stretch, column in it."""
    i, y, left, k = place
    x = left + k
    seen, saturated, unusable, alone = counts
    timing, weights, rules = model
    gain, readnoise = np.float64(band.noise.gain[y, x]), np.float64(band.noise.readnoise[y, x])
    ngroups = ramp.flags.size
    pixeldq = np.int64(band.pixeldq[y, x])
    if gain <= 0.0 or np.isnan(gain):
        pixeldq |= NO_GAIN_VALUE | DO_NOT_USE
    state = pixeldq | (seen & (JUMP_DET | PERSISTENCE))
    totals.dq[k] |= np.uint32(state)
    nsegments = 0
    if ramp.flags[0] & SATURATED:
        state |= INVALID
    else:
        nsegments = find_segments(ramp.flags, ramp.bounds)
    if unusable == ngroups:
        state |= INVALID if saturated == ngroups else DO_NOT_USE
        nsegments = 0
    fitted = 0.0, 0.0, 0.0, 0.0
    if nsegments == 0 and rules.flag_all_jump_ramps:
        state |= DO_NOT_USE
    elif nsegments and not pixeldq & INVALID:
        rate = totals.median[k] / totals.kind.shape[0]
        dark_current = np.float64(band.noise.dark_current[y, x])
        constants = rate if rate > 0.0 else 0.0, dark_current, gain, readnoise
        added = fit_segments(
            ramp.samples, ramp.bounds, nsegments, alone, constants, timing, weights
        )
        for n in range(3):
            totals.sums[n, k] += added[n]
        fitted = combine_segments(added, rules.keep_large_variances)
    if state & INVALID:
        fitted = np.nan, 0.0, 0.0, 0.0
    store(rateints, i, y, x, fitted)
    totals.lost[k] += (state & DO_NOT_USE) != 0
    if saturated > 0:
        state |= SATURATED
        totals.saturated[k] = 1
    rateints.dq[i, y, x] = np.uint32(state)


@scalar_kernel
def restore_charge_loss(band, y, left, right, model, ramp, rate, rateints):
    """
    Take the read-noise variances of a stretch as if no group were lost to charge migration.

    Goudfrooij et al. (2024, PASP 136, 014503) leave groups out of the slope for their bias, not
    for their noise. As in the reference, only the read-noise variances change: neither the
    errors nor the slopes, and a group flagged CHARGELOSS without DO_NOT_USE is left out.
    """
    _, _, rules = model
    nints, ngroups = band.data.shape[0], band.ngroups
    for x in range(left, right):
        charged = False
        for i in range(nints):
            for g in range(ngroups):
                charged |= (band.groupdq[i, g, y, x] & CHARGELOSS) != 0
        total = 0.0
        for i in range(nints if charged else 0):
            seen, _, _, alone = load_ramp(band, i, y, x, rules, ramp)
            if seen & CHARGELOSS:
                weight = _weight_with_lost_charge(band, i, y, x, alone, model, ramp)
                rateints.var_rnoise[i, y, x] = invert(weight, rules.keep_large_variances)
                total += weight
            elif rateints.var_rnoise[i, y, x] > 0.0:
                total += 1.0 / np.float64(rateints.var_rnoise[i, y, x])
        if total > 0.0:
            rate.var_rnoise[y, x] = invert(total, rules.keep_large_variances)


@scalar_kernel
def _weight_with_lost_charge(band, i, y, x, alone, model, ramp):
    """Return the inverse read-noise variance of a ramp with the lost groups given back."""
    timing, _, rules = model
    for g in range(ramp.flags.size):
        flag = np.int64(band.groupdq[i, g, y, x])
        if flag & CHARGELOSS:
            flag ^= CHARGELOSS | DO_NOT_USE
        if rules.reject_unflagged_nan and np.isnan(band.data[i, g, y, x]):
            flag |= DO_NOT_USE
        ramp.flags[g] = flag
    gain, readnoise = np.float64(band.noise.gain[y, x]), np.float64(band.noise.readnoise[y, x])
    weight = 0.0
    for n in range(find_segments(ramp.flags, ramp.bounds)):
        length = ramp.bounds[n, 1] - ramp.bounds[n, 0]
        time = segment_time(length, alone, timing)
        var_r = segment_variances(0.0, 0.0, gain, readnoise, length, time)[1]
        if var_r > 0.0:
            weight += 1.0 / var_r
    return weight
