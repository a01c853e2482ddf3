"""Properties of a simulated detector: the same for every exposure of one detector region."""

import functools
import zlib
from typing import NamedTuple

import numpy as np

from onramp.reference_facts import Region
from onramp.simulation.modes import BORDER, FULL, MIRI_COLUMNS

LINEARITY = (0.0, 1.0, 0.012, 0.018, 0.03)
"""Coefficients of signal/scale in the polynomial that gives the linear signal."""

LINEARITY_SCALE_DN = 65536.0
INVERSE_DEGREE = 8


class Character(NamedTuple):
    """Typical values of an instrument's detectors: gain [e/DN], noise of a read [e], dark [e/s]."""

    gain: float
    read_noise: float
    dark: float


CHARACTERS = {
    "NIRCAM": Character(2.05, 10.0, 0.003),
    "NIRISS": Character(1.62, 10.5, 0.01),
    "NIRSPEC": Character(1.0, 9.0, 0.008),
    "FGS": Character(1.9, 11.0, 0.02),
    "MIRI": Character(4.0, 16.0, 0.2),
}


class Detector(NamedTuple):
    """
    Maps of shape (ny, nx): what the pixels really are, before references forget some of it.

    Attributes
    ----------
    gain : float32
        Gain [e/DN].
    read_noise : float32
        Noise of a single read [DN].
    bias : float32
        Level after reset [DN].
    well : float32
        Raw level at which the pixel stops responding [DN].
    stretch : float32
        Scale of the non-linearity: 1 is typical, more is less linear.
    dark : float32
        Dark current [e/s].
    response : float32
        Fraction of light detected; 0 for dead pixels and the reference border.
    border : bool
        Reference pixels.
    hot, dead, low : bool
        Bad pixels; `low` ones have their bias at the converter's floor.
    """

    gain: np.ndarray
    read_noise: np.ndarray
    bias: np.ndarray
    well: np.ndarray
    stretch: np.ndarray
    dark: np.ndarray
    response: np.ndarray
    border: np.ndarray
    hot: np.ndarray
    dead: np.ndarray
    low: np.ndarray


def region_of(mode):
    """Region of the exposure's pixels."""
    return Region(mode.subarray, mode.xstart, mode.ystart, mode.nx, mode.ny)


def reference_region(mode):
    """Region that the references cover, all but the dark."""
    if mode.full_frame_references:
        rows, columns = mode.detector_shape
        return Region("FULL", 1, 1, columns, rows)
    return region_of(mode)


def generator(mode, region, purpose):
    """Random numbers that depend on the detector, the region and the purpose, not on the scene."""
    identity = f"{mode.detector} {region[1:]} {purpose}"
    return np.random.default_rng(zlib.crc32(identity.encode()))


def pixels(rng, shape, count):
    """
    Choose pixels at random.

    Returns
    -------
    (ny, nx) bool
        True for `count` pixels, at most all.
    """
    chosen = np.zeros(shape, bool)
    size = chosen.size
    chosen.flat[rng.choice(size, min(count, size), replace=False, shuffle=False)] = True
    return chosen


def border_of(region, miri=False):
    """
    Reference pixels of a region.

    Returns
    -------
    (ny, nx) bool
        True within four pixels of the detector's edge; MIRI has them at the ends of rows alone.
    """
    x = np.arange(region.nx) + region.xstart - 1
    y = np.arange(region.ny) + region.ystart - 1
    if miri:
        edge = (x < BORDER) | (x >= MIRI_COLUMNS - BORDER)
        return np.broadcast_to(edge, (region.ny, region.nx)).copy()
    edge_x = (x < BORDER) | (x >= FULL - BORDER)
    edge_y = (y < BORDER) | (y >= FULL - BORDER)
    return edge_y[:, None] | edge_x[None, :]


def build(mode, region):
    """
    Draw the maps of one region of a detector.

    Parameters
    ----------
    mode : Mode
        Only its instrument and detector matter.
    region : Region

    Returns
    -------
    Detector
    """
    rng = generator(mode, region, "detector")
    shape = (region.ny, region.nx)
    character = CHARACTERS[mode.instrument]
    border = border_of(region, mode.miri)

    def scatter(centre, relative):
        return (centre * (1 + relative * rng.standard_normal(shape, np.float32))).astype(np.float32)

    gain = scatter(character.gain, 0.01)
    read_noise = np.abs(scatter(character.read_noise / character.gain, 0.08))
    well = scatter(58000.0, 0.02)
    stretch = np.clip(scatter(1.0, 0.03), 0.85, 1.15)
    response = np.clip(scatter(1.0, 0.005), 0.0, 1.1)
    dark = np.abs(scatter(character.dark, 0.3))
    few = max(3, gain.size // 10000)
    dead = pixels(rng, shape, few) & ~border
    hot = pixels(rng, shape, 5 * few) & ~border
    low = pixels(rng, shape, max(1, few // 4)) & ~border
    response[dead | border] = 0
    dark[hot] = rng.lognormal(1.5, 1.2, np.count_nonzero(hot)).astype(np.float32)
    dark[border] = 0
    bias = _bias(rng, region)
    bias[low] = rng.normal(2.0, 2.0, np.count_nonzero(low))
    return Detector(gain, read_noise, bias, well, stretch, dark, response, border, hot, dead, low)


def cut(detector, region, wanted):
    """Cut the maps of a region to a region inside it."""
    y = wanted.ystart - region.ystart
    x = wanted.xstart - region.xstart
    window = np.s_[y : y + wanted.ny, x : x + wanted.nx]
    return Detector(*(plane[window] for plane in detector))


def _bias(rng, region):
    """Superbias structure [DN]: a slope, columns, amplifier steps and fixed pixel noise."""
    y, x = np.ogrid[0.0 : region.ny, 0.0 : region.nx]
    columns = rng.normal(0, 25, region.nx)
    steps = np.repeat(rng.normal(0, 150, 4), FULL // 4)[region.xstart - 1 :][: region.nx]
    smooth = 12000 + 300 * y / FULL - 200 * (x / FULL) ** 2 + columns + steps
    noise = rng.standard_normal((region.ny, region.nx), np.float32)
    return (smooth + 40 * noise).astype(np.float32)


@functools.cache
def inverse_linearity():
    """
    Polynomial that undoes `LINEARITY` up to 1.2 times `LINEARITY_SCALE_DN`.

    Returns
    -------
    (INVERSE_DEGREE + 1,) float64
        Coefficients in rising order; the constant is 0.
    """
    measured = np.linspace(0, 1.12, 401)
    linear = np.polynomial.polynomial.polyval(measured, LINEARITY)
    powers = linear[:, None] ** np.arange(1, INVERSE_DEGREE + 1)
    coefficients = np.linalg.lstsq(powers, measured, rcond=None)[0]
    return np.concatenate([[0.0], coefficients])
