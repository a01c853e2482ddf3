"""One pixel's ramps, whatever their flags: every integration, and the mean."""

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
from onramp.kernels import kernel
from onramp.steps.ramp_segments import (
    NO_ZEROTH,
    ZERO_FRAME,
    ZEROTH_GROUP,
    find_segments,
    fit_segments,
    median_rate,
    segment_time,
)
from onramp.steps.ramp_sums import (
    combine_integrations,
    combine_segments,
    invert,
    segment_variances,
    store,
    store_mean,
)

INVALID = DO_NOT_USE | SATURATED


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


class Work(NamedTuple):
    """One pixel's ramps as the fit takes them, and room to work."""

    ramps: np.ndarray
    """(nints, ngroups) float64, NaN where saturated [DN]"""
    flags: np.ndarray
    """(nints, ngroups) int64"""
    counts: np.ndarray
    """
    (nints, 4) int64: flags of all groups together, number of saturated groups, number of unusable
    (saturated or DO_NOT_USE) groups, what stands alone in the first group's place.
    """
    var_rnoise: np.ndarray
    """(nints,) float64 [(DN/s)^2]"""
    values: np.ndarray
    """(ngroups,) float64"""
    bounds: np.ndarray
    """(ngroups, 2) int64, first and past-the-last group of each segment."""


@kernel
def pixel_work(nints, ngroups):
    """Return room for one pixel."""
    return Work(
        np.empty((nints, ngroups)),
        np.empty((nints, ngroups), np.int64),
        np.empty((nints, 4), np.int64),
        np.empty(nints),
        np.empty(ngroups),
        np.empty((ngroups, 2), np.int64),
    )


@kernel
def load_pixel(band, y, x, rules, work):
    """Copy a pixel's ramps, suppress those of one group, put in zero frames; count flags."""
    data, groupdq, frames = band
    ramps, flags, counts = work
    nints, ngroups = ramps.shape
    for i in range(nints):
        clean = good = saturated = unusable = seen = 0
        for g in range(ngroups):
            flag = np.int64(groupdq[i, g, y, x])
            sample = np.float64(data[i, g, y, x])
            if rules.reject_unflagged_nan and np.isnan(sample):
                flag |= DO_NOT_USE
            good += (flag & ~PERSISTENCE) == 0
            if g == 0 and rules.trimmed:
                flag &= ~JUMP_DET
            flags[i, g] = flag
            ramps[i, g] = np.nan if flag & SATURATED else sample
            clean += flag == 0
            saturated += (flag & SATURATED) != 0
            unusable += (flag & INVALID) != 0
            seen |= flag
        alone = NO_ZEROTH
        if rules.suppress_one_group:
            if good == 1:
                for g in range(ngroups):
                    flags[i, g] |= DO_NOT_USE
                unusable = ngroups
        elif clean == 1 and flags[i, 0] == 0:
            alone = ZEROTH_GROUP
        elif clean == 0 and frames.size > 0 and frames[i, y, x] != 0.0:
            alone = ZERO_FRAME
            ramps[i, 0], flags[i, 0] = np.float64(frames[i, y, x]), 0
            unusable -= 1
            saturated -= saturated == ngroups
        counts[i, 0], counts[i, 1], counts[i, 2], counts[i, 3] = seen, saturated, unusable, alone


@kernel
def fit_pixels(band, y, good, model, work, rate, rateints):
    """Fit the pixels of a row that are not `good`; `model`: Timing, weights and Rules."""
    data, groupdq, pixeldq, noise, frames = band
    _, _, rules = model
    ramps, flags, counts, _, _, _ = work
    for x in range(good.size):
        if good[x]:
            continue
        load_pixel((data, groupdq, frames), y, x, rules, (ramps, flags, counts))
        constants = (
            np.int64(pixeldq[y, x]),
            np.float64(noise.gain[y, x]),
            np.float64(noise.readnoise[y, x]),
            np.float64(noise.dark_current[y, x]),
        )
        charged = _fit_pixel(y, x, constants, model, work, rate, rateints)
        if charged:
            _restore_charge_loss(band, y, x, model, work, rate, rateints)


