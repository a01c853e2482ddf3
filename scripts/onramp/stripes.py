"""
Striped subarrays: which lines of the detector a frame holds, and where superstripes belong.

A line runs along the fast axis. A frame reads a few lines at its start, skips some, reads a stripe,
and so on until it is full; with superstripes the stripes move from integration to integration
until all of an area is read ("Multistripe subarrays").
"""

import math
from typing import NamedTuple

import numpy as np

from onramp.limits import FULL
from onramp.placement import Placement

WHOLE_DETECTOR = tuple(f"SUB{n}STRIPE_SOSS" for n in (17, 60, 204, 680))
"""Superstripes that are put together to frames as long as the detector."""


class Pattern(NamedTuple):
    """How stripes are read, in lines; see `onramp.stripe_keywords`."""

    reads1: int
    skips1: int
    reads2: int
    skips2: int
    repeat: int
    interleave: int
    step: int
    number: int


class Run(NamedTuple):
    """Lines that follow each other, counted in the order of reading."""

    frame: int
    """First line in the frame."""
    detector: int
    """First line on the detector."""
    length: int
    science: bool
    """A stripe, and not the lines read at the start."""


class Piece(NamedTuple):
    """Where a stripe is in its frame and in the frame that is put together, as stored."""

    frame: slice
    whole: slice


class Stripes(NamedTuple):
    """
    How an exposure's frames are made of stripes.

    Parameters
    ----------
    pattern : Pattern
    placement : Placement
        As the header has it.
    """

    pattern: Pattern
    placement: Placement

    @property
    def number(self) -> int:
        """Positions of superstripes; 0 if the stripes stay where they are."""
        return self.pattern.number

    @property
    def along_y(self) -> bool:
        """Whether one line lies above the other in the image."""
        return abs(self.placement.fastaxis) == 1

    @property
    def size(self) -> int:
        """Lines of a frame."""
        return self.placement.ny if self.along_y else self.placement.nx

    @property
    def backwards(self) -> bool:
        """Whether lines are stored in reverse order."""
        return self.placement.slowaxis < 0

    @property
    def start(self) -> int:
        """
        The detector's line that is read first.

        Starts of early exposures are wrong: where lines are reversed 1 stands for the end, and
        all of NIRCam's DHS begin at the edge.
        """
        stored = self.placement.ystart if self.along_y else self.placement.xstart
        if "DHS" in self.placement.name or (self.backwards and stored == 1):
            return 0
        return FULL - stored if self.backwards else stored - 1

    def runs(self, position=0) -> list[Run]:
        """
        Return what a frame holds.

        Parameters
        ----------
        position : int
            Of the superstripe.

        Raises
        ------
        ValueError
            If the stripes do not fill the frame, or leave the detector.
        """
        pattern = self.pattern
        length = pattern.reads2 if pattern.reads2 > 0 or not self.number else pattern.step
        if length < 1:
            raise ValueError(f"stripes of {length} lines")
        moved = pattern.step * position
        found, line, skips, filled = [], None, pattern.skips1, 0
        while filled < self.size:
            if (line is None or pattern.repeat > 0) and pattern.reads1 > 0:
                found.append(Run(filled, self.start, pattern.reads1, False))
                filled += pattern.reads1
            if line is None:
                line = self.start + pattern.reads1 + skips + moved
            elif pattern.repeat <= 0:
                line += length + pattern.skips2
            elif pattern.interleave:
                skips += pattern.skips2 + length
                line = self.start + pattern.reads1 + skips
            found.append(Run(filled, line, length, True))
            filled += length
        if filled != self.size:
            raise ValueError(f"stripes of {length} lines that do not fill {self.size}")
        outside = [run for run in found if run.detector < 0 or run.detector + run.length > FULL]
        if outside:
            raise ValueError(f"a stripe at line {outside[0].detector + 1} of {FULL}")
        return found

    def lines(self, position=0) -> np.ndarray:
        """Return the detector's line, from 0, of each line of a frame, both as stored; int64."""
        read = [np.arange(run.detector, run.detector + run.length) for run in self.runs(position)]
        lines = np.concatenate(read)
        return FULL - 1 - lines[::-1] if self.backwards else lines

    def rows_and_columns(self, position=0) -> tuple[np.ndarray, np.ndarray]:
        """Return the detector's rows and columns, from 0, of a frame; int64."""
        place, lines = self.placement, self.lines(position)
        if self.along_y:
            return lines, np.arange(place.xstart - 1, place.xstart - 1 + place.nx)
        return np.arange(place.ystart - 1, place.ystart - 1 + place.ny), lines

    @property
    def area(self) -> Placement:
        """The smallest part of the detector that holds all lines of the first frame."""
        lines = self.lines()
        return self._over(int(lines.min()), int(lines.max() - lines.min()) + 1)

    def _over(self, first, length):
        if self.along_y:
            return self.placement._replace(ystart=first + 1, ny=length)
        return self.placement._replace(xstart=first + 1, nx=length)

    @property
    def repeats(self) -> int:
        """How often a frame reads a stripe."""
        return sum(run.science for run in self.runs())

    @property
    def _extent(self):
        """Return the lines of the frame that is put together: first, past-the-last."""
        if self.placement.name in WHOLE_DETECTOR:
            return 0, FULL
        runs = [run for n in range(self.number) for run in self.runs(n) if run.science]
        return min(run.detector for run in runs), max(run.detector + run.length for run in runs)

    @property
    def whole(self) -> Placement:
        """The frame that superstripes are put together to."""
        first, last = self._extent
        return self._over(FULL - last if self.backwards else first, last - first)

    def pieces(self) -> list[list[Piece]]:
        """Return where the stripes go: for each position one piece a repeat."""
        first, last = self._extent

        def piece(run):
            frame, whole = run.frame, run.detector - first
            if self.backwards:
                frame = self.size - frame - run.length
                whole = last - first - whole - run.length
            return Piece(slice(frame, frame + run.length), slice(whole, whole + run.length))

        return [[piece(run) for run in self.runs(n) if run.science] for n in range(self.number)]

    def whole_shape(self, stored) -> tuple[int, int, int, int]:
        """Return nints, ngroups, ny, nx of the frames that stored ones are put together to."""
        nints, ngroups = stored[:2]
        whole = self.whole
        return nints // self.number, ngroups * self.repeats, whole.ny, whole.nx

    def integrations(self, stored) -> int:
        """Return how many integrations a number of stored ones is part of."""
        return math.ceil(stored / self.number)


