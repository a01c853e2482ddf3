"""What the WCS of a grism exposure says about its traces, as arrays for the kernels."""

from typing import NamedTuple

import numpy as np
from astropy.modeling import CompoundModel
from stdatamodels.jwst.transforms.models import (
    NIRCAMBackwardGrismDispersion,
    NIRISSBackwardGrismDispersion,
)

from onramp.errors import InputError
from onramp.wfss import disperse
from onramp.wfss.disperse import Pixels

GRISMS = NIRCAMBackwardGrismDispersion, NIRISSBackwardGrismDispersion
HALF = 0.5  # from a sample's centre to its lower left corner [pixel]
EXACT, REFERENCE = "exact", "jwst"


class Trace(NamedTuple):
    """One order's trace."""

    x: list
    """Models of the displacement's coefficients by power of the trace parameter [pixel]."""
    y: list
    theta: float
    """Rotation of the displacement [deg]."""
    solution: list
    """Models of the wavelength's coefficients; empty where there is an inverse."""
    inverse: object
    """Model of the trace parameter by wavelength, or None."""
    sampling: int
    """Points of the reference's search."""


class Grism:
    """
    The transforms of a grism exposure.

    Parameters
    ----------
    wcs : gwcs.WCS
        Of a cutout.
    path : path
        Its file, for messages.

    Attributes
    ----------
    orders : list of int
        Orders that have a trace.

    Raises
    ------
    InputError
        If it is not the WCS of a grism exposure.
    """

    def __init__(self, wcs, path):
        self.path = path
        frames = getattr(wcs, "available_frames", ())
        missing = {"grism_detector", "detector", "world"}.difference(frames)
        if missing:
            raise InputError(
                f"{path}: its WCS has no frame {sorted(missing)[0]}; give a product of extract_2d "
                "for a grism exposure"
            )
        self.to_detector = wcs.get_transform("world", "detector")
        self.to_grism = wcs.get_transform("detector", "grism_detector")
        self._before, self._model = self._split()
        self.orders = [int(order) for order in self._model.orders]

    def _split(self):
        """Return what happens to wavelengths, and the model of the dispersion after that."""
        stages = _stages(self.to_grism)
        places = [n for n, stage in enumerate(stages) if isinstance(stage, GRISMS)]
        if places != [len(stages) - 1]:
            raise InputError(
                f"{self.path}: its WCS disperses by no known model of NIRCam or NIRISS; give a "
                "product of extract_2d for one of their grisms"
            )
        return stages[:-1], stages[-1]

    def detector_places(self, ra, dec):
        """Return x, y in the frame of the direct image [pixel] of places on the sky [deg]."""
        x, y, *_ = self.to_detector(ra, dec, 1.0, 1)
        return x, y

    def model_wavelengths(self, wavelengths, order):
        """Return the wavelengths that the dispersion's model is given [micron]."""
        ones = np.ones_like(wavelengths)
        values = ones, ones, wavelengths, order * ones
        for stage in self._before:
            values = stage(*values)
        return np.asarray(values[2], float)

    def trace(self, order):
        """Return an order's trace."""
        model = self._model
        n = self.orders.index(order)
        if isinstance(model, NIRISSBackwardGrismDispersion):
            theta, solution, inverse = model.theta or 0.0, [], model.lmodels[n]
        else:
            theta, inverse = 0.0, model.inv_lmodels[n] if model.inv_lmodels else None
            solution = _coefficients(model.lmodels[n]) if inverse is None else []
        inverse = inverse[0] if isinstance(inverse, (list, tuple)) else inverse
        x, y = (_coefficients(models[n]) for models in (model.xmodels, model.ymodels))
        return Trace(x, y, theta, solution, inverse, int(model.sampling))


def _stages(transform):
    """Return the models that a transform consists of, in the order in which they act."""
    if isinstance(transform, CompoundModel) and transform.op == "|":
        return [*_stages(transform.left), *_stages(transform.right)]
    return [transform]


def _coefficients(models):
    """Return the models of a polynomial's coefficients; numbers where they are constant."""
    models = list(models) if not hasattr(models, "n_inputs") else [models]
    if len(models) == 1 and models[0].n_inputs == 1:
        return [float(c) for c in getattr(models[0], "coefficients", models[0].parameters)]
    return models


def _evaluate(coefficients, x, y):
    """Return (npixels, ncoefficients) float64."""
    out = np.empty((x.size, len(coefficients)))
    for n, coefficient in enumerate(coefficients):
        if isinstance(coefficient, float):
            out[:, n] = coefficient
        else:  # without the checks of a call, which take longer than the polynomial
            out[:, n] = coefficient.evaluate(x, y, *coefficient.parameters)
    return out


def pixels(trace, x, y, flux):
    """
    Evaluate the trace of each pixel of a direct image.

    Parameters
    ----------
    trace : Trace
    x, y : (npixels,) float64
        In the frame of the direct image [pixel].
    flux : (npixels,) float64
        MJy/sr.

    Returns
    -------
    Pixels
    """
    dx, dy = _evaluate(trace.x, x, y), _evaluate(trace.y, x, y)
    if trace.theta:
        terms = max(dx.shape[1], dy.shape[1])
        dx, dy = (np.pad(d, ((0, 0), (0, terms - d.shape[1]))) for d in (dx, dy))
        cos, sin = np.cos(np.deg2rad(trace.theta)), np.sin(np.deg2rad(trace.theta))
        dx, dy = cos * dx - sin * dy, sin * dx + cos * dy
    dx[:, 0] += x - HALF
    dy[:, 0] += y - HALF
    return Pixels(flux, dx, dy, _evaluate(trace.solution, x, y))


def sampling(trace, wavelengths, inverse):
    """
    Return how trace parameters follow from wavelengths.

    Parameters
    ----------
    trace : Trace
    wavelengths : (nwave,) float64
        As the dispersion's model is given them [micron].
    inverse : str
        "exact" or "jwst".

    Returns
    -------
    kind : int
        Of `onramp.wfss.disperse`.
    parameters : (nwave,) float64
    grid : (ngrid,) float64
    """
    grid = np.linspace(0.0, 1.0, trace.sampling)
    if trace.inverse is not None:
        found = np.asarray(trace.inverse(wavelengths), float)
        return disperse.SHARED, np.broadcast_to(found, wavelengths.shape).copy(), grid
    if inverse == EXACT:
        return disperse.SOLVED, wavelengths, grid
    if all(isinstance(c, float) for c in trace.solution):
        at = np.polynomial.polynomial.polyval(grid, trace.solution)
        return disperse.SHARED, np.interp(wavelengths, at, grid), grid
    return disperse.SEARCHED, wavelengths, grid
