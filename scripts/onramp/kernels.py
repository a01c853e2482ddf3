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
def median_in_place(values, count):
    """
    Return the median of the first `count` values (float64), sorting them in place.

    The mean of the middle two if `count` is even, NaN if it is 0.
    """
    if count == 0:
        return np.nan
    if count > 64:
        values[:count].sort()
    else:
        for i in range(1, count):
            value = values[i]
            j = i - 1
            while j >= 0 and values[j] > value:
                values[j + 1] = values[j]
                j -= 1
            values[j + 1] = value
    middle = count // 2
    if count % 2:
        return np.float64(values[middle])
    return (np.float64(values[middle - 1]) + np.float64(values[middle])) / 2.0
