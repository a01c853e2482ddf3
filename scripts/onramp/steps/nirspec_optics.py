"""
Where NIRSpec's apertures fall on its detectors: light between slits, grating wheel and pixels.

The parametric model of the instrument (Dorner et al. 2016, A&A 592, A113; Luetzgendorf et al. 2022,
"NIRSpec instrument model") with the forms of the reference files ("NIRSpec" in the documentation of
assign_wcs). Lengths and wavelengths are metres, heights in an aperture its own size.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

LAST = 2047  # row and column of a detector
STEP = 1e-10  # of the wavelengths at which the edges of an aperture are followed [m]
HEIGHTS = 1000  # at which the light of an aperture is followed to the grating
MARGIN = 10, 2  # columns and rows that a box is wider on each side
OUT_AND_BACK = "xyzy", "yzyx"
GLASS_RANGE = np.arange(0.3, 8.005, 0.005)  # in which the prism's refraction is known [um]


class Grating(NamedTuple):
    """A ruled disperser."""

    density: float
    """Grooves [1/m]."""
    order: int

    def leaving(self, entering, wavelengths):
        """Return the direction in which light leaves."""
        x, y, _ = entering
        x, y = -self.density * self.order * wavelengths - x, -y
        return x, y, np.sqrt(1 - x**2 - y**2)

    def knows(self, entering, leaving):
        """Return for which directions there is a wavelength."""
        return np.isfinite(entering[0] + leaving[0])


class Prism(NamedTuple):
    """A glass wedge with a mirror behind it."""

    angle: float
    """Between its faces [rad]."""
    strengths: np.ndarray
    """(3,) of Sellmeier's equation."""
    resonances: np.ndarray
    """(3,) of it [um^2]."""

    def refraction(self, micron):
        """Return the index of refraction at wavelengths [um]."""
        square = np.asarray(micron)[..., np.newaxis] ** 2
        return np.sqrt(1 + np.sum(self.strengths * square / (square - self.resonances), axis=-1))

    def leaving(self, entering, wavelengths):
        """Return the direction in which light leaves."""
        n = self.refraction(wavelengths * 1e6)
        direction = rotated(_refracted(entering, n), [self.angle], "y")
        direction = -direction[0], -direction[1], direction[2]
        return _refracted(rotated(direction, [-self.angle], "y"), 1 / n)

    def knows(self, entering, leaving):
        """Return for which directions there is a wavelength."""
        sine, cosine = np.sin(self.angle), np.cos(self.angle)
        along = (leaving[0] + entering[0] * (1 - 2 * sine**2)) / (2 * sine * cosine)
        n = np.sqrt(along**2 + entering[0] ** 2 + entering[1] ** 2)
        known = self.refraction(GLASS_RANGE)
        return (n >= known.min()) & (n <= known.max())


class Detector(NamedTuple):
    """How pixels of an exposure are counted."""

    flipped: bool
    """Both axes run against the detector's own, as on NRS2."""
    first: tuple[int, int]
    """Column and row of the frame in the full frame."""

    def own(self, x, y):
        """Return places on the detector as it counts itself."""
        x, y = x + self.first[0], y + self.first[1]
        return (LAST - x, LAST - y) if self.flipped else (x, y)

    def frame(self, x, y):
        """Return places in the exposure's frame."""
        x, y = (LAST - x, LAST - y) if self.flipped else (x, y)
        return x - self.first[0], y - self.first[1]


class Optics(NamedTuple):
    """The instrument as it stood during an exposure."""

    detector: Detector
    focal: tuple[Callable, Callable]
    """From pixels to the focal plane, and back."""
    camera: tuple[Callable, Callable]
    """From the focal plane to slopes at the grating wheel, and back."""
    collimator: Callable
    """From the plane of apertures to slopes at the grating wheel."""
    angles: tuple[float, float, float, float]
    """By which the wheel is turned about x, y, z and y [rad]."""
    disperser: Grating | Prism
    wavelengths: tuple[float, float]
    """Least and largest [m]."""
    motion: float = 1.0
    """Of wavelengths at the barycentre over those in the instrument."""


class Aperture(NamedTuple):
    """A slit, a shutter, a row of shutters, or a slice of the slicer."""

    place: Callable
    """From heights and wavelengths to the plane of apertures."""
    low: float
    high: float


