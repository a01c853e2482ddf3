"""Broken ramps of a stretch of a row: gathered side by side, and fitted all columns at once."""

from typing import NamedTuple

import numpy as np

from onramp.flags import CHARGELOSS, DO_NOT_USE, JUMP_DET, PERSISTENCE, SATURATED
from onramp.kernels import LANES, ZERO, inner_kernel, scalar_kernel
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
    dq: np.ndarray
    """(n,) uint32, flags of its pixel, then those of the ramp."""
    odd: np.ndarray
    """(n,) uint8, from `Totals.odd`."""
    starts: np.ndarray
    """(n,) int32, first group of the present segment."""
    weights: np.ndarray
    """(n,) float64, of a sample of each ramp."""
    first: np.ndarray
    """(n,) float64, its sample [DN]."""
    ends: np.ndarray
    """(ngroups + 1, n) int32, where the weights end of the segment before this group, 0 if none."""
    sums: np.ndarray
    """(4, n) float64 over segments: intervals, combinations, inverse variances, slopes."""
    slopes: np.ndarray
    """(4, n) float32: slope, error, Poisson and read-noise variance, as `Slopes` has them."""
    lone: np.ndarray
    """(n,) float64, sample of the first segment that is a single group [DN], infinity if none."""


@inner_kernel
def room_for_broken(ngroups, width):
    """Return room for the broken ramps of a stretch; what lanes to spare work on is 0 first."""
    flags = np.zeros((ngroups + 1, width), np.uint8)
    flags[ngroups] = DO_NOT_USE
    return Gathered(
        np.zeros(width, np.int32),
        np.zeros((ngroups, width), np.float32),
        flags,
        np.zeros((4, width), np.uint8),
        np.zeros((6, width)),
        np.zeros(width, np.uint32),
        np.zeros(width, np.uint8),
        np.zeros(width, np.int32),
        np.zeros(width),
        np.zeros(width),
        np.zeros((ngroups + 1, width), np.int32),
        np.zeros((4, width)),
        np.zeros((4, width), np.float32),
        np.zeros(width),
    )


@scalar_kernel
def fit_gathered(band, i, y, left, right, model, totals, room, rateints):
    """
    Fit the broken ramps of a stretch in one integration, and add them to the totals.

    `model`: Timing, weights and Rules. Return whether any group is flagged CHARGELOSS. Ramps with a
    NaN among their good samples are left to be fitted by themselves.
    """
    timing, weights, rules = model
    kinds = totals.kind[i]
    count = ZERO
    for x in range(right - left):
        room.columns[count] = x
        count += kinds[x] == BROKEN
    if count == 0:
        return False
    _gather(band, i, y, left, count, rules, room)
    _gather_pixels(band.pixeldq[y, left:], totals.odd[i], count, totals, room)
    lanes = min(count + -count % LANES, kinds.size)  # LLVM is quick where no loop has a remainder
    _find_segments(lanes, room)
    _add_slopes(lanes, weights, room)
    _combine_segments(lanes, timing, rules.keep_large_variances, room)
    charged = _judge(count, rules.flag_all_jump_ramps, room)
    _take_out(lanes, room)
    _add_to_totals(i, count, totals, room)
    _store(i, y, left, count, room, rateints)
    return charged


@scalar_kernel
def _gather(band, i, y, left, count, rules, room):
    """Copy the broken ramps of a stretch, and what their flags are like all along."""
    columns, quality = room.columns, room.quality
    seen, shared, unusable, good = quality[0], quality[1], quality[2], quality[3]
    for n in range(count):
        seen[n], shared[n], unusable[n], good[n] = 0, 0xFF, 1, 0
    for g in range(band.ngroups):
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
def _gather_pixels(pixeldq, odd, count, totals, room):
    """Copy what is known of the pixels of the broken ramps."""
    columns = room.columns
    for m in range(room.pixels.shape[0]):
        source, target = totals.pixels[m], room.pixels[m]
        for n in range(count):
            target[n] = source[columns[n]]
    for n in range(count):
        room.dq[n] = pixeldq[columns[n]]
        room.odd[n] = odd[columns[n]]


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
    by_class, by_length = np.float64(ngroups * (ngroups + 1)), np.float64(ngroups + 1)
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
            found = 0.0
            for limit in SNR_CLASSES:
                found += 1.0 if signal >= limit * limit * variance else 0.0
            end = np.int32(found * by_class + length * by_length - 1.0)
            ends[n] = end if ended else np.int32(0)
            weight = length * length * length - length
            steps = length - 1.0
            whole = ended & (length > 1.0)
            intervals[n] += steps if whole else 0.0
            combinations[n] += weight if whole else 0.0
            both = steps * weight / (flux[n] * weight + scatter[n] * steps)
            inverse[n] += both if whole else 0.0
            single = ended & (length == 1.0) & (lone[n] == np.inf)
            lone[n] = first[n] if single else lone[n]
            early = (flags_before[n] & BREAKS) == JUMP_DET
            begun = good & (not was_good)
            starts[n] = np.int32(g) - np.int32(early) if begun else starts[n]
            level = np.float64(before[n] if early else now[n])
            first[n] = level if begun else first[n]


@scalar_kernel
def _add_slopes(count, weights, room):
    """Sum the samples of all segments by their weights, from the last group to the first."""
    places, slopes, weight = room.starts, room.sums[3], room.weights
    for n in range(count):
        places[n] = 0
        slopes[n] = 0.0
    for g in range(room.samples.shape[0] - 1, -1, -1):
        samples = room.samples[g]
        _move_on(count, room.flags[g], room.flags[g + 1], room.ends[g + 1], places)
        for n in range(count):  # what is looked up is left out of the loops that LLVM vectorises
            weight[n] = weights[np.uintp(places[n])]
        for n in range(count):
            slopes[n] += weight[n] * np.float64(samples[n])


