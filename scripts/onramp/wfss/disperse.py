"""
Dispersion of a source's pixels onto the grism image: trace, exact area split and sum in one loop.

Every sample of a trace is a square of one pixel's area. Pixel (i, j) of an image covers the square
from (i, j) to (i + 1, j + 1).
"""

from typing import NamedTuple

import numpy as np

from onramp.kernels import inner_kernel, kernel, scalar_kernel

SHARED, SOLVED, SEARCHED = 0, 1, 2
"""How the trace parameter follows from the wavelength: the same for all pixels, by solving the
wavelength's polynomial, or by the reference's search on a grid."""

MARGIN = 2  # pixels around a trace that has been looked at with STRIDE
STRIDE = 16
MOST_ITERATIONS = 60
CONVERGED = 1e-14


class Samples(NamedTuple):
    """Where and how brightly an order is sampled."""

    inverse: int
    """SHARED, SOLVED or SEARCHED."""
    parameters: np.ndarray
    """(nwave,) float64: trace parameters if SHARED, else wavelengths [micron], increasing."""
    grid: np.ndarray
    """(ngrid,) float64: trace parameters of the search."""
    weights: np.ndarray
    """(nbasis, nwave) float64: counts for a flux of 1 [DN/s per MJy/sr]; 0 where uncalibrated."""


class Pixels(NamedTuple):
    """Pixels of a source, with the polynomials of their traces in the trace parameter."""

    flux: np.ndarray
    """(npixels,) float64 [MJy/sr]."""
    x: np.ndarray
    """(npixels, nx) float64: coefficients of the position, lowest power first [pixel]."""
    y: np.ndarray
    """(npixels, ny) float64."""
    wavelength: np.ndarray
    """(npixels, nl) float64: of the wavelength [micron]; unused if the parameters are shared."""


class Window(NamedTuple):
    """Part of the frame, [x, x_end) by [y, y_end) in its pixels."""

    x: int
    x_end: int
    y: int
    y_end: int

    @property
    def shape(self):
        """Rows and columns."""
        return max(0, self.y_end - self.y), max(0, self.x_end - self.x)

    @property
    def slices(self):
        """Index of the window in a frame."""
        return slice(self.y, self.y_end), slice(self.x, self.x_end)


@scalar_kernel
def _polynomial(coefficients, t, out):
    """Evaluate a polynomial at each of `t`."""
    degree = coefficients.size - 1
    highest = coefficients[degree]
    for k in range(t.size):
        out[k] = highest
    for n in range(degree - 1, -1, -1):
        c = coefficients[n]
        for k in range(t.size):
            out[k] = out[k] * t[k] + c


@scalar_kernel
def _solve(coefficients, wavelengths, out):
    """
    Find the trace parameter of each wavelength; NaN where there is none.

    Of several, the one that the linear solution becomes as higher terms grow.
    """
    c = coefficients
    if c.size == 2:
        for k in range(wavelengths.size):
            out[k] = (wavelengths[k] - c[0]) / c[1]
    elif c.size == 3:
        sign = 1.0 if c[1] >= 0 else -1.0
        for k in range(wavelengths.size):
            rest = c[0] - wavelengths[k]
            square = c[1] * c[1] - 4 * c[2] * rest
            root = np.sqrt(square) if square >= 0 else np.nan
            out[k] = -2 * rest / (c[1] + sign * root)
    else:
        t = 0.0
        for k in range(wavelengths.size):
            t = _newton(c, wavelengths[k], t)
            out[k] = t
            if np.isnan(t):
                t = 0.0


@scalar_kernel
def _newton(c, wavelength, t):
    for _ in range(MOST_ITERATIONS):
        value = 0.0
        slope = 0.0
        for n in range(c.size - 1, -1, -1):
            slope = slope * t + value
            value = value * t + c[n]
        step = (value - wavelength) / slope
        t -= step
        if abs(step) <= CONVERGED * (1 + abs(t)):
            return t
    return np.nan


@scalar_kernel
def _search(coefficients, wavelengths, grid, at, out):
    """
    Find trace parameters as the reference does: linear in the derivative of squared residuals.

    The nearest of `grid` is found; where it is the first or the last, that is the answer. `at` is
    room for the wavelengths of the grid.
    """
    last = grid.size - 1
    _polynomial(coefficients, grid, at)
    for k in range(wavelengths.size):
        wave = wavelengths[k]
        nearest = 0
        least = (at[0] - wave) ** 2
        for n in range(1, grid.size):
            residual = (at[n] - wave) ** 2
            if residual < least:
                least = residual
                nearest = n
        if nearest == 0:
            out[k] = 0.0
        elif nearest == last:
            out[k] = 1.0
        else:
            out[k] = _crossing(at, wave, grid, nearest)


@scalar_kernel
def _gradient(at, wave, n):
    """Return the derivative of the squared residuals at a grid point."""
    low = max(0, n - 1)
    high = min(at.size - 1, n + 1)
    return ((at[high] - wave) ** 2 - (at[low] - wave) ** 2) / (high - low)


@scalar_kernel
def _crossing(at, wave, grid, n):
    """Return where the derivative of the squared residuals is zero, next to the n-th point."""
    here = _gradient(at, wave, n)
    if here == 0:
        return grid[n]
    left = n - 1 if here < 0 else n
    low = _gradient(at, wave, left)
    high = _gradient(at, wave, left + 1)
    slope = (high - low) / (grid[left + 1] - grid[left])
    return -(high - slope * grid[left + 1]) / slope