@kernel
def _fit_pixel(y, x, pixel, model, work, rate, rateints):
    """Fit every integration of a pixel; return whether a group is flagged CHARGELOSS."""
    pixeldq, gain, readnoise, dark = pixel
    timing, weights, rules = model
    ramps, flags, counts, var_rnoise, values, bounds = work
    keep = rules.keep_large_variances
    if gain <= 0.0 or np.isnan(gain):
        pixeldq |= NO_GAIN_VALUE | DO_NOT_USE
    median = median_rate(ramps, flags, counts, timing, values)
    constants = (median if median > 0.0 else 0.0, dark, gain, readnoise)
    nints, ngroups = ramps.shape
    dq = pixeldq
    dead = full = 0
    any_saturated = charged = False
    totals = 0.0, 0.0, 0.0
    for i in range(nints):
        seen, saturated, unusable, zeroth = counts[i, 0], counts[i, 1], counts[i, 2], counts[i, 3]
        state = pixeldq | (seen & (JUMP_DET | PERSISTENCE))
        dq |= state
        nsegments = 0
        if flags[i, 0] & SATURATED:
            state |= INVALID
        else:
            nsegments = find_segments(flags[i], bounds)
        if unusable == ngroups:
            state |= INVALID if saturated == ngroups else DO_NOT_USE
            nsegments = 0
        fitted = 0.0, 0.0, 0.0, 0.0
        if nsegments:
            sums = fit_segments(ramps[i], bounds[:nsegments], zeroth, constants, timing, weights)
            totals = totals[0] + sums[0], totals[1] + sums[1], totals[2] + sums[2]
            fitted = combine_segments(sums[0], sums[1], sums[2], sums[3], keep)
        elif rules.flag_all_jump_ramps:
            state |= DO_NOT_USE
        if state & INVALID:
            fitted = np.nan, 0.0, 0.0, 0.0
        store(rateints, i, y, x, fitted)
        var_rnoise[i] = fitted[3]
        dead += (state & DO_NOT_USE) != 0
        full += (state & SATURATED) != 0
        if saturated > 0:
            state |= SATURATED
            any_saturated = True
        charged |= (seen & CHARGELOSS) != 0
        rateints.dq[i, y, x] = np.uint32(state)
    if dead == nints:
        dq |= DO_NOT_USE
    if full == nints:
        dq |= SATURATED
    mean = combine_integrations(totals, keep)
    if dq & INVALID:
        mean = np.nan, 0.0, 0.0, 0.0
    if any_saturated:
        dq |= SATURATED
    rate.dq[y, x] = np.uint32(dq)
    store_mean(rate, y, x, mean)
    return charged


@kernel
def _restore_charge_loss(band, y, x, model, work, rate, rateints):
    """
    Take the read-noise variances as if no group were lost to charge migration.

    Goudfrooij et al. (2024, PASP 136, 014503) leave groups out of the slope for their bias, not
    for their noise. As in the reference, only the read-noise variances change: neither the
    errors nor the slopes, and a group flagged CHARGELOSS without DO_NOT_USE is left out.
    """
    timing, _, rules = model
    gain = np.float64(band.noise.gain[y, x])
    readnoise = np.float64(band.noise.readnoise[y, x])
    total = 0.0
    for i in range(work.var_rnoise.size):
        if not work.counts[i, 0] & CHARGELOSS:
            if work.var_rnoise[i] > 0.0:
                total += 1.0 / work.var_rnoise[i]
            continue
        for g in range(work.flags.shape[1]):
            flag = np.int64(band.groupdq[i, g, y, x])
            if flag & CHARGELOSS:
                flag ^= CHARGELOSS | DO_NOT_USE
            if rules.reject_unflagged_nan and np.isnan(band.data[i, g, y, x]):
                flag |= DO_NOT_USE
            work.flags[i, g] = flag
        weight = 0.0
        for n in range(find_segments(work.flags[i], work.bounds)):
            length = work.bounds[n, 1] - work.bounds[n, 0]
            time = segment_time(length, work.counts[i, 3], timing)
            var_r = segment_variances(0.0, 0.0, gain, readnoise, length, time)[1]
            if var_r > 0.0:
                weight += 1.0 / var_r
        rateints.var_rnoise[i, y, x] = invert(weight, rules.keep_large_variances)
        total += weight
    if total > 0.0:
        rate.var_rnoise[y, x] = invert(total, rules.keep_large_variances)
