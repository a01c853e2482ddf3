"""Ellipses with the second moments of flagged regions, and how they are drawn into flags."""

import math
from typing import NamedTuple

import numpy as np

from onramp.kernels import kernel


class Ellipses(NamedTuple):
    """Ellipses on a frame, (n,) float64 each; axes are full lengths, of the moments less one."""

    y: np.ndarray
    x: np.ndarray
    minor: np.ndarray
    major: np.ndarray
    angle: np.ndarray
    """From the direction of rows to the major axis [degree]."""

    @classmethod
    def of(cls, regions, chosen):
        """
        Describe regions by ellipses that have the same second moments.

        Parameters
        ----------
        regions : onramp.steps.regions.Regions
        chosen : (n,) int
            The regions to describe.
        """
        area = regions.area[chosen]
        extents = regions.extents[chosen]
        origins = regions.corners[chosen, ::2].copy()
        centres = (regions.sums[chosen] - area[:, None] * origins) / area[:, None]
        lengths = extents.ravel()
        ends = np.cumsum(lengths)
        offsets = np.arange(lengths.sum()) - np.repeat(ends - lengths, lengths)
        offsets = offsets - np.repeat(centres.ravel(), lengths)
        # Numpy's power of arrays is not always the rounded square; symmetric shapes show it.
        squares = np.power(offsets, np.full(offsets.size, 2.0))
        moments = np.zeros((chosen.size, 3))
        _add_moments(
            regions.runs, regions.starts, chosen, origins, extents, offsets, squares, moments
        )
        rows, columns, mixed = moments.T
        inertia = np.empty((area.size, 2, 2))
        inertia[:, 0, 0] = (rows + columns - rows) / area
        inertia[:, 1, 1] = (rows + columns - columns) / area
        inertia[:, 0, 1] = inertia[:, 1, 0] = -mixed / area
        spread = np.sqrt(np.maximum(np.linalg.eigvalsh(inertia), 0))
        angle = [_orientation(*tensor) for tensor in inertia.reshape(-1, 4)[:, [0, 1, 3]].tolist()]
        y, x = regions.centres(chosen).T
        minor, major = 4 * spread.T - 1
        return cls(y, x, minor, major, np.degrees(np.array(angle, np.float64)))

    def take(self, chosen):
        """Return some of the ellipses, by index or mask."""
        return Ellipses(*(values[chosen] for values in self))

    def hold(self, y, x):
        """
        Tell which ellipses hold a point each; angles are taken as the reference takes them.

        Parameters
        ----------
        y, x : (n,) float64

        Returns
        -------
        (n,) bool
        """
        angle = np.radians(180 - self.angle)
        across, down = x - self.x, y - self.y
        along = across * np.cos(angle) - down * np.sin(angle)
        aside = across * np.sin(angle) + down * np.cos(angle)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = along**2 / (self.major * 0.5) ** 2 + aside**2 / (self.minor * 0.5) ** 2
        return distance <= 1

    def widened(self, factor, largest):
        """Return the axes with the minor one times `factor`, the major one longer by as much."""
        minor = np.minimum(self.minor * factor, largest)
        major = np.minimum(self.major + (factor - 1.0) * self.minor, largest)
        return 2 * np.rint(minor / 2), 2 * np.rint(major / 2)


def _orientation(rows, mixed, columns):
    """Return the angle of the major axis of an inertia tensor [radian]."""
    if rows == columns:
        return math.pi / 4 if mixed < 0 else -math.pi / 4
    return 0.5 * math.atan2(-2 * mixed, columns - rows)


@kernel
def _fused(a, b, c):
    """Return a * b + c rounded once (Dekker 1971, Numer. Math. 18, 224)."""
    product = a * b
    split = 134217729.0 * a
    a_high = split - (split - a)
    split = 134217729.0 * b
    b_high = split - (split - b)
    a_low = a - a_high
    b_low = b - b_high
    lost = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
    total = product + c
    kept = total - product
    return total + (((product - (total - kept)) + (c - kept)) + lost)


