"""
A wave of known shape, found together with the ramps that it is added to ("EMI Correction", joint).

Pixels with quiet ramps are added up by their phase in the first group. Of these sums a line is
fitted and the wave that leaves the least is looked for: its amplitude in closed form, its phase on
a grid and then at the vertex of a parabola. The ramps are needed twice, and no more than a band
at a time: once for what makes a ramp quiet, once for the sums.
"""

from typing import NamedTuple

import numpy as np

from onramp.kernels import kernel, scalar_kernel
from onramp.steps.emicorr import QUAD, group_phase, quad_phases, value_at

TRIAL_PHASES = 500
SAMPLE = 4096  # values that tell where a median is
QUIET = 2.0  # medians of the ramps' spread
EQUAL = 1e-10  # relative difference of values of chi-squared that differ by rounding alone
NO_POWER = 1e-8  # a wave that has less cannot be scaled


def spread(data):
    """
    Return the standard deviation of each ramp, rounded as the reference rounds it.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32

    Returns
    -------
    (nints, ny, nx) float32
    """
    nints, _, ny, nx = data.shape
    result = np.zeros((nints, ny, nx), np.float32)
    _add_spread(data, result)
    return result


def median(values):
    """
    Return the median of very many values as numpy has it, found among those near the middle.

    A sample tells between which values it lies; if it errs, or there is a NaN, numpy looks at all.
    """
    values = values.ravel()
    sample = np.sort(values[:: max(1, values.size // SAMPLE)])
    low, high = sample[int(0.45 * sample.size)], sample[int(0.55 * sample.size)]
    below = np.count_nonzero(values < low)
    inside = values[(values >= low) & (values <= high)]
    first, last = (values.size - 1) // 2 - below, values.size // 2 - below
    if first < 0 or last >= inside.size or np.isnan(np.sum(values)):
        return np.median(values)
    return np.median(np.partition(inside, (first, last))[first : last + 1])


@kernel
def _add_spread(data, result):
    nints, ngroups, ny, nx = data.shape
    mean = np.empty(nx, np.float32)
    count = np.float32(ngroups)
    for i in range(nints):
        for y in range(ny):
            total = result[i, y]
            for g in range(ngroups):
                for x in range(nx):
                    total[x] += data[i, g, y, x]
            for x in range(nx):
                mean[x] = total[x] / count
                total[x] = 0.0
            for g in range(ngroups):
                for x in range(nx):
                    deviation = data[i, g, y, x] - mean[x]
                    total[x] += deviation * deviation
            for x in range(nx):
                total[x] = np.sqrt(total[x] / count)


class Sums(NamedTuple):
    """Quiet pixels by their phase in the first group."""

    signal: np.ndarray
    """(nphases, ngroups, nints) float64 [DN]"""
    pixels: np.ndarray
    """(nphases, nints) float64: their number."""

    @classmethod
    def none(cls, nphases, ngroups, nints):
        """Return the sums of no pixel."""
        return cls(np.zeros((nphases, ngroups, nints)), np.zeros((nphases, nints)))

    def add(self, data, quiet, clock, period, first_row, first_integration=0):
        """
        Add a band; in order, so that the last bits do not depend on the bands.

        Parameters
        ----------
        data : (n, ngroups, ny, nx) float32
            Signal of some integrations, finite [DN].
        quiet : (n, ny, nx) bool
        clock : Clock
        period : float
            [sample]
        first_row : int
        first_integration : int, optional
        """
        quads = data.shape[3] // QUAD
        phase = quad_phases(clock, period, first_row, data.shape[2], 0, quads)
        index = (phase * len(self.pixels)).astype(np.int64)
        _add(data, quiet, index, first_integration, self.signal, self.pixels)


@scalar_kernel
def _add_quads(samples, quiet, index, sums):
    """Add the quiet samples of a frame to the sums of their phases."""
    for y in range(index.shape[0]):
        for q in range(index.shape[1]):
            if q == 1 or q == 2:
                continue  # bad next to the reference columns
            total = sums[index[y, q]]
            for x in range(QUAD * q, QUAD * q + QUAD):
                total += np.float64(samples[y, x]) * quiet[y, x]
            sums[index[y, q]] = total


@kernel
def _add(data, quiet, index, first, signal, pixels):
    nints, ngroups = data.shape[:2]
    sums = np.empty(pixels.shape[0])
    for i in range(nints):
        for g in range(ngroups):
            for n in range(sums.size):
                sums[n] = signal[n, g, first + i]
            _add_quads(data[i, g], quiet[i], index, sums)
            for n in range(sums.size):
                signal[n, g, first + i] = sums[n]
        for y in range(index.shape[0]):
            for q in range(index.shape[1]):
                for x in range(QUAD * q, QUAD * q + QUAD):
                    counts = quiet[i, y, x] and q != 1 and q != 2
                    pixels[index[y, q], first + i] += 1.0 if counts else 0.0


def fit(sums, shape, clock, period, separately):
    """
    Find the wave's amplitude and phase in each integration.

    Parameters
    ----------
    sums : Sums
    shape : (nphases + 1, 4) float64
        From `onramp.steps.emicorr.wave_shape`.
    clock : Clock
    period : float
        [sample]
    separately : bool
        Each integration has its own amplitude and phase; else they have one in common.

    Returns
    -------
    amplitudes, phases : (nints,) float64
    """
    _, ngroups, nints = sums.signal.shape
    step = group_phase(clock, period)
    delay = step * ngroups + clock.reset / period
    trials = np.arange(TRIAL_PHASES) * 1.0 / TRIAL_PHASES
    power, overlap = np.zeros((2, trials.size, sums.signal.shape[-1]))
    _project(sums.signal, sums.pixels, shape, step, trials, power, overlap)
    if separately:
        found = [_best(power, overlap, trials, delay, [i]) for i in range(nints)]
        amplitudes, phases = np.array(found).T
        return amplitudes.copy(), phases + np.arange(nints) * delay
    amplitude, phase = _best(power, overlap, trials, delay, range(nints))
    return np.full(nints, amplitude), (phase + np.arange(nints) * delay) % 1


@kernel
def _project(signal, pixels, shape, step, trials, power, overlap):
    """
    Add, for each trial phase and integration, the wave's power and -2 times its overlap.

    Both are of what a line leaves of the wave; chi-squared is quadratic in its amplitude with
    these two coefficients.
    """
    nphases, ngroups, nints = signal.shape
    wave = np.empty(ngroups)
    middle = (ngroups - 1) / 2.0
    variance = 0.0
    for g in range(ngroups):
        variance += (g - middle) ** 2
    for n in range(nphases):
        for k in range(trials.size):
            mean = 0.0
            slope = 0.0
            for g in range(ngroups):
                place = (n + 0.5) / nphases + g * step
                place = place - np.floor(place) + trials[k]
                wave[g] = value_at(shape, place - np.floor(place))
                mean += wave[g] / ngroups
                slope += (g - middle) * wave[g] / variance
            total = 0.0
            for g in range(ngroups):
                wave[g] -= mean + slope * (g - middle)
                total += wave[g] * wave[g]
                wave[g] *= -2.0
            _add_products(wave, signal[n], overlap[k])
            for i in range(nints):
                power[k, i] += total * pixels[n, i]


@scalar_kernel
def _add_products(factors, rows, sums):
    """Add rows by their factors, in order; four at a time, for sums to be fetched less often."""
    whole = factors.size // 4 * 4
    for n in range(0, whole, 4):
        a, b, c, d = factors[n], factors[n + 1], factors[n + 2], factors[n + 3]
        first, second, third, fourth = rows[n], rows[n + 1], rows[n + 2], rows[n + 3]
        for i in range(sums.size):
            total = sums[i] + a * first[i]
            total = total + b * second[i]
            total = total + c * third[i]
            sums[i] = total + d * fourth[i]
    for n in range(whole, factors.size):
        row = rows[n]
        for i in range(sums.size):
            sums[i] += factors[n] * row[i]


def _best(power, overlap, trials, delay, integrations):
    """Return the amplitude and the phase with the least chi-squared."""

    def solve(phases):
        a, b = np.zeros(len(phases)), np.zeros(len(phases))
        for i in integrations:
            nearest = _nearest(trials, phases, delay * i)
            a += power[nearest, i]
            b += overlap[nearest, i]
        known = (np.abs(a) > NO_POWER) & np.isfinite(a) & np.isfinite(b)
        amplitude = np.where(known, -b / (2.0 * np.where(known, a, 1.0)), 0.0)
        chisq = np.where(known, a * amplitude**2 + b * amplitude, np.nan)
        return amplitude, chisq

    phase = _vertex(trials, *solve(trials))
    return solve(np.array([phase]))[0][0], phase


def _nearest(trials, phases, delay):
    """Return the trial that comes next after each phase and a delay, as the reference rounds."""
    guess = np.ceil((phases + delay) * len(trials)).astype(np.int64)
    near = (guess[:, np.newaxis] + np.arange(-1, 2)) % len(trials)
    ahead = np.abs((trials[near] - phases[:, np.newaxis] - delay) % 1)
    return near[np.arange(len(near)), np.argmin(ahead, axis=1)]


def _vertex(phases, amplitudes, chisq):
    """
    Return where a parabola through the least value and its neighbours is least.

    As in the reference, phases are not continued across 0. Where groups are half a period apart
    (SUB128 at 390.625 Hz), a wave and the negative one half a period later fit equally well but
    for rounding: the one with a positive amplitude is taken.
    """
    if not np.isfinite(chisq).any():
        return phases[0]
    least = np.nanmin(chisq)
    equal = (chisq <= least + EQUAL * abs(least)) & (amplitudes > 0)
    best = int(np.argmax(equal)) if equal.any() else int(np.nanargmin(chisq))
    around = [best - 1, best, (best + 1) % len(chisq)]
    values = chisq[around]
    if not np.isfinite(values).all() or np.std(values) == 0:
        return phases[best]
    curvature, slope, _ = np.polyfit(phases[around], values, 2)
    return -slope / (2.0 * curvature)
