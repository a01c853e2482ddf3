"""
Slopes by optimally weighted least squares over the unbroken segments of each ramp.

Fixsen et al. (2000, PASP 112, 1350), with the reference pipeline's weights by signal-to-noise
class and its variances ("Ramp Fitting, Description: OLS").
"""

from typing import NamedTuple

import numpy as np

from onramp.flags import DO_NOT_USE, JUMP_DET, NO_GAIN_VALUE, PERSISTENCE, SATURATED
from onramp.kernels import kernel, median_in_place, sort_columns, sorting_network

LARGE_VARIANCE = 1.0e6
POWERS = (0.0, 0.4, 1.0, 3.0, 6.0, 10.0)
SNR_CLASSES = (5.0, 10.0, 20.0, 50.0, 100.0)
LARGEST_NETWORK = 128  # differences in an integration; beyond it pixels take the exact path
INVALID = DO_NOT_USE | SATURATED
NO_ZEROTH, ZEROTH_GROUP, ZERO_FRAME = range(3)


class Timing(NamedTuple):
    """Times of one exposure as the fit uses them [s]."""

    group: float
    frame: float
    one_group: float

    @classmethod
    def of(cls, group_time, frame_time, nframes):
        """Round the times to single precision, as the reference does."""
        frame = float(np.float32(frame_time))
        return cls(float(np.float32(group_time)), frame, (nframes + 1.0) * frame / 2.0)


class Noise(NamedTuple):
    """What the weights and variances need of each pixel; all (ny, nx) float32."""

    gain: np.ndarray
    """[e-/DN]"""
    readnoise: np.ndarray
    """Noise of one group [e-]."""
    dark_current: np.ndarray
    """Mean dark current [e-/s]."""


class Slopes(NamedTuple):
    """A band of results; rate (ny, nx), rateints (nints, ny, nx)."""

    sci: np.ndarray
    """float32 [DN/s]"""
    err: np.ndarray
    """float32 [DN/s]"""
    dq: np.ndarray
    """uint32"""
    var_poisson: np.ndarray
    """float32 [(DN/s)^2]"""
    var_rnoise: np.ndarray
    """float32 [(DN/s)^2]"""

    @classmethod
    def empty(cls, *shape):
        """Allocate results of one shape."""
        planes = [np.zeros(shape, np.float32) for _ in range(4)]
        return cls(planes[0], planes[1], np.zeros(shape, np.uint32), planes[2], planes[3])


def group_noise(readnoise, gain, nframes):
    """
    Return the noise of one group [e-] from the correlated double sampling noise [DN].

    Parameters
    ----------
    readnoise, gain : (ny, nx) float32
    nframes : int

    Returns
    -------
    (ny, nx) float32
    """
    return (readnoise * (gain / np.sqrt(2.0 * nframes))).astype(np.float32)


def ignored_groups(firstgroup, lastgroup, ngroups):
    """
    Return which groups `firstgroup` and `lastgroup` exclude from the fit.

    A pair that leaves fewer than two groups is ignored, as in the reference.

    Returns
    -------
    (ngroups,) bool
    """
    first = max(firstgroup or 0, 0)
    last = ngroups - 1 if lastgroup is None else lastgroup
    groups = np.arange(ngroups)
    if first >= last:
        return np.zeros(ngroups, bool)
    return (groups < first) | (groups > last)


def slope_weights(ngroups):
    """
    Return the weights that turn a segment's samples into its slope.

    Parameters
    ----------
    ngroups : int
        Length of the longest segment.

    Returns
    -------
    (6, ngroups + 1, ngroups) float64
        By signal-to-noise class and segment length (3 or more): the slope per group is the sum of
        weight times sample. The power is taken in single precision, as in the reference.
    """
    weights = np.zeros((len(POWERS), ngroups + 1, ngroups))
    for length in range(3, ngroups + 1):
        middle = (length - 1) / 2.0
        x = np.arange(length, dtype=np.float64)
        distance = np.abs((x - middle) * (1.0 / middle)).astype(np.float32)
        for p, power in enumerate(POWERS):
            w = np.power(distance, np.float32(power)).astype(np.float64)
            sumw, sumx, sumxx = w.sum(), (w * x).sum(), (w * x * x).sum()
            weights[p, length, :length] = w * (sumw * x - sumx) / (sumw * sumxx - sumx * sumx)
    return weights