class StripedRows:
    """
    An image cut to the lines of a striped frame, read like any other.

    Parameters
    ----------
    image : onramp.fitsrows.ImageRows
    rows, columns : (n,) int64
        Of the image.

    Attributes
    ----------
    shape, dtype, header, name
        As of `onramp.fitsrows.ImageRows`.
    """

    def __init__(self, image, rows, columns):
        self._image, self._rows, self._columns = image, rows, columns
        self.shape = (*image.shape[:-2], len(rows), len(columns))
        self.dtype, self.header, self.name = image.dtype, image.header, image.name

    def read(self, first, last, leading=None, columns=slice(None)):
        """Read rows of the cut image; see `onramp.fitsrows.ImageRows.read`."""
        rows, inverse = np.unique(self._rows[first:last], return_inverse=True)
        chosen = self._columns[columns]
        if rows.size == 0 or chosen.size == 0:
            return self._image.read(0, 0, leading)[..., : chosen.size]
        window = slice(int(chosen.min()), int(chosen.max()) + 1)
        ends = np.flatnonzero(np.diff(rows) > 1) + 1
        parts = [
            self._image.read(int(part[0]), int(part[-1]) + 1, leading, window)
            for part in np.split(rows, ends)
        ]
        read = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-2)
        if not np.array_equal(inverse, np.arange(rows.size)):
            read = np.take(read, inverse, axis=-2)
        if not np.array_equal(chosen, np.arange(window.start, window.stop)):
            read = np.take(read, chosen - window.start, axis=-1)
        return np.ascontiguousarray(read)
