"""Segments of one ramp, whatever its flags: their bounds, slopes and variances, and their sums."""

import numpy as np

from onramp.flags import DO_NOT_USE, JUMP_DET, PERSISTENCE
from onramp.kernels import ONE, ZERO, median_in_place, scalar_kernel
from onramp.steps.ramp_sums import segment_variances

SNR_CLASSES = (5.0, 10.0, 20.0, 50.0, 100.0)
NO_ZEROTH, ZEROTH_GROUP, ZERO_FRAME = range(3)


@scalar_kernel
def snr_class(signal, gain, readnoise):
    """Return the index of the weights for a segment that gained `signal` [DN]."""
    electrons = signal * gain
    variance = readnoise * readnoise + electrons
    if variance <= 0.0 or gain == 0.0 or electrons <= 0.0:
        return 0
    square = electrons * electrons
    for n in range(5):
        if square < SNR_CLASSES[n] * SNR_CLASSES[n] * variance:
            return n
    return 5


@scalar_kernel
def ramp_median(ramp, flags, zeroth, timing, values):
    """Return the median count rate of a ramp [DN/s]; `values` is scratch."""
    if ramp.size == 1 or zeroth == ZEROTH_GROUP:
        rate = ramp[0] / timing.one_group
    elif zeroth == ZERO_FRAME:
        rate = ramp[0] / timing.frame
    else:
        rate = _median_difference(ramp, flags, values) / timing.group
    return 0.0 if np.isnan(rate) and ramp.size > 1 else rate


@scalar_kernel
def _median_difference(ramp, flags, values):
    count = ZERO
    for g in range(ramp.size - 1):
        usable = not ((flags[g] | flags[g + 1]) & DO_NOT_USE or flags[g + 1] & JUMP_DET)
        difference = ramp[g + 1] - ramp[g]
        if usable and not np.isnan(difference):
            values[count] = difference
            count += 1
    if count == 0 and not flags[0] & DO_NOT_USE:
        return ramp[0]
    return median_in_place(values, count)


@scalar_kernel
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


@scalar_kernel
def _change(ramp, start, end, gain, readnoise, weights):
    """Return the change in a group [DN] over the read-noise variance, in units of `weights`."""
    length = end - start
    if length == 2:
        return 6.0 * (ramp[start + 1] - ramp[start])
    if not 0.0 < readnoise < np.inf:
        return np.nan
    group = snr_class(ramp[end - 1] - ramp[start], gain, readnoise)
    first = (group * (ramp.size + 1) + length) * ramp.size
    change = 0.0
    for n in range(length):
        if not np.isnan(ramp[start + n]):
            change += weights[first + n] * ramp[start + n]
    return change


@scalar_kernel
def segment_time(length, zeroth, timing):
    """Return the time between the groups of a segment, or up to its only sample [s]."""
    if length == 1 and zeroth == ZEROTH_GROUP:
        return timing.one_group
    if length == 1 and zeroth == ZERO_FRAME:
        return timing.frame
    return timing.group


@scalar_kernel
def fit_segments(ramp, bounds, nsegments, zeroth, pixel, timing, weights):
    """
    Return a ramp's sums over segments: slope/variance and the inverse variances.

    The variances are those of `segment_variances`, put so that they cost few divisions.
    """
    rate, dark_current, gain, readnoise = pixel
    slope_sum = 0.0
    weight_p = 0.0
    weight_r = 0.0
    weight_e = 0.0
    in_dn = timing.group * gain
    flux = (rate + dark_current) / in_dn
    noise = readnoise / in_dn
    scatter = 12.0 * noise * noise
    over_flux = 1.0 / flux if flux > 0.0 else 0.0
    over_scatter = 1.0 / scatter
    for n in range(nsegments):
        start, end = bounds[n, 0], bounds[n, 1]
        if end - start == 1:
            time = segment_time(ONE, zeroth, timing)
            var_p, var_r = segment_variances(rate, dark_current, gain, readnoise, ONE, time)
            slope_sum += ramp[start] / time / var_r
            weight_r += 1.0 / var_r
            weight_e += 1.0 / (var_p + var_r)
            weight_p += 1.0 / var_p if var_p > 0.0 else 0.0
            continue
        length = np.float64(end - start)
        intervals = length - 1.0
        combinations = length * length * length - length
        inverse_r = combinations * over_scatter
        slope_sum += _change(ramp, start, end, gain, readnoise, weights) * over_scatter
        weight_p += intervals * over_flux
        weight_r += inverse_r
        weight_e += intervals * combinations / (flux * combinations + scatter * intervals)
    if nsegments and bounds[0, 1] - bounds[0, 0] > 1:
        slope_sum /= timing.group
    return slope_sum, weight_p, weight_r, weight_e
