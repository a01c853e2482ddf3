"""Bands of rows as one long row, for work on pixels without regard to neighbours.

Loops over short rows take several times as long for each pixel.
"""

import numpy as np


def in_one_row(values):
    """Return (..., ny, nx) values as (..., 1, ny * nx), to be read."""
    *outer, ny, nx = values.shape
    return np.reshape(values, (*outer, 1, ny * nx))


def changed_in_one_row(values):
    """
    Return (..., ny, nx) values as (..., 1, ny * nx), to be changed in place.

    Raises
    ------
    ValueError
        If the values do not lie together in memory.
    """
    if not values.flags.c_contiguous:
        raise ValueError(f"values {values.shape} to be changed do not lie together in memory")
    return in_one_row(values)
