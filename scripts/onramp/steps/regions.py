"""Connected regions of flagged pixels, as runs of columns: the work grows with the flags alone."""

from typing import NamedTuple

import numpy as np

from onramp.kernels import inner_kernel, kernel

_WORD = 8  # columns looked at together
_FEWEST_AROUND_HOLE = 8  # pixels


class Regions(NamedTuple):
    """Regions that touch at most at nothing, corners counting as touching, in reading order."""

    runs: np.ndarray
    """(nruns, 3) int32: row, first column, column after the last; region by region."""
    starts: np.ndarray
    """(nregions + 1,) int64: where each region's runs begin."""
    area: np.ndarray
    """(nregions,) int64 [pixel]"""
    hull: np.ndarray
    """(nregions,) int64: area with all gaps within rows filled [pixel]."""
    sums: np.ndarray
    """(nregions, 2) int64: of the rows and of the columns of the pixels."""
    corners: np.ndarray
    """(nregions, 4) int64: first row, row after the last, first column, column after the last."""

    def centres(self, chosen):
        """Return the mean row and column of some regions, (n, 2) float64."""
        return self.sums[chosen] / self.area[chosen, None]

    @property
    def extents(self):
        """Rows and columns that each region spans, (nregions, 2) int64."""
        return self.corners[:, 1::2] - self.corners[:, ::2]

    def at_least(self, area):
        """
        Return the indices of the regions whose area, holes filled, is not below `area` [pixel].

        A hole is what cannot be left by steps to any of the eight neighbours.
        """
        large = self.area >= area
        unsure = ~large & (self.hull >= area) & (self.area >= _FEWEST_AROUND_HOLE)
        for region in np.flatnonzero(unsure):
            large[region] = _filled_area(self, region) >= area
        return np.flatnonzero(large)


def find_regions(plane, before, bit):
    """
    Find the regions of pixels that have a flag in one plane and not in another.

    Parameters
    ----------
    plane, before : (ny, nx) uint8
        Data quality.
    bit : int
        The flag.

    Returns
    -------
    Regions
    """
    return connect(find_runs(plane, before, bit))


def connect(runs):
    """
    Join runs into regions.

    Parameters
    ----------
    runs : (nruns, 3) int32
        Row, first column, column after the last; by rows, then columns.

    Returns
    -------
    Regions
    """
    labels = np.empty(len(runs), np.int64)
    _label(runs, np.arange(len(runs)), labels)
    order = np.argsort(labels, kind="stable")
    runs, labels = runs[order], labels[order]
    starts = np.concatenate([[0], np.cumsum(np.bincount(labels))])
    row, left, right = runs.T.astype(np.int64)
    width = right - left
    gap = np.zeros_like(width)
    same_row = (row[1:] == row[:-1]) & (labels[1:] == labels[:-1])
    gap[1:][same_row] = (left[1:] - right[:-1])[same_row]
    moments = [row * width, width * (left + right - 1) // 2]
    firsts, lasts = starts[:-1], starts[1:] - 1
    corners = [
        row[firsts],
        row[lasts] + 1,
        np.minimum.reduceat(left, firsts),
        np.maximum.reduceat(right, firsts),
    ]
    area, hull = np.add.reduceat(np.stack([width, width + gap]), firsts, axis=1)
    sums = np.add.reduceat(moments, firsts, axis=1)
    return Regions(runs, starts, area, hull, sums.T, np.stack(corners, axis=1))


def find_runs(plane, before, bit):
    """
    Find the runs of pixels that have a flag in one plane and not in another.

    Parameters
    ----------
    plane, before : (ny, nx) uint8
    bit : int

    Returns
    -------
    (nruns, 3) int32
        Row, first column, column after the last; by rows, then columns.
    """
    ny, nx = plane.shape
    edges = np.zeros((nx // _WORD + 1) * _WORD, np.uint8)
    room = np.empty((ny * ((nx + 1) // 2), 3), np.int32)  # memory that is not touched costs nothing
    count = _scan(plane, before, np.uint8(bit), edges, edges.view(np.uint64), room)
    return room[:count].copy()


@kernel
def _scan(plane, before, bit, edges, words, runs):
    """
    Fill in `runs` and return their number.

    `edges` and `words` are one buffer, for where a row's runs begin or end.
    """
    ny, nx = plane.shape
    count = 0
    flagged = np.zeros(nx + 2, np.bool_)
    for y in range(ny):
        row, old = plane[y], before[y]
        for x in range(nx):
            flagged[x + 1] = row[x] & (row[x] ^ old[x]) & bit
        for x in range(nx + 1):
            edges[x] = flagged[x] ^ flagged[x + 1]
        for word in range(words.size):
            if words[word] == 0:
                continue
            for x in range(word * _WORD, (word + 1) * _WORD):
                if not edges[x]:
                    continue
                if not flagged[x + 1]:
                    runs[count, 2] = x
                    count += 1
                    continue
                runs[count, 0] = y
                runs[count, 1] = x
    return count


@inner_kernel
def _root(parents, run):
    while parents[run] != run:
        parents[run] = parents[parents[run]]
        run = parents[run]
    return run


@kernel
def _label(runs, parents, labels):
    """Number the region of each run by union-find, in the order of first pixels."""
    above = 0
    for run in range(runs.shape[0]):
        y, left, right = runs[run, 0], runs[run, 1], runs[run, 2]
        while runs[above, 0] < y - 1 or (runs[above, 0] == y - 1 and runs[above, 2] < left):
            above += 1
        other = above
        while runs[other, 0] == y - 1 and runs[other, 1] <= right:
            ours = _root(parents, run)
            theirs = _root(parents, other)
            parents[max(ours, theirs)] = min(ours, theirs)
            other += 1
    count = 0
    for run in range(runs.shape[0]):
        root = _root(parents, run)
        if root == run:
            labels[run] = count
            count += 1
        else:
            labels[run] = labels[root]


def _filled_area(regions, region):
    """Return the area of a region and its holes: all that the frame around it does not reach."""
    top, _, left, _ = regions.corners[region]
    ny, nx = regions.extents[region]
    free = np.ones((ny + 2, nx + 2), bool)
    for y, first, last in regions.runs[regions.starts[region] : regions.starts[region + 1]]:
        free[y - top + 1, first - left + 1 : last - left + 1] = False
    outside = np.zeros_like(free)
    outside[0] = True
    reached = 0
    while (count := np.count_nonzero(outside)) > reached:
        reached = count
        outside[1:] |= outside[:-1]
        outside[:-1] |= outside[1:]
        outside[:, 1:] |= outside[:, :-1]
        outside[:, :-1] |= outside[:, 1:]
        outside &= free
    return outside.size - reached
