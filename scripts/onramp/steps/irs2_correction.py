"""
Noise of the electronics in IRS2 frames, as the reference pixels show it (Moseley et al. 2010, Proc.
SPIE 7742, 36; Rauscher et al. 2012, Proc. SPIE 8453, 1F).

Reads are put in the order of the clock. Reference output and interleaved reference pixels, weighted
by frequency, give what each science pixel read with the charge. "Reads" are (712, 2048) float32 of
one output by clock tick and detector row, 0 where there is none.
"""

from typing import NamedTuple

import numpy as np

from onramp.interleaving import (
    FRAME_READS,
    NORMAL,
    OUTPUT_COLUMNS,
    PERIOD,
    REFERENCE,
    ROW_READS,
    SCIENCE,
    read_ticks,
    reference_columns,
)
from onramp.kernels import kernel
from onramp.steps import irs2_fourier

EDGE = 4
EDGE_ROWS = (*range(EDGE), *range(SCIENCE - EDGE, SCIENCE))
ITERATIONS = 3
AMPLIFIERS = 4
TAPER_READS = 110000
GUESS_REACH = 16
FEW_OF = 8  # reads of a tick, more than one of which is missing: all are guessed at once
ALL_TICKS = np.arange(ROW_READS)
SCIENCE_TICKS = read_ticks()[~reference_columns()]
GAPS = np.setdiff1d(ALL_TICKS, SCIENCE_TICKS)
REFERENCE_TICKS = read_ticks()[reference_columns()]
MIDDLE = (FRAME_READS - 1) / 2


class Line(NamedTuple):
    """A straight line over the reads of a frame, from its middle."""

    intercept: np.float32
    """[DN]"""
    slope: np.float32
    """[DN per clock tick]"""


def fit_line(edges):
    """
    Fit a line to the reads of the rows at both ends.

    Parameters
    ----------
    edges : (8, 712) float32
        Reads of the detector rows `EDGE_ROWS` by clock tick [DN]; 0 does not count.

    Returns
    -------
    Line
    """
    ticks = np.array(EDGE_ROWS)[:, None] * ROW_READS + ALL_TICKS
    usable = edges != 0
    times = (ticks - MIDDLE).astype(np.float32)[usable]
    values = edges[usable]
    if not times.size:
        return Line(np.float32(0), np.float32(0))
    count = float(times.size)
    time, value = times.mean(), values.mean()
    slope = ((times * values).sum() - count * time * value) / ((times**2).sum() - count * time**2)
    return Line(np.float32(value - slope * time), np.float32(slope))


@kernel
def remove_line(reads, ticks, line):
    """Subtract a Line from the reads of some ticks, in place; 0 stays."""
    for tick in ticks:
        row = reads[tick]
        for y in range(row.size):
            if row[y] != 0:
                time = np.float32(y * ROW_READS + tick - MIDDLE)
                row[y] -= line.intercept + time * line.slope


def _guess_weights():
    return np.sin(np.arange(1, 2 * GUESS_REACH, dtype=np.float32) / np.float32(32) * np.pi)


def guess_missing(reads):
    """Fill reads that are 0 with a weighted mean of those around them in time, in place."""
    known = np.count_nonzero(reads, axis=1)
    _guess(reads, reads.copy(), known, _guess_weights().astype(np.float64))


