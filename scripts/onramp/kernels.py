"""Compilation of the kernels, in one place, and the orderings they share."""

import functools

import numba
import numpy as np

kernel = functools.partial(numba.njit, cache=True, nogil=True, error_model="numpy")
"""Decorate a kernel: cached on disk, free of the interpreter lock, IEEE division, no fast math."""


@functools.cache
def sorting_network(size: int) -> np.ndarray:
    """
    Return the comparators of Batcher's odd-even merge sort.

    Parameters
    ----------
    size : int
        Number of values to sort.

    Returns
    -------
    (ncomparators, 2) int64
        Pairs of positions to put in order, first to last.
    """
    pairs = []
    p = 1
    while p < size:
        k = p
        while k >= 1:
            for start in range(k % p, size - k, 2 * k):
                for low in range(start, min(start + k, size - k)):
                    if low // (2 * p) == (low + k) // (2 * p):
                        pairs.append((low, low + k))
            k //= 2
        p *= 2
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


@kernel
def sort_columns(block, network):
    """
    Sort the values of each column in place, all columns at once.

    Parameters
    ----------
    block : (nvalues, ncolumns) float32 or float64
        No NaN in any column whose order matters.
    network : (ncomparators, 2) int64
        From `sorting_network`.
    """
    for n in range(network.shape[0]):
        low = block[network[n, 0]]
        high = block[network[n, 1]]
        for x in range(block.shape[1]):
            a = low[x]
            b = high[x]
            low[x] = min(a, b)
            high[x] = max(a, b)


@kernel
def _select(values, count, rank):
    """Reorder the first `count` values so that the one of a rank (from 0) is in its place (Hoare)."""
    low = 0
    high = count - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i = low
        j = high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while pivot < values[j]:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            return


@kernel
def middle_in_place(values, count):
    """
    Return the middle two of the first `count` values, or the middle one twice; reorders them.

    No NaN among them; NaN if `count` is 0.
    """
    if count == 0:
        return values.dtype.type(np.nan), values.dtype.type(np.nan)
    middle = count // 2
    _select(values, count, middle)
    upper = values[middle]
    if count % 2:
        return upper, upper
    lower = values[0]
    for n in range(1, middle):
        lower = max(lower, values[n])
    return lower, upper


@kernel
def median_in_place(values, count):
    """Return the median of the first `count` values (float64), NaN if it is 0; reorders them."""
    lower, upper = middle_in_place(values, count)
    return (np.float64(lower) + np.float64(upper)) / 2.0
