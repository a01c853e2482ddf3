"""
Fourier transforms of length 89 of the columns of spectra, many columns side by side.

In the order of the powers of 3 a transform of prime length is a cyclic convolution (Rader 1968,
Proc. IEEE 56, 1107). Here sums and differences of opposite values are convolved on their own, the
former modulo x^44 - 1, the latter modulo x^44 + 1; these fall into the factors x^11 - 1, x^11 + 1,
x^22 + 1 and x^22 +- sqrt(2) x^11 + 1, which take 1694 products in place of 3872 (Nussbaumer 1981,
Fast Fourier Transform and Convolution Algorithms, chapter 3).
"""

import functools

import numpy as np

from onramp.kernels import kernel

SHORT = 89
ROOT = 3
HALF = (SHORT - 1) // 2
PART = HALF // 4
PARTS = 2 * HALF // PART
BLOCK = 64  # float32 values of a row that are transformed at once
WIDTH = 8 * BLOCK  # values of a row that are copied at once, which takes longer in smaller pieces
PADDING = 16  # for rows that do not share a set of the cache
SQRT2 = np.float32(np.sqrt(2))
HALF_SQRT2 = np.float32(np.sqrt(0.5))

inlined_kernel = functools.partial(kernel, inline="always", no_cpython_wrapper=True)
"""Decorate a kernel that is compiled into its callers, which know the sizes of its arrays."""


def _powers(sign):
    """Return the powers of 3 (44,) int64 with exponents of a sign, from -44 to 44."""
    powers = np.array([pow(ROOT, sign * n, SHORT) for n in range(HALF)])
    return np.where(powers > HALF, powers - SHORT, powers)


