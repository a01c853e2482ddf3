"""Jumps by sigma clipping of the differences across integrations."""

import numpy as np

from onramp.flags import JUMP_DET
from onramp.kernels import kernel, median_in_place
from onramp.steps.two_point import gather

CLIP_PASSES = 5


@kernel
def _clip_bounds(values, count, threshold):
    """Return the bounds of the clipped median and standard deviation; `values` is used up."""
    lower = np.nan
    upper = np.nan
    for _ in range(CLIP_PASSES):
        if count == 0:
            return np.nan, np.nan
        mean = 0.0
        for n in range(count):
            mean += values[n]
        mean /= count
        spread = 0.0
        for n in range(count):
            spread += (values[n] - mean) ** 2
        spread = np.sqrt(spread / count)
        centre = median_in_place(values, count)
        lower = centre - threshold * spread
        upper = centre + threshold * spread
        kept = 0
        for n in range(count):
            if lower <= values[n] <= upper:
                values[kept] = values[n]
                kept += 1
        if kept == count:
            break
        count = kept
    return lower, upper


@kernel
def clip_band(data, groupdq, gain, threshold, across_integrations):
    """Flag a band's outliers of each group across integrations, or of all groups together."""
    nints, ngroups, ny, nx = data.shape
    steps = ngroups - 1
    diffs = np.empty(nints * steps, np.float32)
    values = np.empty(nints * steps, np.float64)
    for y in range(ny):
        for x in range(nx):
            gather(data, groupdq, gain, y, x, diffs)
            for first in range(steps if across_integrations else 1):
                stride = steps if across_integrations else 1
                count = 0
                for n in range(first, diffs.size, stride):
                    if np.isfinite(diffs[n]):
                        values[count] = diffs[n]
                        count += 1
                lower, upper = _clip_bounds(values, count, threshold)
                for n in range(first, diffs.size, stride):
                    if diffs[n] < lower or diffs[n] > upper:
                        groupdq[n // steps, n % steps + 1, y, x] |= JUMP_DET
