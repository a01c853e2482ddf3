"""
A smooth model of an image's background: a spline through clipped and filtered medians of boxes.

The method is that of SExtractor (Bertin & Arnouts 1996, A&AS 117, 393) as in photutils'
Background2D with the reference pipeline's settings.
"""

import functools
import warnings

import numpy as np

from onramp.kernels import inner_kernel, kernel
from onramp.steps import background_clipping as clipping
from onramp.steps.value_order import order

LARGEST_BOX = 32
FEWEST_KNOWN = 0.9  # of a box's pixels, more than which it needs
FILTER = 2  # boxes on either side that the median filter takes
LEAF = 10  # boxes
NEIGHBOURS = 10  # known boxes from which an unknown one is filled


def model_background(image, mask, box_size=None):
    """
    Return a smooth model of an image's background, or None if no box has enough pixels.

    Parameters
    ----------
    image : (ny, nx) float32
    mask : (ny, nx) bool
        Where there is background alone.
    box_size : (int, int), optional
        Rows and columns of a box; by default the largest up to 32 that divide the image evenly.

    Returns
    -------
    (ny, nx) float32 or None
    """
    box = box_size or tuple(_even_box(size) for size in image.shape)
    box = tuple(min(sizes) for sizes in zip(box, image.shape))
    mesh = box_medians(image, mask, *box, clipping.CLIP)
    if np.isnan(mesh).all():
        return None
    mesh = _filtered(filled(mesh))
    if np.ptp(mesh) == 0:
        return np.full(image.shape, mesh.flat[0], np.float32)
    rows, columns = (
        _spline(count, size, length) for count, size, length in zip(mesh.shape, box, image.shape)
    )
    model = (rows @ mesh.astype(np.float64) @ columns.T).astype(np.float32)
    return np.clip(model, mesh.min(), mesh.max(), out=model)


def fill_unknown(image, known):
    """
    Return an image whose unknown pixels have a smooth local value.

    Parameters
    ----------
    image : (ny, nx) float32
    known : (ny, nx) bool
        Finite ones; if there is none, the image stays.
    """
    if known.all() or not known.any():
        return image
    mask = known.copy()
    limits = clipping.lower_half_limits(order(image, mask), clipping.CLIP)
    clipping.clip_mask(image, mask, *limits)
    smooth = model_background(np.where(known, image, np.float32(0)), mask)
    level = np.nanmedian(image[mask]) if smooth is None else smooth
    return np.where(known, image, level).astype(np.float32)


def _even_box(size):
    return max(n for n in range(1, LARGEST_BOX + 1) if size % n == 0)


