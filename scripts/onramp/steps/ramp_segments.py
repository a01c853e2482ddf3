"""Segments of one ramp, whatever its flags: their bounds, slopes and variances, and their sums."""

import numpy as np

from onramp.flags import DO_NOT_USE, JUMP_DET, PERSISTENCE
from onramp.kernels import kernel, median_in_place
from onramp.steps.ramp_sums import segment_variances

SNR_CLASSES = (5.0, 10.0, 20.0, 50.0, 100.0)
NO_ZEROTH, ZEROTH_GROUP, ZERO_FRAME = range(3)


@kernel
def snr_class(signal, gain, readnoise):
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
def median_rate(ramps, flags, counts, timing, values):
    """Return the mean over integrations of the median count rate [DN/s]."""
    nints, ngroups = ramps.shape
    total = 0.0
    for i in range(nints):
        if ngroups == 1 or counts[i, 3] == ZEROTH_GROUP:
            rate = ramps[i, 0] / timing.one_group
        elif counts[i, 3] == ZERO_FRAME:
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
def find_segments(flags, bounds):
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
    group = snr_class(ramp[end - 1] - ramp[start], gain, readnoise)
    slope = 0.0
    for n in range(length):
        if not np.isnan(ramp[start + n]):
            slope += weights[group, length, n] * ramp[start + n]
    return slope / time


@kernel
def segment_time(length, zeroth, timing):
    """Return the time between the groups of a segment, or up to its only sample [s]."""
    if length == 1 and zeroth == ZEROTH_GROUP:
        return timing.one_group
    if length == 1 and zeroth == ZERO_FRAME:
        return timing.frame
    return timing.group


@kernel
def fit_segments(ramp, bounds, zeroth, pixel, timing, weights):
    """Return a ramp's sums over segments: slope/variance and the inverse variances."""
    median, dark_current, gain, readnoise = pixel
    slope_sum = 0.0
    weight_p = 0.0
    weight_r = 0.0
    weight_e = 0.0
    for n in range(bounds.shape[0]):
        start, end = bounds[n, 0], bounds[n, 1]
        time = segment_time(end - start, zeroth, timing)
        slope = _segment_slope(ramp, start, end, gain, readnoise, time, weights)
        var_p, var_r = segment_variances(median, dark_current, gain, readnoise, end - start, time)
        slope_sum += slope / var_r
        weight_r += 1.0 / var_r
        weight_e += 1.0 / (var_p + var_r)
        if var_p > 0.0:
            weight_p += 1.0 / var_p
    return slope_sum, weight_p, weight_r, weight_e
