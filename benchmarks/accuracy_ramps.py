"""Simulated ramps, the fits and jump searches they are given to, and the best that is possible.

Units are electrons and seconds: the gain is 1 e-/DN and a read comes every second, so a flux in
e-/read is one in e-/s.
"""

from typing import NamedTuple

import numpy as np
from onramp.flags import JUMP_DET
from onramp.parameters import Jump
from onramp.steps.covariance import Covariance, read_times
from onramp.steps.jump import detect_jumps, plan
from onramp.steps.likelihood import fit_likelihood
from onramp.steps.ramp_fit import Noise, Rules, Timing, fit_slopes, group_noise

READ_NOISE = 10.0
"""Noise of a single read [e-]; reference files hold that of the difference of two."""
DIFFERENCE_NOISE = float(np.hypot(READ_NOISE, READ_NOISE))
BAND = (128, 512)
"""Pixels simulated at a time, each the same but for its noise."""


class Pattern(NamedTuple):
    """How an exposure is read out, a read a second."""

    ngroups: int
    nints: int = 1
    nframes: int = 1
    groupgap: int = 0

    @property
    def group_time(self) -> int:
        """Time between groups [s]."""
        return self.nframes + self.groupgap

    @property
    def nreads(self) -> int:
        """Reads of an integration, with those that are not kept."""
        return self.ngroups * self.group_time


def averaging(pattern):
    """Return the matrix that makes groups of an integration's reads, (ngroups, nreads)."""
    groups = np.zeros((pattern.ngroups, pattern.ngroups, pattern.group_time))
    each = np.arange(pattern.ngroups)
    groups[each, each, : pattern.nframes] = 1.0 / pattern.nframes
    return groups.reshape(pattern.ngroups, pattern.nreads)


def covariance(pattern, rate):
    """
    Return the covariance of the differences of successive groups [e-^2].

    Reads share the photons that came before the earlier of the two; read noise is their own.
    """
    times = np.arange(1.0, pattern.nreads + 1)
    reads = rate * np.minimum.outer(times, times) + READ_NOISE**2 * np.eye(pattern.nreads)
    differences = np.diff(averaging(pattern), axis=0)
    return differences @ reads @ differences.T


def optimum(pattern, rate):
    """Return the noise of the best unbiased linear fit [e-/s] (generalized least squares)."""
    information = np.linalg.solve(covariance(pattern, rate), np.ones(pattern.ngroups - 1)).sum()
    return 1.0 / (np.sqrt(information * pattern.nints) * pattern.group_time)


def straight_line(pattern, rate):
    """Return the noise of an unweighted straight line through the groups [e-/s]."""
    groups = np.arange(pattern.ngroups) - (pattern.ngroups - 1) / 2.0
    of_groups = groups / np.sum(groups**2)
    of_differences = np.cumsum(of_groups[::-1])[-2::-1]
    variance = of_differences @ covariance(pattern, rate) @ of_differences
    return np.sqrt(variance / pattern.nints) / pattern.group_time


def simulate(rng, pattern, rate, hit=0.0, shape=BAND):
    """
    Draw ramps with photon and read noise, and a hit in a random group after the first.

    Parameters
    ----------
    rng : numpy.random.Generator
    pattern : Pattern
    rate : float
        [e-/s]
    hit : float
        Charge that arrives between a group and the one before it [e-]; once in every ramp unless
        it is 0.
    shape : (int, int)

    Returns
    -------
    data : (nints, ngroups, ny, nx) float32
        [DN], which are electrons.
    groups : (nints, 1, ny, nx) int
        The group from which on the hit is in the ramp.
    """
    data = np.empty((pattern.nints, pattern.ngroups, *shape), np.float32)
    groups = rng.integers(1, pattern.ngroups, (pattern.nints, 1, *shape))
    level = np.zeros((pattern.nints, *shape))
    kept = np.zeros_like(level)
    for g in range(pattern.ngroups):
        kept[:] = 0.0
        for frame in range(pattern.group_time):
            level += rng.poisson(rate, level.shape)
            if frame < pattern.nframes:
                kept += level
        noise = rng.standard_normal(level.shape) * (READ_NOISE / np.sqrt(pattern.nframes))
        data[:, g] = kept / pattern.nframes + noise
    if hit:
        data += np.where(np.arange(pattern.ngroups)[:, None, None] >= groups, np.float32(hit), 0)
    return data, groups


