"""The ramp fit written down as it is defined, a pixel at a time; bands to try it on."""

from typing import NamedTuple

import numpy as np
from onramp.flags import CHARGELOSS, DO_NOT_USE, JUMP_DET, NO_GAIN_VALUE, PERSISTENCE, SATURATED
from onramp.steps.ramp_fit import Noise, group_noise

INVALID = DO_NOT_USE | SATURATED
GROUP_TIME = 10.73677
LARGE = 1e6
CLASSES = ((5, 0.0), (10, 0.4), (20, 1.0), (50, 3.0), (100, 6.0), (np.inf, 10.0))


class Pixel(NamedTuple):
    """One pixel: ramps and flags (nints, ngroups), first frames (nints,) or None."""

    ramps: np.ndarray
    flags: np.ndarray
    dq: int
    gain: float
    readnoise: float
    dark: float
    frames: np.ndarray | None


def is_good(flags):
    return (flags & ~PERSISTENCE) == 0


def naive_segments(flags):
    """Stretches of good groups, each begun a group early after a pure jump."""
    found = []
    g = 0
    while g < flags.size:
        if not is_good(flags[g]):
            g += 1
            continue
        first = g
        while g < flags.size and is_good(flags[g]):
            g += 1
        if first > 0 and (flags[first - 1] & ~PERSISTENCE) == JUMP_DET:
            first -= 1
        found.append((first, g))
    longer = [(a, b) for a, b in found if b - a > 1]
    return longer or found[:1]


def naive_slope(ramp, gain, readnoise, time):
    """Weighted straight line through a segment, the weights by signal to noise; NaN count as 0."""
    n = ramp.size
    if n == 1:
        return ramp[0] / time
    if n == 2:
        return (ramp[1] - ramp[0]) / time
    if not 0 < readnoise < np.inf:
        return np.nan
    signal = ramp[-1] - ramp[0]
    variance = readnoise**2 + signal * gain
    snr = 0.0 if variance <= 0 or gain == 0 else signal * gain / np.sqrt(variance)
    power = next((p for limit, p in CLASSES if snr < limit), 10.0)
    x = np.arange(n)
    middle = (n - 1) / 2
    distance = np.abs((x - middle) / middle).astype(np.float32)
    w = np.power(distance, np.float32(power)).astype(float)
    y = np.where(np.isnan(ramp), 0.0, ramp)
    x_mean, y_mean = np.average(x, weights=w), np.average(y, weights=w)
    return np.sum(w * (x - x_mean) * (y - y_mean)) / np.sum(w * (x - x_mean) ** 2) / time


def naive_variances(rate, pixel, n, time):
    """Poisson and read-noise variance of a segment's slope."""
    poisson = (rate + pixel.dark) / (time * pixel.gain * max(n - 1, 1))
    if n > 2 and not pixel.gain > 0:
        return poisson, np.float64(0.0)
    cubic = n**3 - n if n > 1 else 6.0
    return poisson, 12 * (pixel.readnoise / time / pixel.gain) ** 2 / cubic


def naive_median_rate(ramp, flags, zeroth, timing):
    if ramp.size == 1 or zeroth == "group":
        rate = ramp[0] / timing.one_group
    elif zeroth == "frame":
        rate = ramp[0] / timing.frame
    else:
        unusable = (flags & DO_NOT_USE) != 0
        use = ~(unusable[1:] | unusable[:-1] | ((flags[1:] & JUMP_DET) != 0))
        rates = (np.diff(ramp) / timing.group)[use]
        rates = rates[~np.isnan(rates)]
        if rates.size:
            return np.median(rates)
        rate = np.nan if unusable[0] else ramp[0] / timing.group
    return 0.0 if np.isnan(rate) and ramp.size > 1 else rate


def naive_integration(ramp, flags, zeroth, rate, pixel, timing):
    """Sums over segments: slope/VR, 1/VP, 1/VR, 1/(VP + VR)."""
    sums = np.zeros(4)
    for first, last in naive_segments(flags):
        n = last - first
        time = timing.group
        if n == 1 and zeroth:
            time = timing.one_group if zeroth == "group" else timing.frame
        slope = naive_slope(ramp[first:last], pixel.gain, pixel.readnoise, time)
        var_p, var_r = naive_variances(rate, pixel, n, time)
        sums += slope / var_r, (1 / var_p if var_p > 0 else 0), 1 / var_r, 1 / (var_p + var_r)
    return sums


def limited(weight, keep=False):
    variance = 1 / np.float64(weight)
    return 0.0 if variance >= LARGE and not keep else variance


