"""
Traces of the orders of NIRISS's single-object slitless spectra (Baines et al. 2023, PASTASOSS).

The pupil wheel stops a little beside where it is sent, which turns the traces about a pivot.
"""

from itertools import count
from typing import NamedTuple

import numpy as np

HALF_WIDTH = 16  # rows of light on either side of a trace
LAST_ROW = 255.0  # of the largest subarray
BOX = 15  # height of the box around a trace in which light is added up [pixel]


class Wheel(NamedTuple):
    """Positions of the pupil wheel [degree]."""

    commanded: float
    low: float
    high: float


class Order(NamedTuple):
    """A spectral order at the commanded position."""

    number: int
    trace: np.ndarray
    """(n, 2) float64: x and y [pixel]."""
    pivot: tuple[float, float]
    """x and y [pixel]."""
    coefficients: np.ndarray
    """(k,) float64: of x^i r^j in the wavelength [um], by i + j, then by j; x and rotation r run
    from 0 to 1."""
    extents: np.ndarray
    """(2, 2) float64: x [pixel] and rotation [degree] that become 0, and those that become 1."""


def light(orders, rotation, wavelengths, shape):
    """
    Return which pixels the traces of orders cross or come near to.

    Parameters
    ----------
    orders : list of Order
    rotation : float
        [degree]
    wavelengths : (n,) float64
        Where the traces are found [um].
    shape : (int, int)

    Returns
    -------
    (ny, nx) bool
    """
    ny, nx = shape
    found = np.zeros(shape, bool)
    rows = np.arange(ny)[:, np.newaxis]
    for order in orders:
        x, y = trace(order, rotation, wavelengths)
        along = np.argsort(x)
        centre = np.interp(np.arange(nx), x[along], y[along])
        found |= (rows >= np.floor(centre - HALF_WIDTH)) & (rows <= np.ceil(centre + HALF_WIDTH))
    return found


def box(order, rotation, shape):
    """
    Return how much of each pixel lies in a box around a trace, (ny, nx) float64.

    Columns at which the reference has no point of the trace have none of it.
    """
    columns, centre = _turned(order, rotation)
    columns = columns.astype(int)
    rows = np.arange(shape[0])[:, np.newaxis]
    ends = np.minimum(rows + 0.5, centre + BOX / 2), np.maximum(rows - 0.5, centre - BOX / 2)
    found = np.zeros(shape)
    found[:, columns] = np.maximum(ends[0] - ends[1], 0)
    return found


def wavelengths_of_columns(order, rotation, wavelengths, count):
    """Return the wavelength of each column of an order, (count,) float64 [um], NaN beyond."""
    x, _ = trace(order, rotation, wavelengths)
    return np.interp(np.arange(count), x[::-1], wavelengths[::-1], np.nan, np.nan)


def trace(order, rotation, wavelengths):
    """Return x and y of an order's trace at some wavelengths, both (n,) float64 [pixel]."""
    x, y = _turned(order, rotation)
    at = _wavelengths(order, x, rotation)
    return _along(wavelengths, at, x), _along(wavelengths, at, y)


def _turned(order, rotation):
    """Return a trace turned about its pivot, at the columns that it had."""
    angle = np.radians(rotation)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    pivot = np.array(order.pivot)[:, np.newaxis]
    columns = order.trace[:, 0]
    rows = _along(columns, *(turn @ (order.trace.T - pivot) + pivot))
    kept = rows <= LAST_ROW
    return columns[kept], rows[kept]


def _wavelengths(order, x, rotation):
    """Return the wavelengths of the columns of a turned trace [um]."""
    (first_x, first_turn), (last_x, last_turn) = order.extents
    x = (x - first_x) / (last_x - first_x)
    turn = (rotation - first_turn) / (last_turn - first_turn)
    powers = ((degree - j, j) for degree in count() for j in range(degree + 1))
    return sum(c * x**i * turn**j for c, (i, j) in zip(order.coefficients, powers))


def _along(places, known, values):
    """Interpolate values linearly, and go on as straight beyond both ends."""
    order = np.argsort(known, kind="stable")
    known, values = known[order], values[order]
    found = np.interp(places, known, values)
    for end, beyond in ((slice(None, 2), places < known[0]), (slice(-2, None), places > known[-1])):
        (x, x_other), (y, y_other) = known[end], values[end]
        found[beyond] = y + (places[beyond] - x) * (y_other - y) / (x_other - x)
    return found