def fit_slopes(data, groupdq, pixeldq, noise, timing, suppress_one_group, weights, zeroframe=None):
    """
    Fit the slopes of a band of rows.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Linearised signal [DN].
    groupdq : (nints, ngroups, ny, nx) uint8
    pixeldq : (ny, nx) uint32
    noise : Noise
    timing : Timing
    suppress_one_group : bool
        Give no slope to ramps with a single good group (never in effect if ngroups is 1).
    weights : (6, ngroups + 1, ngroups) float64
        From `slope_weights`.
    zeroframe : (nints, ny, nx) float32, optional
        First frames [DN], 0 where unusable; used for ramps without a good group.

    Returns
    -------
    rate, rateints : Slopes

    Raises
    ------
    ValueError
        If the shapes differ; the message names both.
    """
    nints, ngroups, ny, nx = data.shape
    if groupdq.shape != data.shape or pixeldq.shape != (ny, nx) or noise.gain.shape != (ny, nx):
        raise ValueError(
            f"data {data.shape}, groupdq {groupdq.shape}, pixeldq {pixeldq.shape} and "
            f"gain {noise.gain.shape} do not belong to one band"
        )
    rate, rateints = Slopes.empty(ny, nx), Slopes.empty(nints, ny, nx)
    suppress = bool(suppress_one_group) and ngroups > 1
    has_zeroframe = zeroframe is not None and not suppress
    frames = zeroframe if has_zeroframe else np.zeros((1, 1, 1), np.float32)
    ndiffs = ngroups - 1
    network = sorting_network(ndiffs if ngroups > 1 and ndiffs <= LARGEST_NETWORK else 0)
    quick = ngroups >= 2 and ndiffs <= LARGEST_NETWORK
    _fit_band(
        data, groupdq, pixeldq, noise, timing, weights, network, (quick, suppress, has_zeroframe),
        frames, rate, rateints,
    )  # fmt: skip
    return rate, rateints


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
def _store(slopes, i, y, x, values):
    """Store slope, error, Poisson and read-noise variance of one pixel of one integration."""
    slopes.sci[i, y, x] = values[0]
    slopes.err[i, y, x] = values[1]
    slopes.var_poisson[i, y, x] = values[2]
    slopes.var_rnoise[i, y, x] = values[3]


@kernel
def _store_mean(slopes, y, x, values):
    slopes.sci[y, x] = values[0]
    slopes.err[y, x] = values[1]
    slopes.var_poisson[y, x] = values[2]
    slopes.var_rnoise[y, x] = values[3]


@kernel
def _invert(weight):
    """Return a variance from its inverse; zero if it is too large to mean anything."""
    if not weight > 0.0:
        return weight
    variance = 1.0 / weight
    return 0.0 if variance >= LARGE_VARIANCE else variance


@kernel
def _combine(total):
    """Return the mean slope, its error and variances from sums of inverse variances."""
    var_poisson = _invert(total[1])
    if var_poisson < 0.0:
        var_poisson = 0.0
    var_rnoise = _invert(total[2])
    slope = total[0] * var_rnoise
    return slope, np.sqrt(var_poisson + var_rnoise), var_poisson, var_rnoise


@kernel
def _integration(slope_sum, weight_poisson, weight_rnoise, weight_total):
    """Return one integration's slope, error and variances from its segments' sums."""
    var_poisson = 1.0 / weight_poisson if weight_poisson > 0.0 else 0.0
    if var_poisson >= LARGE_VARIANCE:
        var_poisson = 0.0
    var_rnoise = 1.0 / weight_rnoise
    if var_rnoise >= LARGE_VARIANCE:
        var_rnoise = 0.0
    variance = 1.0 / weight_total
    err = 0.0 if variance > LARGE_VARIANCE else np.sqrt(variance)
    return slope_sum * var_rnoise, err, var_poisson, var_rnoise