def box_medians(image, mask, height, width, limit):
    """
    Return the median of each box of an image, outliers clipped, NaN where too little is known.

    Parameters
    ----------
    image : (ny, nx) float32
    mask : (ny, nx) bool
        The pixels that count.
    height, width : int
        Size of a box; those at the end may be smaller [pixel].
    limit : float
        [standard deviations]

    Returns
    -------
    (nrows, ncolumns) float32
    """
    ny, nx = image.shape
    mesh = np.full((-(-ny // height), -(-nx // width)), np.nan, np.float32)
    _fill_medians(image, mask, height, width, limit, mesh)
    return mesh


@kernel
def _fill_medians(image, mask, height, width, limit, mesh):
    ny, nx = image.shape
    values = np.empty(height * width, np.float32)
    for j in range(mesh.shape[0]):
        for k in range(mesh.shape[1]):
            count = 0
            for y in range(j * height, min(ny, (j + 1) * height)):
                for x in range(k * width, min(nx, (k + 1) * width)):
                    if mask[y, x] and np.isfinite(image[y, x]):
                        values[count] = image[y, x]
                        count += 1
            if count <= FEWEST_KNOWN * height * width:
                continue
            ordered = np.sort(values[:count])
            first, last = _last_window(ordered, limit)
            if last - first > FEWEST_KNOWN * height * width:
                half = (first + last) // 2
                if (last - first) % 2:
                    mesh[j, k] = ordered[half]
                else:
                    mesh[j, k] = (ordered[half - 1] + ordered[half]) / np.float32(2.0)


@inner_kernel
def _window(values, low, high):
    """Return first and past-the-last index of sorted values between two limits, both included."""
    first, last = 0, values.size
    beyond = values.size
    while first < last:
        middle = (first + last) // 2
        if np.float64(values[middle]) < low:
            first = middle + 1
        else:
            last = middle
    start = first
    last = beyond
    while first < last:
        middle = (first + last) // 2
        if np.float64(values[middle]) <= high:
            first = middle + 1
        else:
            last = middle
    return start, first


@inner_kernel
def _middle_of(values, first, last):
    """Return the median of a window of sorted values, float64."""
    half = (first + last) // 2
    if (last - first) % 2:
        return np.float64(values[half])
    return (np.float64(values[half - 1]) + np.float64(values[half])) / 2.0


@inner_kernel
def _last_window(values, limit):
    """Return the window of sorted values within the limits that clipping ends with."""
    first, last = 0, values.size
    low, high = -np.inf, np.inf
    for _ in range(clipping.ITERATIONS):
        count = last - first
        total = 0.0
        for n in range(first, last):
            total += np.float64(values[n])
        mean, square = total / count, 0.0
        for n in range(first, last):
            square += (np.float64(values[n]) - mean) ** 2
        spread = np.sqrt(square / count)
        centre = _middle_of(values, first, last)
        low, high = centre - limit * spread, centre + limit * spread
        start, end = _window(values, low, high)
        start, end = max(start, first), min(end, last)
        if start == first and end == last:
            break
        first, last = start, end
    return _window(values, low, high)


def filled(mesh):
    """
    Return a mesh whose boxes that are NaN have the mean of the nearest others, weighted by the
    inverse of their distance.

    Of boxes equally far away scipy's tree chooses as it does for the reference, if its leaves are
    as large.
    """
    known = ~np.isnan(mesh)
    if known.all():
        return mesh
    from scipy.spatial import cKDTree

    neighbours = range(1, min(NEIGHBOURS, np.count_nonzero(known)) + 1)
    distance, nearest = cKDTree(np.argwhere(known), leafsize=LEAF).query(
        np.argwhere(~known), neighbours
    )
    weights = 1.0 / distance
    found = mesh.copy()
    found[~known] = np.sum(weights * mesh[known][nearest], axis=1) / np.sum(weights, axis=1)
    return found


def _filtered(mesh):
    """Return the median of the boxes around each; beyond the edges there are none."""
    reach = 2 * FILTER + 1
    padded = np.pad(mesh.astype(np.float64), FILTER, constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(padded, (reach, reach))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmedian(around, axis=(2, 3)).astype(np.float32)


@functools.cache
def _spline(count, size, length):
    """
    Return the matrix that turns the values of boxes in a row into those of pixels.

    A cubic spline through the boxes' centres, mirrored at the ends of the row of boxes. Of a few
    boxes scipy's filter, which the reference uses, gives one that is a little beside them.

    Parameters
    ----------
    count : int
        Boxes.
    size : int
        Pixels of a box.
    length : int
        Pixels wanted.

    Returns
    -------
    (length, count) float64
        To be read, not changed.
    """
    from scipy.ndimage import spline_filter1d

    place = (np.arange(length) + 0.5) / size - 0.5
    left = np.floor(place).astype(np.int64)
    t = place - left
    weights = (1 - t) ** 3 / 6, (3 * t**3 - 6 * t**2 + 4) / 6, None, t**3 / 6
    weights = weights[0], weights[1], 1 - weights[0] - weights[1] - weights[3], weights[3]
    basis = np.zeros((length, count))
    for offset, weight in zip((-1, 0, 1, 2), weights):
        mirrored = left + offset
        mirrored = np.where(mirrored < 0, -1 - mirrored, mirrored) % (2 * count)
        mirrored = np.where(mirrored >= count, 2 * count - 1 - mirrored, mirrored)
        np.add.at(basis, (np.arange(length), mirrored), weight)
    return basis @ spline_filter1d(np.eye(count), axis=0, mode="reflect")
