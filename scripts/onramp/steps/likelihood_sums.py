"""The likelihood fit's recursions, for a block of ramps at once.

Symbols are those of Brandt (2024a, arXiv 2309.08753): theta and phi are the minors of the
covariance matrix from its two ends; Theta and Phi add up a row of its inverse on the two sides of
the diagonal; with a D, each element is multiplied with its difference. Time is the first axis, a
column is a ramp. Sums are taken in order of time, which decides the last bits.
"""

from typing import NamedTuple

import numpy as np

from onramp.kernels import kernel


class Block(NamedTuple):
    """A block of m ramps with n differences; float64."""

    diffs: np.ndarray
    """(n, m): count rate between neighbouring groups [DN/s], times `use`."""
    use: np.ndarray
    """(n, m): 1 where the difference is used, else 0."""
    alpha: np.ndarray
    """(n, m): diagonal of the covariance matrix, over a scale."""
    beta: np.ndarray
    """(n, m): beside the diagonal, over the scale; 0 next to a difference not used."""
    theta: np.ndarray
    """(n + 1, m)"""
    phi: np.ndarray
    """(n + 1, m)"""
    Theta: np.ndarray
    """(n, m)"""
    ThetaD: np.ndarray
    """(n, m)"""
    Phi: np.ndarray
    """(n, m)"""
    PhiD: np.ndarray
    """(n, m)"""
    dB: np.ndarray  # noqa: N815
    """(n, m): inverse of the covariance matrix times `diffs`."""
    dC: np.ndarray  # noqa: N815
    """(n, m): inverse of the covariance matrix times ones, times `use`."""
    A: np.ndarray
    """(m,): sum of `diffs` times `dB`."""
    B: np.ndarray
    """(m,): sum of `diffs` times `dC`; over C, the count rate."""
    C: np.ndarray
    """(m,): sum of `dC`, the inverse variance of the count rate times the scale."""

    @classmethod
    def empty(cls, n, m):
        """Allocate a block of n differences and m columns."""
        rows = [n, n, n, n, n + 1, n + 1, n, n, n, n, n, n]
        return cls(*(np.zeros((count, m)) for count in rows), *np.zeros((3, m)))


@kernel
def _backward(alpha, beta, diffs, phi, Phi, PhiD):
    """Fill phi, Phi and PhiD from the last difference to the first."""
    n, m = diffs.shape
    for x in range(m):
        phi[n, x] = 1.0
        phi[n - 1, x] = alpha[n - 1, x]
        Phi[n - 1, x] = PhiD[n - 1, x] = 0.0
    for i in range(n - 2, -1, -1):
        sign = 1.0 if i % 2 == 0 else -1.0
        for x in range(m):
            b = beta[i, x]
            minor = phi[i + 2, x]
            phi[i, x] = alpha[i, x] * phi[i + 1, x] - b * b * minor
            Phi[i, x] = Phi[i + 1, x] * b + sign * b * minor
            PhiD[i, x] = (PhiD[i + 1, x] + sign * diffs[i + 1, x] * minor) * b


@kernel
def _forward(alpha, beta, diffs, theta, Theta, ThetaD):
    """Fill theta, Theta and ThetaD from the first difference to the last."""
    n, m = diffs.shape
    for x in range(m):
        theta[0, x] = 1.0
        theta[1, x] = alpha[0, x]
        Theta[0, x] = -1.0
        ThetaD[0, x] = -diffs[0, x]
    for i in range(1, n):
        sign = -1.0 if i % 2 == 0 else 1.0
        for x in range(m):
            b = beta[i - 1, x]
            minor = theta[i, x]
            theta[i + 1, x] = alpha[i, x] * minor - b * b * theta[i - 1, x]
            Theta[i, x] = Theta[i - 1, x] * b + sign * minor
            ThetaD[i, x] = b * ThetaD[i - 1, x] + sign * diffs[i, x] * minor


@kernel
def solve(block):
    """Fill all that follows from `diffs`, `use`, `alpha` and `beta`."""
    diffs, use, alpha, beta, theta, phi, Theta, ThetaD, Phi, PhiD, dB, dC, A, B, C = block
    n, m = diffs.shape
    _backward(alpha, beta, diffs, phi, Phi, PhiD)
    _forward(alpha, beta, diffs, theta, Theta, ThetaD)
    for x in range(m):
        A[x] = 1.0 / theta[n, x]
    for i in range(n):
        sign = -1.0 if i % 2 == 0 else 1.0
        for x in range(m):
            before, after = theta[i, x], phi[i + 1, x]
            factor = sign * A[x]
            dC[i, x] = factor * (after * Theta[i, x] + before * Phi[i, x]) * use[i, x]
            dB[i, x] = factor * (after * ThetaD[i, x] + before * PhiD[i, x])
    for x in range(m):
        A[x] = B[x] = C[x] = 0.0
    for i in range(n):
        for x in range(m):
            A[x] += diffs[i, x] * dB[i, x]
            B[x] += diffs[i, x] * dC[i, x]
            C[x] += dC[i, x]
