"""Variances of slopes, and sums of slopes over segments and integrations."""

import numpy as np

from onramp.kernels import scalar_kernel

LARGE_VARIANCE = 1.0e6  # (DN/s)^2; beyond it the reference gives 0


@scalar_kernel
def segment_variances(rate, dark_current, gain, readnoise, length, time):
    """Return the Poisson and read-noise variance of a segment's slope [(DN/s)^2]."""
    n = np.float64(length)
    intervals = n - 1.0
    combinations = n * n * n - n
    if length == 1:
        intervals = 1.0
        combinations = 6.0
    var_p = (rate + np.float64(dark_current)) / (time * gain * intervals)
    if length > 2 and (gain <= 0.0 or np.isnan(gain)):
        return var_p, np.float64(0.0)
    noise = np.float64(readnoise) / time
    return var_p, 12.0 * noise * noise / (combinations * gain * gain)


@scalar_kernel
def combine_segments(sums, keep):
    """Return a ramp's slope, error and variances; `keep` those too large as well."""
    slope_sum, weight_poisson, weight_rnoise, weight_total = sums
    var_poisson = 1.0 / weight_poisson if weight_poisson > 0.0 else 0.0
    if var_poisson >= LARGE_VARIANCE and not keep:
        var_poisson = 0.0
    var_rnoise = 1.0 / weight_rnoise
    if var_rnoise >= LARGE_VARIANCE and not keep:
        var_rnoise = 0.0
    variance = 1.0 / weight_total
    err = 0.0 if variance > LARGE_VARIANCE and not keep else np.sqrt(variance)
    return slope_sum * var_rnoise, err, var_poisson, var_rnoise


@scalar_kernel
def invert(weight, keep):
    """Return a variance from its inverse; zero if it is too large, unless to `keep`."""
    if not weight > 0.0:
        return weight
    variance = 1.0 / weight
    return 0.0 if variance >= LARGE_VARIANCE and not keep else variance


@scalar_kernel
def store(slopes, i, y, x, values):
    """Store slope, error, Poisson and read-noise variance of one pixel of one integration."""
    slopes.sci[i, y, x] = values[0]
    slopes.err[i, y, x] = values[1]
    slopes.var_poisson[i, y, x] = values[2]
    slopes.var_rnoise[i, y, x] = values[3]