def _modulo(polynomial, shift, middle, last):
    """
    Return the matrix (n, n) that multiplies by a polynomial modulo x^n + middle x^(n/2) + last.

    Parameters
    ----------
    polynomial : (44,) float64
        Coefficients, the lowest first.
    shift : int
        n.
    middle, last : float
    """
    columns = []
    for n in range(shift):
        rest = np.zeros(HALF + shift)
        rest[n : n + HALF] = polynomial
        for place in range(HALF + shift - 1, shift - 1, -1):
            rest[place - shift // 2] -= middle * rest[place]
            rest[place - shift] -= last * rest[place]
        columns.append(rest[:shift])
    return np.column_stack(columns)


@functools.cache
def matrices():
    """
    Return what the parts are multiplied by, (8, 2, 11, 11) float32.

    By the part that comes out, and that of its pair that goes in; the first two parts only take
    themselves. The factors 1/2 of putting the parts together are in it.
    """
    phase = 2 * np.pi * _powers(-1) / SHORT
    cosines, sines = np.cos(phase), np.sin(phase)
    found = np.zeros((PARTS, 2, PART, PART))
    found[0, 0] = _modulo(cosines, PART, 0.0, -1.0) / 4
    found[1, 1] = _modulo(cosines, PART, 0.0, 1.0) / 4
    pairs = (
        _modulo(cosines, 2 * PART, 0.0, 1.0),
        _modulo(sines, 2 * PART, np.sqrt(2), 1.0),
        _modulo(sines, 2 * PART, -np.sqrt(2), 1.0),
    )
    for n, pair in enumerate(pairs):
        split = pair.reshape(2, PART, 2, PART).swapaxes(1, 2)
        found[2 * n + 2 : 2 * n + 4] = split / 2
    return found.astype(np.float32)


@functools.cache
def orders():
    """
    Return the rows of opposite values in the order in which they go in and come out.

    Returns
    -------
    (2, 2, 44) int64
        In and out; either of two opposite rows.
    """
    return np.array([(_powers(sign) % SHORT, -_powers(sign) % SHORT) for sign in (1, -1)])


@inlined_kernel
def take_apart(values, first, order, parts):
    """
    Sum what is opposite and split it into parts.

    Parameters
    ----------
    values : (89, n) float32
    first : int
        First of the BLOCK columns to take.
    order : (2, 44) int64
        Of what goes in, from `orders`.
    parts : (88, BLOCK) float32
        Eight parts of 11 rows each; filled.
    """
    for n in range(HALF):
        plus = values[order[0, n], first : first + BLOCK]
        minus = values[order[1, n], first : first + BLOCK]
        for x in range(BLOCK):
            parts[n, x] = plus[x] + minus[x]
            parts[HALF + n, x] = plus[x] - minus[x]
    for n in range(PART):
        for x in range(BLOCK):
            a, b = parts[n, x], parts[n + PART, x]
            c, d = parts[n + 2 * PART, x], parts[n + 3 * PART, x]
            parts[n, x] = (a + c) + (b + d)
            parts[n + PART, x] = (a + c) - (b + d)
            parts[n + 2 * PART, x] = a - c
            parts[n + 3 * PART, x] = b - d
    for n in range(HALF, HALF + PART):
        for x in range(BLOCK):
            a, b = parts[n, x], parts[n + PART, x]
            c, d = parts[n + 2 * PART, x], parts[n + 3 * PART, x]
            even, odd = SQRT2 * d, SQRT2 * c
            parts[n, x] = (a - c) + even
            parts[n + PART, x] = (b + d) - odd
            parts[n + 2 * PART, x] = (a - c) - even
            parts[n + 3 * PART, x] = (b + d) + odd


@inlined_kernel
def multiply(parts, factors, products):
    """
    Multiply each part, or pair of parts, by its matrix.

    Parameters
    ----------
    parts : (88, BLOCK) float32
    factors : (8, 2, 11, 11) float32
        From `matrices`.
    products : (88, BLOCK) float32
        Filled.
    """
    for row in range(2 * HALF):
        part, n = divmod(row, PART)
        for x in range(BLOCK):
            products[row, x] = np.float32(0)
        for second in range(2):
            if part < 2 and part != second:
                continue
            f = factors[part, second, n]
            i = (part // 2 * 2 + second) * PART
            for x in range(BLOCK):
                products[row, x] += (
                    ((f[0] * parts[i, x] + f[1] * parts[i + 1, x])
                    + (f[2] * parts[i + 2, x] + f[3] * parts[i + 3, x]))
                    + ((f[4] * parts[i + 4, x] + f[5] * parts[i + 5, x])
                    + (f[6] * parts[i + 6, x] + f[7] * parts[i + 7, x]))
                    + ((f[8] * parts[i + 8, x] + f[9] * parts[i + 9, x])
                    + f[10] * parts[i + 10, x])
                )  # fmt: skip


@inlined_kernel
def put_together(products, sign, order, values, first):
    """
    Turn products into the transform, in place of what was transformed.

    Parameters
    ----------
    products : (88, BLOCK) float32
        Changed.
    sign : float32
        1 forward, -1 back.
    order : (2, 44) int64
        Of what comes out.
    values : (89, n) float32
        Real and imaginary parts in turn; the first row is needed as it was, and stays.
    first : int
        First of the BLOCK columns.
    """
    zeroes = values[0, first : first + BLOCK]
    for n in range(PART):
        for x in range(BLOCK):
            a, b = products[n, x], products[n + PART, x]
            c, d = products[n + 2 * PART, x], products[n + 3 * PART, x]
            zero = zeroes[x]
            products[n, x] = zero + ((a + b) + c)
            products[n + PART, x] = zero + ((a - b) + d)
            products[n + 2 * PART, x] = zero + ((a + b) - c)
            products[n + 3 * PART, x] = zero + ((a - b) - d)
    for n in range(HALF, HALF + PART):
        for x in range(BLOCK):
            a, b = products[n, x], products[n + PART, x]
            c, d = products[n + 2 * PART, x], products[n + 3 * PART, x]
            third, second = HALF_SQRT2 * (a - c), HALF_SQRT2 * (d - b)
            products[n, x] = sign * ((a + c) + second)
            products[n + PART, x] = sign * ((b + d) - third)
            products[n + 2 * PART, x] = sign * second
            products[n + 3 * PART, x] = sign * third
    for n in range(HALF):
        plus = values[order[0, n], first : first + BLOCK]
        minus = values[order[1, n], first : first + BLOCK]
        for x in range(0, BLOCK, 2):
            real, imaginary = products[n, x], products[n, x + 1]
            turned, other = products[HALF + n, x], products[HALF + n, x + 1]
            plus[x] = real + other
            plus[x + 1] = imaginary - turned
            minus[x] = real - other
            minus[x + 1] = imaginary + turned


@inlined_kernel
def transform(values, sign, order, factors, parts, products):
    """
    Transform columns of complex numbers, in place.

    Parameters
    ----------
    values : (89, n) float32
        Real and imaginary parts in turn; n is at least WIDTH.
    sign : float32
        1 forward, -1 back, without a factor.
    order : (2, 2, 44) int64
        From `orders`.
    factors : (8, 2, 11, 11) float32
        From `matrices`.
    parts, products : (88, BLOCK) float32
        To work in.
    """
    for first in range(0, WIDTH, BLOCK):
        take_apart(values, first, order[0], parts)
        multiply(parts, factors, products)
        put_together(products, sign, order[1], values, first)
        total = values[0, first : first + BLOCK]
        for n in range(PART):
            for x in range(BLOCK):
                total[x] += parts[n, x]
