"""
The thermal "picture frame" of NIRSpec's full frame ("Picture Frame Correction").

A reference image is scaled and shifted to each group by the medians of the background in the middle
of the frame and along its edges.
"""

from typing import NamedTuple

import numpy as np

NEAR_EDGE = 4, 75  # rows or columns [first, last)
FAR_EDGE = 1985, 2043
CENTRE = 76, 1984


class Regions(NamedTuple):
    """Where the frame is measured; both (ny, nx) bool."""

    centre: np.ndarray
    edge: np.ndarray


def regions(background):
    """
    Return the background pixels in the middle of the frame and along its edges.

    Parameters
    ----------
    background : (ny, nx) bool
    """
    ny, nx = background.shape
    rows, columns = np.arange(ny)[:, np.newaxis], np.arange(nx)

    def between(place, limits):
        return (place >= limits[0]) & (place < limits[1])

    whole = NEAR_EDGE[0], FAR_EDGE[1]
    along = between(rows, NEAR_EDGE) | between(rows, FAR_EDGE)
    across = between(columns, NEAR_EDGE) | between(columns, FAR_EDGE)
    return Regions(
        background & between(rows, CENTRE) & between(columns, CENTRE),
        background & (along | across) & between(rows, whole) & between(columns, whole),
    )


def levels(image, parts):
    """Return the medians of an image (float32) in the middle and along the edges, float32."""
    return np.nanmedian(image[parts.centre]), np.nanmedian(image[parts.edge])


def correct(sample, zero, frame, parts):
    """
    Return a group without the picture frame.

    Parameters
    ----------
    sample, zero : (ny, nx) float32
        The group and the first of its integration [DN].
    frame : (ny, nx) float32
        The reference's rate [DN/s].
    parts : Regions

    Returns
    -------
    (ny, nx) float32
    """
    frame_centre, frame_edge = levels(frame, parts)
    image = sample - zero
    centre, edge = levels(image, parts)
    scale = (centre - edge) / (frame_centre - frame_edge)
    return image + (zero - (scale * (frame - frame_edge) + edge))
