"""
Which pixels of an image show the background alone, by clipping around its median.

Values are sorted once; what each clip leaves is a window of them.
"""

from typing import NamedTuple

import numpy as np

from onramp.kernels import kernel

CLIP = 3.0  # standard deviations within which values count for a level's own statistics
ITERATIONS = 5


class Limits(NamedTuple):
    """Background values lie between these two, both included [the image's unit]."""

    low: float
    high: float


def sorted_values(image, mask):
    """Return the finite values of an image where `mask` is set, in order, float32."""
    values = np.sort(image[mask])
    if values.size and not (np.isfinite(values[0]) and np.isfinite(values[-1])):
        values = values[np.isfinite(values)]
    return values


def background_limits(values, below, above, by_histogram=False):
    """
    Return limits around the centre of clipped values.

    Parameters
    ----------
    values : (n,) float32
        In order, at least one.
    below, above : float
        Distances of the limits [standard deviations].
    by_histogram : bool
        Take centre and spread from a Gaussian fitted to the values' histogram, if one fits, and
        not median and standard deviation.
    """
    centre, spread, mean = clipped_statistics(values, CLIP)
    if by_histogram:
        from onramp.steps.histogram_fit import fit_gaussian

        centre, spread = fit_gaussian(values, mean, spread) or (mean, spread)
    return Limits(centre - below * spread, centre + above * spread)


def lower_half_limits(values, distance):
    """
    Return limits around the median by the spread of the values below it.

    Diffuse light makes the upper half wide; the lower half shows the noise.

    Parameters
    ----------
    values : (n,) float32
        In order, at least one.
    distance : float
        [standard deviations]
    """
    centre, _, _ = clipped_statistics(values, CLIP)
    spread = _lower_half_spread(values, centre, CLIP)
    return Limits(centre - distance * spread, centre + distance * spread)


@kernel
def window(values, low, high):
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


@kernel
def middle_of(values, first, last):
    """Return the median of a window of sorted values, float64."""
    half = (first + last) // 2
    if (last - first) % 2:
        return np.float64(values[half])
    return (np.float64(values[half - 1]) + np.float64(values[half])) / 2.0


@kernel
def _moments(values, first, last, origin):
    """Return the sums of distances from an origin and of their squares over a window."""
    one = two = other_one = other_two = 0.0
    for n in range(first, last - 1, 2):
        left, right = np.float64(values[n]) - origin, np.float64(values[n + 1]) - origin
        one += left
        two += left * left
        other_one += right
        other_two += right * right
    if (last - first) % 2:
        left = np.float64(values[last - 1]) - origin
        one += left
        two += left * left
    return one + other_one, two + other_two


@kernel
def clipped_statistics(values, limit):
    """
    Return median, standard deviation and mean of sorted values, outliers clipped five times.

    Parameters
    ----------
    values : (n,) float32 or float64
        In order, at least one.
    limit : float
        [standard deviations]
    """
    first, last = 0, values.size
    origin = middle_of(values, first, last)
    one, two = _moments(values, first, last, origin)
    for _ in range(ITERATIONS):
        count = last - first
        spread = np.sqrt(max(two / count - (one / count) ** 2, 0.0))
        centre = middle_of(values, first, last)
        start, end = window(values, centre - limit * spread, centre + limit * spread)
        if start == first and end == last:
            break
        for lower, upper in ((first, start), (end, last)):
            gone = _moments(values, lower, upper, origin)
            one -= gone[0]
            two -= gone[1]
        first, last = start, end
    count = last - first
    spread = np.sqrt(max(two / count - (one / count) ** 2, 0.0))
    return middle_of(values, first, last), spread, origin + one / count


@kernel
def _lower_half_spread(values, centre, limit):
    """Return the clipped standard deviation of the values up to a centre and their mirror image."""
    first, last = window(values, -np.inf, centre)
    _, two = _moments(values, first, last, centre)
    for _ in range(ITERATIONS):
        spread = np.sqrt(max(two, 0.0) / (last - first))
        start, _ = window(values, centre - limit * spread, np.inf)
        start = min(max(start, first), last - 1)
        if start == first:
            break
        two -= _moments(values, first, start, centre)[1]
        first = start
    return np.sqrt(max(two, 0.0) / (last - first))


@kernel
def clip_mask(image, mask, low, high):
    """
    Take the values outside limits out of a mask, in place.

    Parameters
    ----------
    image : (ny, nx) float32
    mask : (ny, nx) bool
    low, high : float
    """
    ny, nx = image.shape
    for y in range(ny):
        for x in range(nx):
            value = np.float64(image[y, x])
            mask[y, x] &= (value >= low) & (value <= high)
