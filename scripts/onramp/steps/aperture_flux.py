"""Flux of one source in each image of a time series, in an aperture at its centre of light."""

import warnings

import numpy as np

SEARCH_BOX, BOX = 41, 11  # in which the source is looked for, and then its centre [pixel]
SOURCE_RADIUS = 4.0  # beyond which there is background [pixel]


def aperture_fluxes(each_image, unusable, expected, radius):
    """
    Return the light in an aperture in each image, (n,) float64, NaN where nothing is known.

    Parameters
    ----------
    each_image : callable
        Returns an iterator of images, (ny, nx) float32, NaN where unknown; each time the same.
    unusable : (ny, nx) bool
        What does not count for the centre.
    expected : (float, float)
        Column and row at which the source should be, from 0 [pixel].
    radius : float
        [pixel]
    """
    from photutils.aperture import ApertureStats, CircularAperture

    centre = expected
    for box in (SEARCH_BOX, BOX):
        centres = np.array([_centre(image, unusable, centre, box) for image in each_image()])
        if np.isnan(centres).all(axis=0).any():
            centre = expected
            break
        centre = tuple(np.nanmedian(centres, axis=0))
    aperture = CircularAperture(centre, radius)
    return np.array([ApertureStats(image, aperture).sum for image in each_image()], np.float64)


def _centre(image, unusable, start, box):
    """Return column and row of the centre of light of a box, NaN if there is none in the image."""
    from photutils.centroids import centroid_sources

    ny, nx = image.shape
    row, column = np.ogrid[:ny, :nx]
    away = (column - start[0]) ** 2 + (row - start[1]) ** 2 >= SOURCE_RADIUS**2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        light = image - np.nanmedian(image[away])
        try:
            found = centroid_sources(light, *start, mask=unusable | np.isnan(image), box_size=box)
        except ValueError:  # the box has no pixel, or begins outside the image
            return np.nan, np.nan
    x, y = (float(values[0]) for values in found)
    return (x, y) if 0 <= x < nx and 0 <= y < ny else (np.nan, np.nan)
