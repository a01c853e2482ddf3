"""Stretches of rows of ramps: unbroken ramps all columns at once, the others one by one."""

from typing import NamedTuple

import numpy as np

from onramp.flags import DO_NOT_USE, JUMP_DET, PERSISTENCE, SATURATED
from onramp.kernels import inner_kernel, kernel, sort_all_columns
from onramp.steps.differences import block_width
from onramp.steps.ramp_pixel import (
    Totals,
    add_odd_medians,
    fit_broken,
    restore_charge_loss,
    room_for_ramp,
)
from onramp.steps.ramp_segments import SNR_CLASSES
from onramp.steps.ramp_sums import LARGE_VARIANCE

INVALID = DO_NOT_USE | SATURATED
BREAK = INVALID | JUMP_DET


class Room(NamedTuple):
    """Room to work on the unbroken ramps of a stretch of n pixels."""

    block: np.ndarray
    """(ngroups - 1, n) float64, differences [DN]: middle ones may all but cancel."""
    counts: np.ndarray
    """(n,) int32"""
    classes: np.ndarray
    """(n,) unsigned, signal-to-noise class."""
    slope: np.ndarray
    """(n,) float64, change in a group [DN]."""
    weight: np.ndarray
    """(n,) float64, inverse read-noise variance of a whole ramp."""
    constants: np.ndarray
    """(4, n) float32: error, variances, and 0 where they are too large to keep a slope, else 1."""


@inner_kernel
def _room(ngroups, width):
    return Room(
        np.zeros((max(ngroups - 1, 1), width)),
        np.zeros(width, np.int32),
        np.empty(width, np.uintp),
        np.empty(width),
        np.empty(width),
        np.empty((4, width), np.float32),
    )


@inner_kernel
def _totals(nints, width):
    return Totals(
        np.empty((nints, width), np.uint8),
        np.empty(width, np.int64),
        np.empty(width),
        np.empty((nints, width), np.uint8),
        np.empty((3, width)),
        np.empty(width, np.uint32),
        np.empty((2, width), np.int64),
        np.empty(width, np.uint8),
    )


@inner_kernel
def _begin(band, y, left, right, totals):
    """Empty the totals, and mark the unbroken ramps of pixels that have nothing odd about them."""
    noise = band.noise
    gain, readnoise = noise.gain[y, left:right], noise.readnoise[y, left:right]
    dark_current, pixeldq = noise.dark_current[y, left:right], band.pixeldq[y, left:right]
    usable = totals.saturated
    for x in range(right - left):
        usable[x] = (
            ((pixeldq[x] & INVALID) == 0)
            & (gain[x] > 0.0) & (gain[x] < np.inf)
            & (readnoise[x] > 0.0) & (readnoise[x] < np.inf)
            & (np.abs(dark_current[x]) < np.inf) & (band.data.shape[1] > 1)
        )  # fmt: skip
        totals.dq[x] = pixeldq[x]
    totals.nclean[:] = 0
    totals.sums[:] = 0.0
    totals.lost[:] = 0
    for i in range(band.data.shape[0]):
        _find_clean(band, i, y, left, right, usable, totals)
    totals.saturated[:] = 0


@inner_kernel
def _find_clean(band, i, y, left, right, usable, totals):
    """Mark the ramps of one integration that have neither flag nor NaN."""
    clean = totals.clean[i]
    for x in range(right - left):
        clean[x] = usable[x]
    for g in range(band.data.shape[1]):
        samples, flags = band.data[i, g, y, left:right], band.groupdq[i, g, y, left:right]
        for x in range(right - left):
            clean[x] &= (flags[x] == 0) & (samples[x] == samples[x])
    for x in range(right - left):
        totals.nclean[x] += clean[x]


@inner_kernel
def _load_differences(band, i, y, left, right, block, counts):
    """
    Fill `block` with the differences of one integration, infinity where one is unusable.

    `counts` tells how many are not. A difference is unusable to a group that is a jump, and where
    either group is DO_NOT_USE, saturated or NaN.
    """
    data, groupdq = band.data, band.groupdq
    counts[:] = 0
    for k in range(data.shape[1] - 1):
        now, before = data[i, k + 1, y, left:right], data[i, k, y, left:right]
        flags, flags_before = groupdq[i, k + 1, y, left:right], groupdq[i, k, y, left:right]
        target = block[k]
        for x in range(right - left):
            bad = ((flags[x] & BREAK) | (flags_before[x] & INVALID)) != 0
            diff = np.float64(now[x]) - np.float64(before[x])
            good = (not bad) & (diff == diff)
            target[x] = diff if good else np.inf
            counts[x] += good


