"""
Bad reference pixels of IRS2 frames: those that are restless, and what stands in for bad ones.

Each reference pixel is read twice in a row; both reads are bad or none.
"""

from typing import NamedTuple

import numpy as np

from onramp.interleaving import COLUMNS, OUTPUT_COLUMNS, OUTPUTS, PERIOD, reference_columns
from onramp.kernels import kernel
from onramp.steps.clipped_moments import clipped_moments

NOTHING = -1


class Sources(NamedTuple):
    """What each column's samples are taken from: arrays (3200,) int64 of columns."""

    first: np.ndarray
    """The column itself if it is good; NOTHING where there is no substitute and 0 is taken."""
    second: np.ndarray
    """Where it is another column than `first`, the mean of both is taken."""

    @property
    def replaced(self) -> np.ndarray:
        """(n,) int64: columns that are not their own source."""
        return np.flatnonzero(self.first != np.arange(COLUMNS))

    def turned(self):
        """Return the same for columns counted from the other end."""
        return Sources(*(np.where(a < 0, a, COLUMNS - 1 - a)[::-1].copy() for a in self))

    @classmethod
    def themselves(cls):
        """Return sources that replace nothing."""
        return cls(np.arange(COLUMNS), np.arange(COLUMNS))


class Sums(NamedTuple):
    """Sums over the samples of each pair of reads, (npairs,) float64."""

    differences: np.ndarray
    values: np.ndarray
    squares: np.ndarray

    def statistics(self, count):
        """
        Return mean absolute difference, mean and standard deviation of each pair.

        Parameters
        ----------
        count : int
            Samples of one column that were summed.
        """
        mean = self.values / (2 * count)
        variance = self.squares / (2 * count) - mean**2
        return self.differences / count, mean, np.sqrt(np.maximum(variance, 0.0))


def pairs() -> np.ndarray:
    """Return the first column of each pair of reads, (320,) int64."""
    return np.flatnonzero(np.tile(reference_columns(), OUTPUTS))[::2]


@kernel
def add_pairs(reads, sums):
    """
    Sum the reads of reference pixels of one group, in place.

    Parameters
    ----------
    reads : (2 npairs, n) float32
        Reads of a pair follow each other [DN].
    sums : Sums
    """
    for p in range(reads.shape[0] // 2):
        first, second = reads[2 * p], reads[2 * p + 1]
        differences = values = squares = 0.0
        for n in range(reads.shape[1]):
            a, b = np.float64(first[n]), np.float64(second[n])
            differences += abs(b - a)
            values += a + b
            squares += a * a + b * b
        sums.differences[p] += differences
        sums.values[p] += values
        sums.squares[p] += squares


def restless(statistics, known, limit):
    """
    Find reference pixels whose reads differ, are high or scatter more than their output's others.

    Parameters
    ----------
    statistics : three arrays (320,) float64
        From `Sums.statistics`, of one integration.
    known : (3200,) bool
        Bad columns that do not take part.
    limit : float
        Threshold [standard deviations].

    Returns
    -------
    (3200,) bool
    """
    first = pairs()
    usable = ~(known[first] | known[first + 1])
    found = np.zeros(COLUMNS, bool)
    for output in range(OUTPUTS):
        mine = np.flatnonzero(usable & (first // OUTPUT_COLUMNS == output))
        for values in statistics:
            mean, spread = clipped_moments(values[mine], limit)
            high = first[mine[(values[mine] - mean) > limit * spread]]
            found[high] = found[high + 1] = True
    return found


def substitute(column, bad):
    """
    Choose what stands in for a bad column, within its output.

    The columns one period of readout away are taken, or the one of them that is good; else the
    next pair of the same block; else nothing.

    Parameters
    ----------
    column : int
    bad : (3200,) bool

    Returns
    -------
    int, int
        As in `Sources`.
    """
    output = column // OUTPUT_COLUMNS
    references = np.tile(reference_columns(), OUTPUTS)

    def good(other):
        return 0 <= other < COLUMNS and other // OUTPUT_COLUMNS == output and not bad[other]

    far = [other for other in (column - PERIOD, column + PERIOD) if good(other)]
    if far:
        return far[0], far[-1]
    near = [other for other in (column - 2, column + 2) if good(other) and references[other]]
    return (near[0], near[0]) if near else (NOTHING, NOTHING)


def replace_all(bad):
    """Return the Sources that replace each bad column, (3200,) bool."""
    sources = Sources.themselves()
    for column in np.flatnonzero(bad):
        sources.first[column], sources.second[column] = substitute(column, bad)
    return sources


def replace_listed(sources, bad, table):
    """
    Replace the columns that a refpix reference lists as well, in the order in which it does.

    Parameters
    ----------
    sources : Sources
        For detector columns; changed.
    bad : (3200,) bool
        Columns that are replaced already; changed.
    table : iterable of (int, int, int)
        Amplifier (1 to 4), parity of its reference pixels (1 or 2), and a mask of blocks of four
        reads, the lowest bit for the first one.
    """
    for amplifier, parity, mask in table:
        pair = parity if amplifier % 2 else 3 - parity
        blocks = [bit for bit in range(OUTPUT_COLUMNS // PERIOD) if mask >> bit & 1]
        start = amplifier * OUTPUT_COLUMNS + np.flatnonzero(reference_columns())[0]
        columns = [start + PERIOD * block + 2 * (pair - 1) + n for block in blocks for n in (0, 1)]
        columns = [column for column in columns if not bad[column]]
        bad[columns] = True
        for column in columns:
            sources.first[column], sources.second[column] = substitute(column, bad)