class Fit(NamedTuple):
    """What a fit makes of a band of pixels."""

    rate: np.ndarray
    """(ny, nx) float64 [e-/s]"""
    each: np.ndarray
    """(nints, ny, nx) float64, of the integrations [e-/s]"""
    err: np.ndarray
    """(ny, nx) float64, its uncertainty as the fit states it [e-/s]"""
    chisq: np.ndarray | None
    """(ny, nx) float64"""
    flags: np.ndarray
    """(nints, ngroups, ny, nx) uint8"""


def _planes(data):
    """Return pixel data quality, gain, correlated double sampling noise and dark current."""
    gain = np.ones(data.shape[2:], np.float32)
    return (
        np.zeros(gain.shape, np.uint32),
        gain,
        np.full_like(gain, DIFFERENCE_NOISE),
        np.zeros_like(gain),
    )


def _fit(rate, rateints, chisq, flags):
    rates, each, err = (plane.astype(float) for plane in (rate.sci, rateints.sci, rate.err))
    return Fit(rates, each, err, chisq if chisq is None else chisq.astype(float), flags)


def least_squares(data, pattern, flags=None):
    """Return the `Fit` of OLS_C, of ramps without any flag unless some are given."""
    flags = np.zeros(data.shape, np.uint8) if flags is None else flags
    pixeldq, gain, readnoise, dark_current = _planes(data)
    noise = Noise(gain, group_noise(readnoise, gain, pattern.nframes), dark_current)
    timing = Timing.of(pattern.group_time, 1.0, pattern.nframes)
    return _fit(*fit_slopes(data, flags, pixeldq, noise, timing, Rules(True)), None, flags)


def likelihood(data, pattern, flags=None):
    """Return the `Fit` of LIKELY, which searches for jumps itself and adds them to the flags."""
    flags = np.zeros(data.shape, np.uint8) if flags is None else flags
    pixeldq, *noise = _planes(data)
    times = read_times(pattern.nframes, pattern.groupgap, 1.0, pattern.ngroups)
    return _fit(*fit_likelihood(data, flags, pixeldq, Noise(*noise), Covariance.of(times)), flags)


def two_point(data, pattern, threshold=4.0):
    """Return the flags of the jump step, (nints, ngroups, ny, nx) uint8; neighbours left alone."""
    flags = np.zeros(data.shape, np.uint8)
    parameters = Jump(rejection_threshold=threshold, flag_4_neighbors=False)
    unusable = np.zeros((pattern.nints, pattern.ngroups), bool)
    detection = plan(parameters, unusable, pattern.nframes, pattern.group_time, 1.0)
    _, gain, readnoise, _ = _planes(data)
    detect_jumps(data, flags, gain, readnoise, detection, slice(None))
    return flags


def best_fit(data, pattern, rate):
    """Return the rates of the best linear fit, (ny, nx) float64; its weights know the truth."""
    weights = np.linalg.solve(covariance(pattern, rate), np.ones(pattern.ngroups - 1))
    weights /= weights.sum() * pattern.group_time * pattern.nints
    return np.einsum("g,igyx->yx", weights, np.diff(data, axis=1))


def single_guess_fit(data, pattern):
    """
    Return the rates of a fit whose weights take a ramp's median difference for the truth.

    (ny, nx) float64, the mean of the integrations; the differences must not be correlated
    beyond their neighbours.
    """
    differences = np.diff(data.astype(float), axis=1)
    guess = np.maximum(np.median(differences, axis=1), 0.0) / pattern.group_time
    constant, slope = covariance(pattern, 0.0), covariance(pattern, 1.0) - covariance(pattern, 0.0)
    diagonal = constant[0, 0] + slope[0, 0] * guess
    beside = constant[0, 1] + slope[0, 1] * guess
    weights = np.empty_like(differences)
    ratio = np.empty_like(differences)
    last = 0.0
    eliminated = np.zeros_like(guess)
    for n in range(pattern.ngroups - 1):
        pivot = diagonal - beside * eliminated
        last = weights[:, n] = (1.0 - beside * last) / pivot
        eliminated = ratio[:, n] = beside / pivot
    for n in range(pattern.ngroups - 3, -1, -1):
        weights[:, n] -= ratio[:, n] * weights[:, n + 1]
    means = (weights * differences).sum(axis=1) / weights.sum(axis=1)
    return means.mean(axis=0) / pattern.group_time


def jumps(flags):
    """Return which differences are flagged as jumps, (nints, ngroups - 1, ny, nx) bool."""
    return (flags[:, 1:] & JUMP_DET) != 0
