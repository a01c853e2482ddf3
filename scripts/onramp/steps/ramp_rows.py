"""Stretches of rows of ramps, fitted all columns at once: how each ramp is, and unbroken ramps."""

from typing import NamedTuple

import numpy as np

from onramp.flags import DO_NOT_USE, JUMP_DET, PERSISTENCE, SATURATED
from onramp.kernels import inner_kernel, kernel, sort_all_columns
from onramp.steps.differences import block_width
from onramp.steps.ramp_broken import fit_gathered, room_for_broken
from onramp.steps.ramp_pixel import (
    ALONE,
    BROKEN,
    CLEAN,
    ODD,
    SUPPRESSED,
    Totals,
    add_odd_medians,
    fit_alone,
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
    marks: np.ndarray
    """(3, n) uint8: flags of any group, whether there is a good group, and two of them."""


@inner_kernel
def _room(ngroups, width):
    return Room(
        np.zeros((max(ngroups - 1, 1), width)),
        np.zeros(width, np.int32),
        np.empty(width, np.uintp),
        np.empty(width),
        np.empty(width),
        np.empty((4, width), np.float32),
        np.empty((3, width), np.uint8),
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
        np.empty((6, width)),
        np.empty(width, np.uint8),
    )


@inner_kernel
def _begin(band, y, left, right, totals):
    """Empty the totals, and tell which pixels have a gain and noises to work with."""
    noise, sound = band.noise, totals.sound
    gain, readnoise = noise.gain[y, left:right], noise.readnoise[y, left:right]
    dark_current, pixeldq = noise.dark_current[y, left:right], band.pixeldq[y, left:right]
    for x in range(right - left):
        sound[x] = (
            (gain[x] > 0.0) & (gain[x] < np.inf)
            & (readnoise[x] > 0.0) & (readnoise[x] < np.inf)
            & (np.abs(dark_current[x]) < np.inf)
        )  # fmt: skip
        totals.dq[x] = pixeldq[x]
    totals.nclean[:] = 0
    totals.median[:] = 0.0
    totals.sums[:] = 0.0
    totals.lost[:] = 0
    totals.saturated[:] = 0


@inner_kernel
def _find_kinds(band, i, y, left, right, rules, room, totals):
    """Tell which ramps of one integration are clean, broken or odd; after `_load_differences`."""
    seen, one, two = room.marks[0], room.marks[1], room.marks[2]
    seen[:], one[:], two[:] = 0, 0, 0
    ngroups = band.data.shape[1]
    looked_at = np.uint8(0xFF ^ PERSISTENCE if rules.suppress_one_group else 0xFF)
    for g in range(ngroups):
        flags = band.groupdq[i, g, y, left:right]
        for x in range(right - left):
            good = np.uint8((flags[x] & looked_at) == 0)
            two[x] |= one[x] & good
            one[x] |= good
            seen[x] |= flags[x]
    kind, odd = totals.kind[i], totals.odd[i]
    pixeldq = band.pixeldq[y, left:right]
    for x in range(right - left):
        few = two[x] == 0
        clean = (seen[x] == 0) & (room.counts[x] == ngroups - 1) & ((pixeldq[x] & INVALID) == 0)
        suppressed = rules.suppress_one_group & few & (one[x] != 0)
        strange = (few & (not rules.suppress_one_group)) | (ngroups == 1)
        odd[x] = ODD if strange else SUPPRESSED if suppressed else 0
        kind[x] = ALONE if strange | (totals.sound[x] == 0) else CLEAN if clean else BROKEN
        totals.nclean[x] += kind[x] == CLEAN


@inner_kernel
def _set_apart_nan(band, i, y, left, right, totals):
    """Make the ramps of one integration that have a NaN odd ones."""
    for g in range(band.data.shape[1]):
        samples = band.data[i, g, y, left:right]
        for x in range(right - left):
            if np.isnan(samples[x]):
                totals.odd[i, x], totals.kind[i, x] = ODD, ALONE


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
def _add_medians(band, i, y, left, right, timing, room, totals):
    """
    Add the median count rates of one integration, but for odd ramps.

    The first sample stands for the differences of a ramp that has none, if it is usable.
    """
    block, counts, odd = room.block, room.counts, totals.odd[i]
    factor = 0.5 / timing.group
    first, flags = band.data[i, 0, y, left:right], band.groupdq[i, 0, y, left:right]
    sort_all_columns(block)
    for x in range(right - left):
        low, high = block[max(counts[x] - 1, 0) // 2, x], block[counts[x] // 2, x]
        usable = ((flags[x] & INVALID) == 0) & (first[x] == first[x])
        sample = 2.0 * first[x] if usable else 0.0
        twice = low + high if counts[x] > 0 else sample
        totals.median[x] += factor * twice if odd[x] == 0 else 0.0


@inner_kernel
def _look_at_ramps(band, y, left, right, model, room, totals):
    """Find out how the ramps of a stretch are to be fitted, and their median count rates."""
    timing, _, rules = model
    _begin(band, y, left, right, totals)
    for i in range(band.data.shape[0]):
        _load_differences(band, i, y, left, right, room.block, room.counts)
        _find_kinds(band, i, y, left, right, rules, room, totals)
        if rules.reject_unflagged_nan:
            _set_apart_nan(band, i, y, left, right, totals)
        _add_medians(band, i, y, left, right, timing, room, totals)


@inner_kernel
def _find_noise(band, y, left, right, timing, totals):
    """Find the variances that all ramps of a pixel share, `Totals.pixels`."""
    noise, pixels = band.noise, totals.pixels
    gain, readnoise = noise.gain[y, left:right], noise.readnoise[y, left:right]
    dark_current, nints = noise.dark_current[y, left:right], band.data.shape[0]
    for x in range(right - left):
        in_dn = timing.group * np.float64(gain[x])
        rate = max(totals.median[x] / nints, 0.0)
        flux = (rate + np.float64(dark_current[x])) / in_dn
        square = np.float64(readnoise[x]) ** 2
        scatter = 12.0 * (np.float64(readnoise[x]) / in_dn) ** 2
        pixels[0, x] = gain[x]
        pixels[1, x] = square
        pixels[2, x] = flux
        pixels[3, x] = scatter
        pixels[4, x] = 1.0 / flux if flux > 0.0 else 0.0
        pixels[5, x] = 1.0 / scatter


@inner_kernel
def _whole_ramps(ngroups, keep, room, totals):
    """Find errors, variances and weights of unbroken ramps, the same in all integrations."""
    n = np.float64(ngroups)
    limit = np.inf if keep else LARGE_VARIANCE
    err, var_poisson, var_rnoise = room.constants[0], room.constants[1], room.constants[2]
    kept, combinations = room.constants[3], n * n * n - n
    for x in range(room.weight.size):
        var_p = totals.pixels[2, x] / (n - 1.0)
        var_r = totals.pixels[3, x] / combinations
        both = var_p + var_r
        var_poisson[x] = var_p if (var_p > 0.0) & (var_p < limit) else 0.0
        var_rnoise[x] = var_r if var_r < limit else 0.0
        kept[x] = 1.0 if var_r < limit else 0.0
        err[x] = np.sqrt(both) if both <= limit else 0.0
        room.weight[x] = combinations * totals.pixels[5, x]
        nclean = totals.nclean[x]
        totals.sums[1, x] += nclean * (n - 1.0) * totals.pixels[4, x] if nclean > 0 else 0.0
        totals.sums[2, x] += nclean * room.weight[x] if nclean > 0 else 0.0


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
    kept, kinds, sums = room.constants[3], totals.kind[i], totals.sums[0]
    pixeldq, dq = band.pixeldq[y, left:right], rateints.dq[i, y, left:right]
    sci, error = rateints.sci[i, y, left:right], rateints.err[i, y, left:right]
    poisson = rateints.var_poisson[i, y, left:right]
    rnoise = rateints.var_rnoise[i, y, left:right]
    for x in range(right - left):
        good = kinds[x] == CLEAN
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
    nints = totals.kind.shape[0]
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
def fit_band(band, rows, model, whole, rate, rateints):
    """
    Fit some rows of a band.

    Parameters
    ----------
    band : onramp.steps.ramp_pixel.Band
    rows : (int, int)
        The first, and the one past the last.
    model : tuple
        Timing, weights of segments and Rules, as `onramp.steps.ramp_fit` has them.
    whole : (ngroups // 2, 6) float64
        Weights of the differences between the groups at the same distance from the ends of a
        whole ramp, outermost first, by signal-to-noise class.
    rate, rateints : onramp.steps.ramp_fit.Slopes
        To be filled.
    """
    timing, _, rules = model
    nints, ngroups, _, nx = band.data.shape
    width = block_width(ngroups, nx)
    room, totals, ramp = _room(ngroups, width), _totals(nints, width), room_for_ramp(ngroups)
    broken = room_for_broken(ngroups, width)
    keep = rules.keep_large_variances
    for y in range(*rows):
        for left in range(0, nx, width):
            right = min(left + width, nx)
            _look_at_ramps(band, y, left, right, model, room, totals)
            add_odd_medians(band, y, left, model, ramp, totals)
            _find_noise(band, y, left, right, timing, totals)
            charged = False
            for i in range(nints):
                charged |= fit_gathered(band, i, y, left, model, totals, broken, rateints)
            charged |= fit_alone(band, y, left, model, ramp, totals, rateints)
            _whole_ramps(ngroups, keep, room, totals)
            for i in range(nints):
                _slopes(band.data, i, y, left, right, band.noise, whole, room)
                _store_clean(band, i, y, left, right, timing, room, totals, rateints)
            _store_mean(y, left, right, keep, totals, rate)
            if charged:
                restore_charge_loss(band, y, left, model, ramp, rate, rateints)
