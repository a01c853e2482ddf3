"""
Cosmic-ray jumps by the two-point difference method (Anderson & Gordon 2011, PASP 123, 1237).

The branch is chosen once per exposure: sigma clipping across integrations, a single pass, or the
iteration that takes out the largest outlier until none is left.
"""

from typing import NamedTuple

import numpy as np

from onramp.flags import DO_NOT_USE, JUMP_DET, SATURATED
from onramp.kernels import kernel, median_in_place, sort_columns, sorting_network

ITERATIVE, SINGLE_PASS, SIGMA_CLIP, TOO_FEW_GROUPS = range(4)
NEAR_THRESHOLD = np.float32(1e-4)  # fraction by which the quick test stays below the threshold
LARGEST_NETWORK = 128  # differences; beyond it every pixel takes the exact path
MINIMUM_GROUPS = 3
CLIP_PASSES = 5
BAD = DO_NOT_USE | SATURATED


class Thresholds(NamedTuple):
    """What the detection compares with; lengths in groups, sizes in electrons."""

    rejection: float
    three_groups: float
    four_groups: float
    neighbours_above: float
    neighbours_below: float
    after_electrons1: float
    after_groups1: int
    after_electrons2: float
    after_groups2: int


class Detection(NamedTuple):
    """How jumps are sought in one exposure."""

    branch: int
    thresholds: Thresholds
    flag_neighbours: bool
    across_integrations: bool
    nframes: int

    @property
    def halo(self) -> int:
        """Rows beyond a band that its flags depend on."""
        return 1 if self.flag_neighbours else 0