@inner_kernel
def _find_odd(band, i, y, left, right, rules, counts, odd):
    """
    Mark the ramps of one integration that may stand on a single group.

    Those with one good group where these are suppressed, else those with one clean group or none.
    """
    groupdq = band.groupdq
    counts[:] = 0
    looked_at = np.uint8(0xFF ^ PERSISTENCE if rules.suppress_one_group else 0xFF)
    for g in range(groupdq.shape[1]):
        flags = groupdq[i, g, y, left:right]
        for x in range(right - left):
            counts[x] += (flags[x] & looked_at) == 0
    for x in range(right - left):
        odd[x] = (counts[x] == 1) | ((counts[x] == 0) & (not rules.suppress_one_group))


@inner_kernel
def _add_medians(band, y, left, right, model, room, totals):
    """Add the median count rates of all ramps but the odd ones and those without a difference."""
    timing, _, rules = model
    block, counts = room.block, room.counts
    factor = 0.5 / timing.group
    totals.median[:] = 0.0
    for i in range(band.data.shape[0]):
        odd = totals.odd[i]
        _find_odd(band, i, y, left, right, rules, counts, odd)
        counts[:] = 0
        if band.data.shape[1] > 1:
            _load_differences(band, i, y, left, right, block, counts)
            sort_all_columns(block)
        for x in range(right - left):
            if counts[x] == 0 or odd[x]:
                odd[x] = 1
                continue
            low, high = block[(counts[x] - 1) // 2, x], block[counts[x] // 2, x]
            totals.median[x] += factor * (low + high)


@inner_kernel
def _whole_ramps(band, y, left, right, timing, keep, room, totals):
    """Find errors, variances and weights of unbroken ramps, the same in all integrations."""
    noise = band.noise
    gain, readnoise = noise.gain[y, left:right], noise.readnoise[y, left:right]
    dark_current = noise.dark_current[y, left:right]
    nints, ngroups = band.data.shape[:2]
    n = np.float64(ngroups)
    limit = np.inf if keep else LARGE_VARIANCE
    err, var_poisson, var_rnoise = room.constants[0], room.constants[1], room.constants[2]
    kept = room.constants[3]
    for x in range(right - left):
        in_dn = timing.group * np.float64(gain[x])
        flux = max(totals.median[x] / nints, 0.0) + np.float64(dark_current[x])
        var_p = flux / (in_dn * (n - 1.0))
        var_r = 12.0 * (np.float64(readnoise[x]) / in_dn) ** 2 / (n * n * n - n)
        both = var_p + var_r
        var_poisson[x] = var_p if (var_p > 0.0) & (var_p < limit) else 0.0
        var_rnoise[x] = var_r if var_r < limit else 0.0
        kept[x] = 1.0 if var_r < limit else 0.0
        err[x] = np.sqrt(both) if both <= limit else 0.0
        room.weight[x] = 1.0 / var_r
        nclean = totals.nclean[x]
        totals.sums[1, x] += nclean / var_p if (nclean > 0) & (var_p > 0.0) else 0.0
        totals.sums[2, x] += nclean / var_r if nclean > 0 else 0.0


@inner_kernel
def _slopes(data, i, y, left, right, noise, weights, room):
    """Fit the ramps of a stretch in one integration as one segment each."""
    ngroups = data.shape[1]
    first, last = data[i, 0, y, left:right], data[i, ngroups - 1, y, left:right]
    gain, readnoise = noise.gain[y, left:right], noise.readnoise[y, left:right]
    classes, slope = room.classes, room.slope
    for x in range(right - left):
        signal = (np.float64(last[x]) - np.float64(first[x])) * np.float64(gain[x])
        variance = np.float64(readnoise[x]) ** 2 + signal
        square = signal * signal if signal > 0.0 else -np.inf
        found = np.uintp(0)
        for limit in SNR_CLASSES:
            found += np.uintp(square >= limit * limit * variance)
        classes[x] = found
        slope[x] = 0.0
    for k in range(weights.shape[0]):
        low, high = data[i, k, y, left:right], data[i, ngroups - 1 - k, y, left:right]
        for x in range(right - left):
            slope[x] += weights[k, classes[x]] * (np.float64(high[x]) - np.float64(low[x]))


@inner_kernel
def _store_clean(band, i, y, left, right, timing, room, totals, rateints):
    """Store the unbroken ramps of a stretch in one integration, and add their slopes."""
    err, var_poisson, var_rnoise = room.constants[0], room.constants[1], room.constants[2]
    kept, clean, sums = room.constants[3], totals.clean[i], totals.sums[0]
    pixeldq, dq = band.pixeldq[y, left:right], rateints.dq[i, y, left:right]
    sci, error = rateints.sci[i, y, left:right], rateints.err[i, y, left:right]
    poisson = rateints.var_poisson[i, y, left:right]
    rnoise = rateints.var_rnoise[i, y, left:right]
    for x in range(right - left):
        good = clean[x] != 0
        slope = room.slope[x] / timing.group
        sci[x] = np.float32(slope) * kept[x] if good else sci[x]
        error[x] = err[x] if good else error[x]
        poisson[x] = var_poisson[x] if good else poisson[x]
        rnoise[x] = var_rnoise[x] if good else rnoise[x]
        dq[x] = pixeldq[x] if good else dq[x]
        sums[x] += slope * room.weight[x] if good else 0.0


@inner_kernel
def _store_mean(y, left, right, keep, totals, rate):
    """Store the means over integrations of a stretch."""
    nints = totals.clean.shape[0]
    limit = np.inf if keep else LARGE_VARIANCE
    slopes, poissons, rnoises = totals.sums[0], totals.sums[1], totals.sums[2]
    sci, err, dq = rate.sci[y, left:right], rate.err[y, left:right], rate.dq[y, left:right]
    poisson, rnoise = rate.var_poisson[y, left:right], rate.var_rnoise[y, left:right]
    for x in range(right - left):
        var_p, var_r = 1.0 / poissons[x], 1.0 / rnoises[x]
        var_p = var_p if (poissons[x] > 0.0) & (var_p < limit) else 0.0
        var_r = var_r if rnoises[x] > 0.0 else rnoises[x]
        var_r = 0.0 if var_r >= limit else var_r
        quality = totals.dq[x]
        quality |= np.uint32(DO_NOT_USE * (totals.lost[0, x] == nints))
        quality |= np.uint32(SATURATED * (totals.lost[1, x] == nints))
        invalid = (quality & INVALID) != 0
        sci[x] = np.float32(np.nan) if invalid else np.float32(slopes[x] * var_r)
        err[x] = np.float32(0.0) if invalid else np.float32(np.sqrt(var_p + var_r))
        poisson[x] = np.float32(0.0) if invalid else np.float32(var_p)
        rnoise[x] = np.float32(0.0) if invalid else np.float32(var_r)
        dq[x] = quality | np.uint32(SATURATED * totals.saturated[x])


@kernel
def fit_band(band, model, whole, rate, rateints):
    """
    Fit a band.

    Parameters
    ----------
    band : onramp.steps.ramp_pixel.Band
    model : tuple
        Timing, weights of segments and Rules, as `onramp.steps.ramp_fit` has them.
    whole : (ngroups // 2, 6) float64
        Weights of the differences between the groups at the same distance from the ends of a
        whole ramp, outermost first, by signal-to-noise class.
    rate, rateints : onramp.steps.ramp_fit.Slopes
        To be filled.
    """
    timing, _, rules = model
    nints, ngroups, ny, nx = band.data.shape
    width = block_width(ngroups, nx)
    room, totals, ramp = _room(ngroups, width), _totals(nints, width), room_for_ramp(ngroups)
    keep = rules.keep_large_variances
    for y in range(ny):
        for left in range(0, nx, width):
            right = min(left + width, nx)
            _begin(band, y, left, right, totals)
            _add_medians(band, y, left, right, model, room, totals)
            add_odd_medians(band, y, left, model, ramp, totals)
            charged = fit_broken(band, y, left, model, ramp, totals, rateints)
            _whole_ramps(band, y, left, right, timing, keep, room, totals)
            for i in range(nints):
                _slopes(band.data, i, y, left, right, band.noise, whole, room)
                _store_clean(band, i, y, left, right, timing, room, totals, rateints)
            _store_mean(y, left, right, keep, totals, rate)
            if charged:
                restore_charge_loss(band, y, left, model, ramp, rate, rateints)