def rotated(direction, angles, axes):
    """Return direction cosines after rotations; the third is always found from the others."""
    x, y, z = direction
    for angle, axis in zip(angles, axes, strict=True):
        sine, cosine = np.sin(angle), np.cos(angle)
        if axis == "x":
            y = y * cosine + z * sine
        elif axis == "y":
            x = x * cosine - z * sine
        else:
            x, y = x * cosine + y * sine, -x * sine + y * cosine
        z = np.sqrt(1 - x**2 - y**2)
    return x, y, z


def _refracted(direction, n):
    x, y = direction[0] / n, direction[1] / n
    return x, y, np.sqrt(1 - x**2 - y**2)


def _direction(x, y):
    """Return the direction cosines of slopes."""
    length = np.sqrt(1 + x**2 + y**2)
    return x / length, y / length, 1 / length


def _entering(optics, aperture, heights, wavelengths):
    """Return the direction in which an aperture's light meets the grating."""
    slopes = optics.collimator(*aperture.place(heights, wavelengths))
    return rotated(_direction(*slopes), optics.angles, OUT_AND_BACK[0])


def pixels(optics, aperture, heights, wavelengths):
    """Return columns and rows of an exposure on which light of an aperture falls."""
    entering = _entering(optics, aperture, heights, wavelengths)
    leaving = optics.disperser.leaving(entering, wavelengths / optics.motion)
    back = [-angle for angle in reversed(optics.angles)]
    x, y, z = rotated(leaving, back, OUT_AND_BACK[1])
    return optics.detector.frame(*optics.focal[1](*optics.camera[1](x / z, y / z)))


def lit(optics, aperture, x, y):
    """
    Return which pixels see an aperture, at any wavelength that the disperser can tell.

    Parameters
    ----------
    optics : Optics
    aperture : Aperture
    x, y : (...) float64
        Columns and rows of the exposure.
    """
    slopes = optics.camera[0](*optics.focal[0](*optics.detector.own(x, y)))
    leaving = rotated(_direction(*slopes), optics.angles, OUT_AND_BACK[0])
    heights = np.linspace(aperture.low, aperture.high, HEIGHTS)
    middle = np.full(HEIGHTS, 0.5 * (optics.wavelengths[1] - optics.wavelengths[0])
                     + optics.wavelengths[0])  # fmt: skip
    beams = _entering(optics, aperture, heights, middle)
    upwards = np.argsort(beams[1])
    found = np.interp(-leaving[1], beams[1][upwards], heights[upwards], np.nan, np.nan)
    entering = _entering(optics, aperture, found, np.full(found.shape, middle[0]))
    return optics.disperser.knows(entering, leaving) & np.isfinite(found)


def box(optics, aperture, refined=True):
    """
    Return the box around an aperture's light: (first, last) of columns, and of rows.

    Limits lie half a pixel outside. As in the reference pipeline a refined box ends at the rows
    that are lit, and both are moved down by a pixel, for which their margin makes up.
    """
    least, most = optics.wavelengths
    wavelengths = np.linspace(least, most, int((most - least) / STEP))
    edges = [pixels(optics, aperture, np.full(wavelengths.shape, height), wavelengths)
             for height in (aperture.low, aperture.high)]  # fmt: skip
    x, y = (np.concatenate(values) for values in zip(*edges))
    columns, rows = _limits(x, MARGIN[0]), _limits(y, MARGIN[1])
    if not refined or not (columns[0] <= columns[1] and rows[0] <= rows[1]):
        return columns, rows
    places = grid(columns, rows)
    seen = lit(optics, aperture, *places)
    return columns, _limits(places[1][seen], MARGIN[1]) if seen.any() else rows


def _limits(values, margin):
    low, high = max(0, values.min() - 1 - margin), min(LAST, values.max() - 1 + margin)
    return float(low) - 0.5, float(high) + 0.5


def grid(columns, rows):
    """Return columns and rows, (ny, nx) float64 each, of the pixels that a box touches."""
    first, last = ((np.floor(low + 0.5), np.ceil(high - 0.5)) for low, high in (columns, rows))
    x, y = np.meshgrid(np.arange(first[0], first[1] + 1), np.arange(last[0], last[1] + 1))
    return x, y


def within(columns, rows, x, y):
    """Return which places lie in a box."""
    return (x >= columns[0]) & (x <= columns[1]) & (y >= rows[0]) & (y <= rows[1])


def meets_detector(columns, rows):
    """Return whether a box has pixels of a detector."""
    size = LAST + 1
    outside = columns[0] >= size or rows[0] >= size or columns[1] <= 0 or rows[1] <= 0
    return not (outside or columns[1] - columns[0] < 2 or rows[1] - rows[0] < 1)
