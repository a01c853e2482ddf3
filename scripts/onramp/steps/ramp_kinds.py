"""Stretches of rows of ramps: how each ramp is to be fitted, and the noise to weigh it with."""

from typing import NamedTuple

import numpy as np

from onramp.column_sort import sort_block
from onramp.flags import DO_NOT_USE, JUMP_DET, PERSISTENCE, SATURATED
from onramp.kernels import inner_kernel, scalar_kernel
from onramp.steps.ramp_pixel import ALONE, BROKEN, CLEAN, ODD, SUPPRESSED, Totals

INVALID = DO_NOT_USE | SATURATED
BREAK = INVALID | JUMP_DET


class Differences(NamedTuple):
    """The differences of the ramps of a stretch of n pixels in one integration."""

    block: np.ndarray
    """(ngroups - 1, n) float64 [DN]: middle ones may all but cancel."""
    counts: np.ndarray
    """(n,) int32, how many are usable."""
    marks: np.ndarray
    """(3, n) uint8: flags that no clean ramp has, whether there is a good group, and two."""


@inner_kernel
def room_for_differences(ngroups, width):
    """Return room for the differences of a stretch."""
    return Differences(
        np.zeros((max(ngroups - 1, 1), width)),
        np.zeros(width, np.int32),
        np.empty((3, width), np.uint8),
    )


@inner_kernel
def room_for_totals(nints, width):
    """Return room for the totals of a stretch."""
    return Totals(
        np.empty((nints, width), np.uint8),
        np.empty(width),
        np.empty((nints, width), np.uint8),
        np.empty((3, width)),
        np.empty(width, np.uint32),
        np.empty(width, np.int64),
        np.empty(width, np.uint8),
        np.empty((6, width)),
        np.empty(width, np.uint8),
    )


@scalar_kernel
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
    totals.median[:] = 0.0
    totals.sums[:] = 0.0
    totals.lost[:] = 0
    totals.saturated[:] = 0


@scalar_kernel
def _find_kinds(band, i, y, left, right, rules, start, differences, totals):
    """
    Tell which ramps of one integration are clean, broken or odd; after `_load_differences`.

    Clean ramps have no flag but DO_NOT_USE in all groups before `start`.
    """
    seen, one, two = differences.marks[0], differences.marks[1], differences.marks[2]
    seen[:], one[:], two[:] = 0, 0, 0
    ngroups = band.ngroups
    looked_at = np.uint8(0xFF ^ PERSISTENCE if rules.suppress_one_group else 0xFF)
    for g in range(ngroups):
        flags = band.groupdq[i, g, y, left:right]
        expected = np.uint8(DO_NOT_USE if g < start else 0)
        for x in range(right - left):
            good = np.uint8((flags[x] & looked_at) == 0)
            two[x] |= one[x] & good
            one[x] |= good
            seen[x] |= flags[x] ^ expected
    kind, odd = totals.kind[i], totals.odd[i]
    pixeldq = band.pixeldq[y, left:right]
    for x in range(right - left):
        few = two[x] == 0
        clean = (
            (seen[x] == 0)
            & (differences.counts[x] == ngroups - 1 - start)
            & ((pixeldq[x] & INVALID) == 0)
        )
        suppressed = rules.suppress_one_group & few & (one[x] != 0)
        strange = (few & (not rules.suppress_one_group)) | (ngroups == 1)
        odd[x] = ODD if strange else SUPPRESSED if suppressed else 0
        kind[x] = ALONE if strange | (totals.sound[x] == 0) else CLEAN if clean else BROKEN


@scalar_kernel
def _set_apart_nan(band, i, y, left, right, totals):
    """Make the ramps of one integration that have a NaN odd ones."""
    for g in range(band.ngroups):
        samples = band.data[i, g, y, left:right]
        for x in range(right - left):
            if np.isnan(samples[x]):
                totals.odd[i, x], totals.kind[i, x] = ODD, ALONE


@scalar_kernel
def _load_differences(band, i, y, left, right, block, counts):
    """
    Fill `block` with the differences of one integration, infinity where one is unusable.

    `counts` tells how many are not. A difference is unusable to a group that is a jump, and where
    either group is DO_NOT_USE, saturated or NaN.
    """
    data, groupdq = band.data, band.groupdq
    counts[:] = 0
    for k in range(band.ngroups - 1):
        now, before = data[i, k + 1, y, left:right], data[i, k, y, left:right]
        flags, flags_before = groupdq[i, k + 1, y, left:right], groupdq[i, k, y, left:right]
        target = block[k]
        for x in range(right - left):
            bad = ((flags[x] & BREAK) | (flags_before[x] & INVALID)) != 0
            diff = np.float64(now[x]) - np.float64(before[x])
            good = (not bad) & (diff == diff)
            target[x] = diff if good else np.inf
            counts[x] += good


@scalar_kernel
def _add_medians(band, i, y, left, right, timing, differences, totals):
    """
    Add the median count rates of one integration, but for odd ramps.

    The first sample stands for the differences of a ramp that has none, if it is usable.
    """
    block, counts, odd = differences.block, differences.counts, totals.odd[i]
    factor = 0.5 / timing.group
    first, flags = band.data[i, 0, y, left:right], band.groupdq[i, 0, y, left:right]
    sort_block(block)
    for x in range(right - left):
        count = np.uintp(counts[x])
        low, high = block[(count - np.uintp(count > 0)) >> 1, x], block[count >> 1, x]
        usable = ((flags[x] & INVALID) == 0) & (first[x] == first[x])
        sample = 2.0 * first[x] if usable else 0.0
        twice = low + high if counts[x] > 0 else sample
        totals.median[x] += factor * twice if odd[x] == 0 else 0.0


@scalar_kernel
def look_at_ramps(band, y, left, right, model, starts, differences, totals):
    """Find out how the ramps of a stretch are to be fitted, and their median count rates."""
    timing, _, rules = model
    _begin(band, y, left, right, totals)
    for i in range(band.data.shape[0]):
        _load_differences(band, i, y, left, right, differences.block, differences.counts)
        _find_kinds(band, i, y, left, right, rules, starts[i], differences, totals)
        if rules.reject_unflagged_nan:
            _set_apart_nan(band, i, y, left, right, totals)
        _add_medians(band, i, y, left, right, timing, differences, totals)


@scalar_kernel
def find_noise(band, y, left, right, timing, totals):
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