@scalar_kernel
def _move_on(count, flags, flags_after, ends, places):
    """Move each ramp's place among the weights one group towards the start."""
    for n in range(count):
        flag, after = flags[n] & np.uint8(BREAKS), flags_after[n] & np.uint8(BREAKS)
        inside = (flag == 0) | ((after == 0) & (flag == JUMP_DET))
        end, before = ends[n], places[n]
        place = end if end > 0 else max(before, np.int32(1)) - np.int32(1)
        places[n] = place if inside else np.int32(0)


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
        sample, change, length, pairs = lone[n], rises[n], intervals[n], combinations[n]
        several, var_p, var_r = inverse[n], flux[n], scatter[n]
        rise = 6.0 * sample if single else change
        steps = 1.0 if single else length
        weight = 6.0 if single else pairs
        alone = weight / (var_p * weight + var_r)
        both = alone if single else several
        sum_p = steps * over_flux[n]
        sum_r = weight * over_scatter[n]
        sum_s = rise * over_scatter[n] * per_second
        var_p, var_r, variance = 1.0 / sum_p, 1.0 / sum_r, 1.0 / both
        var_p = var_p if (sum_p > 0.0) & (var_p < limit) else 0.0
        var_r = var_r if var_r < limit else 0.0
        error = np.sqrt(variance)
        sci[n] = sum_s * var_r
        err[n] = error if variance <= limit else 0.0
        poisson[n], rnoise[n] = var_p, var_r
        rises[n], intervals[n], combinations[n] = sum_s, sum_p, sum_r


@scalar_kernel
def _judge(count, flag_all_jump_ramps, room):
    """Find the flags of the ramps; return whether any group is flagged CHARGELOSS."""
    seen, shared, unusable = room.quality[0], room.quality[1], room.quality[2]
    good = room.quality[3]
    first, dq, odd, whole = room.flags[0], room.dq, room.odd, np.uint32(INVALID)
    every = np.uint8(0)
    for n in range(count):
        every |= seen[n]
    for n in range(count):
        lost = (unusable[n] != 0) | (odd[n] != 0) | (flag_all_jump_ramps & (good[n] == 0))
        saturated = ((first[n] | shared[n]) & SATURATED) != 0
        state = dq[n] | np.uint32(seen[n] & (JUMP_DET | PERSISTENCE))
        dq[n] = state | (whole if saturated else np.uint32(DO_NOT_USE if lost else 0))
    return (every & CHARGELOSS) != 0


@scalar_kernel
def _take_out(count, room):
    """Take out the slopes, and the sums that are finite, of ramps that are not to be used."""
    sci, err, poisson, rnoise = room.slopes[0], room.slopes[1], room.slopes[2], room.slopes[3]
    sum_p, sum_r, sum_s = room.sums[0], room.sums[1], room.sums[3]
    good, dq, zero = room.quality[3], room.dq, np.float32(0.0)
    for n in range(count):
        invalid = (dq[n] & np.uint32(INVALID)) != 0
        fitted = (good[n] != 0) & ((dq[n] & np.uint32(INVALID)) == 0)
        slope, error, var_p, var_r = sci[n], err[n], poisson[n], rnoise[n]
        other = np.float32(np.nan) if invalid else zero
        sci[n] = slope if fitted else other
        err[n] = error if fitted else zero
        poisson[n] = var_p if fitted else zero
        rnoise[n] = var_r if fitted else zero
    for n in range(count):
        fitted = (good[n] != 0) & ((dq[n] & np.uint32(INVALID)) == 0)
        slopes, poissons, rnoises = sum_s[n], sum_p[n], sum_r[n]
        sum_p[n] = poissons if fitted else 0.0
        sum_r[n] = rnoises if fitted else 0.0
        sum_s[n] = slopes if fitted | (slopes - slopes != 0.0) else 0.0


@scalar_kernel
def _add_to_totals(i, count, totals, room):
    """Add the ramps to the totals; leave those with a NaN to be fitted by themselves."""
    columns, seen, dq = room.columns, room.quality[0], room.dq
    sum_p, sum_r, sum_s = room.sums[0], room.sums[1], room.sums[3]
    slopes, poissons, rnoises = totals.sums[0], totals.sums[1], totals.sums[2]
    for n in range(count):
        k = np.uintp(columns[n])
        if not np.abs(sum_s[n]) < np.inf:
            totals.kind[i, k] = ALONE
            continue
        slopes[k] += sum_s[n]
        poissons[k] += sum_p[n]
        rnoises[k] += sum_r[n]
        totals.dq[k] |= np.uint32(seen[n] & (JUMP_DET | PERSISTENCE))
        totals.lost[k] += (dq[n] & DO_NOT_USE) != 0
        totals.saturated[k] |= (seen[n] & SATURATED) != 0


@scalar_kernel
def _store(i, y, left, count, room, rateints):
    """Store the ramps' slopes, errors, variances and flags."""
    columns, seen, dq = room.columns, room.quality[0], room.dq
    for n in range(count):
        dq[n] |= np.uint32(seen[n] & SATURATED)
    _scatter(room.slopes[0], columns, count, rateints.sci[i, y, left:])
    _scatter(room.slopes[1], columns, count, rateints.err[i, y, left:])
    _scatter(room.slopes[2], columns, count, rateints.var_poisson[i, y, left:])
    _scatter(room.slopes[3], columns, count, rateints.var_rnoise[i, y, left:])
    _scatter(dq, columns, count, rateints.dq[i, y, left:])


@scalar_kernel
def _scatter(values, columns, count, row):
    for n in range(count):
        row[np.uintp(columns[n])] = values[n]
