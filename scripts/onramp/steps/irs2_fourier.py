"""
Fourier transforms of IRS2 frames in the order of reading: real sequences of 89 x 16384 values.

The two factors have no divisor in common, so the transform falls into one over rows of 16384 and
one over columns of 89 without factors in between (Good 1958, J. R. Stat. Soc. B 20, 361). Reads of
the same clock tick, row after row of the detector, stay together on the way: every eighth value of
a row.
"""

import functools
from typing import NamedTuple

import numpy as np

from onramp.interleaving import FRAME_READS, ROW_READS, SCIENCE
from onramp.kernels import kernel

SHORT, LONG = 89, 16384
HALF = (SHORT - 1) // 2
STRIDE = LONG // SCIENCE
FREQUENCIES = LONG // 2 + 1
BLOCK = 64  # float32 values of a row that are transformed at once
UNROLLED = 4


class Places(NamedTuple):
    """Where the reads of each clock tick go: arrays (712,) int64."""

    row: np.ndarray
    start: np.ndarray
    """Place in the row of what `turn` says."""
    turn: np.ndarray
    """Detector row that comes first."""


@functools.cache
def places() -> Places:
    """Return where the reads of each clock tick go."""
    row, start = np.divmod(np.arange(ROW_READS), STRIDE)
    turn, tick = np.divmod((LONG * row + SHORT * start) % FRAME_READS, ROW_READS)
    order = np.argsort(tick)
    return Places(row[order], start[order], turn[order])


def forward(series, present):
    """
    Transform a frame.

    Parameters
    ----------
    series : (712, 2048) float32
        Reads by clock tick and detector row.
    present : (nticks,) int64
        The ticks that count; all others are 0.

    Returns
    -------
    (89, 8193) complex64
        Frequency k in row k mod 89 and column k mod 16384, divided by 16384.
    """
    rows = np.zeros((SHORT, LONG), np.float32)
    _arrange(series, present, places(), rows)
    spectrum = np.fft.rfft(rows, norm="forward")  # stays in single precision, unlike without
    _transform_columns(spectrum.view(np.float32), *_waves(), np.float32(1))
    return spectrum


def inverse(spectrum, wanted, series):
    """
    Transform back; the factor 16384/89 that is missing is in the weights.

    Parameters
    ----------
    spectrum : (89, 8193) complex64
        Changed.
    wanted : (nticks,) int64
        Ticks whose reads are wanted.
    series : (712, 2048) float32
        Filled at these ticks.
    """
    _transform_columns(spectrum.view(np.float32), *_waves(), np.float32(-1))
    _collect(np.fft.irfft(spectrum), wanted, places(), series)


@functools.cache
def _waves():
    """Return cosines and sines (44, 44) float32 of the short transform."""
    numbers = np.arange(1, HALF + 1)
    phase = 2 * np.pi * (np.outer(numbers, numbers) % SHORT) / SHORT
    return np.cos(phase).astype(np.float32), np.sin(phase).astype(np.float32)


@kernel
def _arrange(series, present, places, rows):
    for tick in present:
        row = rows[places.row[tick]]
        start, turn = places.start[tick], places.turn[tick]
        reads = series[tick]
        for n in range(SCIENCE - turn):
            row[start + STRIDE * n] = reads[turn + n]
        for n in range(turn):
            row[start + STRIDE * (SCIENCE - turn + n)] = reads[n]


@kernel
def _collect(rows, wanted, places, series):
    for tick in wanted:
        row = rows[places.row[tick]]
        start, turn = places.start[tick], places.turn[tick]
        reads = series[tick]
        for n in range(SCIENCE - turn):
            reads[turn + n] = row[start + STRIDE * n]
        for n in range(turn):
            reads[n] = row[start + STRIDE * (SCIENCE - turn + n)]


@kernel
def _transform_columns(values, cosines, sines, sign):
    """
    Transform the columns of (89, 2 n) float32, complex values side by side, in place.

    What is even and what is odd about the middle are summed apart, for the columns of a block at
    once.
    """
    even = np.empty((HALF, BLOCK), np.float32)
    odd = np.empty((HALF, BLOCK), np.float32)
    real = np.empty(BLOCK, np.float32)
    turned = np.empty(BLOCK, np.float32)
    zero = np.empty(BLOCK, np.float32)
    for first in range(0, values.shape[1], BLOCK):
        width = min(BLOCK, values.shape[1] - first)
        for x in range(width):
            zero[x] = values[0, first + x]
        total = values[0]
        for a in range(HALF):
            low, high = values[a + 1], values[SHORT - 1 - a]
            for x in range(width):
                even[a, x] = low[first + x] + high[first + x]
                odd[a, x] = sign * (low[first + x] - high[first + x])
            for x in range(width):
                total[first + x] += even[a, x]
        for k in range(HALF):
            real[:] = zero
            turned[:] = np.float32(0)
            for a in range(0, HALF, UNROLLED):
                c0, c1, c2, c3 = cosines[k, a : a + UNROLLED]
                s0, s1, s2, s3 = sines[k, a : a + UNROLLED]
                e0, e1, e2, e3 = even[a], even[a + 1], even[a + 2], even[a + 3]
                o0, o1, o2, o3 = odd[a], odd[a + 1], odd[a + 2], odd[a + 3]
                for x in range(BLOCK):
                    real[x] += (c0 * e0[x] + c1 * e1[x]) + (c2 * e2[x] + c3 * e3[x])
                    turned[x] += (s0 * o0[x] + s1 * o1[x]) + (s2 * o2[x] + s3 * o3[x])
            low, high = values[k + 1], values[SHORT - 1 - k]
            for x in range(0, width, 2):
                low[first + x] = real[x] + turned[x + 1]
                low[first + x + 1] = real[x + 1] - turned[x]
                high[first + x] = real[x] - turned[x + 1]
                high[first + x + 1] = real[x + 1] + turned[x]


@kernel
def add_weights(values, first, weights):
    """
    Add the weights of some frequencies where a transform has them, so that real stays real.

    A complex weight acts on a real sequence, of which only the real part is kept, as the mean of
    itself and the conjugate at the opposite frequency does.

    Parameters
    ----------
    values : (2 n, nfilters) float32
        Weights of the frequencies from `first` on: real and imaginary parts in turn.
    first : int
    weights : (nfilters, 89, 8193) complex64
        Summed in place, times 16384/89.
    """
    share = np.float32(0.5 * LONG / SHORT)
    for row in range(SHORT):
        opposite_row = (SHORT - row) % SHORT
        for n in range((row - first) % SHORT, values.shape[0] // 2, SHORT):
            column = (first + n) % LONG
            opposite = (LONG - column) % LONG
            for f in range(values.shape[1]):
                real, imaginary = values[2 * n, f] * share, values[2 * n + 1, f] * share
                if column < FREQUENCIES:
                    weights[f, row, column] += np.complex64(complex(real, imaginary))
                if opposite < FREQUENCIES:
                    weights[f, opposite_row, opposite] += np.complex64(complex(real, -imaginary))


@kernel
def combine(spectrum, weights, other, other_weights):
    """
    Weight two spectra and add them, into the first.

    Parameters
    ----------
    spectrum, weights, other, other_weights : (89, 8193) complex64
    """
    for a in range(SHORT):
        for b in range(FREQUENCIES):
            spectrum[a, b] = spectrum[a, b] * weights[a, b] + other[a, b] * other_weights[a, b]