@kernel
def _guess(reads, given, known, weights):
    """Fill all rows at once at ticks that hold next to nothing, else what is missing one by one."""
    nticks, nrows = reads.shape
    reach = weights.size // 2
    total = np.empty(nrows)
    weight = np.empty(nrows)
    places = np.empty(nrows, np.int64)
    for tick in range(nticks):
        if known[tick] == nrows:
            continue
        count = 0
        for y in range(nrows):
            places[count] = y
            count += given[tick, y] == 0
        missing = places[:count]
        rows = nrows if count > nrows // FEW_OF else 0
        total[:] = 0.0
        weight[:] = 0.0
        for n in range(weights.size):
            shift, other = divmod(tick + n - reach, nticks)
            if known[other] == 0:
                continue
            own, factor = given[other], weights[n]
            first, last = max(0, -shift), rows - max(0, shift)
            if first < last:
                shifted = own[first + shift : last + shift]
                sums, shares = total[first:last], weight[first:last]
                for y in range(last - first):
                    sums[y] += factor * shifted[y]
                    shares[y] += factor * np.float64(shifted[y] != 0)
            if rows == 0 or shift != 0:
                for y in missing:
                    if rows == 0 or not 0 <= y + shift < nrows:
                        value = own[(y + shift) % nrows]
                        total[y] += factor * value
                        weight[y] += factor * np.float64(value != 0)
        for y in missing:
            if weight[y] > 0:
                reads[tick, y] = np.float32(total[y]) / np.float32(weight[y])


def smoothing_weights():
    """
    Return the weights of the filter that fills gaps: low frequencies pass, and those near the
    highest, where odd and even reads differ.

    Returns
    -------
    (89, 8193) float32
        As `irs2_fourier.smooth` takes them.
    """
    taper = TAPER_READS // (PERIOD + 2)
    flat = (ROW_READS // (PERIOD + 2)) * SCIENCE // 2 - taper // 2
    fall = (np.cos(np.arange(taper) * np.pi / taper) + 1) / 2
    slope = np.concatenate([np.ones(flat), fall])
    high = FRAME_READS // 2 - np.arange(slope.size + 1)
    frequency = np.concatenate([np.arange(slope.size), high])
    passing = np.concatenate([slope, [1.0], slope])
    weights = np.zeros((irs2_fourier.SHORT, irs2_fourier.LONG), np.float32)
    for sign in (1, -1):
        place = sign * frequency % irs2_fourier.SHORT, sign * frequency % irs2_fourier.LONG
        weights[place] = passing * irs2_fourier.LONG / irs2_fourier.SHORT
    return weights[:, : irs2_fourier.FREQUENCIES].copy()


def fill_gaps(reads, smoothing):
    """
    Fill the reads of the reference output at all ticks but those of science pixels.

    Parameters
    ----------
    reads : (712, 2048) float32
        After `guess_missing`.
    smoothing : (89, 8193) float32
        From `smoothing_weights`.

    Returns
    -------
    (89, 16384) float32
        As `irs2_fourier.arranged` leaves them.
    """
    rows = irs2_fourier.arranged(reads, ALL_TICKS)
    for _ in range(ITERATIONS):
        irs2_fourier.smooth(rows, smoothing, GAPS)
    return rows


def _spread():
    """Return ticks to fill with reads of interleaved reference pixels, and those of the reads."""
    blocks = np.arange(OUTPUT_COLUMNS // PERIOD)[:, None] * (PERIOD + 2)
    start = NORMAL // 2 + 1
    targets = blocks + np.arange(start - REFERENCE // 2, start + REFERENCE + REFERENCE // 2)
    once = np.repeat([start, start + 1], REFERENCE) + np.tile([0, 2], REFERENCE)
    return targets.ravel(), (blocks + once).ravel()


SPREAD_TICKS, SPREAD_SOURCES = _spread()


def noise_of(reads, amplifier, weights, output_spectrum):
    """
    Return what an amplifier's pixels read of the electronics' noise.

    Parameters
    ----------
    reads : (712, 2048) float32
        Of its interleaved reference pixels, the line taken off [DN].
    amplifier : int
        From 0.
    weights : (89, 8, 8193) complex64
        By frequency: of the reference output for each of four amplifiers, then of the interleaved
        reference pixels.
    output_spectrum : (89, 8193) complex64
        Of the reference output.

    Returns
    -------
    (89, 16384) float32
        At all ticks, as `irs2_fourier.reads_of` takes it [DN].
    """
    filters = AMPLIFIERS + amplifier, amplifier
    spread = irs2_fourier.arranged(reads[SPREAD_SOURCES], SPREAD_TICKS)
    return irs2_fourier.weigh(spread, weights, filters, output_spectrum)
