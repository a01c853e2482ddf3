"""Rows of ramps: unbroken ones all columns at once, the others pixel by pixel."""

import numpy as np

from onramp.flags import DO_NOT_USE, SATURATED
from onramp.kernels import kernel, sort_columns
from onramp.steps.ramp_pixel import Band, fit_pixels, pixel_work
from onramp.steps.ramp_sums import (
    combine_integrations,
    combine_segments,
    segment_variances,
    store,
    store_mean,
)

INVALID = DO_NOT_USE | SATURATED


@kernel
def _good_row(data, groupdq, pixeldq, noise, y, good):
    """Mark the pixels of a row that have no flag and nothing odd about them."""
    for x in range(good.size):
        gain, readnoise = noise.gain[y, x], noise.readnoise[y, x]
        good[x] = (
            (pixeldq[y, x] & INVALID) == 0
            and 0.0 < gain < np.inf
            and 0.0 < readnoise < np.inf
            and np.isfinite(noise.dark_current[y, x])
        )
    for i in range(data.shape[0]):
        for g in range(data.shape[1]):
            samples, flags = data[i, g, y], groupdq[i, g, y]
            for x in range(good.size):
                good[x] &= (flags[x] == 0) & (samples[x] == samples[x])


@kernel
def _add_median_row(data, i, y, network, block, timing, median):
    """Add the median count rate [DN/s] of one integration to each pixel of a row."""
    ndiffs = block.shape[0]
    for k in range(ndiffs):
        now, before = data[i, k + 1, y], data[i, k, y]
        target = block[k]
        for x in range(median.size):
            target[x] = np.float64(now[x]) - np.float64(before[x])
    sort_columns(block, network)
    upper = block[ndiffs // 2]
    lower = block[ndiffs // 2 - 1 + ndiffs % 2]
    for x in range(median.size):
        median[x] += 0.5 * (lower[x] + upper[x]) / timing.group


@kernel
def _slope_row(data, i, y, noise, timing, weights, classes, slope):
    """Fit the unbroken ramps of a row as one segment each: slope [DN/s]."""
    ngroups = data.shape[1]
    first, last = data[i, 0, y], data[i, ngroups - 1, y]
    if ngroups == 2:
        for x in range(slope.size):
            slope[x] = (np.float64(last[x]) - np.float64(first[x])) / timing.group
        return
    for x in range(slope.size):
        signal = np.float64(last[x]) - np.float64(first[x])
        gain = np.float64(noise.gain[y, x])
        readnoise = np.float64(noise.readnoise[y, x])
        variance = readnoise * readnoise + signal * gain
        snr = signal * gain / np.sqrt(max(variance, 1e-300))
        classes[x] = (
            np.int64(snr >= 5.0) + np.int64(snr >= 10.0) + np.int64(snr >= 20.0)
            + np.int64(snr >= 50.0) + np.int64(snr >= 100.0)
        )  # fmt: skip
        slope[x] = 0.0
    for g in range(ngroups):
        samples = data[i, g, y]
        for x in range(slope.size):
            slope[x] += weights[classes[x], ngroups, g] * np.float64(samples[x])
    for x in range(slope.size):
        slope[x] /= timing.group


@kernel
def _fit_good_row(data, y, noise, timing, weights, network, work, good, total, rateints, keep):
    """Fit the unbroken ramps of a row; `total` gathers the sums over integrations (3, nx)."""
    nints, ngroups, _, nx = data.shape
    block, median, slope, classes = work
    median[:] = 0.0
    total[:] = 0.0
    for i in range(nints):
        _add_median_row(data, i, y, network, block, timing, median)
    for i in range(nints):
        _slope_row(data, i, y, noise, timing, weights, classes, slope)
        for x in range(nx):
            if not good[x]:
                continue
            gain = np.float64(noise.gain[y, x])
            rate = max(median[x] / nints, 0.0)
            var_p, var_r = segment_variances(
                rate, noise.dark_current[y, x], gain, noise.readnoise[y, x], ngroups, timing.group
            )
            weight_p = 1.0 / var_p if var_p > 0.0 else 0.0
            sums = slope[x] / var_r, weight_p, 1.0 / var_r
            fitted = combine_segments(sums[0], sums[1], sums[2], 1.0 / (var_p + var_r), keep)
            store(rateints, i, y, x, fitted)
            for n in range(3):
                total[n, x] += sums[n]


@kernel
def fit_band(
    data, groupdq, pixeldq, noise, timing, weights, network, options, frames, rate, rateints
):
    """Fit a band; `options`: rows at a time, and the Rules; `frames` is empty without ZEROFRAME."""
    nints, ngroups, ny, nx = data.shape
    quick, rules = options
    keep = rules.keep_large_variances
    good = np.zeros(nx, np.bool_)
    total = np.empty((3, nx))
    row_work = (
        np.empty((max(ngroups - 1, 1), nx)),
        np.empty(nx),
        np.empty(nx),
        np.empty(nx, np.int64),
    )
    band = Band(data, groupdq, pixeldq, noise, frames)
    work = pixel_work(nints, ngroups)
    for y in range(ny):
        if quick:
            _good_row(data, groupdq, pixeldq, noise, y, good)
            _fit_good_row(
                data, y, noise, timing, weights, network, row_work, good, total, rateints, keep
            )
        for x in range(nx):
            if good[x]:
                rate.dq[y, x] = pixeldq[y, x]
                rateints.dq[:, y, x] = pixeldq[y, x]
                sums = total[0, x], total[1, x], total[2, x]
                store_mean(rate, y, x, combine_integrations(sums, keep))
        fit_pixels(band, y, good, (timing, weights, rules), work, rate, rateints)
