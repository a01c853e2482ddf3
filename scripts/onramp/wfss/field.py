"""The labelled pixels of a direct image: their flux, and where they are seen in the grism frame."""

import logging
from typing import NamedTuple

import numpy as np

from onramp.errors import InputError
from onramp.wfss.background import background, mesh

log = logging.getLogger("onramp")

BRIGHTER = 2 / 3  # of the sources, than the background; of those of another image it is half
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

    def check_light(self, path):
        """Raise InputError if too few sources of an image are brighter than its background."""
        if not self.labels.size:
            return
        dark = np.count_nonzero(~(np.add.reduceat(self.flux, self.starts[:-1]) > 0))
        if dark > (1 - BRIGHTER) * self.labels.size:
            raise InputError(
                f"{path}: {dark} of {self.labels.size} sources of the segmentation map are no "
                "brighter than the background here; give the image that the map was made from"
            )


class LabelledPixels(NamedTuple):
    """Labelled pixels as they follow each other in the image."""

    labels: np.ndarray
    """(npixels,) int, as the segmentation map has them."""
    flux: np.ndarray
    """(npixels,) float, without background [MJy/sr]."""
    x: np.ndarray
    """(npixels,) float64, in the frame of the direct image of the grism exposure [pixel]."""
    y: np.ndarray

    def field(self, labels=None):
        """Return the pixels by source: of all sources, or of those with some labels."""
        chosen = self
        if labels is not None:
            kept = np.isin(self.labels, labels)
            chosen = LabelledPixels(*(values[kept] for values in self))
        # Where chunks of pixels share a grid it matters which pixel is the first: the sort is
        # numpy's default one, as in the reference.
        order = np.argsort(chosen.labels)
        unique, starts = np.unique(chosen.labels[order], return_index=True)
        values = (np.ascontiguousarray(v[order], float) for v in chosen[1:])
        return Field(unique.astype(np.int64), np.append(starts, order.size), *values)


class Extracted(NamedTuple):
    """Labelled pixels of a direct image, before their place on the sky is known."""

    rows: np.ndarray
    """(npixels,) int."""
    columns: np.ndarray
    labels: np.ndarray
    """(npixels,) int, as the segmentation map has them."""
    flux: np.ndarray
    """(npixels,) float64, without background; NaN where there is no data [MJy/sr]."""


def extract(image, segmentation, path) -> Extracted:
    """
    Take a direct image's labelled pixels, and their background from their flux.

    Parameters
    ----------
    image : (ny, nx) float32
        Direct image; NaN where there is no data [MJy/sr].
    segmentation : (ny, nx) int
        Label of the source that a pixel belongs to; 0 for none.
    path : path
        File of the direct image, for messages.

    Raises
    ------
    InputError
        If no background can be found.
    """
    # numpy finds what is set in a flat array of bool many times faster than in an image
    rows, columns = np.divmod(np.flatnonzero(segmentation != 0), segmentation.shape[1])
    labels = segmentation[rows, columns]
    if labels.size == 0:
        return Extracted(rows, columns, labels, np.empty(0))
    sky = background(mesh(image), rows, columns)
    if np.isnan(sky).any():
        raise InputError(
            f"{path}: no part of the image has enough data for a background; give the direct image "
            "as it was combined"
        )
    return Extracted(rows, columns, labels, image[rows, columns] - sky)


def find(extracted, wcs, grism, path) -> LabelledPixels:
    """
    Find a direct image's labelled pixels in the frame of a grism exposure.

    Parameters
    ----------
    extracted : Extracted
    wcs : gwcs.WCS
        Of the direct image.
    grism : Grism
    path : path
        File of the direct image, for messages.

    Raises
    ------
    InputError
        If the sky of the two images does not meet.
    """
    rows, columns, labels, flux = extracted
    if labels.size == 0:
        return LabelledPixels(labels, *np.empty((3, 0)))
    ra, dec = wcs(columns + MIDDLE, rows + MIDDLE, with_bounding_box=False)
    x, y = grism.detector_places(ra, dec)
    if not (np.isfinite(x) & np.isfinite(y)).all():
        raise InputError(
            f"{path}: parts of it have no place in the frame of {grism.path}; give the direct "
            "image of the same field"
        )
    good = np.isfinite(flux)
    if not good.all():
        lost = np.count_nonzero(~good)
        log.warning("%s: %d labelled pixels have no flux and are left out", path, lost)
    return LabelledPixels(*(values[good] for values in (labels, flux, x, y)))