@inner_kernel
def _room_for(samples):
    """Return room for the parameters and corners of samples, and for wavelengths of the grid."""
    size = samples.parameters.size
    return np.empty(size), np.empty(size), np.empty(size), np.empty(samples.grid.size)


@scalar_kernel
def _trace(samples, pixels, n, room):
    """Find the lower left corners of a pixel's samples; `room` is that of `_room_for`."""
    t, x, y, at = room
    if samples.inverse == SHARED:
        t = samples.parameters
    elif samples.inverse == SOLVED:
        _solve(pixels.wavelength[n], samples.parameters, t)
    else:
        _search(pixels.wavelength[n], samples.parameters, samples.grid, at, t)
    _polynomial(pixels.x[n], t, x)
    _polynomial(pixels.y[n], t, y)


@kernel
def trace_bounds(samples, pixels, stride):
    """
    Find the frame's pixels that a source's traces touch.

    Parameters
    ----------
    samples : Samples
    pixels : Pixels
    stride : int
        Look at each n-th sample and at the last.

    Returns
    -------
    x_low, x_high, y_low, y_high : float64
        Of the samples' lower left corners; NaN among them if a wavelength has no place.
    """
    nwave = samples.parameters.size
    chosen = samples.parameters[::stride].copy()
    if (nwave - 1) % stride:
        chosen = np.append(chosen, samples.parameters[nwave - 1])
    few = Samples(samples.inverse, chosen, samples.grid, samples.weights)
    room = _room_for(few)
    _, x, y, _ = room
    x_low = y_low = np.inf
    x_high = y_high = -np.inf
    for n in range(pixels.flux.size):
        _trace(few, pixels, n, room)
        for k in range(chosen.size):
            x_low = min(x_low, x[k])
            x_high = max(x_high, x[k])
            y_low = min(y_low, y[k])
            y_high = max(y_high, y[k])
            if np.isnan(x[k]) or np.isnan(y[k]):
                return np.nan, np.nan, np.nan, np.nan
    return x_low, x_high, y_low, y_high


@kernel
def touched(samples, pixels, frame):
    """
    Find the window of the frame's pixels that share the area of any sample, calibrated or not.

    Parameters
    ----------
    samples : Samples
    pixels : Pixels
    frame : (int, int)
        Rows and columns.

    Returns
    -------
    x, x_end, y, y_end : int
        `x_end` is 0 if there is none.
    """
    ny, nx = frame
    nwave, room = samples.parameters.size, _room_for(samples)
    _, xs, ys, _ = room
    x, x_end, y, y_end = nx, 0, ny, 0
    for n in range(pixels.flux.size):
        _trace(samples, pixels, n, room)
        for k in range(nwave):
            if not (-1 < xs[k] < nx and -1 < ys[k] < ny):
                continue
            left, low = int(np.floor(xs[k])), int(np.floor(ys[k]))
            right = left + 1 if xs[k] == left else left + 2
            high = low + 1 if ys[k] == low else low + 2
            x, x_end = min(x, max(left, 0)), max(x_end, min(right, nx))
            y, y_end = min(y, max(low, 0)), max(y_end, min(high, ny))
    return x, x_end, y, y_end


@scalar_kernel
def _add(image, row, column, value):
    """Add to a pixel of an image, if it has it; return whether it has."""
    if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
        image[row, column] += value
        return True
    return False


@scalar_kernel
def _share(image, flux, weights, x, y, window):
    """
    Share samples by area among the pixels under them.

    Returns
    -------
    int
        Samples with light within the frame that the window does not hold.
    """
    x0, y0, frame_nx, frame_ny = window
    rows, columns = image.shape[0] - 1, image.shape[1] - 1
    missed = 0
    for k in range(weights.size):
        value = flux * weights[k]
        if value == 0:
            continue
        left, low = np.floor(x[k]), np.floor(y[k])
        fx, fy = x[k] - left, y[k] - low
        c, r = int(left) - x0, int(low) - y0
        upper, lower = value * fy, value * (1 - fy)
        if 0 <= c < columns and 0 <= r < rows:
            image[r, c] += lower * (1 - fx)
            image[r, c + 1] += lower * fx
            image[r + 1, c] += upper * (1 - fx)
            image[r + 1, c + 1] += upper * fx
            continue
        for i in range(2):
            for j in range(2):
                area = (fy if i else 1 - fy) * (fx if j else 1 - fx)
                if not _add(image, r + i, c + j, value * area):
                    inside = 0 <= left + j < frame_nx and 0 <= low + i < frame_ny
                    missed += area > 0 and inside
    return missed


@kernel
def spread(samples, pixels, images, corner, frame):
    """
    Add a source's dispersed light to images of a window.

    Parameters
    ----------
    samples : Samples
    pixels : Pixels
        With finite fluxes.
    images : (nbasis, ny, nx) float64
        One for each row of the weights [DN/s].
    corner : (int, int)
        First column and row of the window.
    frame : (int, int)
        Rows and columns of the frame; light beyond it is lost.

    Returns
    -------
    int
        Samples with light within the frame that the window does not hold: to be none.
    """
    nwave, room = samples.parameters.size, _room_for(samples)
    _, x, y, _ = room
    window = corner[0], corner[1], frame[1], frame[0]
    missed = 0
    for n in range(pixels.flux.size):
        _trace(samples, pixels, n, room)
        for k in range(nwave):
            if not (-1 < x[k] < frame[1] and -1 < y[k] < frame[0]):
                x[k] = y[k] = -2.0
        for b in range(images.shape[0]):
            missed += _share(images[b], pixels.flux[n], samples.weights[b], x, y, window)
    return missed
