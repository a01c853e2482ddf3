"""Two-point differences of ramps: those of a pixel, and those of many columns at once."""

import numpy as np

from onramp.flags import DO_NOT_USE, SATURATED
from onramp.kernels import LANES, ZERO, median_in_place, scalar_kernel

BAD = DO_NOT_USE | SATURATED
BLOCK_VALUES = 26_000  # differences that stay in a core's first caches
MOST_VALUES = 5 * BLOCK_VALUES  # and in its own caches
SHORT_ROW = 128  # columns that are worth a loop, if not too many differences have to go with them


@scalar_kernel
def difference(data, groupdq, gain, integration, group, y, x):
    """Return the difference of a group to the one before [e-], NaN where either is bad."""
    if (groupdq[integration, group, y, x] | groupdq[integration, group - 1, y, x]) & BAD:
        return np.float32(np.nan)
    return (
        data[integration, group, y, x] * gain[y, x]
        - data[integration, group - 1, y, x] * gain[y, x]
    )


@scalar_kernel
def gather(data, groupdq, gain, y, x, diffs):
    """Fill `diffs` with a pixel's differences in order of time."""
    nints, ngroups = data.shape[:2]
    n = 0
    for i in range(nints):
        for g in range(1, ngroups):
            diffs[n] = difference(data, groupdq, gain, i, g, y, x)
            n += 1


@scalar_kernel
def signed_median(diffs, values):
    """Return the median of the finite differences; `values` is scratch of the same length."""
    count = ZERO
    for n in range(diffs.size):
        if not np.isnan(diffs[n]):
            values[count] = diffs[n]
            count += 1
    return median_in_place(values, count)


@scalar_kernel
def middle_of_column(block, x, first, last):
    """Return the median of the sorted values [first, last) of a column, NaN if there are none."""
    if last <= first:
        return np.nan
    count = last - first
    lower, upper = block[first + (count - 1) // 2, x], block[first + count // 2, x]
    return (np.float64(lower) + np.float64(upper)) / 2.0


@scalar_kernel
def expected_noise(median, variance, nframes):
    """Return the noise expected of a difference [e-], NaN if it is zero."""
    sigma = np.sqrt(np.abs(median) + variance / np.float64(nframes))
    return sigma if sigma != 0.0 else np.nan


@scalar_kernel
def block_width(ndiffs, nx):
    """Return how many columns to take at once: their differences stay in cache, no lane is idle."""
    ndiffs = max(ndiffs, 1)
    values = max(BLOCK_VALUES, min(SHORT_ROW * ndiffs, MOST_VALUES))
    nblocks = (nx * ndiffs + values - 1) // values
    width = (nx + nblocks - 1) // nblocks
    return min(width + -width % LANES, nx)


@scalar_kernel
def load_columns(data, groupdq, gain, y, left, first, stride, diffs):
    """
    Fill `diffs` with differences of some pixels of a row, in order of time.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32 [DN]
    groupdq : (nints, ngroups, ny, nx) uint8
    gain : (ny, nx) float32 [e-/DN]
    y, left : int
        The row and its first column.
    first, stride : int
        Which differences: from this one on each one so much later.
    diffs : (ndiffs, ncolumns) float32
        Differences [e-], NaN where a sample is bad; columns beyond the row are left alone.
    """
    nx, steps = data.shape[3], data.shape[1] - 1
    right = min(left + diffs.shape[1], nx)
    gains = gain[y, left:right]
    for n in range(diffs.shape[0]):
        i, g = (first + n * stride) // steps, (first + n * stride) % steps + 1
        now, before = data[i, g, y, left:right], data[i, g - 1, y, left:right]
        flags, flags_before = groupdq[i, g, y, left:right], groupdq[i, g - 1, y, left:right]
        target = diffs[n]
        for x in range(right - left):
            bad = ((flags[x] | flags_before[x]) & BAD) != 0
            diff = now[x] * gains[x] - before[x] * gains[x]
            target[x] = np.float32(np.nan) if bad else diff
    return right - left


@scalar_kernel
def sortable(diffs, sizes, block, usable):
    """Copy differences (or their sizes) to `block`, infinity for NaN; count the others."""
    usable[:] = 0
    for n in range(diffs.shape[0]):
        source, target = diffs[n], block[n]
        for x in range(usable.size):
            value = np.abs(source[x]) if sizes else source[x]
            good = value == value
            target[x] = value if good else np.float32(np.inf)
            usable[x] += good
