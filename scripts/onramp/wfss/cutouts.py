"""The cutouts of a grism exposure, and images cut to them."""

from typing import NamedTuple

import numpy as np

from onramp.errors import InputError
from onramp.wfss.disperse import Window
from onramp.wfss.hdus import Hdu

KEYWORDS = "SOURCEID", "SPORDER", "SLTSTRT1", "SLTSTRT2"


class Cutout(NamedTuple):
    """One source's spectrum in one order."""

    source: int
    order: int
    window: Window
    """Where it lies in the frame; may reach beyond it."""
    sci: Hdu
    err: Hdu | None
    dq: Hdu | None

    @property
    def name(self):
        """For messages."""
        return f"source {self.source}, order {self.order}"


def read_cutouts(file):
    """
    Return a product's cutouts in their order in the file.

    Parameters
    ----------
    file : FitsFile

    Raises
    ------
    InputError
        If there is none, or one does not say what it is.
    """
    versions = {}
    for hdu in file.hdus:
        versions.setdefault(hdu.version, {}).setdefault(hdu.name, hdu)
    found = [_cutout(file, hdus) for hdus in versions.values() if "SCI" in hdus]
    if not found:
        raise InputError(f"{file.path}: has no cutouts; give a product of extract_2d")
    return found


def _cutout(file, hdus):
    sci = hdus["SCI"]
    for keyword in KEYWORDS:
        if not isinstance(sci.cards.get(keyword), int):
            raise InputError(
                f"{file.path}[SCI,{sci.version}]: has no {keyword}; give a product of extract_2d "
                "for a grism exposure"
            )
    if len(sci.shape) != 2 or sci.cards["BITPIX"] != -32:
        raise InputError(
            f"{file.path}[SCI,{sci.version}]: is no image of 32-bit floating point numbers; give a "
            "product of extract_2d for a grism exposure"
        )
    source, order, x, y = (sci.cards[keyword] for keyword in KEYWORDS)
    ny, nx = sci.shape
    window = Window(x - 1, x - 1 + nx, y - 1, y - 1 + ny)
    same = {name: hdus.get(name) for name in ("ERR", "DQ")}
    same = {name: hdu if hdu and hdu.shape == sci.shape else None for name, hdu in same.items()}
    return Cutout(source, order, window, sci, same["ERR"], same["DQ"])


def cut(image, place, window):
    """
    Cut a window out of an image, zero where the image has nothing.

    Parameters
    ----------
    image : (..., ny, nx) array
    place : Window
        Where the image lies in the frame.
    window : Window

    Returns
    -------
    (..., ny, nx) float64
    """
    out = np.zeros((*image.shape[:-2], *window.shape))
    x, x_end = max(place.x, window.x), min(place.x_end, window.x_end)
    y, y_end = max(place.y, window.y), min(place.y_end, window.y_end)
    if x < x_end and y < y_end:
        out[..., y - window.y : y_end - window.y, x - window.x : x_end - window.x] = image[
            ..., y - place.y : y_end - place.y, x - place.x : x_end - place.x
        ]
    return out


def cut_as_reference(image, place, touched, window):
    """
    Cut a source's own light to its cutout as the reference does.

    It stops after as many rows (and columns) of the cutout as the source's light has.

    Parameters
    ----------
    image : (..., ny, nx) array
    place : Window
        Where the image lies in the frame.
    touched : Window
        The light's own window.
    window : Window
        The cutout's.

    Returns
    -------
    (..., ny, nx) float64 or None
        None where the reference finds no overlap.
    """
    x, y = touched.x - window.x, touched.y - window.y
    (rows, columns), (ny, nx) = touched.shape, window.shape
    y_first, y_last = max(y, 0), min(y + rows, ny, rows)
    x_first, x_last = max(x, 0), min(x + columns, nx, columns)
    if y_first >= y_last or x_first >= x_last:
        return None
    out = np.zeros((*image.shape[:-2], ny, nx))
    kept = slice(y_first, y_last), slice(x_first, x_last)
    out[..., *kept] = cut(image, place, window)[..., *kept]
    return out