def plan(parameters, unusable, nframes, group_time, median_gain) -> Detection:
    """
    Choose the branch and put the thresholds in the units of the kernels.

    Parameters
    ----------
    parameters : onramp.parameters.Jump
    unusable : (nints, ngroups) bool
        Groups in which every pixel of the frame is DO_NOT_USE.
    nframes : int
        Frames averaged into a group.
    group_time : float
        Time between groups [s].
    median_gain : float
        Median of the finite gains over the frame [e-/DN].
    """
    nints, ngroups = unusable.shape
    per_integration = unusable.sum(axis=1)
    usable_groups = ngroups - int(per_integration.max())
    total_groups = nints * ngroups - int(per_integration.sum())
    clip_count = nints if parameters.only_use_ints else total_groups
    if clip_count >= parameters.minimum_sigclip_groups:
        branch = SIGMA_CLIP
    elif usable_groups < MINIMUM_GROUPS:
        branch = TOO_FEW_GROUPS
    elif usable_groups - 1 >= parameters.min_diffs_single_pass:
        branch = SINGLE_PASS
    else:
        branch = ITERATIVE
    thresholds = Thresholds(
        parameters.rejection_threshold,
        parameters.three_group_rejection_threshold,
        parameters.four_group_rejection_threshold,
        parameters.min_jump_to_flag_neighbors,
        parameters.max_jump_to_flag_neighbors,
        float(np.float32(median_gain) * np.float32(parameters.after_jump_flag_dn1)),
        int(parameters.after_jump_flag_time1 // group_time),
        float(np.float32(median_gain) * np.float32(parameters.after_jump_flag_dn2)),
        int(parameters.after_jump_flag_time2 // group_time),
    )
    return Detection(
        branch, thresholds, parameters.flag_4_neighbors, parameters.only_use_ints, nframes
    )


def detect_jumps(data, groupdq, gain, readnoise, detection, inner, spared_planes=()):
    """
    Flag jumps in a band of rows.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Linearised signal [DN].
    groupdq : (nints, ngroups, ny, nx) uint8
        Data quality; JUMP_DET is set and cleared in place.
    gain : (ny, nx) float32
        [e-/DN]
    readnoise : (ny, nx) float32
        Correlated double sampling noise [DN].
    detection : Detection
    inner : slice
        The rows that belong to the band; the others are its halo.
    spared_planes : iterable of (int, int)
        Integration and group of the planes in which clipping has flagged every pixel of the
        frame: there it says nothing, and pure jumps are unflagged.

    Returns
    -------
    jumps : int
        In the band's own rows, before neighbours are flagged.
    touched : (nints, ngroups) int
        Pixels of the band's own rows that clipping found to be jumps or not to be used; 0 in the
        other branches.

    Raises
    ------
    ValueError
        If the shapes differ; the message names both.
    """
    if data.shape != groupdq.shape or data.shape[2:] != gain.shape or gain.shape != readnoise.shape:
        raise ValueError(
            f"data {data.shape}, groupdq {groupdq.shape}, gain {gain.shape} and "
            f"readnoise {readnoise.shape} do not belong to one band"
        )
    variance = (readnoise * gain) ** 2
    thresholds = detection.thresholds
    if detection.branch == SIGMA_CLIP:
        _clip_band(data, groupdq, gain, thresholds.rejection, detection.across_integrations)
    elif detection.branch != TOO_FEW_GROUPS:
        ndiffs = data.shape[0] * (data.shape[1] - 1)
        network = sorting_network(ndiffs if ndiffs <= LARGEST_NETWORK else 0)
        iterative = detection.branch == ITERATIVE
        _detect_band(
            data, groupdq, gain, variance, network, iterative, detection.nframes, thresholds
        )
    touched = np.zeros(data.shape[:2], np.int64)
    if detection.branch == SIGMA_CLIP:
        touched += np.count_nonzero(groupdq[:, :, inner] & (JUMP_DET | DO_NOT_USE), axis=(2, 3))
        for integration, group in spared_planes:
            plane = groupdq[integration, group]
            plane[plane == JUMP_DET] = 0
    count = int(np.count_nonzero(groupdq[:, :, inner] & JUMP_DET))
    if detection.branch != TOO_FEW_GROUPS:
        if detection.flag_neighbours:
            _flag_neighbours(data, groupdq, gain, variance, detection.nframes, thresholds)
        if thresholds.after_groups1 > 0 or thresholds.after_groups2 > 0:
            _flag_after_jumps(data, groupdq, gain, thresholds)
    _clear_bad(groupdq)
    return count, touched


@kernel
def _difference(data, groupdq, gain, integration, group, y, x):
    """Return the difference of a group to the one before [e-], NaN where either is bad."""
    if (groupdq[integration, group, y, x] | groupdq[integration, group - 1, y, x]) & BAD:
        return np.float32(np.nan)
    return (
        data[integration, group, y, x] * gain[y, x] - data[integration, group - 1, y, x] * gain[y, x]
    )


@kernel
def _gather(data, groupdq, gain, y, x, diffs):
    """Fill `diffs` with a pixel's differences, integration by integration; return how many are finite."""
    nints, ngroups = data.shape[:2]
    n = 0
    usable = 0
    for i in range(nints):
        for g in range(1, ngroups):
            diffs[n] = _difference(data, groupdq, gain, i, g, y, x)
            if not np.isnan(diffs[n]):
                usable += 1
            n += 1
    return usable


@kernel
def _signed_median(diffs, values):
    """Return the median of the finite differences; `values` is scratch of the same length."""
    count = 0
    for n in range(diffs.size):
        if not np.isnan(diffs[n]):
            values[count] = diffs[n]
            count += 1
    return median_in_place(values, count)


@kernel
def _sigma(median, variance, nframes):
    """Return the noise expected of a difference [e-], NaN if it is zero."""
    sigma = np.sqrt(np.abs(median) + variance / np.float64(nframes))
    return sigma if sigma != 0.0 else np.nan


@kernel
def _median_without_largest(sizes, values):
    """Return the median of the finite sizes, the largest (with its ties) left out if there are four."""
    count = 0
    largest = np.float32(-1.0)
    for n in range(sizes.size):
        if not np.isnan(sizes[n]):
            values[count] = sizes[n]
            count += 1
            largest = max(largest, sizes[n])
    if count < 2:
        return np.nan
    if count == 2:
        return np.float64(min(values[0], values[1]))
    if count >= 4:
        kept = 0
        for n in range(count):
            if values[n] != largest:
                values[kept] = values[n]
                kept += 1
        count = kept
    return median_in_place(values, count)


@kernel
def _threshold(usable, thresholds):
    if usable >= 4:
        return thresholds.rejection
    if usable == 3:
        return thresholds.four_groups
    if usable == 2:
        return thresholds.three_groups
    return np.inf


@kernel
def _iterate_pixel(groupdq, y, x, diffs, values, usable, variance, nframes, thresholds):
    """Flag the largest deviation, leave it out, and repeat until none exceeds the threshold."""
    steps = groupdq.shape[1] - 1
    for n in range(diffs.size):
        diffs[n] = np.abs(diffs[n])
    first = True
    while usable >= 2:
        median = _median_without_largest(diffs, values)
        if not first:
            median = np.float64(np.float32(median))
        sigma = _sigma(median, variance, nframes)
        worst = -1.0
        for n in range(diffs.size):
            ratio = np.abs(np.float32(diffs[n] - median)) / sigma
            if ratio > worst:
                worst = ratio
        if not worst > _threshold(usable, thresholds):
            return
        for n in range(diffs.size):
            if np.abs(np.float32(diffs[n] - median)) / sigma == worst:
                groupdq[n // steps, n % steps + 1, y, x] |= JUMP_DET
                diffs[n] = np.nan
                usable -= 1
        first = False


@kernel
def _single_pass_pixel(groupdq, y, x, diffs, values, variance, nframes, rejection):
    """Flag every difference that deviates from the median by more than the threshold."""
    steps = groupdq.shape[1] - 1
    median = _signed_median(diffs, values)
    sigma = _sigma(median, variance, nframes)
    for n in range(diffs.size):
        if np.abs(diffs[n] - median) / sigma > rejection:
            groupdq[n // steps, n % steps + 1, y, x] |= JUMP_DET


@kernel
def _load_row(data, groupdq, gain, y, iterative, block, doubtful):
    """Put a row's differences (their sizes if iterative) into `block`; mark pixels with bad samples."""
    nints, ngroups = data.shape[:2]
    doubtful[:] = False
    n = 0
    for i in range(nints):
        for g in range(1, ngroups):
            now, before = data[i, g, y], data[i, g - 1, y]
            flags, flags_before = groupdq[i, g, y], groupdq[i, g - 1, y]
            target = block[n]
            for x in range(now.size):
                diff = now[x] * gain[y, x] - before[x] * gain[y, x]
                bad = ((flags[x] | flags_before[x]) & BAD) != 0
                doubtful[x] |= bad | (diff != diff)
                target[x] = np.abs(diff) if iterative else diff
            n += 1


@kernel
def _screen_row(block, variance, iterative, nframes, rejection, doubtful):
    """Mark the pixels of a sorted row that might hold a jump: the others certainly do not."""
    last = block.shape[0] - 1
    kept = last if iterative and last != 2 else last + 1
    upper = block[kept // 2]
    lower = block[kept // 2 - 1 + kept % 2]
    limit = np.float32(rejection * rejection) * (np.float32(1.0) - NEAR_THRESHOLD)
    frames = np.float32(nframes)
    for x in range(doubtful.size):
        median = np.float32(0.5) * (lower[x] + upper[x])
        deviation = max(block[last, x] - median, median - block[0, x])
        noise = np.abs(median) + variance[x] / frames
        clean = deviation * deviation < limit * noise
        tied = iterative & (block[last, x] == block[last - 1, x])
        doubtful[x] |= tied | (not clean)


@kernel
def _detect_band(data, groupdq, gain, variance, network, iterative, nframes, thresholds):
    nints, ngroups, ny, nx = data.shape
    ndiffs = nints * (ngroups - 1)
    quick = network.shape[0] > 0
    block = np.empty((ndiffs if quick else 0, nx), np.float32)
    doubtful = np.ones(nx, np.bool_)
    diffs = np.empty(ndiffs, np.float32)
    values = np.empty(ndiffs, np.float32)
    lowest = thresholds.rejection
    if iterative and ndiffs < 4:
        lowest = thresholds.four_groups if ndiffs == 3 else thresholds.three_groups
    for y in range(ny):
        if quick:
            _load_row(data, groupdq, gain, y, iterative, block, doubtful)
            sort_columns(block, network)
            _screen_row(block, variance[y], iterative, nframes, lowest, doubtful)
        for x in range(nx):
            if not doubtful[x]:
                continue
            usable = _gather(data, groupdq, gain, y, x, diffs)
            if iterative:
                _iterate_pixel(
                    groupdq, y, x, diffs, values, usable, variance[y, x], nframes, thresholds
                )
            else:
                _single_pass_pixel(
                    groupdq, y, x, diffs, values, variance[y, x], nframes, thresholds.rejection
                )


@kernel
def _clip_bounds(values, count, threshold):
    """Return the bounds of the clipped median and standard deviation; `values` is used up."""
    lower = np.nan
    upper = np.nan
    for _ in range(CLIP_PASSES):
        if count == 0:
            return np.nan, np.nan
        mean = 0.0
        for n in range(count):
            mean += values[n]
        mean /= count
        spread = 0.0
        for n in range(count):
            spread += (values[n] - mean) ** 2
        spread = np.sqrt(spread / count)
        centre = median_in_place(values, count)
        lower = centre - threshold * spread
        upper = centre + threshold * spread
        kept = 0
        for n in range(count):
            if lower <= values[n] <= upper:
                values[kept] = values[n]
                kept += 1
        if kept == count:
            break
        count = kept
    return lower, upper


@kernel
def _clip_band(data, groupdq, gain, threshold, across_integrations):
    nints, ngroups, ny, nx = data.shape
    steps = ngroups - 1
    diffs = np.empty(nints * steps, np.float32)
    values = np.empty(nints * steps, np.float64)
    for y in range(ny):
        for x in range(nx):
            _gather(data, groupdq, gain, y, x, diffs)
            for first in range(steps if across_integrations else 1):
                stride = steps if across_integrations else 1
                count = 0
                for n in range(first, diffs.size, stride):
                    if np.isfinite(diffs[n]):
                        values[count] = diffs[n]
                        count += 1
                lower, upper = _clip_bounds(values, count, threshold)
                for n in range(first, diffs.size, stride):
                    if diffs[n] < lower or diffs[n] > upper:
                        groupdq[n // steps, n % steps + 1, y, x] |= JUMP_DET


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
            _gather(data, groupdq, gain, y, x, diffs)
            median = _signed_median(diffs, values)
            sigma = _sigma(median, variance[y, x], nframes)
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
def _flag_neighbours(data, groupdq, gain, variance, nframes, thresholds):
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
def _flag_after_jumps(data, groupdq, gain, thresholds):
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
            _gather(data, groupdq, gain, y, x, diffs)
            median = _signed_median(diffs, values)
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
def _clear_bad(groupdq):
    """Clear JUMP_DET from samples that are saturated or not to be used."""
    flags = groupdq.reshape(-1)
    for n in range(flags.size):
        if flags[n] & BAD:
            flags[n] &= np.uint8(0xFF ^ JUMP_DET)
