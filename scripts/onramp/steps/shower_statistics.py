"""What the differences of a pixel's groups usually are, as the search for showers needs it."""

import numpy as np

from onramp.column_sort import sort_all_columns

CLIP_PASSES = 5
CLIP_SIGMA = 5.0
_ROWS = 8  # taken together


def typical_differences(differences, readnoise, nframes, clip):
    """
    Estimate each pixel's usual difference and the noise of one.

    Parameters
    ----------
    differences : (nints, nsteps, ny, nx) float32
        Between consecutive groups [e-]; NaN where they say nothing.
    readnoise : (ny, nx) float32
        [e-]
    nframes : int
        Frames averaged into a group.
    clip : bool
        Clip each group across integrations, instead of taking all groups together.

    Returns
    -------
    median, sigma : (1 or nsteps, ny, nx) float32
        [e-]; NaN where there is no difference. Clipped, `sigma` is the standard deviation of what
        is left; else what photons and read noise give.
    """
    nints, nsteps, ny, nx = differences.shape
    nsets = nsteps if clip else 1
    median = np.empty((nsets, ny, nx), np.float32)
    sigma = np.empty_like(median)
    with np.errstate(all="ignore"):
        for first in range(0, ny, _ROWS):
            rows = slice(first, first + _ROWS)
            values = differences[:, :, rows].reshape(nints * nsteps // nsets, -1)
            shape = median[:, rows].shape
            if clip:
                centre, spread = _clipped_moments(values)
                sigma[:, rows] = spread.reshape(shape)
            else:
                centre = _middle(*_sorted(values))
            median[:, rows] = centre.reshape(shape)
        if not clip:
            sigma[0] = np.sqrt(np.abs(median[0]) + readnoise**2 / nframes)
    return median, sigma


def _sorted(values):
    """Return each column's finite values in order, infinity after them, and their number."""
    finite = np.isfinite(values)
    block = np.where(finite, values, np.float32(np.inf))
    sort_all_columns(block)
    return block, np.zeros(block.shape[1], np.intp), finite.sum(axis=0)


def _middle(block, first, count):
    """Return the mean of the middle two of `count` values from `first` in columns, or NaN."""
    ranks = np.stack([first + np.maximum(count - 1, 0) // 2, first + count // 2])
    ranks = np.minimum(ranks, block.shape[0] - 1)
    lower, upper = np.take_along_axis(block, ranks, axis=0)
    return np.where(count > 0, (lower + upper) / np.float32(2), np.float32(np.nan))


def _clipped_moments(values):
    """Return the median and the standard deviation of each column's values, outliers clipped."""
    block, first, count = _sorted(values)
    lower, upper = np.full(count.shape, -np.inf), np.full(count.shape, np.finfo(np.float32).max)
    for _ in range(CLIP_PASSES):
        inside = (block >= lower) & (block <= upper)
        kept = inside.sum(axis=0)
        mean = np.where(inside, block, 0.0).sum(axis=0, dtype=np.float64) / kept
        spread = np.where(inside, (block - mean) ** 2, 0.0).sum(axis=0)
        spread = np.sqrt(spread / kept)
        first = (block < lower).sum(axis=0)
        ranks = np.minimum(first + np.stack([(kept - 1) // 2, kept // 2]), block.shape[0] - 1)
        centre = np.take_along_axis(block, ranks, axis=0).astype(np.float64).sum(axis=0) / 2
        empty = kept == 0
        lower = np.where(empty, lower, centre - CLIP_SIGMA * spread)
        upper = np.where(empty, upper, centre + CLIP_SIGMA * spread)
    first = (block < lower).sum(axis=0)
    kept = ((block >= lower) & (block <= upper)).sum(axis=0)
    clean = (values >= lower) & (values <= upper)
    return _middle(block, first, kept), _deviation(np.where(clean, values, 0), clean)


def _deviation(values, clean):
    """Return the standard deviation of each column, in single precision and order of rows."""
    count = clean.sum(axis=0).astype(np.float32)
    mean = _row_sum(values) / count
    return np.sqrt(_row_sum(np.where(clean, values - mean, 0) ** 2) / count)


def _row_sum(values):
    """Sum columns row after row: the rounding does not depend on the number of columns."""
    total = np.zeros(values.shape[1], np.float32)
    for row in values:
        total += row
    return total