@kernel
def _fit_good_row(data, y, noise, timing, weights, network, work, good, total, rateints):
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
            var_p, var_r = _segment_variances(
                rate, noise.dark_current[y, x], gain, noise.readnoise[y, x], ngroups, timing.group
            )
            weight_p = 1.0 / var_p if var_p > 0.0 else 0.0
            sums = slope[x] / var_r, weight_p, 1.0 / var_r
            fitted = _integration(sums[0], sums[1], sums[2], 1.0 / (var_p + var_r))
            _store(rateints, i, y, x, fitted)
            for n in range(3):
                total[n, x] += sums[n]


@kernel
def _segment_variances(rate, dark_current, gain, readnoise, length, time):
    """Return the Poisson and read-noise variance of a segment's slope [(DN/s)^2]."""
    n = np.float64(length)
    intervals = n - 1.0
    combinations = n * n * n - n
    if length == 1:
        intervals = 1.0
        combinations = 6.0
    var_p = (rate + np.float64(dark_current)) / (time * gain * intervals)
    if length > 2 and (gain <= 0.0 or np.isnan(gain)):
        return var_p, 0.0
    noise = np.float64(readnoise) / time
    return var_p, 12.0 * noise * noise / (combinations * gain * gain)


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
            bounds[kept] = bounds[n]
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
def _load_pixel(data, groupdq, frames, y, x, options, ramps, flags, zeroth):
    """Copy a pixel's ramps, one-group suppression and zero frames applied; note what group 0 holds."""
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
def _fit_pixel(pixel, work, timing, weights, y, x, rate, rateints):
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
            fitted = _integration(sums[0], sums[1], sums[2], sums[3])
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
        _store(rateints, i, y, x, fitted)
    if dead == nints:
        dq |= np.uint32(DO_NOT_USE)
    if full == nints:
        dq |= np.uint32(SATURATED)
    mean = _combine(totals)
    if dq & INVALID:
        mean = np.nan, 0.0, 0.0, 0.0
    if saturated:
        dq |= np.uint32(SATURATED)
    rate.dq[y, x] = dq
    _store_mean(rate, y, x, mean)


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
        var_p, var_r = _segment_variances(median, dark_current, gain, readnoise, end - start, time)
        slope_sum += slope / var_r
        weight_r += 1.0 / var_r
        weight_e += 1.0 / (var_p + var_r)
        if var_p > 0.0:
            weight_p += 1.0 / var_p
    return slope_sum, weight_p, weight_r, weight_e


@kernel
def _fit_band(
    data, groupdq, pixeldq, noise, timing, weights, network, options, frames, rate, rateints
):
    nints, ngroups, ny, nx = data.shape
    quick = options[0]
    good = np.zeros(nx, np.bool_)
    total = np.empty((3, nx))
    row_work = (
        np.empty((max(ngroups - 1, 1), nx)),
        np.empty(nx),
        np.empty(nx),
        np.empty(nx, np.int64),
    )
    ramps = np.empty((nints, ngroups))
    flags = np.empty((nints, ngroups), np.int64)
    zeroth = np.empty(nints, np.int64)
    work = ramps, flags, zeroth, np.empty(ngroups), np.empty((ngroups, 2), np.int64)
    for y in range(ny):
        if quick:
            _good_row(data, groupdq, pixeldq, noise, y, good)
            _fit_good_row(
                data, y, noise, timing, weights, network, row_work, good, total, rateints
            )
        for x in range(nx):
            if good[x]:
                rate.dq[y, x] = pixeldq[y, x]
                rateints.dq[:, y, x] = pixeldq[y, x]
                _store_mean(rate, y, x, _combine(total[:, x]))
                continue
            _load_pixel(data, groupdq, frames, y, x, options, ramps, flags, zeroth)
            pixel = (
                pixeldq[y, x],
                np.float64(noise.gain[y, x]),
                np.float64(noise.readnoise[y, x]),
                np.float64(noise.dark_current[y, x]),
                frames,
            )
            _fit_pixel(pixel, work, timing, weights, y, x, rate, rateints)
