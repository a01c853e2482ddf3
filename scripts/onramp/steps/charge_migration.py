"""
Groups whose signal has begun to migrate to neighbouring pixels ("Charge Migration").

Goudfrooij et al. (2024, PASP 136, 014503): from the first group above a threshold on, a pixel and
its four neighbours lose the information of where charge was made.
"""

import numpy as np

from onramp.flags import CHARGELOSS, DO_NOT_USE
from onramp.kernels import inner_kernel, kernel

HALO = 1  # rows on either side that a pixel's flags depend on
FEWEST_GROUPS = 3
LOST = CHARGELOSS | DO_NOT_USE


@kernel
def flag_charge_migration(data, groupdq, threshold):
    """
    Flag what lies above a threshold, its neighbours, and all later groups, in place.

    Groups whose one flag is DO_NOT_USE start nothing. Rows beyond the band are taken as below the
    threshold.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Linearised signal [DN].
    groupdq : (nints, ngroups, ny, nx) uint8
        Receives CHARGELOSS and DO_NOT_USE.
    threshold : float32
        [DN]
    """
    nints, ngroups, ny, nx = data.shape
    first = np.empty((ny, nx), np.int64)
    for i in range(nints):
        if _find_first(data[i], groupdq[i], threshold, first):
            for y in range(ny):
                for x in range(nx):
                    start = first[y, x]
                    if y > 0:
                        start = min(start, first[y - 1, x])
                    if y < ny - 1:
                        start = min(start, first[y + 1, x])
                    if x > 0:
                        start = min(start, first[y, x - 1])
                    if x < nx - 1:
                        start = min(start, first[y, x + 1])
                    for g in range(start, ngroups):
                        groupdq[i, g, y, x] |= np.uint8(LOST)


@inner_kernel
def _find_first(data, groupdq, threshold, first):
    """Fill in each pixel's first group above the threshold, or ngroups; return whether any is."""
    ngroups, ny, nx = data.shape
    first[:] = ngroups
    found = 0
    for g in range(ngroups - 1, -1, -1):
        for y in range(ny):
            for x in range(nx):
                above = (data[g, y, x] > threshold) & (groupdq[g, y, x] != DO_NOT_USE)
                first[y, x] = g if above else first[y, x]
                found += above
    return found > 0