def naive_ramps(pixel, rules):
    """Copies of ramps and flags, and the flags with charge loss forgiven, before zero frames."""
    ramps, flags = pixel.ramps.astype(float), pixel.flags.astype(int)
    lost = (flags & CHARGELOSS) != 0
    forgiven = np.where(lost, flags ^ (CHARGELOSS | DO_NOT_USE), flags)
    if rules.reject_unflagged_nan:
        flags[np.isnan(ramps)] |= DO_NOT_USE
        forgiven[np.isnan(ramps)] |= DO_NOT_USE
    ramps[(flags & SATURATED) != 0] = np.nan
    lone = is_good(flags).sum(axis=1) == 1
    if rules.trimmed:
        flags[:, 0] &= ~JUMP_DET
    if rules.suppress_one_group:
        flags[lone] |= DO_NOT_USE
    return ramps, flags, forgiven


def naive_pixel(pixel, timing, rules):
    """Fit one pixel: (slope, err, dq, VP, VR) of the rate and of each integration."""
    ramps, flags, forgiven = naive_ramps(pixel, rules)
    nints, ngroups = ramps.shape
    if rules.convert_dark_current:
        pixel = pixel._replace(dark=pixel.dark / pixel.gain)
    pixeldq = pixel.dq | (0 if pixel.gain > 0 else DO_NOT_USE | NO_GAIN_VALUE)
    found = pixeldq
    zeroth = [None] * nints
    saturated_groups = ((flags & SATURATED) != 0).sum(axis=1)
    useless_groups = ((flags & INVALID) != 0).sum(axis=1)
    states = np.full(nints, pixeldq)
    for i in range(nints):
        for bit in (JUMP_DET, PERSISTENCE):
            states[i] |= bit if (flags[i] & bit).any() else 0
        found |= states[i]
        clean = (flags[i] == 0).sum()
        if rules.suppress_one_group:
            continue
        if clean == 1 and flags[i, 0] == 0:
            zeroth[i] = "group"
        elif clean == 0 and pixel.frames is not None and pixel.frames[i] != 0:
            zeroth[i] = "frame"
            ramps[i, 0], flags[i, 0] = pixel.frames[i], 0
            useless_groups[i] -= 1
            saturated_groups[i] -= saturated_groups[i] == ngroups
    rates = [naive_median_rate(*these, timing) for these in zip(ramps, flags, zeroth)]
    rate = np.mean(rates)
    rate = rate if rate > 0 else 0.0
    keep = rules.keep_large_variances
    total = np.zeros(4)
    rows = []
    for i in range(nints):
        sums = np.zeros(4)
        if flags[i, 0] & SATURATED:
            states[i] |= INVALID
        if useless_groups[i] == ngroups:
            states[i] |= DO_NOT_USE | (SATURATED if saturated_groups[i] == ngroups else 0)
        elif not flags[i, 0] & SATURATED and naive_segments(flags[i]):
            sums = naive_integration(ramps[i], flags[i], zeroth[i], rate, pixel, timing)
        elif rules.flag_all_jump_ramps:
            states[i] |= DO_NOT_USE
        total += sums
        row = [0.0] * 4
        if sums.any():
            var_p = limited(sums[1], keep) if sums[1] > 0 else 0.0
            var_r, variance = limited(sums[2], keep), 1 / sums[3]
            large = variance > LARGE and not keep
            row = [sums[0] * var_r, 0.0 if large else np.sqrt(variance), var_p, var_r]
        if states[i] & INVALID:
            row = [np.nan, 0.0, 0.0, 0.0]
        rows.append(row)
    dead = (states & DO_NOT_USE != 0).all() * DO_NOT_USE
    found |= dead | (states & SATURATED != 0).all() * SATURATED
    var_p, var_r = (limited(w, keep) if w > 0 else w for w in total[1:3])
    var_p = max(var_p, 0.0)
    mean = [total[0] * var_r, np.sqrt(var_p + var_r), var_p, var_r]
    if found & INVALID:
        mean = [np.nan, 0.0, 0.0, 0.0]
    states[saturated_groups > 0] |= SATURATED
    found |= SATURATED * (saturated_groups > 0).any()
    naive_charge_loss(pixel, forgiven, zeroth, timing, keep, (mean, rows))
    if rules.flag_nan_rates:
        found |= DO_NOT_USE * np.isnan(mean[0])
        states[[np.isnan(row[0]) for row in rows]] |= DO_NOT_USE
    return (mean, found), (rows, states)


