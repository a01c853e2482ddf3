"""Compilation of the kernels, in one place, and the orderings they share."""

import functools
import os

import numpy as np

from onramp.compiled import Kernel


def kernel(function, **options):
    """
    Decorate a kernel: cached on disk, free of the interpreter lock, IEEE division, no fast math.

    With NUMBA_DISABLE_JIT it remains a function of Python.

    Parameters
    ----------
    function : callable
    **options
        Further options of `numba.njit`.

    Returns
    -------
    Kernel
    """
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        return function
    return Kernel(function, nogil=True, error_model="numpy", no_cfunc_wrapper=True, **options)


inner_kernel = functools.partial(kernel, no_cpython_wrapper=True)
"""Decorate a kernel that only kernels call: it compiles faster."""

scalar_kernel = functools.partial(inner_kernel, _nrt=False)
"""Decorate an inner kernel that allocates nothing: without the count of references to its arrays,
which in loops over samples costs more than the work itself."""


LANES = 32  # columns that are worked on at once
ZERO, ONE, NO, YES = np.int64(0), np.int64(1), np.bool_(False), np.bool_(True)
"""What kernels hand to others in place of literals, for which numba would compile these again."""


@functools.cache
def sorting_network(size: int, ranks: tuple[int, ...] | None = None) -> np.ndarray:
    """
    Return the comparators of Batcher's odd-even merge sort.

    Parameters
    ----------
    size : int
        Number of values to sort.
    ranks : tuple of int, optional
        The positions that are wanted; comparators that do not matter for them are left out.

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
    wanted = set(range(size) if ranks is None else ranks)
    kept = []
    for pair in reversed(pairs):
        if not wanted.isdisjoint(pair):
            wanted.update(pair)
            kept.append(pair)
    return np.array(kept[::-1], dtype=np.int64).reshape(-1, 2)


def middle_ranks(size: int) -> tuple[int, ...]:
    """Return the positions of the middle value, or of the middle two."""
    return tuple(sorted({(size - 1) // 2, size // 2}))


@kernel
def sort_columns(block, network):
    """
    Sort the values of each column in place, all columns at once, as far as the network does.

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


FEW = 16  # values that are sorted faster than searched


@scalar_kernel
def insertion_sort(values, count):
    """Sort the first `count` values in place; for few of them."""
    for n in range(1, count):
        value = values[n]
        place = n
        while place > 0 and values[place - 1] > value:
            values[place] = values[place - 1]
            place -= 1
        values[place] = value


@scalar_kernel
def select(values, count, rank):
    """Reorder the first `count` values so that the one of `rank` is in its place (Hoare)."""
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
    if count <= FEW:
        insertion_sort(values, count)
        return values[(count - 1) // 2], values[middle]
    select(values, count, middle)
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


@inner_kernel
def _block_sum(values, first, count):
    """Sum up to 128 values in eight lanes."""
    zero = values[first] - values[first]
    whole = count - count % 8
    total = zero
    if whole:
        lanes = (zero, zero, zero, zero, zero, zero, zero, zero)
        a, b, c, d, e, f, g, h = lanes
        for n in range(first, first + whole, 8):
            a += values[n]
            b += values[n + 1]
            c += values[n + 2]
            d += values[n + 3]
            e += values[n + 4]
            f += values[n + 5]
            g += values[n + 6]
            h += values[n + 7]
        total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for n in range(first + whole, first + count):
        total += values[n]
    return total


@kernel
def pairwise_sum(values, count):
    """
    Return the sum of the first `count` values in their own precision, added as numpy adds them.

    Halves are summed apart until they have at most 128 values, so that the rounding is numpy's.
    """
    first = np.zeros(64, np.int64)
    size = np.zeros(64, np.int64)
    stage = np.zeros(64, np.int64)
    left = np.zeros(64, values.dtype)
    size[0] = count
    depth = 0
    total = left[0]
    while depth >= 0:
        half = size[depth] // 2
        half -= half % 8
        if size[depth] <= 128:
            total = _block_sum(values, first[depth], size[depth])
            depth -= 1
        elif stage[depth] == 0:
            stage[depth] = 1
            depth += 1
            first[depth], size[depth], stage[depth] = first[depth - 1], half, 0
        elif stage[depth] == 1:
            left[depth] = total
            stage[depth] = 2
            depth += 1
            first[depth], stage[depth] = first[depth - 1] + half, 0
            size[depth] = size[depth - 1] - half
        else:
            total = left[depth] + total
            depth -= 1
    return total
