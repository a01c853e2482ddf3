"""Which extensions the products have, in the order and with the types of the reference's."""

import numpy as np
from astropy.io import fits

from onramp.headers import with_unit
from onramp.parameters import STEPS
from onramp.product_list import CUBE, RAMP
from onramp.products import Extension, RawExtension

SLOPES = "SCI", "ERR", "DQ", "VAR_POISSON", "VAR_RNOISE"


def product_extensions(exposure, kind, dark_current_known):
    """
    Return the extensions of a product.

    Parameters
    ----------
    exposure : Exposure
    kind : ProductKind
    dark_current_known : bool
        Whether ramps hold the mean dark current once dark_current has run.
    """
    if kind.model == RAMP:
        dark_known = dark_current_known and STEPS.index(kind.step) >= STEPS.index("dark_current")
        return [e for e in ramp_extensions(exposure) if dark_known or e.name != "AVDRKCUR"]
    nints, _, ny, nx = exposure.shape
    if kind.model == CUBE:
        return slope_extensions(exposure, (nints, ny, nx), exposure.table("INT_TIMES"))
    return slope_extensions(exposure, (ny, nx), None)


def slope_extensions(exposure, shape, times):
    """
    Return the extensions of a rate (ny, nx) or rateints (nints, ny, nx) product.

    Parameters
    ----------
    exposure : Exposure
    shape : tuple of int
    times : bytes or None
        The INT_TIMES table to carry along.
    """
    sci = with_unit(exposure.sci_keywords(), "DN/s")
    extensions = [
        Extension("SCI", shape, np.float32, sci),
        Extension("ERR", shape, np.float32, fits.Header([("BUNIT", "DN/s")])),
        Extension("DQ", shape, np.uint32),
    ]
    if times is not None:
        extensions.append(RawExtension("INT_TIMES", times))
    extensions.append(Extension("VAR_POISSON", shape, np.float32))
    extensions.append(Extension("VAR_RNOISE", shape, np.float32))
    return extensions


def ramp_extensions(exposure):
    """Return the extensions of a ramp product of an exposure, in the reference's order."""
    sci = with_unit(exposure.sci_keywords(), "DN")
    shape = exposure.shape
    extensions = [
        Extension("SCI", shape, np.float32, sci),
        Extension("PIXELDQ", shape[2:], np.uint32),
        Extension("GROUPDQ", shape, np.uint8),
    ]
    if exposure.zeroframe is not None:
        extensions.append(Extension("ZEROFRAME", exposure.zeroframe.shape, np.float32))
    extensions.append(Extension("AVDRKCUR", shape[2:], np.float32))
    for name in ("GROUP", "INT_TIMES"):
        content = exposure.table(name)
        if content is not None:
            extensions.append(RawExtension(name, content))
    return extensions
