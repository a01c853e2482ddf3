"""Broken ramps of a stretch of a row: gathered side by side, and fitted all columns at once."""

from typing import NamedTuple

import numpy as np

from onramp.flags import CHARGELOSS, DO_NOT_USE, JUMP_DET, PERSISTENCE, SATURATED
from onramp.kernels import ZERO, inner_kernel, scalar_kernel
from onramp.steps.ramp_pixel import ALONE, BROKEN
from onramp.steps.ramp_segments import SNR_CLASSES
from onramp.steps.ramp_sums import LARGE_VARIANCE

INVALID = DO_NOT_USE | SATURATED
BREAKS = 0xFF ^ PERSISTENCE  # flags without which a group is good


class Gathered(NamedTuple):
    """The broken ramps of a stretch of n pixels in one integration, and room to fit them."""

    columns: np.ndarray
    """(n,) int, in the stretch."""
    samples: np.ndarray
    """(ngroups, n) float32 [DN]"""
    flags: np.ndarray
    """(ngroups + 1, n) uint8; all that is past the last group is DO_NOT_USE."""
    quality: np.ndarray
    """(4, n) uint8: flags of any group, flags of all, whether all are unusable, any is good."""
    pixels: np.ndarray
    """(6, n) float64: of each ramp, what `Totals.pixels` has of its pixel."""
    starts: np.ndarray
    """(n,) int32, first group of the present segment."""
    first: np.ndarray
    """(n,) float64, its sample [DN]."""
    ends: np.ndarray
    """(ngroups + 1, n) int32, where the weights end of the segment before this group, 0 if none."""
    sums: np.ndarray
    """(4, n) float64 over segments: intervals, combinations, inverse variances, slopes."""
    slopes: np.ndarray
    """(4, n) float64: slope, error, Poisson and read-noise variance, as `Slopes` has them."""
    lone: np.ndarray
    """(n,) float64, sample of the first segment that is a single group [DN], infinity if none."""


@inner_kernel
def room_for_broken(ngroups, width):
    """Return room for the broken ramps of a stretch."""
    flags = np.empty((ngroups + 1, width), np.uint8)
    flags[ngroups] = DO_NOT_USE
    return Gathered(
        np.empty(width, np.int32),
        np.empty((ngroups, width), np.float32),
        flags,
        np.empty((4, width), np.uint8),
        np.empty((6, width)),
        np.empty(width, np.int32),
        np.empty(width),
        np.empty((ngroups + 1, width), np.int32),
        np.empty((4, width)),
        np.empty((4, width)),
        np.empty(width),
    )


@scalar_kernel
def fit_gathered(band, i, y, left, model, totals, room, rateints):
    """
    Fit the broken ramps of a stretch in one integration, and add them to the totals.

    `model`: Timing, weights and Rules. Return whether any group is flagged CHARGELOSS. Ramps with a
    NaN among their good samples are left to be fitted by themselves.
    """
    timing, weights, rules = model
    kinds = totals.kind[i]
    count = ZERO
    for x in range(min(kinds.size, band.data.shape[3] - left)):
        room.columns[count] = x
        count += kinds[x] == BROKEN
    if count == 0:
        return False
    _gather(band, i, y, left, count, rules, room)
    _gather_pixels(count, totals, room)
    _find_segments(count, room)
    _add_slopes(count, weights, room)
    _combine_segments(count, timing, rules.keep_large_variances, room)
    return _store(band, (i, y, left), count, rules, totals, room, rateints)


@scalar_kernel
def _gather(band, i, y, left, count, rules, room):
    """Copy the broken ramps of a stretch, and what their flags are like all along."""
    columns, quality = room.columns, room.quality
    seen, shared, unusable, good = quality[0], quality[1], quality[2], quality[3]
    for n in range(count):
        seen[n], shared[n], unusable[n], good[n] = 0, 0xFF, 1, 0
    for g in range(band.data.shape[1]):
        samples, flags = band.data[i, g, y, left:], band.groupdq[i, g, y, left:]
        kept = np.uint8(0xFF ^ JUMP_DET if g == 0 and rules.trimmed else 0xFF)
        my_samples, my_flags = room.samples[g], room.flags[g]
        for n in range(count):
            my_samples[n] = samples[columns[n]]
            my_flags[n] = flags[columns[n]] & kept
        for n in range(count):
            flag = my_flags[n]
            seen[n] |= flag
            shared[n] &= flag
            unusable[n] &= (flag & INVALID) != 0
            good[n] |= (flag & BREAKS) == 0


@scalar_kernel
def _gather_pixels(count, totals, room):
    for m in range(room.pixels.shape[0]):
        source, target = totals.pixels[m], room.pixels[m]
        for n in range(count):
            target[n] = source[room.columns[n]]


