"""What clean_flicker_noise can save beside the ramps: mask, background and noise."""

import numpy as np
from astropy.io import fits

from onramp.headers import with_unit
from onramp.product_list import CUBE, IMAGE, RAMP, ProductKind
from onramp.products import Extension, empty_extension

MASK, BACKGROUND, NOISE = "mask", "flicker_bkg", "flicker_noise"
PARTS = MASK, BACKGROUND, NOISE
STEPS_BEFORE = "picture_frame"


def wanted_parts(parameters, cleaned):
    """
    Return the products to make.

    Parameters
    ----------
    parameters : CleanFlickerNoise
    cleaned : onramp.flicker_cleaning.Cleaned or None
    """
    if cleaned is None or cleaned.samples is None:
        return []
    found = []
    if parameters.save_mask:
        found.append(ProductKind(MASK, MASK, IMAGE if cleaned.mask.ndim == 2 else CUBE))
    if parameters.save_background:
        found.append(ProductKind(BACKGROUND, BACKGROUND, RAMP))
    if parameters.save_noise:
        found.append(ProductKind(NOISE, NOISE, RAMP))
    return found


def part_extensions(exposure, kind, drafted):
    """
    Return the extensions of one of these products, empty ones included, as the reference has them.

    Parameters
    ----------
    exposure : Exposure
    kind : ProductKind
    drafted : bool
        Whether a mask is that of a draft rate.
    """
    shape = exposure.shape
    unit = fits.Header([("BUNIT", "DN/s")]) if drafted else None
    keywords = with_unit(exposure.sci_keywords(), "DN/s" if drafted else "DN")
    if kind.model == IMAGE:
        sci = Extension("SCI", shape[2:], np.float32, keywords)
        return [sci, *([empty_extension("ERR", unit)] if drafted else [])]
    if kind.model == CUBE:
        shape = shape[0], *shape[2:]
        return [
            Extension("SCI", shape, np.float32, keywords),
            Extension("ERR", shape, np.float32, unit),
            Extension("DQ", shape, np.uint32),
        ]
    return [
        Extension("SCI", shape, np.float32, with_unit(exposure.sci_keywords(), "DN")),
        Extension("PIXELDQ", shape[2:], np.uint32),
        Extension("GROUPDQ", shape, np.uint8),
    ]


def write_part(products, first, band):
    """Write a band of one of these products; its other extensions are zeros."""
    for product in products:
        for name in product.names:
            if name == "SCI":
                product.write_rows(name, first, band)
            else:
                leading = () if name == "PIXELDQ" else band.shape[:-2]
                product.write_rows(name, first, np.zeros((*leading, *band.shape[-2:]), np.uint8))
