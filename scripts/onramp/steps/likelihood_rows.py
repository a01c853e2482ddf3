"""Likelihood fit of whole rows, and a test for ramps in which no difference stands out.

The test compares what chi-squared would lose by leaving out a difference, or two neighbouring ones
(Brandt 2024b, arXiv 2404.01326), with the thresholds, and errs only on the safe side: what it
marks is left to `likelihood_jumps`.
"""

from typing import NamedTuple

import numpy as np

from onramp.kernels import kernel, sort_columns
from onramp.steps.covariance import Covariance
from onramp.steps.likelihood_jumps import ONE_OMIT, TWO_OMIT
from onramp.steps.likelihood_sums import Block, solve

WIDTH = 256  # columns at a time, so that a block stays in the processor's cache
MARGIN = 1.0 - 1e-6  # fraction of the thresholds below which a ramp is surely without a jump
ROUNDING = 1e-12  # fraction of D^T C^-1 D by which chi-squared may surely not be wrong


class Plan(NamedTuple):
    """What is the same for all ramps of an exposure."""

    covariance: Covariance
    network: np.ndarray
    """(ncomparators, 2) int64: see `median_rates`."""


class Ramps(NamedTuple):
    """A band of ramps."""

    data: np.ndarray
    """(nints, ngroups, ny, nx) float32 [DN]"""
    unused: np.ndarray
    """(nints, ngroups - 1, ny, nx) uint8: not 0 where a difference is left out."""


class Fit(NamedTuple):
    """A band of results."""

    values: np.ndarray
    """(5, nints, ny, nx) float32: rate [DN/s], error, Poisson and read-noise variance, chisq."""
    expected: np.ndarray
    """(nints, ny, nx) float64: the rate that the covariance is for, with dark current [DN/s]."""
    suspect: np.ndarray
    """(nints, ny, nx) bool: the ramp may hold a jump or is unusual; this fit is not its last."""

    @classmethod
    def empty(cls, *shape):
        """Allocate results of one shape."""
        return cls(np.empty((5, *shape), np.float32), np.empty(shape), np.zeros(shape, bool))


class RowWork(NamedTuple):
    """Room for the rows of one thread."""

    block: Block
    scratch: np.ndarray
    """(2, n, m) float64"""
    columns: np.ndarray
    """(7, m) float64"""

    @classmethod
    def empty(cls, n, m):
        """Allocate room for n differences of m columns."""
        return cls(Block.empty(n, m), np.zeros((2, n, m)), np.zeros((7, m)))


@kernel
def _load(ramps, i, y, start, delta_t, block, unsorted):
    """Fill a block's `diffs` and `use` from the samples [DN] of some columns of a row."""
    n, m = unsorted.shape
    for k in range(n):
        step = 1.0 / delta_t[k]
        before, after = ramps.data[i, k, y, start:], ramps.data[i, k + 1, y, start:]
        unused = ramps.unused[i, k, y, start:]
        for x in range(m):
            block.use[k, x] = 0.0 if unused[x] else 1.0
        for x in range(m):
            difference = np.float64(after[x] - before[x]) * step
            unsorted[k, x] = difference
            block.diffs[k, x] = difference * block.use[k, x]


