"""The memory that an exposure's job needs, predicted from its header alone."""

import math

from onramp.bands import band_height
from onramp.exposure import FULL, Exposure

BASE = 200e6  # interpreter, libraries and compiled kernels
SURVEY_PIXEL = 37  # bytes for each pixel of the frame while it is surveyed
FULL_FRAME_PIXEL = 11  # bytes for each detector pixel while reference pixels are located
KEPT_PIXEL = 9  # bytes for each pixel of the frame while bands pass
SAMPLE = 10  # bytes for each sample of a band
HALO = 4  # rows around a band that are read with it
MARGIN = 1.12


def predict_mb(uncal, cores=1, rows=None) -> int:
    """
    Return the peak memory of processing an exposure [MB].

    Parameters
    ----------
    uncal : str or Path
    cores : int, optional
        Threads; each holds a band.
    rows : int, optional
        Height of the bands, if it is given.

    Raises
    ------
    InputError
        If the file cannot be used.
    """
    with Exposure(uncal) as exposure:
        return predict_shape_mb(exposure.shape, cores, rows)


def predict_shape_mb(shape, cores=1, rows=None) -> int:
    """Return the peak memory for (nints, ngroups, ny, nx) samples [MB]; see `predict_mb`."""
    nints, ngroups, ny, nx = shape
    survey = SURVEY_PIXEL * ny * nx + FULL_FRAME_PIXEL * FULL * FULL * (ny * nx < FULL * FULL)
    height = band_height(shape, cores, rows)
    workers = min(cores, math.ceil(ny / height))
    band = (min(height + HALO, ny) * nx) * (nints * ngroups * SAMPLE + nints * 20)
    stream = KEPT_PIXEL * ny * nx + workers * band
    return math.ceil((BASE + max(survey, stream)) * MARGIN / 1e6)
