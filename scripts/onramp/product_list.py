"""Which products an exposure gets, under the reference pipeline's names."""

import os
from typing import NamedTuple

from onramp.parameters import STEPS

IFU_IMAGE = "IFUImageModel"
IFU_MODES = "MIR_MRS", "NRS_IFU"
IMAGE, CUBE, RAMP, SEGMENTS = "ImageModel", "CubeModel", "RampModel", "RampFitOutputModel"
LEAST_SQUARES, LIKELIHOOD = "OLS_C", "LIKELY"
OPTIONAL = "optional"  # stands for a step where ramp_fit keeps more than slopes


class ProductKind(NamedTuple):
    """A product: the ending of its name, the step (or OPTIONAL) it comes from, its data model."""

    suffix: str
    step: str
    model: str


STEP_PRODUCTS = {
    "ramp_fit": (
        ProductKind("0_ramp_fit", "ramp_fit", IMAGE),
        ProductKind("1_ramp_fit", "ramp_fit", CUBE),
    ),
    "gain_scale": (
        ProductKind("gain_scale", "gain_scale", IMAGE),
        ProductKind("gain_scaleints", "gain_scale", CUBE),
    ),
}


DARK_PRODUCT = ProductKind("dark", "linearity", RAMP)

OPTIONAL_PRODUCTS = {
    LEAST_SQUARES: ProductKind("fitopt", OPTIONAL, SEGMENTS),
    LIKELIHOOD: ProductKind("likely_chisq", OPTIONAL, IMAGE),
}


SUFFIXES = (
    *("rate", "rateints", "ramp", *STEPS),
    *(kind.suffix for kind in OPTIONAL_PRODUCTS.values()),
    *(kind.suffix for kinds in STEP_PRODUCTS.values() for kind in kinds),
)
EXPOSURE = "{exposure}"


def chosen_name(text, exposure, suffix=None) -> str:
    """
    Return the name of a file that a user has named.

    Parameters
    ----------
    text : str
        With or without an ending, which is not used; EXPOSURE in it stands for the exposure's name.
    exposure : str
    suffix : str, optional
        What the name is to end in, in place of a known product's.
    """
    stem = os.path.splitext(text.replace(EXPOSURE, exposure))[0]
    if suffix is None:
        return f"{stem}.fits"
    for known in sorted(("uncal", *SUFFIXES), key=len, reverse=True):
        if stem.endswith(f"_{known}"):
            stem = stem.removesuffix(f"_{known}")
            break
    return f"{stem}_{suffix}.fits"


def model_of(kind, exp_type) -> str:
    """Return a product's data model: images of spectra from slicers have one of their own."""
    sliced = exp_type in IFU_MODES and kind.model == IMAGE and kind.step != OPTIONAL
    return IFU_IMAGE if sliced else kind.model


def wanted_products(parameters, fits, save_calibrated_ramp=False, steps=STEPS) -> list[ProductKind]:
    """
    Return the products to make.

    Parameters
    ----------
    parameters : Detector1Parameters
    fits : bool
        Whether ramps are fitted; if not, the ramps are the result.
    save_calibrated_ramp : bool
    steps : iterable of str
        The steps of the exposure's instrument.
    """
    found = []
    if fits:
        found += [ProductKind("rate", "gain_scale", IMAGE)]
        found += [ProductKind("rateints", "gain_scale", CUBE)]
    if save_calibrated_ramp or not fits:
        found.append(ProductKind("ramp", "persistence", RAMP))
    return found + saved_products(parameters, fits, steps)


def saved_products(parameters, fits, steps=STEPS) -> list[ProductKind]:
    """Return the products that steps are to save; as `wanted_products`."""
    found = []
    for step in steps:
        chosen = getattr(parameters, step)
        if not chosen.save_results or chosen.skip:
            continue
        if step not in STEP_PRODUCTS:
            found.append(ProductKind(step, step, RAMP))
        elif fits:
            found += STEP_PRODUCTS[step]
    return found
