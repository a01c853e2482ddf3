"""
Values in an order that is coarse as a whole and exact where it is looked at.

Values fall into buckets whose limits rise; a bucket is sorted once a rank or a limit falls into it.
So ranks, limits and sums of millions of values need no sort.
"""

from typing import NamedTuple

import numpy as np

from onramp.kernels import inner_kernel, kernel, scalar_kernel

LARGEST_NUMBER = 4096  # of buckets
BUCKET = 256  # values that make a bucket worth while
SAMPLE = 1024  # values from which the range of the buckets is guessed
REACH = 2.5  # the range reaches so far beyond the middle 4/5 of these [of their width]
GAPS = (1750, 701, 301, 132, 57, 23, 10, 4, 1)  # Ciura (2001), of Shell's sort


class Ordered(NamedTuple):
    """Values by bucket; a window of them is one of the sorted values."""

    values: np.ndarray
    """(n,) float32"""
    starts: np.ndarray
    """(nbuckets + 1,) int64, where each bucket begins and the last ends"""
    exact: np.ndarray
    """(nbuckets,) bool: the bucket is sorted"""
    low: np.float32
    """About where the first bucket begins, which holds all values below, too."""
    scale: np.float32
    """Buckets for each unit."""


def order(image, mask):
    """
    Return the finite values of an image where `mask` is set.

    Parameters
    ----------
    image : (ny, nx) float32
    mask : (ny, nx) bool

    Returns
    -------
    Ordered
    """
    low, scale, nbuckets = _range(image, mask)
    buckets = np.empty(image.shape, np.uint16)
    starts = np.zeros(nbuckets + 2, np.int64)
    _assign(image, mask, low, scale, buckets, starts)
    values = np.empty(image.size, np.float32)
    _distribute(image, buckets, starts.copy(), values)
    starts = starts[:-1]
    return Ordered(values[: starts[-1]], starts, np.zeros(nbuckets, bool), low, scale)


def shifted(ordered, first, last, offset):
    """
    Return a window of ordered values less an offset; uses up the memory of the ordered ones.

    Parameters
    ----------
    ordered : Ordered
    first, last : int
        From `window`.
    offset : float32
    """
    values = ordered.values[first:last]
    values -= offset
    starts = np.clip(ordered.starts, first, last) - first
    return ordered._replace(values=values, starts=starts, low=ordered.low - offset)


def _range(image, mask):
    """Return where buckets begin, how many there are for each unit, and how many in all."""
    nbuckets = min(image.size // BUCKET, LARGEST_NUMBER)
    step = max(1, int(np.sqrt(image.size / SAMPLE)))
    places = slice(step // 2, None, step), slice(step // 2, None, step)
    sample = image[places][mask[places]]
    sample = np.sort(sample[np.isfinite(sample)])
    if sample.size and nbuckets > 1:
        start, end = sample[sample.size // 10], sample[-1 - sample.size // 10]
        reach = np.float32(REACH) * (end - start)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            scale = np.float32(nbuckets) / (end - start + 2 * reach)
        if 0 < scale < np.inf and np.isfinite(start - reach):
            return start - reach, scale, nbuckets
    return np.float32(0), np.float32(1), 1


@kernel
def _assign(image, mask, low, scale, buckets, starts):
    """Fill in the bucket of each pixel, one more for those that do not count, and the starts."""
    ny, nx = image.shape
    nbuckets = starts.size - 2
    last = np.float32(nbuckets - 1)
    for y in range(ny):
        for x in range(nx):
            value = image[y, x]
            place = min(max((value - low) * scale, np.float32(0.0)), last)
            counts = mask[y, x] & (np.abs(value) < np.float32(np.inf))
            buckets[y, x] = np.uint16(place) if counts else np.uint16(nbuckets)
        for x in range(nx):
            starts[buckets[y, x] + 1] += 1
    for n in range(1, nbuckets + 2):
        starts[n] += starts[n - 1]


@kernel
def _distribute(image, buckets, places, values):
    """Put each value into its bucket; those that do not count go to the end."""
    ny, nx = image.shape
    for y in range(ny):
        for x in range(nx):
            bucket = buckets[y, x]
            values[places[bucket]] = image[y, x]
            places[bucket] += 1


@scalar_kernel
def _sort(values, first, last):
    """Sort values[first:last] in place (Shell's sort)."""
    for gap in GAPS:
        for n in range(first + gap, last):
            value = values[n]
            place = n
            while place >= first + gap and values[place - gap] > value:
                values[place] = values[place - gap]
                place -= gap
            values[place] = value


@scalar_kernel
def _make_exact(ordered, bucket):
    if not ordered.exact[bucket]:
        _sort(ordered.values, ordered.starts[bucket], ordered.starts[bucket + 1])
        ordered.exact[bucket] = True


@scalar_kernel
def value_at(ordered, rank):
    """Return the value that sorted values would have at a rank, float32."""
    low, high = 0, ordered.exact.size
    while high - low > 1:
        middle = (low + high) // 2
        if ordered.starts[middle] <= rank:
            low = middle
        else:
            high = middle
    _make_exact(ordered, low)
    return ordered.values[rank]


@scalar_kernel
def _search(ordered, bucket, limit, past):
    """Return the first place in a bucket whose value is not below (`past`: above) a limit."""
    _make_exact(ordered, bucket)
    first, last = ordered.starts[bucket], ordered.starts[bucket + 1]
    while first < last:
        middle = (first + last) // 2
        value = np.float64(ordered.values[middle])
        if value < limit or (past and value == limit):
            first = middle + 1
        else:
            last = middle
    return first


@scalar_kernel
def _place(ordered, limit, past):
    """Return the first place of all whose value is not below (`past`: above) a limit."""
    starts, nbuckets = ordered.starts, ordered.exact.size
    guess = (limit - np.float64(ordered.low)) * np.float64(ordered.scale)
    bucket = 0
    if guess > 0.0:
        bucket = int(min(guess, nbuckets - 1.0))
    place = _search(ordered, bucket, limit, past)
    while place == starts[bucket] and bucket > 0:
        bucket -= 1
        place = _search(ordered, bucket, limit, past)
    while place == starts[bucket + 1] and bucket < nbuckets - 1:
        bucket += 1
        place = _search(ordered, bucket, limit, past)
    return place


@inner_kernel
def window(ordered, low, high):
    """Return first and past-the-last rank of the values between two limits, both included."""
    return _place(ordered, low, False), _place(ordered, high, True)
