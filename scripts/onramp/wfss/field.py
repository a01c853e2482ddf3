"""The labelled pixels of a direct image: their flux, and where they are seen in the grism frame."""

import logging
from typing import NamedTuple

import numpy as np

from onramp.errors import InputError
from onramp.wfss.background import background

log = logging.getLogger("onramp")

MIDDLE = 0.5
"""Added to a pixel's number to give the place at which its light is taken."""


class Field(NamedTuple):
    """Labelled pixels, those of a source together and sources by rising label."""

    labels: np.ndarray
    """(nsources,) int64."""
    starts: np.ndarray
    """(nsources + 1,) int64: where each source's pixels begin, and the end of the last."""
    flux: np.ndarray
    """(npixels,) float64, without background [MJy/sr]."""
    x: np.ndarray
    """(npixels,) float64, in the frame of the direct image of the grism exposure [pixel]."""
    y: np.ndarray

    def selected(self, labels):
        """Return the field with some of its sources."""
        kept = np.isin(self.labels, labels)
        sizes = np.diff(self.starts)
        pixels = np.repeat(kept, sizes)
        starts = np.concatenate([[0], np.cumsum(sizes[kept])])
        return Field(self.labels[kept], starts, self.flux[pixels], self.x[pixels], self.y[pixels])


def find(image, segmentation, wcs, grism, path, sky=None):
    """
    Find a direct image's labelled pixels in the frame of a grism exposure.

    Parameters
    ----------
    image : (ny, nx) float32
        Direct image; NaN where there is no data [MJy/sr].
    segmentation : (ny, nx) int
        Label of the source that a pixel belongs to; 0 for none.
    wcs : gwcs.WCS
        Of the direct image.
    grism : Grism
    path : path
        File of the direct image, for messages.
    sky : float, optional
        Background, if it is known [MJy/sr].

    Returns
    -------
    Field

    Raises
    ------
    InputError
        If no background can be found, or the sky of the two images does not meet.
    """
    rows, columns = np.nonzero(segmentation)
    order = np.argsort(segmentation[rows, columns])
    rows, columns = rows[order], columns[order]
    labels = segmentation[rows, columns].astype(np.int64)
    if labels.size == 0:
        return _field(labels, *np.empty((3, 0)))
    sky = background(image, rows, columns) if sky is None else np.float64(sky)
    if np.isnan(sky).any():
        raise InputError(
            f"{path}: no part of the image has enough data for a background; give the direct image "
            "as it was combined"
        )
    flux = image[rows, columns] - sky
    ra, dec = wcs(columns + MIDDLE, rows + MIDDLE, with_bounding_box=False)
    x, y = grism.detector_places(ra, dec)
    if not (np.isfinite(x) & np.isfinite(y)).all():
        raise InputError(
            f"{path}: parts of it have no place in the frame of {grism.path}; give the direct image "
            "of the same field"
        )
    good = np.isfinite(flux)
    if not good.all():
        lost = np.count_nonzero(~good)
        log.warning("%s: %d labelled pixels have no flux and are left out", path, lost)
    return _field(labels[good], flux[good], x[good], y[good])


def _field(labels, flux, x, y):
    unique, starts = np.unique(labels, return_index=True)
    starts = np.append(starts, labels.size)
    return Field(unique, starts, *(np.ascontiguousarray(v, float) for v in (flux, x, y)))
