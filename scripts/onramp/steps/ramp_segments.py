"""One pixel's ramps, whatever their flags: segments, their slopes and variances, and the mean."""

import numpy as np

from onramp.flags import DO_NOT_USE, JUMP_DET, NO_GAIN_VALUE, PERSISTENCE, SATURATED
from onramp.kernels import kernel, median_in_place
from onramp.steps.ramp_sums import (
    combine_integrations,
    combine_segments,
    segment_variances,
    store,
    store_mean,
)

SNR_CLASSES = (5.0, 10.0, 20.0, 50.0, 100.0)
INVALID = DO_NOT_USE | SATURATED
NO_ZEROTH, ZEROTH_GROUP, ZERO_FRAME = range(3)


@kernel
def _snr_class(signal, gain, readnoise):
    """Return the index of the weights for a segment that gained `signal` [DN]."""
    variance = readnoise * readnoise + signal * gain
    if variance <= 0.0 or gain == 0.0:
        return 0
    snr = signal * gain / np.sqrt(variance)
    for n in range(5):
        if snr < SNR_CLASSES[n]:
            return n
    return 5


@kernel
def _pixel_median_rate(ramps, flags, zeroth, timing, values):
    """Return the mean over integrations of the median count rate [DN/s]."""
    nints, ngroups = ramps.shape
    total = 0.0
    for i in range(nints):
        if ngroups == 1 or zeroth[i] == ZEROTH_GROUP:
            rate = ramps[i, 0] / timing.one_group
        elif zeroth[i] == ZERO_FRAME:
            rate = ramps[i, 0] / timing.frame
        else:
            rate = _median_difference(ramps[i], flags[i], timing.group, values)
        if np.isnan(rate) and ngroups > 1:
            rate = 0.0
        total += rate
    return total / nints


@kernel
def _median_difference(ramp, flags, group_time, values):
    count = 0
    for g in range(ramp.size - 1):
        usable = not ((flags[g] | flags[g + 1]) & DO_NOT_USE or flags[g + 1] & JUMP_DET)
        difference = ramp[g + 1] / group_time - ramp[g] / group_time
        if usable and not np.isnan(difference):
            values[count] = difference
            count += 1
    if count == 0 and not flags[0] & DO_NOT_USE:
        return ramp[0] / group_time
    return median_in_place(values, count)


@kernel
def _segments(flags, bounds):
    """
    Find the unbroken stretches of good groups; return how many to fit.

    Fills `bounds` (n, 2) with first and past-the-last group. A stretch starts one group early if
    that group is flagged as a jump and nothing else. Stretches of one group count only if there
    is none longer, and then only the first.
    """
    ngroups = flags.size
    count = 0
    longest = 0
    start = -1
    for g in range(ngroups + 1):
        good = g < ngroups and (flags[g] & ~PERSISTENCE) == 0
        if good and start < 0:
            start = g
            if g > 0 and (flags[g - 1] & ~PERSISTENCE) == JUMP_DET:
                start = g - 1
        elif not good and start >= 0:
            bounds[count, 0], bounds[count, 1] = start, g
            longest = max(longest, g - start)
            count += 1
            start = -1
    if count < 2:
        return count
    if longest < 2:
        return 1
    kept = 0
    for n in range(count):
        if bounds[n, 1] - bounds[n, 0] > 1:
            bounds[kept, 0], bounds[kept, 1] = bounds[n, 0], bounds[n, 1]
            kept += 1
    return kept


@kernel
def _segment_slope(ramp, start, end, gain, readnoise, time, weights):
    """Return the slope of one segment [DN/s]."""
    length = end - start
    if length == 1:
        return ramp[start] / time
    if length == 2:
        return (ramp[start + 1] - ramp[start]) / time
    if not 0.0 < readnoise < np.inf:
        return np.nan
    group = _snr_class(ramp[end - 1] - ramp[start], gain, readnoise)
    slope = 0.0
    for n in range(length):
        if not np.isnan(ramp[start + n]):
            slope += weights[group, length, n] * ramp[start + n]
    return slope / time


@kernel
def load_pixel(data, groupdq, frames, y, x, options, ramps, flags, zeroth):
    """Copy a pixel's ramps, suppress those of one group, note what the first group holds."""
    nints, ngroups = ramps.shape
    _, suppress, has_zeroframe = options
    for i in range(nints):
        clean = 0
        good = 0
        for g in range(ngroups):
            flag = np.int64(groupdq[i, g, y, x])
            flags[i, g] = flag
            ramps[i, g] = np.nan if flag & SATURATED else np.float64(data[i, g, y, x])
            clean += flag == 0
            good += (flag & ~PERSISTENCE) == 0
        zeroth[i] = NO_ZEROTH
        if suppress:
            if good == 1:
                for g in range(ngroups):
                    flags[i, g] |= DO_NOT_USE
        elif clean == 1 and flags[i, 0] == 0:
            zeroth[i] = ZEROTH_GROUP
        elif clean == 0 and has_zeroframe and frames[i, y, x] != 0.0:
            zeroth[i] = ZERO_FRAME


