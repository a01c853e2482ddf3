"""Bands of ramps, fitted a stretch of columns at once: the unbroken ramps, and the means."""

from typing import NamedTuple

import numpy as np

from onramp.flags import DO_NOT_USE, SATURATED
from onramp.kernels import ZERO, inner_kernel, kernel, scalar_kernel
from onramp.steps.differences import block_width
from onramp.steps.ramp_broken import fit_gathered, room_for_broken
from onramp.steps.ramp_kinds import (
    INVALID,
    find_noise,
    look_at_ramps,
    room_for_differences,
    room_for_totals,
)
from onramp.steps.ramp_pixel import (
    CLEAN,
    add_odd_medians,
    fit_alone,
    restore_charge_loss,
    room_for_ramp,
)
from onramp.steps.ramp_segments import SNR_CLASSES
from onramp.steps.ramp_sums import LARGE_VARIANCE


class Wholes(NamedTuple):
    """What unbroken ramps are like: they have no flag but DO_NOT_USE in their first groups."""

    starts: np.ndarray
    """(nints,) int64, the first group that is not DO_NOT_USE."""
    runs: np.ndarray
    """(nruns, 3) int64, integrations that share it: the first, the one past the last, the group."""
    weights: np.ndarray
    """(nruns, ngroups // 2, 6) float64, for each run those of the differences between the groups at
    the same distance from the ends, outermost first, by signal-to-noise class."""


class Room(NamedTuple):
    """Room to work on the unbroken ramps of a stretch of n pixels."""

    nclean: np.ndarray
    """(n,) int64, number of unbroken ramps."""

    classes: np.ndarray
    """(n,) unsigned, signal-to-noise class."""
    slope: np.ndarray
    """(n,) float64, change in a group [DN]."""
    looked_up: np.ndarray
    """(n,) float64, weights of a difference."""
    weight: np.ndarray
    """(n,) float64, inverse read-noise variance of a whole ramp."""
    constants: np.ndarray
    """(4, n) float32: error, variances, and 0 where they are too large to keep a slope, else 1."""


@inner_kernel
def _room(width):
    return Room(
        np.empty(width, np.int64),
        np.empty(width, np.uintp),
        np.empty(width),
        np.empty(width),
        np.empty(width),
        np.empty((4, width), np.float32),
    )


@scalar_kernel
def _whole_ramps(count, ngroups, run, keep, room, totals):
    """Find errors, variances and weights of unbroken ramps, the same in some integrations."""
    first, last, start = run
    n, number = np.float64(ngroups - start), room.nclean
    number[:] = 0
    for i in range(first, last):
        kind = totals.kind[i]
        for x in range(count):
            number[x] += kind[x] == CLEAN
    limit = np.inf if keep else LARGE_VARIANCE
    err, var_poisson, var_rnoise = room.constants[0], room.constants[1], room.constants[2]
    kept, combinations = room.constants[3], n * n * n - n
    for x in range(count):
        var_p = totals.pixels[2, x] / (n - 1.0)
        var_r = totals.pixels[3, x] / combinations
        both = var_p + var_r
        var_poisson[x] = var_p if (var_p > 0.0) & (var_p < limit) else 0.0
        var_rnoise[x] = var_r if var_r < limit else 0.0
        kept[x] = 1.0 if var_r < limit else 0.0
        err[x] = np.sqrt(both) if both <= limit else 0.0
        room.weight[x] = combinations * totals.pixels[5, x]
        nclean = number[x]
        totals.sums[1, x] += nclean * (n - 1.0) * totals.pixels[4, x] if nclean > 0 else 0.0
        totals.sums[2, x] += nclean * room.weight[x] if nclean > 0 else 0.0


@scalar_kernel
def _slopes(band, i, y, left, right, start, weights, room):
    """Fit the ramps of a stretch in one integration as one segment each, from `start` on."""
    data, noise, end = band.data, band.noise, band.ngroups - 1
    first, last = data[i, start, y, left:right], data[i, end, y, left:right]
    gain, readnoise = noise.gain[y, left:right], noise.readnoise[y, left:right]
    classes, slope, weight = room.classes, room.slope, room.looked_up
    for x in range(right - left):
        signal = (np.float64(last[x]) - np.float64(first[x])) * np.float64(gain[x])
        variance = np.float64(readnoise[x]) ** 2 + signal
        square = signal * signal if signal > 0.0 else -np.inf
        found = np.uintp(0)
        for limit in SNR_CLASSES:
            found += np.uintp(square >= limit * limit * variance)
        classes[x] = found
        slope[x] = 0.0
    for k in range((end + 1 - start) // 2):
        low, high = data[i, start + k, y, left:right], data[i, end - k, y, left:right]
        for x in range(right - left):  # apart, for LLVM to vectorise the rest
            weight[x] = weights[k, classes[x]]
        for x in range(right - left):
            slope[x] += weight[x] * (np.float64(high[x]) - np.float64(low[x]))


@scalar_kernel
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


@scalar_kernel
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
        quality |= np.uint32(DO_NOT_USE * (totals.lost[x] == nints))
        invalid = (quality & INVALID) != 0
        sci[x] = np.float32(np.nan) if invalid else np.float32(slopes[x] * var_r)
        err[x] = np.float32(0.0) if invalid else np.float32(np.sqrt(var_p + var_r))
        poisson[x] = np.float32(0.0) if invalid else np.float32(var_p)
        rnoise[x] = np.float32(0.0) if invalid else np.float32(var_r)
        dq[x] = quality | np.uint32(SATURATED * totals.saturated[x])


@kernel
def fit_band(band, pixels, model, wholes, rate, rateints):
    """
    Fit some pixels of a band.

    Parameters
    ----------
    band : onramp.steps.ramp_pixel.Band
        As a single row.
    pixels : (int, int)
        The first, and the one past the last.
    model : tuple
        Timing, weights of segments and Rules, as `onramp.steps.ramp_fit` has them.
    wholes : Wholes
    rate, rateints : onramp.steps.ramp_fit.Slopes
        To be filled.
    """
    timing, _, rules = model
    nints, ngroups = band.data.shape[0], band.ngroups
    first, last = pixels
    width = block_width(ngroups, last - first)
    room, totals, ramp = _room(width), room_for_totals(nints, width), room_for_ramp(ngroups)
    differences, broken = room_for_differences(ngroups, width), room_for_broken(ngroups, width)
    keep, y = rules.keep_large_variances, ZERO
    for left in range(first, last, width):
        right = min(left + width, last)
        look_at_ramps(band, y, left, right, model, wholes.starts, differences, totals)
        add_odd_medians(band, y, left, right, model, ramp, totals)
        find_noise(band, y, left, right, timing, totals)
        charged = False
        for i in range(nints):
            charged |= fit_gathered(band, i, y, left, right, model, totals, broken, rateints)
        charged |= fit_alone(band, y, left, right, model, ramp, totals, rateints)
        for n in range(wholes.runs.shape[0]):
            begin, end, start = wholes.runs[n]
            _whole_ramps(right - left, ngroups, (begin, end, start), keep, room, totals)
            for i in range(begin, end):
                _slopes(band, i, y, left, right, start, wholes.weights[n], room)
                _store_clean(band, i, y, left, right, timing, room, totals, rateints)
        _store_mean(y, left, right, keep, totals, rate)
        if charged:
            restore_charge_loss(band, y, left, right, model, ramp, rate, rateints)
