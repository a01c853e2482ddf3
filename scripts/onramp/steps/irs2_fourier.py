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
from onramp.steps.irs2_columns import (
    BLOCK,
    HALF,
    PADDING,
    SHORT,
    WIDTH,
    inlined_kernel,
    matrices,
    orders,
    transform,
)

LONG = 16384
STRIDE = LONG // SCIENCE
FREQUENCIES = LONG // 2 + 1
FILTERS = 8


FORWARD, BACK = np.float32(1), np.float32(-1)


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


def arranged(series, ticks):
    """
    Arrange a frame for the transform.

    Parameters
    ----------
    series : (n, 2048) float32
        Reads by clock tick and detector row.
    ticks : (n,) int64
        When they are read; reads at other ticks are 0.

    Returns
    -------
    (89, 16384) float32
    """
    rows = np.zeros((SHORT, LONG), np.float32)
    _arrange(series, *_by_row(ticks), places(), rows)
    return rows


def reads_of(rows, ticks, backwards=False):
    """
    Return reads of an arranged frame.

    Parameters
    ----------
    rows : (89, 16384) float32
        From `arranged`, or what it becomes.
    ticks : (n,) int64
        The clock ticks that are wanted.
    backwards : bool
        Whether the last detector row comes first.

    Returns
    -------
    (n, 2048) float32
    """
    series = np.empty((len(ticks), SCIENCE), np.float32)
    _collect(rows, *_by_row(ticks), places(), series, backwards)
    return series


def forward(rows):
    """
    Transform a frame.

    Parameters
    ----------
    rows : (89, 16384) float32
        From `arranged`.

    Returns
    -------
    (89, 8193) complex64
        Frequency k in row k mod 89 and column k mod 16384, divided by 16384.
    """
    spectrum = _transform_rows(rows)
    _transform_columns(spectrum.view(np.float32), orders(), matrices())
    return spectrum


def smooth(rows, smoothing, ticks):
    """
    Weight each frequency of a frame by a real number; replace the reads of some ticks.

    Parameters
    ----------
    rows : (89, 16384) float32
        From `arranged`; changed.
    smoothing : (89, 8193) float32
        Times 16384/89.
    ticks : (n,) int64
    """
    spectrum = _transform_rows(rows)
    _smooth_columns(spectrum.view(np.float32), smoothing, orders(), matrices())
    _replace(np.fft.irfft(spectrum), places().row[ticks], places().start[ticks], rows)


def weigh(rows, weights, filters, output):
    """
    Add another spectrum to that of a frame, each weighted.

    Parameters
    ----------
    rows : (89, 16384) float32
        From `arranged`.
    weights : (89, 8, 8193) complex64
        From `add_weights` and `sort_weights`.
    filters : (int, int)
        Which of the eight are for the frame and for the other spectrum.
    output : (89, 8193) complex64
        The other spectrum.

    Returns
    -------
    (89, 16384) float32
    """
    spectrum = _transform_rows(rows)
    values = spectrum.view(np.float32)
    _weigh_columns(values, weights, filters, output, orders(), matrices())
    return np.fft.irfft(spectrum)


def _transform_rows(rows):
    return np.fft.rfft(rows, norm="forward")  # stays in single precision, unlike without


def _by_row(ticks):
    """Return ticks in the order of the rows that they are in, and their places before."""
    order = np.argsort(places().row[ticks], kind="stable")
    return ticks[order], order


@kernel
def _arrange(series, ticks, order, places, rows):
    for n in range(ticks.size):
        tick = ticks[n]
        row, reads = rows[places.row[tick]], series[order[n]]
        start, turn = places.start[tick], places.turn[tick]
        for y in range(SCIENCE - turn):
            row[start + STRIDE * y] = reads[turn + y]
        for y in range(turn):
            row[start + STRIDE * (SCIENCE - turn + y)] = reads[y]


@kernel
def _collect(rows, ticks, order, places, found, backwards):
    for n in range(ticks.size):
        tick = ticks[n]
        row, reads = rows[places.row[tick]], found[order[n]]
        start, turn = places.start[tick], places.turn[tick]
        if backwards:
            for y in range(SCIENCE - turn):
                reads[SCIENCE - 1 - turn - y] = row[start + STRIDE * y]
            for y in range(turn):
                reads[SCIENCE - 1 - y] = row[start + STRIDE * (SCIENCE - turn + y)]
            continue
        for y in range(SCIENCE - turn):
            reads[turn + y] = row[start + STRIDE * y]
        for y in range(turn):
            reads[y] = row[start + STRIDE * (SCIENCE - turn + y)]


