"""
Which pixels of an image show the background alone, by clipping around its median.

Values are ordered once; what each clip leaves is a window of them.
"""

from typing import NamedTuple

import numpy as np

from onramp.kernels import inner_kernel, kernel
from onramp.steps import value_order

CLIP = 3.0  # standard deviations within which values count for a level's own statistics
ITERATIONS = 5


class Limits(NamedTuple):
    """Background values lie between these two, both included [the image's unit]."""

    low: float
    high: float


def background_limits(ordered, below, above, by_histogram=False):
    """
    Return limits around the centre of clipped values.

    Parameters
    ----------
    ordered : Ordered
        At least one value.
    below, above : float
        Distances of the limits [standard deviations].
    by_histogram : bool
        Take centre and spread from a Gaussian fitted to the values' histogram, if one fits, and
        not median and standard deviation.
    """
    centre, spread, mean = clipped_statistics(ordered, _sums_of(ordered), CLIP)
    if by_histogram:
        from onramp.steps.histogram_fit import fit_gaussian

        centre, spread = fit_gaussian(ordered.values, mean, spread) or (mean, spread)
    return Limits(centre - below * spread, centre + above * spread)


def lower_half_limits(ordered, below, above=None):
    """
    Return limits around the median by the spread of the values below it.

    Diffuse light makes the upper half wide; the lower half shows the noise.

    Parameters
    ----------
    ordered : Ordered
        At least one value.
    below, above : float
        Distances of the limits; the same if one is given [standard deviations].
    """
    above = below if above is None else above
    sums = _sums_of(ordered)
    centre, _, _ = clipped_statistics(ordered, sums, CLIP)
    spread = _lower_half_spread(ordered, sums, centre, CLIP)
    return Limits(centre - below * spread, centre + above * spread)


class Sums(NamedTuple):
    """Sums over each bucket of ordered values, of distances from an origin and of their squares."""

    one: np.ndarray
    two: np.ndarray
    origin: float


@inner_kernel
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


def _sums_of(ordered):
    """Return the Sums of ordered values, their median the origin."""
    one, two = np.empty((2, ordered.starts.size - 1))
    return Sums(one, two, _sum_buckets(ordered, one, two))


@kernel
def _sum_buckets(ordered, one, two):
    """Fill the sums over each bucket; return the origin."""
    starts = ordered.starts
    origin = middle_rank(ordered, 0, ordered.values.size)
    for n in range(starts.size - 1):
        one[n], two[n] = _moments(ordered.values, starts[n], starts[n + 1], origin)
    return origin


@inner_kernel
def _number_below(starts, rank):
    """Return how many starts are below a rank; they never fall."""
    low, high = 0, starts.size
    while low < high:
        middle = (low + high) // 2
        if starts[middle] < rank:
            low = middle + 1
        else:
            high = middle
    return low


@inner_kernel
def _window_moments(ordered, sums, first, last):
    """Return the sums of a window, buckets within it as a whole."""
    starts = ordered.starts
    lower = _number_below(starts, first)
    upper = _number_below(starts, last + 1) - 1
    if lower > upper:
        return _moments(ordered.values, first, last, sums.origin)
    one, two = _moments(ordered.values, first, starts[lower], sums.origin)
    for n in range(lower, upper):
        one += sums.one[n]
        two += sums.two[n]
    end_one, end_two = _moments(ordered.values, starts[upper], last, sums.origin)
    return one + end_one, two + end_two


@inner_kernel
def middle_rank(ordered, first, last):
    """Return the median of a window of ordered values, float64."""
    half = (first + last) // 2
    upper = np.float64(value_order.value_at(ordered, half))
    if (last - first) % 2:
        return upper
    return (np.float64(value_order.value_at(ordered, half - 1)) + upper) / 2.0


@kernel
def clipped_statistics(ordered, sums, limit):
    """
    Return median, standard deviation and mean of values, outliers clipped five times.

    Parameters
    ----------
    ordered : Ordered
        At least one.
    sums : Sums
    limit : float
        [standard deviations]
    """
    first, last = 0, ordered.values.size
    centre, spread, mean = _statistics(ordered, sums, first, last)
    for _ in range(ITERATIONS):
        start, end = value_order.window(ordered, centre - limit * spread, centre + limit * spread)
        if start == first and end == last:
            break
        first, last = start, end
        centre, spread, mean = _statistics(ordered, sums, first, last)
    return centre, spread, mean


@inner_kernel
def _statistics(ordered, sums, first, last):
    one, two = _window_moments(ordered, sums, first, last)
    one, two = one / (last - first), two / (last - first)
    centre = middle_rank(ordered, first, last)
    return centre, np.sqrt(max(two - one**2, 0.0)), sums.origin + one


@kernel
def level(ordered, low, high):
    """Return the median (float32) of the values between two limits, and their window."""
    first, last = value_order.window(ordered, low, high)
    half = (first + last) // 2
    upper = value_order.value_at(ordered, half)
    if (last - first) % 2:
        return upper, (first, last)
    lower = value_order.value_at(ordered, half - 1)
    return (lower + upper) / np.float32(2.0), (first, last)


@kernel
def _lower_half_spread(ordered, sums, centre, limit):
    """Return the clipped standard deviation of the values up to a centre and their mirror image."""
    first, last = value_order.window(ordered, -np.inf, centre)
    spread = _spread_around(ordered, sums, first, last, centre)
    for _ in range(ITERATIONS):
        start, _ = value_order.window(ordered, centre - limit * spread, np.inf)
        start = min(max(start, first), last - 1)
        if start == first:
            break
        first = start
        spread = _spread_around(ordered, sums, first, last, centre)
    return spread


@inner_kernel
def _spread_around(ordered, sums, first, last, centre):
    one, two = _window_moments(ordered, sums, first, last)
    one, two = one / (last - first), two / (last - first)
    away = centre - sums.origin
    return np.sqrt(max(two - 2.0 * away * one + away**2, 0.0))


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
