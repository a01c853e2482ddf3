"""The likelihood fit's recursions, for a block of ramps at once.

Symbols are those of Brandt (2024a, arXiv 2309.08753): theta and phi are the minors of the
covariance matrix from its two ends; Theta and Phi add up a row of its inverse on the two sides of
the diagonal; with a D, each element is multiplied with its difference. Time is the first axis, a
column is a ramp. Sums are taken in order of time, which decides the last bits.
"""

from typing import NamedTuple

import numpy as np

from onramp.kernels import kernel

CACHE_LINE = 8  # values


class Block(NamedTuple):
    """A block of m ramps with n differences; float64."""

    steps: np.ndarray
    """
    (n,) int64: 0 to n - 1. Loops over time take their rows from here: from a plain range, LLVM
    finds that the rows of a recursion overlap, and works on one column at a time.
    """
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
    factor: np.ndarray
    """(m,): inverse of the determinant."""

    @classmethod
    def empty(cls, n, m):
        """Allocate a block of n differences and m columns."""
        rows = [n, n, n, n, n + 1, n + 1, n, n, n, n, n, n]
        planes = [_aligned(count, m) for count in rows]
        return cls(np.arange(n), *planes, *(_aligned(1, m)[0] for _ in range(4)))


def _aligned(n, m):
    """Allocate (n, m) zeros that begin with a cache line."""
    values = np.zeros(n * m + CACHE_LINE)
    start = -values.ctypes.data // values.itemsize % CACHE_LINE
    return values[start : start + n * m].reshape(n, m)


@kernel
def _backward(block):
    """Fill phi, Phi and PhiD from the last difference to the first."""
    alpha, beta, diffs, phi, Phi, PhiD = (
        block.alpha, block.beta, block.diffs, block.phi, block.Phi, block.PhiD
    )  # fmt: skip
    n, m = diffs.shape
    for x in range(m):
        phi[n, x] = 1.0
        phi[n - 1, x] = alpha[n - 1, x]
        Phi[n - 1, x] = PhiD[n - 1, x] = 0.0
    for step in range(1, n):
        i = block.steps[n - 1 - step]
        sign = 1.0 if i % 2 == 0 else -1.0
        for x in range(m):
            b, minor = beta[i, x], phi[i + 2, x]
            phi[i, x] = alpha[i, x] * phi[i + 1, x] - b * b * minor
            Phi[i, x] = Phi[i + 1, x] * b + sign * b * minor
            PhiD[i, x] = (PhiD[i + 1, x] + sign * diffs[i + 1, x] * minor) * b


@kernel
def _forward(block):
    """Fill theta, Theta and ThetaD from the first difference to the last."""
    alpha, beta, diffs, theta, Theta, ThetaD = (
        block.alpha, block.beta, block.diffs, block.theta, block.Theta, block.ThetaD
    )  # fmt: skip
    n, m = diffs.shape
    for x in range(m):
        theta[0, x] = 1.0
        theta[1, x] = alpha[0, x]
        Theta[0, x] = -1.0
        ThetaD[0, x] = -diffs[0, x]
    for step in range(1, n):
        i = block.steps[step]
        sign = -1.0 if i % 2 == 0 else 1.0
        for x in range(m):
            b, minor = beta[i - 1, x], theta[i, x]
            theta[i + 1, x] = alpha[i, x] * minor - b * b * theta[i - 1, x]
            Theta[i, x] = Theta[i - 1, x] * b + sign * minor
            ThetaD[i, x] = b * ThetaD[i - 1, x] + sign * diffs[i, x] * minor


@kernel
def solve(block):
    """Fill all that follows from `diffs`, `use`, `alpha` and `beta`."""
    _backward(block)
    _forward(block)
    steps, diffs, use, _, _, theta, phi, Theta, ThetaD, Phi, PhiD, dB, dC, A, B, C, factor = block
    n, m = diffs.shape
    for x in range(m):
        factor[x] = 1.0 / theta[n, x]
        A[x] = B[x] = C[x] = 0.0
    for i in steps:
        sign = -1.0 if i % 2 == 0 else 1.0
        for x in range(m):
            before, after, inverse = theta[i, x], phi[i + 1, x], sign * factor[x]
            b = inverse * (after * ThetaD[i, x] + before * PhiD[i, x])
            c = inverse * (after * Theta[i, x] + before * Phi[i, x]) * use[i, x]
            dB[i, x], dC[i, x] = b, c
            A[x] += diffs[i, x] * b
            B[x] += diffs[i, x] * c
            C[x] += c