@kernel
def _replace(given, row, start, rows):
    for n in range(row.size):
        own, other = rows[row[n]], given[row[n]]
        for x in range(start[n], LONG, STRIDE):
            own[x] = other[x]


@inlined_kernel
def _work():
    shape = 2 * HALF, BLOCK
    values = np.zeros((SHORT, WIDTH + PADDING), np.float32)
    return values, np.empty(shape, np.float32), np.empty(shape, np.float32)


@inlined_kernel
def _load(values, first, block):
    width = min(WIDTH, values.shape[1] - first)
    for row in range(SHORT):
        own, target = values[row], block[row]
        for x in range(width):
            target[x] = own[first + x]


@inlined_kernel
def _store(block, values, first):
    width = min(WIDTH, values.shape[1] - first)
    for row in range(SHORT):
        own, target = block[row], values[row]
        for x in range(width):
            target[first + x] = own[x]


@kernel
def _transform_columns(values, order, factors):
    block, parts, products = _work()
    for first in range(0, values.shape[1], WIDTH):
        _load(values, first, block)
        transform(block, FORWARD, order, factors, parts, products)
        _store(block, values, first)


@kernel
def _smooth_columns(values, smoothing, order, factors):
    block, parts, products = _work()
    for first in range(0, values.shape[1], WIDTH):
        _load(values, first, block)
        transform(block, FORWARD, order, factors, parts, products)
        for row in range(SHORT):
            weight = smoothing[row, first // 2 : (first + WIDTH) // 2]
            own = block[row].view(np.complex64)[: weight.size]
            for n in range(weight.size):
                own[n] *= weight[n]
        transform(block, BACK, order, factors, parts, products)
        _store(block, values, first)


@kernel
def _weigh_columns(values, weights, filters, others, order, factors):
    block, parts, products = _work()
    for first in range(0, values.shape[1], WIDTH):
        _load(values, first, block)
        transform(block, FORWARD, order, factors, parts, products)
        columns = slice(first // 2, (first + WIDTH) // 2)
        for row in range(SHORT):
            other = others[row, columns]
            a, b = weights[row, filters[0], columns], weights[row, filters[1], columns]
            own = block[row].view(np.complex64)
            for n in range(other.size):
                own[n] = own[n] * a[n] + other[n] * b[n]
        transform(block, BACK, order, factors, parts, products)
        _store(block, values, first)


@kernel
def add_weights(values, first, weights):
    """
    Add the weights of some frequencies where a transform has them, so that real stays real.

    A complex weight acts on a real sequence, of which only the real part is kept, as the mean of
    itself and the conjugate at the opposite frequency does.

    Parameters
    ----------
    values : (2 n, 8) float32
        Weights of the frequencies from `first` on: real and imaginary parts in turn.
    first : int
    weights : (89, 8193, 16) float32
        Eight real and eight imaginary parts; summed in place, times 16384/89.
    """
    share = np.float32(0.5 * LONG / SHORT)
    for n in range(values.shape[0] // 2):
        real, imaginary = values[2 * n], values[2 * n + 1]
        row, column = (first + n) % SHORT, (first + n) % LONG
        if column < FREQUENCIES:
            found = weights[row, column]
            for f in range(FILTERS):
                found[f] += share * real[f]
                found[FILTERS + f] += share * imaginary[f]
        row, column = (SHORT - row) % SHORT, (LONG - column) % LONG
        if column < FREQUENCIES:
            found = weights[row, column]
            for f in range(FILTERS):
                found[f] += share * real[f]
                found[FILTERS + f] -= share * imaginary[f]


def sort_weights(weights):
    """
    Return weights by filter, in the place where they were by frequency.

    Parameters
    ----------
    weights : (89, 8193, 16) float32
        From `add_weights`.

    Returns
    -------
    (89, 8, 8193) complex64
    """
    _sort_weights(weights)
    return weights.view(np.complex64).reshape(SHORT, FILTERS, FREQUENCIES)


@kernel
def _sort_weights(weights):
    for row in range(SHORT):
        given = weights[row].copy()
        sorted_row = weights[row].reshape(FILTERS, 2 * FREQUENCIES)
        for f in range(FILTERS):
            for n in range(FREQUENCIES):
                sorted_row[f, 2 * n] = given[n, f]
                sorted_row[f, 2 * n + 1] = given[n, FILTERS + f]
