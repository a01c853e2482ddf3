"""Two-point differences of ramps, and the jumps among them: in a single pass or by iteration."""

import numpy as np

from onramp.flags import DO_NOT_USE, JUMP_DET, SATURATED
from onramp.kernels import kernel, median_in_place, middle_ranks, sort_columns

NEAR_THRESHOLD = np.float32(1e-4)  # fraction by which the quick test stays below the threshold
BAD = DO_NOT_USE | SATURATED


@kernel
def difference(data, groupdq, gain, integration, group, y, x):
    """Return the difference of a group to the one before [e-], NaN where either is bad."""
    if (groupdq[integration, group, y, x] | groupdq[integration, group - 1, y, x]) & BAD:
        return np.float32(np.nan)
    return (
        data[integration, group, y, x] * gain[y, x]
        - data[integration, group - 1, y, x] * gain[y, x]
    )


@kernel
def gather(data, groupdq, gain, y, x, diffs):
    """Fill `diffs` with a pixel's differences in order of time; return how many are finite."""
    nints, ngroups = data.shape[:2]
    n = 0
    usable = 0
    for i in range(nints):
        for g in range(1, ngroups):
            diffs[n] = difference(data, groupdq, gain, i, g, y, x)
            if not np.isnan(diffs[n]):
                usable += 1
            n += 1
    return usable


@kernel
def signed_median(diffs, values):
    """Return the median of the finite differences; `values` is scratch of the same length."""
    count = 0
    for n in range(diffs.size):
        if not np.isnan(diffs[n]):
            values[count] = diffs[n]
            count += 1
    return median_in_place(values, count)


@kernel
def expected_noise(median, variance, nframes):
    """Return the noise expected of a difference [e-], NaN if it is zero."""
    sigma = np.sqrt(np.abs(median) + variance / np.float64(nframes))
    return sigma if sigma != 0.0 else np.nan


@kernel
def _median_without_largest(sizes, values):
    """Return the median of the finite sizes, the largest (and its ties) left out if four are."""
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
        sigma = expected_noise(median, variance, nframes)
        worst = np.float32(-1.0)
        for n in range(diffs.size):
            deviation = np.abs(np.float32(diffs[n] - median))
            if deviation > worst:
                worst = deviation
        if not worst / sigma > _threshold(usable, thresholds):
            return
        for n in range(diffs.size):
            if np.abs(np.float32(diffs[n] - median)) == worst:
                groupdq[n // steps, n % steps + 1, y, x] |= JUMP_DET
                diffs[n] = np.nan
                usable -= 1
        first = False


@kernel
def _single_pass_pixel(groupdq, y, x, diffs, values, variance, nframes, rejection):
    """Flag every difference that deviates from the median by more than the threshold."""
    steps = groupdq.shape[1] - 1
    median = signed_median(diffs, values)
    sigma = expected_noise(median, variance, nframes)
    for n in range(diffs.size):
        if np.abs(diffs[n] - median) / sigma > rejection:
            groupdq[n // steps, n % steps + 1, y, x] |= JUMP_DET


@kernel
def _load_row(data, groupdq, gain, y, iterative, block, doubtful):
    """Put a row's differences (or their sizes) into `block`; mark pixels with bad samples."""
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


def screened_ranks(ndiffs, iterative):
    """Return the positions in a sorted row of differences that the quick test looks at."""
    kept = ndiffs - 1 if iterative and ndiffs != 3 else ndiffs
    ranks = {0, ndiffs - 1, max(ndiffs - 2, 0), *middle_ranks(kept)}
    return tuple(sorted(rank for rank in ranks if rank < ndiffs))


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
def detect_band(data, groupdq, gain, variance, network, iterative, nframes, thresholds):
    """Flag the jumps of a band: rows at a time where nothing can be one, else pixel by pixel."""
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
            usable = gather(data, groupdq, gain, y, x, diffs)
            if iterative:
                _iterate_pixel(
                    groupdq, y, x, diffs, values, usable, variance[y, x], nframes, thresholds
                )
            else:
                _single_pass_pixel(
                    groupdq, y, x, diffs, values, variance[y, x], nframes, thresholds.rejection
                )
