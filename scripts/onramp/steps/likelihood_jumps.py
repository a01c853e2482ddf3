"""Jumps by the likelihood of ramps without them (Brandt 2024b, arXiv 2404.01326).

Of all ways to leave out one difference, or two neighbouring ones that share a group of several
reads, the one that lowers chi-squared most is taken if it passes its threshold; then again, until
none does or three differences are left. Operations are in the reference's order, because of two
omissions that explain a short ramp equally well the last bit decides.
"""

import numpy as np

from onramp.kernels import kernel
from onramp.steps.likelihood_sums import Block, solve

ONE_OMIT = 20.25
"""Loss of chi-squared beyond which a difference is left out."""
TWO_OMIT = 23.8
"""Loss of chi-squared beyond which two neighbouring differences are left out."""
FEWEST = 3  # differences in use with which the search ends
RESCALED = 10  # differences after which the determinant is brought back to 1


def scaled_covariance(photon, read, covariance):
    """
    Return the covariance matrices of some ramps, over the mean growth of their determinants.

    Parameters
    ----------
    photon : (m,) float64
        Count rate over gain [DN^2/e-/s].
    read : (m,) float64
        Variance of a read [DN^2].
    covariance : onramp.steps.covariance.Covariance

    Returns
    -------
    alpha : (ndiffs, m) float64
    beta : (ndiffs - 1, m) float64
    scale : (m,) float64
        NaN, as then alpha and beta, where a determinant is negative.
    """
    alpha = photon * covariance.alpha_photon[:, None] + read * covariance.alpha_read[:, None]
    beta = photon * covariance.beta_photon[:, None] + read * covariance.beta_read[:, None]
    scale = np.ones_like(photon)
    before, theta = scale, alpha[0]
    for i in range(2, len(alpha) + 1):
        grown = alpha[i - 1] / scale * theta - beta[i - 2] ** 2 / scale**2 * before
        before, theta = theta, grown
        if i % RESCALED == 0 or i == len(alpha):
            growth = theta ** (1 / i)
            scale = scale * growth
            before = before / (theta / growth)
            theta = np.ones_like(theta)
    return alpha / scale, beta / scale, scale


@kernel
def _total_chisq(block, x):
    """Return D^T C^-1 D of a column."""
    diffs, theta, phi = block.diffs, block.theta, block.phi
    n = diffs.shape[0]
    beside = 0.0
    diagonal = 0.0
    sign = 1.0
    for i in range(1, n):
        weighted = diffs[i, x] * sign / theta[n, x] * block.beta[i - 1, x]
        beside += weighted * phi[i + 1, x] * block.ThetaD[i - 1, x]
        sign = -sign
    for i in range(n):
        diagonal += diffs[i, x] * diffs[i, x] * theta[i, x] * phi[i + 1, x] / theta[n, x]
    return 2.0 * beside + diagonal


@kernel
def _omit_one(total, element, dB, dC):
    """
    Return count rate and chi-squared without a difference, from its element of the inverse.

    The difference gets an offset b of its own: chi-squared is least where its derivatives in the
    rate a and in b vanish.
    """
    A, B, C = total
    a = (element * B - dB * dC) / (C * element - dC * dC)
    b = (dB - a * dC) / element
    chisq = A + a * a * C - 2.0 * a * B + b * b * element - 2.0 * b * dB + 2.0 * a * b * dC
    return a, chisq


@kernel
def _omit_two(total, inverse, dB, dC):
    """Return count rate and chi-squared without two differences; `inverse`: jj, jk, kk."""
    A, B, C = total
    jj, jk, kk = inverse
    first = dC[0] * dC[0] - C * jj
    cross = dC[0] * dC[1] - C * jk
    force = B * dC[0] - dB[0] * C
    c = force / first - (B * dC[1] - dB[1] * C) / cross
    c /= cross / first - (dC[1] * dC[1] - C * kk) / cross
    b = (force - c * cross) / first
    a = (B - b * dC[0] - c * dC[1]) / C
    chisq = A + a * a * C + b * b * jj + c * c * kk
    chisq -= 2.0 * a * B + 2.0 * b * dB[0] + 2.0 * c * dB[1]
    chisq += 2.0 * a * b * dC[0] + 2.0 * a * c * dC[1] + 2.0 * b * c * jk
    return a, chisq