@kernel
def median_rates(values, network, rates):
    """
    Fill in each column's median, at least 0, the guess of its count rate; reorders the values.

    Parameters
    ----------
    values : (n, m) float64
    network : (ncomparators, 2) int64
        From `onramp.kernels.sorting_network`, for the middle ranks.
    rates : (m,) float64
        NaN if any value is not finite.
    """
    n, m = values.shape
    for x in range(m):
        rates[x] = 0.0
    for i in range(n):
        for x in range(m):
            rates[x] += 0.0 * values[i, x]
    sort_columns(values, network)
    for x in range(m):
        rates[x] += (values[(n - 1) // 2, x] + values[n // 2, x]) / 2.0
        rates[x] *= np.float64(rates[x] > 0.0)


@kernel
def _set_covariance(expected, gain, readnoise, covariance, block, columns):
    """
    Fill alpha and beta for expected rates [DN/s], over a scale that keeps theta near 1.

    Fills the first rows of `columns`: rate over gain and variance of a read, both over the scale,
    and the scale.
    """
    n, m = block.alpha.shape
    photon, read, scale = columns[0], columns[1], columns[2]
    for x in range(m):
        photon[x] = expected[x] / np.float64(gain[x])
        read[x] = 0.5 * np.float64(readnoise[x]) * np.float64(readnoise[x])
        scale[x] = abs(photon[x]) * covariance.growth[0] + read[x] * covariance.growth[1]
        photon[x] /= scale[x]
        read[x] /= scale[x]
    for i in range(n):
        of_photon, of_read = covariance.alpha_photon[i], covariance.alpha_read[i]
        for x in range(m):
            block.alpha[i, x] = photon[x] * of_photon + read[x] * of_read
    for i in range(n - 1):
        of_photon, of_read = covariance.beta_photon[i], covariance.beta_read[i]
        for x in range(m):
            both = block.use[i, x] * block.use[i + 1, x]
            block.beta[i, x] = (photon[x] * of_photon + read[x] * of_read) * both


@kernel
def _screen(block, pairs, scale, work, suspect):
    """
    Mark the columns in which leaving out differences might pass a threshold.

    With g = C dB - B dC and V the inverse covariance, leaving out j takes g_j^2 / (C v_jj) off
    chi-squared, v_jk = C V_jk - dC_j dC_k; leaving out j and k, g v^-1 g / C in two dimensions.
    """
    g, v, columns = work.scratch[0], work.scratch[1], work.columns[3:]
    A, B, C, dB, dC = block.A, block.B, block.C, block.dB, block.dC
    theta, phi, beta = block.theta, block.phi, block.beta
    one, two, factor, found = columns[0], columns[1], columns[2], columns[3]
    m = found.size
    for x in range(m):
        one[x] = C[x] * (ONE_OMIT * MARGIN * scale[x] - ROUNDING * A[x])
        two[x] = C[x] * (TWO_OMIT * MARGIN * scale[x] - ROUNDING * A[x])
        factor[x] = C[x] * block.factor[x]
        found[x] = 0.0
    for j in block.steps:
        for x in range(m):
            gain = C[x] * dB[j, x] - B[x] * dC[j, x]
            variance = factor[x] * theta[j, x] * phi[j + 1, x] - dC[j, x] * dC[j, x]
            found[x] += np.float64(not gain * gain <= one[x] * variance)
            g[j, x], v[j, x] = gain, variance
    for j in block.steps[:-1]:
        if not pairs[j]:
            continue
        k = j + 1
        for x in range(m):
            inverse = -beta[j, x] * theta[j, x] * phi[k + 1, x]
            cross = factor[x] * inverse - dC[j, x] * dC[k, x]
            gain = g[j, x] * g[j, x] * v[k, x] + g[k, x] * g[k, x] * v[j, x]
            gain -= 2.0 * g[j, x] * g[k, x] * cross
            variance = v[j, x] * v[k, x] - cross * cross
            found[x] += np.float64(not gain <= two[x] * variance)
    for x in range(m):
        small = A[x] * C[x] - B[x] * B[x] <= one[x]
        suspect[x] = found[x] > 0.0 and not small


@kernel
def _expect(block, gain, dark_current, suspect, expected):
    """Fill the rates expected by the fit, dark current included; mark unusual columns."""
    for x in range(expected.size):
        rate = block.B[x] / block.C[x]
        expected[x] = rate * np.float64(rate > 0.0) + np.float64(dark_current[x])
        unusual = not gain[x] > 0.0 or expected[x] < 0.0
        suspect[x] = (suspect[x] or unusual) and rate == rate


@kernel
def _store(block, covariance, columns, fit, i, y, start):
    """Fill in the results of some columns of a row."""
    n, m = block.diffs.shape
    A, B, C, dC = block.A, block.B, block.C, block.dC
    photon, read, scale, poisson, rnoise = (
        columns[0], columns[1], columns[2], columns[3], columns[4]
    )  # fmt: skip
    for x in range(m):
        poisson[x] = rnoise[x] = 0.0
    for k in range(n):
        beside = max(k - 1, 0)
        of_photon, of_read = covariance.alpha_photon[k], covariance.alpha_read[k]
        with_photon = 2.0 * covariance.beta_photon[beside] if k else 0.0
        with_read = 2.0 * covariance.beta_read[beside] if k else 0.0
        for x in range(m):
            square, product = dC[k, x] * dC[k, x], dC[k, x] * dC[beside, x]
            poisson[x] += of_photon * square + with_photon * product
            rnoise[x] += of_read * square + with_read * product
    for x in range(m):
        inverse = 1.0 / C[x]
        variance = scale[x] * inverse
        fit.values[0, i, y, start + x] = B[x] * inverse
        fit.values[1, i, y, start + x] = np.sqrt(variance)
        fit.values[2, i, y, start + x] = poisson[x] * photon[x] * variance * inverse
        fit.values[3, i, y, start + x] = rnoise[x] * read[x] * variance * inverse
        fit.values[4, i, y, start + x] = (A[x] - B[x] * B[x] * inverse) / scale[x]


@kernel
def fit_rows(ramps, noise, plan, search, work, fit):
    """
    Fit a band of ramps row by row.

    Parameters
    ----------
    ramps : Ramps
    noise : Noise
    plan : Plan
    search : bool
        Take the median difference as the expected rate, look for jumps, and fit again with what
        came out as expected rate; otherwise fit once with the expected rates given.
    work : RowWork
    fit : Fit
        Filled.
    """
    nints, _, ny, nx = ramps.data.shape
    covariance, network = plan
    block, scratch, columns = work
    unsorted = scratch[0]
    m = unsorted.shape[1]
    for i in range(nints):
        for y in range(ny):
            for column in range(0, nx, m):
                start = min(column, nx - m)
                expected = fit.expected[i, y, start : start + m]
                gain = noise.gain[y, start : start + m]
                readnoise = noise.readnoise[y, start : start + m]
                _load(ramps, i, y, start, covariance.delta_t, block, unsorted)
                if search:
                    median_rates(unsorted, network, expected)
                for last in range(1 - search, 2):
                    _set_covariance(expected, gain, readnoise, covariance, block, columns)
                    solve(block)
                    if last:
                        _store(block, covariance, columns, fit, i, y, start)
                    else:
                        suspect = fit.suspect[i, y, start : start + m]
                        dark_current = noise.dark_current[y, start : start + m]
                        _screen(block, covariance.pairs, columns[2], work, suspect)
                        _expect(block, gain, dark_current, suspect, expected)