def naive_charge_loss(pixel, forgiven, zeroth, timing, keep, results):
    """Put the read-noise variances in, where charge was lost, with those groups given back."""
    mean, rows = results
    lost = ((pixel.flags.astype(int) & CHARGELOSS) != 0).any(axis=1)
    if not lost.any():
        return
    total = 0.0
    for i, row in enumerate(rows):
        if not lost[i]:
            total += 1 / row[3] if row[3] > 0 else 0.0
            continue
        weight = 0.0
        for first, last in naive_segments(forgiven[i]):
            time = timing.group
            if last - first == 1 and zeroth[i]:
                time = timing.one_group if zeroth[i] == "group" else timing.frame
            var_r = naive_variances(0.0, pixel, last - first, time)[1]
            weight += 1 / var_r if var_r > 0 else 0.0
        row[3] = limited(weight, keep) if weight > 0 else 0.0
        total += weight
    if total > 0:
        mean[3] = limited(total, keep)


def naive_fit(band, timing, rules, zeroframe=None):
    """Fit every pixel; (4, ny, nx) slope, err, VP, VR and dq, of rate and rateints."""
    data, groupdq, pixeldq, noise = band
    nints, ngroups, ny, nx = data.shape
    rules = rules._replace(suppress_one_group=rules.suppress_one_group and ngroups > 1)
    rate, rateints = np.zeros((4, ny, nx)), np.zeros((4, nints, ny, nx))
    dq, dqints = np.zeros((ny, nx), np.uint32), np.zeros((nints, ny, nx), np.uint32)
    with np.errstate(all="ignore"):
        for y, x in np.ndindex(ny, nx):
            frames = None if zeroframe is None else zeroframe[:, y, x]
            constants = (np.float64(plane[y, x]) for plane in noise)
            ramps = data[:, :, y, x], groupdq[:, :, y, x]
            pixel = Pixel(*ramps, int(pixeldq[y, x]), *constants, frames)
            one, each = naive_pixel(pixel, timing, rules)
            rate[:, y, x], dq[y, x] = one
            rateints[:, :, y, x], dqints[:, y, x] = np.transpose(each[0]), each[1]
    return (rate, dq), (rateints, dqints)


def a_band(rng, shape, nframes=1, rates=None, gain=None):
    """Ramps of all brightnesses: data [DN], groupdq, pixeldq, Noise."""
    ny, nx = shape[2:]
    gain = rng.uniform(1.5, 2.2, (ny, nx)).astype(np.float32) if gain is None else gain
    readnoise = rng.uniform(4, 12, (ny, nx)).astype(np.float32)
    rates = 10 ** rng.uniform(-1, 3, (ny, nx)) if rates is None else np.full((ny, nx), rates)
    steps = rng.poisson(rates * GROUP_TIME * gain, shape) / gain
    read = readnoise / np.sqrt(2 * nframes)
    data = np.cumsum(steps, axis=1) + rng.normal(0, 1, shape) * read
    noise = Noise(gain, group_noise(readnoise, gain, nframes), np.zeros((ny, nx), np.float32))
    return data.astype(np.float32), np.zeros(shape, np.uint8), np.zeros((ny, nx), np.uint32), noise


def spoil(rng, band):
    """Sprinkle flags, NaN and impossible gains and noises over a band."""
    data, groupdq, pixeldq, noise = band
    nints, ngroups, ny, nx = shape = data.shape
    density = rng.choice([0.02, 0.2, 0.5])
    bits = rng.choice([1, 2, 4, 32, 64 | 1, 3, 5, 4 | 32, 4, 4, 129, 129, 128], shape)
    groupdq |= np.where(rng.random(shape) < density, bits, 0).astype(np.uint8)
    first = rng.integers(0, ngroups + 1, (nints, 1, ny, nx))
    full = (rng.random(first.shape) < 0.2) & (np.arange(ngroups)[:, None, None] >= first)
    groupdq |= full.astype(np.uint8) * np.uint8(SATURATED)
    pixeldq |= np.where(
        rng.random((ny, nx)) < 0.1, rng.choice([1, 2, 1024, 3], (ny, nx)), 0
    ).astype(np.uint32)
    data[rng.random(shape) < 0.02] = np.nan
    for value in (np.nan, -1.0, 0.0):
        noise.gain[rng.random((ny, nx)) < 0.03] = value
    noise.readnoise[rng.random((ny, nx)) < 0.03] = np.nan
    noise.readnoise[rng.random((ny, nx)) < 0.03] = 0.0
    noise.dark_current[rng.random((ny, nx)) < 0.3] = 0.05
    return band
