"""
The background of a direct image: clipped medians of boxes, filtered, and a spline between them.

The method and its constants are those of `photutils.background.Background2D` as the reference uses
it; here the spline is evaluated only where it is needed.
"""

from typing import NamedTuple

import numpy as np

from onramp.kernels import inner_kernel, kernel, scalar_kernel
from onramp.steps.background_model import filled
from onramp.steps.line_medians import middle_by_counting

BOXES = 5  # along each axis
CLIP, MOST_CLIPS = 3.0, 5
LEAST_GOOD = 0.7  # of a box's pixels
LANES = 32  # values that are worked on at once
LARGEST = np.finfo(float).max


@kernel
def clipped_median(values):
    """
    Clip values at three standard deviations from their median, five times at most.

    Parameters
    ----------
    values : (n,) float32 or float64
        Are overwritten; those that are not finite are left out.

    Returns
    -------
    median : float64
        Of those that remain, NaN if none does.
    count : int
        How many remain.
    """
    other, room = np.empty_like(values), np.empty(values.size + 1, values.dtype)
    count = _keep_between(values, values.size, -LARGEST, LARGEST, other)
    values, other = other, values
    clips = 0
    while count:
        lower, upper = middle_by_counting(values, count, room)
        middle = (np.float64(lower) + np.float64(upper)) / 2
        if clips == MOST_CLIPS:
            return middle, count
        clips += 1
        reach = CLIP * _deviation(values, count, middle)
        kept = _keep_between(values, count, middle - reach, middle + reach, other)
        if kept == count:
            return middle, count
        values, other = other, values
        count = kept
    return np.nan, 0


@scalar_kernel
def _keep_between(values, count, low, high, kept):
    """Copy the values within limits; return how many there are. Mostly all next to each other."""
    found = 0
    for first in range(0, count, LANES):
        last = min(first + LANES, count)
        some, target = values[first:last], kept[found : found + last - first]
        inside = 0
        for n in range(some.size):
            value = np.float64(some[n])
            inside += (value >= low) & (value <= high)
            target[n] = some[n]
        if inside < some.size:
            place = 0
            for n in range(some.size):
                value = np.float64(some[n])
                target[place] = some[n]
                place += (value >= low) & (value <= high)
        found += inside
    return found


@inner_kernel
def _deviation(values, count, middle):
    """Return the standard deviation, from distances to a value nearby, summed side by side."""
    lanes, squares = np.zeros(LANES), np.zeros(LANES)
    whole = count - count % LANES
    for first in range(0, whole, LANES):
        for k in range(LANES):
            distance = np.float64(values[first + k]) - middle
            lanes[k] += distance
            squares[k] += distance * distance
    for k in range(count - whole):
        distance = np.float64(values[whole + k]) - middle
        lanes[k] += distance
        squares[k] += distance * distance
    mean = lanes.sum() / count
    return np.sqrt(max(squares.sum() / count - mean * mean, 0.0))


class Mesh(NamedTuple):
    """The background of the boxes into which an image is divided, 5 x 5 if its sides divide."""

    medians: np.ndarray
    """(my, mx) float64; NaN where too many pixels are missing or clipped."""
    box: tuple[int, int]
    """Rows and columns of a box."""


def mesh(image) -> Mesh:
    """
    Return the background of each box of an image.

    Parameters
    ----------
    image : (ny, nx) float32
        NaN where there is no data.
    """
    box = tuple(max(1, size // BOXES) for size in image.shape)
    medians = np.empty([-(-size // step) for size, step in zip(image.shape, box)])
    _fill_medians(image, *box, LEAST_GOOD * box[0] * box[1], medians)
    return Mesh(medians, box)


@kernel
def _fill_medians(image, height, width, least, medians):
    """Fill the median of each box, NaN where no more than `least` values remain."""
    ny, nx = image.shape
    values = np.empty(height * width, image.dtype)
    for j in range(medians.shape[0]):
        for k in range(medians.shape[1]):
            size, first = 0, k * width
            length = min(nx - first, width)
            for y in range(j * height, min(ny, (j + 1) * height)):
                row, place = image[y, first : first + length], values[size : size + length]
                for n in range(length):
                    place[n] = row[n]
                size += length
            median, count = clipped_median(values[:size])
            medians[j, k] = median if count > least else np.nan


def _smoothed(medians):
    """Return the medians of each box and its neighbours."""
    padded = np.pad(medians, 1, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    return np.nanmedian(windows, axis=(2, 3))


def background(found, rows, columns):
    """
    Return the background at some pixels of an image.

    Parameters
    ----------
    found : Mesh
        The image's.
    rows, columns : (npixels,) int
        Where it is wanted.

    Returns
    -------
    (npixels,) float64
        NaN if no box of the image has enough data.
    """
    medians, box = found
    if np.isnan(medians).all():
        return np.full(rows.shape, np.nan)
    smooth = _smoothed(filled(medians))
    if np.ptp(smooth) == 0:
        return np.full(rows.shape, smooth.min())
    from scipy.ndimage import map_coordinates

    places = [(n + 0.5) / step - 0.5 for n, step in zip((rows, columns), box)]
    between = map_coordinates(smooth, places, order=3, mode="reflect")
    return np.clip(between, smooth.min(), smooth.max())