@kernel
def _omissions(block, x, scale, one, two):
    """Fill count rate and loss of chi-squared of all omissions (2, n); return the fitted rate."""
    use, theta, phi, dB, dC = block.use, block.theta, block.phi, block.dB, block.dC
    n = use.shape[0]
    total = _total_chisq(block, x), block.B[x], block.C[x]
    last = theta[n, x]
    fitted = total[1] * (1.0 / total[2])
    chisq = (total[0] - total[1] * total[1] / total[2]) / scale
    for j in range(n):
        one[0, j], one[1, j] = fitted, 0.0
        if use[j, x]:
            element = theta[j, x] * phi[j + 1, x] / last
            one[0, j], omitted = _omit_one(total, element, dB[j, x], dC[j, x])
            one[1, j] = chisq - omitted / scale
    for j in range(n - 1):
        k = j + 1
        if not use[j, x]:
            two[0, j], two[1, j] = one[0, k], one[1, k]
        elif not use[k, x]:
            two[0, j], two[1, j] = one[0, j], one[1, j]
        else:
            inverse = (
                theta[j, x] * phi[j + 1, x] / last,
                -block.beta[j, x] * theta[j, x] * phi[j + 2, x] / last,
                theta[k, x] * phi[k + 1, x] / last,
            )
            pair = (dB[j, x], dB[k, x]), (dC[j, x], dC[k, x])
            two[0, j], omitted = _omit_two(total, inverse, pair[0], pair[1])
            two[1, j] = chisq - omitted / scale
    return fitted


@kernel
def _most(losses, counted):
    """Return the largest loss, NaN if any is; one that does not count is 0."""
    most = -np.inf
    for j in range(losses.size):
        loss = losses[j] * np.float64(counted[j])
        if np.isnan(loss):
            return loss
        most = max(most, loss)
    return most


@kernel
def _drop(use, x, one, two, singles, pairs):
    """Leave out what helps most, and ties; return the rate without it, NaN if nothing helps."""
    best_one, best_two = _most(one[1], singles), _most(two[1], pairs)
    if np.isnan(best_one) or np.isnan(best_two):
        return np.nan
    rate = 0.0
    dropped = False
    if best_one - ONE_OMIT > best_two - TWO_OMIT:
        for j in range(use.shape[0]):
            if best_one > ONE_OMIT and one[1, j] == best_one:
                use[j, x] = 0.0
                rate += one[0, j]
                dropped = True
    else:
        for j in range(use.shape[0] - 1):
            if best_two > TWO_OMIT and two[1, j] == best_two:
                use[j, x] = use[j + 1, x] = 0.0
                rate += two[0, j]
                dropped = True
    return rate if dropped else np.nan


@kernel
def _drop_worst(block, scale, pairs, active, use, rates):
    """Leave out what helps each active column most; columns where nothing does become inactive."""
    n, m = use.shape
    one, two = np.empty((2, n)), np.empty((2, n - 1))
    singles = np.ones(n, np.bool_)
    for x in range(m):
        if not active[x]:
            continue
        fitted = _omissions(block, x, scale[x], one, two)
        if np.isnan(rates[x]):
            rates[x] = fitted
        rate = _drop(use, x, one, two, singles, pairs)
        active[x] = rate == rate
        if active[x]:
            rates[x] = rate
            left = 0.0
            for i in range(n):
                left += use[i, x]
            active[x] = left > FEWEST


def find_jumps(diffs, use, alpha, beta, scale, pairs):
    """
    Leave out differences with jumps.

    Parameters
    ----------
    diffs : (n, m) float64
        Count rate between neighbouring groups [DN/s].
    use : (n, m) float64
        1 where a difference is used, else 0; set to 0 in place where one is left out.
    alpha, beta : (n, m) and (n - 1, m) float64
        From `scaled_covariance`, as is the scale.
    scale : (m,) float64
    pairs : (n - 1,) bool
        Whether two neighbouring differences may be left out together.

    Returns
    -------
    (m,) float64
        Count rate of the differences left [DN/s].
    """
    n, m = diffs.shape
    block = Block.empty(n, m)
    block.alpha[...] = alpha
    active = np.ones(m, bool)
    rates = np.full(m, np.nan)
    for _ in range(n):
        np.multiply(diffs, use, out=block.diffs)
        np.multiply(beta * use[1:], use[:-1], out=block.beta[:-1])
        block.use[...] = use
        solve(block)
        _drop_worst(block, scale, pairs, active, use, rates)
        if not active.any():
            break
    return rates