@kernel
def _use_zero_frame(frames, y, x, i, ramps, flags):
    """Put the zero frame in the first group's place."""
    ramps[i, 0] = np.float64(frames[i, y, x])
    flags[i, 0] = 0


@kernel
def _count(flags, bits):
    count = 0
    for g in range(flags.size):
        count += (flags[g] & bits) != 0
    return count


@kernel
def fit_pixel(pixel, work, timing, weights, y, x, rate, rateints):
    """Fit every integration of one pixel, whatever its flags."""
    pixeldq, gain, readnoise, dark_current, frames = pixel
    ramps, flags, zeroth, values, bounds = work
    nints, ngroups = ramps.shape
    if gain <= 0.0 or np.isnan(gain):
        pixeldq |= np.uint32(NO_GAIN_VALUE | DO_NOT_USE)
    dq = pixeldq
    saturated = False
    dead = 0
    full = 0
    totals = np.zeros(3)
    saturations = np.empty(nints, np.int64)
    useless = np.empty(nints, np.int64)
    for i in range(nints):
        saturations[i] = _count(flags[i], SATURATED)
        useless[i] = _count(flags[i], INVALID)
        seen = _count(flags[i], JUMP_DET) > 0, _count(flags[i], PERSISTENCE) > 0
        rateints.dq[i, y, x] = pixeldq
        if seen[0]:
            rateints.dq[i, y, x] |= np.uint32(JUMP_DET)
        if seen[1]:
            rateints.dq[i, y, x] |= np.uint32(PERSISTENCE)
        dq |= rateints.dq[i, y, x]
        if zeroth[i] == ZERO_FRAME:
            _use_zero_frame(frames, y, x, i, ramps, flags)
            useless[i] -= 1
            if saturations[i] == ngroups:
                saturations[i] -= 1
    median = _pixel_median_rate(ramps, flags, zeroth, timing, values)
    median = median if median > 0.0 else 0.0
    for i in range(nints):
        state = rateints.dq[i, y, x]
        nsegments = 0
        if flags[i, 0] & SATURATED:
            state |= np.uint32(INVALID)
        else:
            nsegments = _segments(flags[i], bounds)
        if useless[i] == ngroups:
            state |= np.uint32(DO_NOT_USE)
            if saturations[i] == ngroups:
                state |= np.uint32(SATURATED)
            nsegments = 0
        fitted = 0.0, 0.0, 0.0, 0.0
        if nsegments:
            sums = _fit_segments(
                ramps[i], bounds[:nsegments], zeroth[i],
                (median, dark_current, gain, readnoise), timing, weights,
            )  # fmt: skip
            fitted = combine_segments(sums[0], sums[1], sums[2], sums[3])
            for n in range(3):
                totals[n] += sums[n]
            if state & INVALID:
                fitted = np.nan, 0.0, 0.0, 0.0
        if state & INVALID:
            fitted = np.nan, fitted[1], fitted[2], fitted[3]
        dead += (state & DO_NOT_USE) != 0
        full += (state & SATURATED) != 0
        if saturations[i] > 0:
            state |= np.uint32(SATURATED)
            saturated = True
        rateints.dq[i, y, x] = state
        store(rateints, i, y, x, fitted)
    if dead == nints:
        dq |= np.uint32(DO_NOT_USE)
    if full == nints:
        dq |= np.uint32(SATURATED)
    mean = combine_integrations(totals)
    if dq & INVALID:
        mean = np.nan, 0.0, 0.0, 0.0
    if saturated:
        dq |= np.uint32(SATURATED)
    rate.dq[y, x] = dq
    store_mean(rate, y, x, mean)


@kernel
def _fit_segments(ramp, bounds, zeroth, pixel, timing, weights):
    """Return a ramp's sums over segments: slope/variance and the inverse variances."""
    median, dark_current, gain, readnoise = pixel
    slope_sum = 0.0
    weight_p = 0.0
    weight_r = 0.0
    weight_e = 0.0
    for n in range(bounds.shape[0]):
        start, end = bounds[n, 0], bounds[n, 1]
        time = timing.group
        if end - start == 1 and zeroth == ZEROTH_GROUP:
            time = timing.one_group
        elif end - start == 1 and zeroth == ZERO_FRAME:
            time = timing.frame
        slope = _segment_slope(ramp, start, end, gain, readnoise, time, weights)
        var_p, var_r = segment_variances(median, dark_current, gain, readnoise, end - start, time)
        slope_sum += slope / var_r
        weight_r += 1.0 / var_r
        weight_e += 1.0 / (var_p + var_r)
        if var_p > 0.0:
            weight_p += 1.0 / var_p
    return slope_sum, weight_p, weight_r, weight_e
