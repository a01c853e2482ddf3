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
def widen_bounds(samples, pixels, ranges, stride, bounds):
    """
    Widen the bounds of sources to those of their traces.

    Parameters
    ----------
    samples : Samples
    pixels : Pixels
    ranges : (nsources, 2) int64
        First of each source's pixels, and the end of the last.
    stride : int
        Look at each n-th sample and at the last.
    bounds : (nsources, 4) float64
        Lowest and highest x and y of the samples' lower left corners; become NaN if a wavelength
        has no place.
    """
    nwave = samples.parameters.size
    chosen = samples.parameters[::stride].copy()
    if (nwave - 1) % stride:
        chosen = np.append(chosen, samples.parameters[nwave - 1])
    few = Samples(samples.inverse, chosen, samples.grid, samples.weights)
    room = _room_for(few)
    for source in range(len(ranges)):
        for n in range(ranges[source, 0], ranges[source, 1]):
            _trace(few, pixels, n, room)
            _widen(bounds[source], room)


@scalar_kernel
def _widen(bounds, room):
    """Widen bounds to those of a pixel's samples; NaN remains."""
    _, x, y, _ = room
    x_low, x_high, y_low, y_high = bounds[0], bounds[1], bounds[2], bounds[3]
    for k in range(x.size):
        if np.isnan(x[k]) or np.isnan(y[k]):
            x_low = x_high = y_low = y_high = np.nan
        x_low = x[k] if x[k] < x_low else x_low
        x_high = x[k] if x[k] > x_high else x_high
        y_low = y[k] if y[k] < y_low else y_low
        y_high = y[k] if y[k] > y_high else y_high
    bounds[0], bounds[1], bounds[2], bounds[3] = x_low, x_high, y_low, y_high


@kernel
def widen_touched(samples, pixels, ranges, frame, windows):
    """
    Widen the windows of sources to the frame's pixels that share the area of any of their samples.

    Parameters
    ----------
    samples : Samples
        Calibrated or not.
    pixels : Pixels
    ranges : (nsources, 2) int64
        First of each source's pixels, and the end of the last.
    frame : (int, int)
        Rows and columns.
    windows : (nsources, 4) int64
        First x and the end of the last, first y and the end of the last.
    """
    ny, nx = frame
    nwave, room = samples.parameters.size, _room_for(samples)
    _, xs, ys, _ = room
    for source in range(len(ranges)):
        window = windows[source]
        for n in range(ranges[source, 0], ranges[source, 1]):
            _trace(samples, pixels, n, room)
            for k in range(nwave):
                if not (-1 < xs[k] < nx and -1 < ys[k] < ny):
                    continue
                left, low = int(np.floor(xs[k])), int(np.floor(ys[k]))
                right = left + 1 if xs[k] == left else left + 2
                high = low + 1 if ys[k] == low else low + 2
                window[0], window[1] = min(window[0], max(left, 0)), max(window[1], min(right, nx))
                window[2], window[3] = min(window[2], max(low, 0)), max(window[3], min(high, ny))


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
def spread(samples, pixels, ranges, windows, places, light, frame, missed):
    """
    Add the dispersed light of sources to images of their windows.

    Parameters
    ----------
    samples : Samples
    pixels : Pixels
        With finite fluxes.
    ranges : (nsources, 2) int64
        First of each source's pixels, and the end of the last.
    windows : (nsources, 4) int64
        First x and the end of the last, first y and the end of the last.
    places : (nsources + 1,) int64
        Where the images of each source begin in `light`, and the end of the last.
    light : (n,) float64
        Of each source one image for each row of the weights [DN/s].
    frame : (int, int)
        Rows and columns of the frame; light beyond it is lost.
    missed : (nsources,) int64
        Increased by samples with light within the frame that the window does not hold; there are
        to be none.
    """
    room, bases = _room_for(samples), samples.weights.shape[0]
    for source in range(len(ranges)):
        if places[source] == places[source + 1]:
            continue
        here, span = windows[source], (ranges[source, 0], ranges[source, 1])
        shape = bases, here[3] - here[2], here[1] - here[0]
        images = light[places[source] : places[source + 1]].reshape(shape)
        window = here[0], here[2], frame[1], frame[0]
        missed[source] += _spread_source(samples, pixels, span, images, window, room)


@scalar_kernel
def _spread_source(samples, pixels, span, images, window, room):
    """Add a source's light to its images; return how many samples the window does not hold."""
    _, x, y, _ = room
    _, _, frame_nx, frame_ny = window
    missed = 0
    for n in range(span[0], span[1]):
        _trace(samples, pixels, n, room)
        for k in range(x.size):
            if not (-1 < x[k] < frame_nx and -1 < y[k] < frame_ny):
                x[k] = y[k] = -2.0
        for b in range(images.shape[0]):
            missed += _share(images[b], pixels.flux[n], samples.weights[b], x, y, window)
    return missed
