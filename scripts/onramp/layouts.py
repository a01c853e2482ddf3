"""Which extensions the products have, in the order and with the types of the reference's."""

import numpy as np
from astropy.io import fits

from onramp import superstripe_products
from onramp.headers import with_unit
from onramp.pipelines import steps_of
from onramp.product_list import CUBE, OPTIONAL, RAMP, SEGMENTS
from onramp.products import Extension, RawExtension, empty_extension

SLOPES = "SCI", "ERR", "DQ", "VAR_POISSON", "VAR_RNOISE"


SEGMENT_PLANES = (
    "SLOPE", "SIGSLOPE", "VAR_POISSON", "VAR_RNOISE", "YINT", "SIGYINT", "PEDESTAL", "WEIGHTS",
    "CRMAG",
)  # fmt: skip


def product_extensions(exposure, kind, shape, dark_current_known, optional_size=(1, 0)):
    """
    Return the extensions of a product.

    Parameters
    ----------
    exposure : Exposure
    kind : ProductKind
    shape : (int, int, int, int)
        nints, ngroups, ny, nx of what the step leaves.
    dark_current_known : bool
        Whether ramps hold the mean dark current once dark_current has run.
    optional_size : (int, int)
        Segments and jumps of the fullest ramp.
    """
    nints, _, ny, nx = exposure.shape
    if kind.model == SEGMENTS:
        return segment_extensions(exposure, *optional_size)
    if kind.step == OPTIONAL:
        sci = with_unit(exposure.sci_keywords(), "DN")
        return [Extension("SCI", (ny, nx), np.float32, sci)]
    if kind.model == RAMP:
        steps = steps_of(exposure.instrument)
        dark_known = dark_current_known and steps.index(kind.step) >= steps.index("dark_current")
        tables = superstripe_products.tables(exposure, kind.step)
        extensions = ramp_extensions(exposure, shape, tables)
        return [e for e in extensions if dark_known or e.name != "AVDRKCUR"]
    if kind.model == CUBE:
        return slope_extensions(
            exposure, (nints, ny, nx), superstripe_products.integration_times(exposure)
        )
    return slope_extensions(exposure, (ny, nx), [])


def slope_extensions(exposure, shape, times):
    """
    Return the extensions of a rate (ny, nx) or rateints (nints, ny, nx) product.

    Parameters
    ----------
    exposure : Exposure
    shape : tuple of int
    times : list of (str, bytes)
        Tables of integration times to carry along.
    """
    sci = with_unit(exposure.sci_keywords(), "DN/s")
    extensions = [
        Extension("SCI", shape, np.float32, sci),
        Extension("ERR", shape, np.float32, fits.Header([("BUNIT", "DN/s")])),
        Extension("DQ", shape, np.uint32),
    ]
    extensions += [RawExtension(*table) for table in times]
    extensions.append(Extension("VAR_POISSON", shape, np.float32))
    extensions.append(Extension("VAR_RNOISE", shape, np.float32))
    return extensions


def segment_extensions(exposure, nsegments, njumps):
    """Return the extensions of the optional product of a least-squares fit."""
    nints, _, ny, nx = exposure.shape
    shapes = {"PEDESTAL": (nints, ny, nx), "CRMAG": (nints, njumps, ny, nx)}
    segments = nints, nsegments, ny, nx
    planes = [Extension(n, shapes.get(n, segments), np.float32) for n in SEGMENT_PLANES]
    return [empty_extension("SCI", exposure.sci_keywords()), *planes]


def ramp_extensions(exposure, shape, tables):
    """Return the extensions of a ramp product (nints, ngroups, ny, nx) in the reference's order."""
    plane = shape[2:]
    if exposure.superstriped and shape == exposure.raw_shape:
        plane = exposure.stripes.number, *plane
    sci = with_unit(exposure.sci_keywords(), "DN")
    extensions = [
        Extension("SCI", shape, np.float32, sci),
        Extension("PIXELDQ", plane, np.uint32),
        Extension("GROUPDQ", shape, np.uint8),
    ]
    if exposure.zeroframe is not None:
        extensions.append(Extension("ZEROFRAME", (shape[0], *shape[2:]), np.float32))
    if exposure.reference_output is not None:
        extensions.append(Extension("REFOUT", exposure.reference_output.shape, np.float32))
    extensions.append(Extension("AVDRKCUR", shape[2:], np.float32))
    return extensions + [RawExtension(*table) for table in tables]