@kernel
def _add_moments(runs, starts, chosen, origins, extents, offsets, squares, moments):
    """
    Sum second central moments of regions, in the order and with the rounding of a matrix product.

    `offsets` from the centre and their `squares` hold the rows, then the columns of each region,
    `moments` (n, 3) those of rows, of columns, mixed.
    """
    base = 0
    for n in range(chosen.size):
        first, last = starts[chosen[n]], starts[chosen[n] + 1]
        top, left = origins[n, 0], origins[n, 1]
        columns = base + extents[n, 0]
        sums = np.zeros((extents[n, 1], 3))
        for run in range(first, last):
            row = base + runs[run, 0] - top
            for x in range(runs[run, 1] - left, runs[run, 2] - left):
                sums[x, 0] += squares[row]
                sums[x, 1] += 1.0
                sums[x, 2] += offsets[row]
        for x in range(extents[n, 1]):
            moments[n, 0] += sums[x, 0]
            moments[n, 1] = _fused(sums[x, 1], squares[columns + x], moments[n, 1])
            moments[n, 2] = _fused(sums[x, 2], offsets[columns + x], moments[n, 2])
        base = columns + extents[n, 1]


class Brush(NamedTuple):
    """What drawing does to a pixel: nothing in it or later where `stop` is, else keep and add."""

    keep: np.uint8
    add: np.uint8
    stop: np.uint8


def draw(planes, ellipses, axes, brush, frame_rows=None, first_row=0):
    """
    Draw ellipses into the flags of some rows of consecutive groups.

    Parameters
    ----------
    planes : (ngroups, ny, nx) uint8
        Changed in place.
    ellipses : Ellipses
    axes : (n,) float64, (n,) float64
        Minor and major axis to draw [pixel]; half of them is rounded.
    brush : Brush
        What becomes of a pixel.
    frame_rows : int, optional
        Rows of the frame, if `planes` holds some of them.
    first_row : int
        The first of them.
    """
    frame = np.array([frame_rows or planes.shape[1], planes.shape[2]])[:, None]
    centres = np.rint([ellipses.y, ellipses.x])
    across, along = np.rint(axes[0] / 2), np.rint(axes[1] / 2)
    reach = np.maximum(across, along) + 2
    low = np.maximum(centres - reach, 0)
    high = np.minimum(centres + reach + 1, frame)
    angle = np.radians(ellipses.angle) % np.pi
    cosine, sine = np.cos(angle), np.sin(angle)
    spans = [
        np.abs(along * cosine) + across * sine,
        along * sine + np.abs(across * cosine),
    ]
    inner = centres - low
    first = low + np.maximum(np.ceil(inner - spans), 0)
    last = low + np.minimum(np.floor(inner + spans), high - low - 1)
    boxes = np.stack([first[0], last[0] + 1, first[1], last[1] + 1], axis=1).astype(np.int64)
    angle = angle % np.pi
    shapes = np.stack([*centres, along, across, np.cos(angle), np.sin(angle)], axis=1)
    solid = (along != 0) & (across != 0)
    _paint(planes, boxes[solid], shapes[solid], brush, first_row)


@kernel
def _paint(planes, boxes, shapes, brush, first_row):
    """Change the pixels within each ellipse that lie in its box."""
    rows = planes.shape[1]
    for n in range(boxes.shape[0]):
        y0, x0, along, across, cosine, sine = shapes[n]
        for y in range(max(boxes[n, 0], first_row), min(boxes[n, 1], first_row + rows)):
            for x in range(boxes[n, 2], boxes[n, 3]):
                v = ((y - y0) * cosine + (x - x0) * sine) / along
                u = ((y - y0) * sine - (x - x0) * cosine) / across
                if not v * v + u * u < 1.0:
                    continue
                for group in range(planes.shape[0]):
                    flags = planes[group, y - first_row, x]
                    if flags & brush.stop:
                        break
                    planes[group, y - first_row, x] = (flags & brush.keep) | brush.add
