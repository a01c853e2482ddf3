"""What picture_frame and clean_flicker_noise can save beside ramps: masks, backgrounds, noise."""

import numpy as np
from astropy.io import fits

from onramp.headers import with_unit
from onramp.product_list import CUBE, IMAGE, RAMP, ProductKind
from onramp.products import Extension, empty_extension
from onramp.whole_frames import BACKGROUND, CHANGE, FLICKER, MASK, PICTURE_FRAME

PARTS = {
    (PICTURE_FRAME, MASK): ("pctfrm_mask", "save_mask"),
    (PICTURE_FRAME, CHANGE): ("pctfrm_correction", "save_correction"),
    (FLICKER, MASK): ("mask", "save_mask"),
    (FLICKER, BACKGROUND): ("flicker_bkg", "save_background"),
    (FLICKER, CHANGE): ("flicker_noise", "save_noise"),
}
"""Ending of the product and parameter that asks for it, by step and part."""


def wanted_parts(parameters, results):
    """
    Return the products to make; their step is one of PARTS.

    Parameters
    ----------
    parameters : Detector1Parameters
    results : dict of str to Corrected
        By step.
    """
    found = []
    for (step, part), (suffix, parameter) in PARTS.items():
        result = results.get(step)
        if result is None or result.samples is None:
            continue
        if getattr(getattr(parameters, step), parameter):
            image = IMAGE if part == MASK and result.mask.ndim == 2 else CUBE
            found.append(ProductKind(suffix, (step, part), image if part == MASK else RAMP))
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
        err, dq = Extension("ERR", shape, np.float32, unit), Extension("DQ", shape, np.uint32)
        others = (err, dq) if drafted else (dq, err)
        return [Extension("SCI", shape, np.float32, keywords), *others]
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
