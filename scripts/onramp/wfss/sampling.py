"""The wavelengths at which each order is sampled, and what a flux of 1 makes there."""

from typing import NamedTuple

import numpy as np

from onramp.errors import InputError
from onramp.wfss import disperse, traces
from onramp.wfss.disperse import Samples

CENTRE = 1023.5  # of the detector [pixel]
FEWEST = 3  # samples; an order that is hardly dispersed has a trace of a few pixels


class OrderRange(NamedTuple):
    """An order with its wavelengths and calibration."""

    order: int
    shortest: float
    """Micron."""
    longest: float
    response: object
    """`onramp.wfss.sensitivity.Response`."""


def wavelengths(span, length, oversample):
    """
    Return the wavelengths of an order [micron].

    Parameters
    ----------
    span : OrderRange
    length : float
        Of the trace [pixel].
    oversample : int
        Samples a pixel.

    Returns
    -------
    (nwave,) float64
    """
    width = span.longest - span.shortest
    step = abs(width / length) / oversample
    count = max(int(np.ceil(width / step)), FEWEST)
    return np.linspace(span.shortest, span.longest, count)


def order_grid(grism, span, oversample):
    """
    Return the wavelengths of an order for the whole frame, made at the detector's centre.

    Raises
    ------
    InputError
        If a wavelength has no place in the trace there.
    """
    trace = grism.trace(span.order)
    centre = np.array([CENTRE])
    pixel = traces.pixels(trace, centre, centre, np.ones(1))
    ends = grism.model_wavelengths(np.array([span.shortest, span.longest]), span.order)
    samples = Samples(*traces.sampling(trace, ends, traces.EXACT), np.ones((1, 2)))
    bounds = np.array([[np.inf, -np.inf, np.inf, -np.inf]])
    disperse.widen_bounds(samples, pixel, np.array([[0, 1]]), 1, bounds)
    length = np.hypot(*np.ptp(bounds.reshape(2, 2), axis=1))
    return _known(grism, span, length, oversample)


def chunk_grid(grism, span, oversample, x, y):
    """
    Return the wavelengths of an order as the reference makes them for a chunk.

    Parameters
    ----------
    grism : Grism
    span : OrderRange
    oversample : int
    x, y : float
        Of the chunk's first pixel, in the frame of the direct image [pixel].

    Raises
    ------
    InputError
        As `order_grid`.
    """
    ends = [grism.to_grism(x, y, wave, span.order)[:2] for wave in (span.shortest, span.longest)]
    dx, dy = (float(np.squeeze(high)) - float(np.squeeze(low)) for low, high in zip(*ends))
    return _known(grism, span, dy - dx, oversample)


def _known(grism, span, length, oversample):
    if not np.isfinite(length):
        raise InputError(
            f"{grism.path}: order {span.order}: the trace does not reach {span.shortest} to "
            f"{span.longest} micron; give a wavelengthrange reference of this mode"
        )
    return wavelengths(span, length, oversample)


def samples(grism, span, waves, inverse, degree=0):
    """
    Return how an order is sampled.

    Parameters
    ----------
    grism : Grism
    span : OrderRange
    waves : (nwave,) float64
        Wavelengths [micron].
    inverse : str
        "exact" or "jwst".
    degree : int
        Highest Legendre polynomial in wavelength by which the flux is multiplied.

    Returns
    -------
    Samples
    """
    response = span.response.at(waves)
    step = waves[1] - waves[0]
    flat = np.divide(step, response, out=np.zeros_like(waves), where=response != 0)
    place = 2 * (waves - span.shortest) / (span.longest - span.shortest) - 1
    weights = flat * np.polynomial.legendre.legvander(place, degree).T
    trace = grism.trace(span.order)
    model_waves = grism.model_wavelengths(waves, span.order)
    return Samples(*traces.sampling(trace, model_waves, inverse), np.ascontiguousarray(weights))