@scalar_kernel
def _find_segments(count, room):
    """
    Find where segments end and of which signal-to-noise class they are, and sum their noise.

    A segment starts one group early if that group is flagged as a jump and nothing else.
    """
    starts, first, lone = room.starts, room.first, room.lone
    gain, square, flux, scatter = room.pixels[0], room.pixels[1], room.pixels[2], room.pixels[3]
    intervals, combinations, inverse = room.sums[0], room.sums[1], room.sums[2]
    for n in range(count):
        starts[n] = 0
        first[n] = room.samples[0, n]
        lone[n] = np.inf
        intervals[n] = combinations[n] = inverse[n] = 0.0
    ngroups = room.samples.shape[0]
    for g in range(1, ngroups + 1):
        flags_before, flags, ends = room.flags[g - 1], room.flags[g], room.ends[g]
        before, now = room.samples[g - 1], room.samples[min(g, ngroups - 1)]
        for n in range(count):
            was_good = (flags_before[n] & BREAKS) == 0
            good = (flags[n] & BREAKS) == 0
            ended = was_good & (not good)
            length = np.float64(g - starts[n])
            electrons = (np.float64(before[n]) - first[n]) * gain[n]
            variance = square[n] + electrons
            signal = electrons * electrons if electrons > 0.0 else -np.inf
            found = np.int32(0)
            for limit in SNR_CLASSES:
                found += np.int32(signal >= limit * limit * variance)
            size = np.int32(g) - starts[n]
            end = (found * np.int32(ngroups + 1) + size) * np.int32(ngroups) + size - np.int32(1)
            ends[n] = end if ended else np.int32(0)
            weight = length * length * length - length
            steps = length - 1.0
            whole = ended & (size > 1)
            intervals[n] += steps if whole else 0.0
            combinations[n] += weight if whole else 0.0
            both = steps * weight / (flux[n] * weight + scatter[n] * steps)
            inverse[n] += both if whole else 0.0
            single = ended & (size == 1) & (lone[n] == np.inf)
            lone[n] = first[n] if single else lone[n]
            early = (flags_before[n] & BREAKS) == JUMP_DET
            begun = good & (not was_good)
            starts[n] = np.int32(g) - np.int32(early) if begun else starts[n]
            level = np.float64(before[n] if early else now[n])
            first[n] = level if begun else first[n]


@scalar_kernel
def _add_slopes(count, weights, room):
    """Sum the samples of all segments by their weights, from the last group to the first."""
    places, slopes = room.starts, room.sums[3]
    for n in range(count):
        places[n] = 0
        slopes[n] = 0.0
    for g in range(room.samples.shape[0] - 1, -1, -1):
        flags, flags_after, ends = room.flags[g], room.flags[g + 1], room.ends[g + 1]
        samples = room.samples[g]
        for n in range(count):
            good, good_after = (flags[n] & BREAKS) == 0, (flags_after[n] & BREAKS) == 0
            inside = good | (good_after & ((flags[n] & BREAKS) == JUMP_DET))
            place = ends[n] if ends[n] > 0 else max(places[n] - np.int32(1), np.int32(0))
            places[n] = place * np.int32(inside)
            slopes[n] += weights[np.uintp(places[n])] * np.float64(samples[n])


@scalar_kernel
def _combine_segments(count, timing, keep, room):
    """
    Turn the sums over segments into slopes, errors and variances, `room.slopes`.

    A ramp without a segment of two groups is its first single group, as if it had grown from 0.
    What the totals need of a ramp takes the place of its sums.
    """
    intervals, combinations, inverse, rises = room.sums[0], room.sums[1], room.sums[2], room.sums[3]
    sci, err, poisson, rnoise = room.slopes[0], room.slopes[1], room.slopes[2], room.slopes[3]
    flux, scatter, lone, good = room.pixels[2], room.pixels[3], room.lone, room.quality[3]
    over_flux, over_scatter = room.pixels[4], room.pixels[5]
    limit, per_second = np.inf if keep else LARGE_VARIANCE, 1.0 / timing.group
    for n in range(count):
        single = (combinations[n] == 0.0) & (good[n] != 0)
        rise = 6.0 * lone[n] if single else rises[n]
        steps = 1.0 if single else intervals[n]
        weight = 6.0 if single else combinations[n]
        both = weight / (flux[n] * weight + scatter[n]) if single else inverse[n]
        sum_p = steps * over_flux[n]
        sum_r = weight * over_scatter[n]
        sum_s = rise * over_scatter[n] * per_second
        var_p, var_r, variance = 1.0 / sum_p, 1.0 / sum_r, 1.0 / both
        var_p = var_p if (sum_p > 0.0) & (var_p < limit) else 0.0
        var_r = var_r if var_r < limit else 0.0
        sci[n] = sum_s * var_r
        err[n] = np.sqrt(variance) if variance <= limit else 0.0
        poisson[n], rnoise[n] = var_p, var_r
        rises[n], intervals[n], combinations[n] = sum_s, sum_p, sum_r


@scalar_kernel
def _store(band, place, count, rules, totals, room, rateints):
    """Store the slopes of the broken ramps, and add them to the totals."""
    i, y, left = place
    charged = False
    sci, err, poisson, rnoise = room.slopes[0], room.slopes[1], room.slopes[2], room.slopes[3]
    for n in range(count):
        k = room.columns[n]
        x = left + k
        if not np.isfinite(room.sums[3, n]):
            totals.kind[i, k] = ALONE
            continue
        seen, good = room.quality[0, n], room.quality[3, n] != 0
        charged |= (seen & CHARGELOSS) != 0
        state = np.int64(band.pixeldq[y, x]) | (seen & (JUMP_DET | PERSISTENCE))
        totals.dq[k] |= np.uint32(state)
        if (room.flags[0, n] | room.quality[1, n]) & SATURATED:
            state |= INVALID
        if room.quality[2, n] or totals.odd[i, k] or (rules.flag_all_jump_ramps and not good):
            state |= DO_NOT_USE
        fitted = good and not state & INVALID
        if fitted:
            totals.sums[0, k] += room.sums[3, n]
            totals.sums[1, k] += room.sums[0, n]
            totals.sums[2, k] += room.sums[1, n]
        rateints.sci[i, y, x] = sci[n] if fitted else np.nan if state & INVALID else 0.0
        rateints.err[i, y, x] = err[n] if fitted else 0.0
        rateints.var_poisson[i, y, x] = poisson[n] if fitted else 0.0
        rateints.var_rnoise[i, y, x] = rnoise[n] if fitted else 0.0
        totals.lost[k] += (state & DO_NOT_USE) != 0
        totals.saturated[k] |= (seen & SATURATED) != 0
        rateints.dq[i, y, x] = np.uint32(state | (seen & SATURATED))
    return charged
