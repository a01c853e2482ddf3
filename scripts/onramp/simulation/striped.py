"""Frames of stripes: what the detector holds where they are read, and the frames they make up."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from onramp.placement import Placement
from onramp.reference_facts import Region
from onramp.simulation import detector as detectors
from onramp.simulation.readout import ramps
from onramp.simulation.scene import cosmic_rays, light
from onramp.stripes import Pattern, Stripes


class Scene(NamedTuple):
    """What the truth is written from."""

    rate: np.ndarray
    detector: detectors.Detector
    hits: np.ndarray


def stripes_of(mode):
    """Return how a mode's frames are made of stripes."""
    placement = Placement(mode.xstart, mode.ystart, mode.nx, mode.ny, mode.fastaxis, mode.slowaxis,
                          mode.subarray, mode.noutputs)  # fmt: skip
    return Stripes(Pattern(*mode.pattern), placement)


def whole_lines(mode):
    """Region that holds the columns of a mode's lines over the whole detector."""
    rows, columns = mode.detector_shape
    if mode.fast_is_x:
        return Region(mode.subarray, mode.xstart, 1, mode.nx, rows)
    return Region(mode.subarray, 1, mode.ystart, columns, mode.ny)


def put_together(mode):
    """Region of the frames that a mode's stripes become: with superstripes, those of all."""
    stripes = stripes_of(mode)
    if not stripes.number:
        return detectors.region_of(mode)
    whole = stripes.whole
    return Region(mode.subarray, whole.xstart, whole.ystart, whole.nx, whole.ny)


def keep(maps, mode, position=0):
    """Return maps of `whole_lines` where the stripes are read."""
    lines = stripes_of(mode).lines(position)
    return type(maps)(*(_lines(plane, lines, mode) for plane in maps))


def _lines(plane, lines, mode):
    return plane[lines] if mode.fast_is_x else plane[:, lines]


def expose(rng, mode, detector):
    """
    Read out an exposure of stripes.

    Parameters
    ----------
    rng : numpy.random.Generator
    mode : Mode
    detector : Detector
        Maps of `whole_lines`.

    Returns
    -------
    sci : (nstored, ngroups, ny, nx) uint16
        Raw groups [DN]; superstripes follow each other in each integration.
    zero : (nstored, ny, nx) uint16, or None
    Scene
    """
    stripes = stripes_of(mode)
    rate = light(rng, mode, detector)
    read = [_position(rng, mode, detector, rate, n) for n in range(max(1, stripes.number))]
    sci = _in_turn([one[0] for one in read])
    zero = None if read[0][1] is None else _in_turn([one[1] for one in read])
    if not stripes.number:
        lines = stripes.lines()
        kept = keep(detector, mode)
        return sci, zero, Scene(_lines(rate, lines, mode), kept, read[0][2])
    around, whole = whole_lines(mode), put_together(mode)
    y, x = whole.ystart - around.ystart, whole.xstart - around.xstart
    rate = rate[y : y + whole.ny, x : x + whole.nx]
    return sci, zero, Scene(rate, detectors.cut(detector, around, whole), read[0][2][:0])


def _in_turn(parts):
    return np.stack(parts, axis=1).reshape(-1, *parts[0].shape[1:])


def _position(rng, mode, detector, rate, position):
    """Read out the integrations of one position; lines that are read again go on integrating."""
    stripes = stripes_of(mode)
    pattern, repeats = stripes.pattern, stripes.repeats
    again = repeats > 1 and pattern.repeat and not pattern.interleave
    own = keep(detector, mode, position)
    light_here = _lines(rate, stripes.lines(position), mode)
    once = mode
    if again:
        length = pattern.reads1 + pattern.reads2
        first = slice(-length, None) if stripes.backwards else slice(length)
        own = type(own)(*(plane[first] for plane in own))
        light_here = light_here[first]
        once = replace(
            mode, ny=length, ngroups=mode.ngroups * repeats, tframe=mode.tframe / repeats
        )
    hits = cosmic_rays(rng, once)
    hits = hits[~own.border[hits["y"], hits["x"]]]
    sci, zero = ramps(rng, once, own, light_here, hits)
    if again:
        split = sci.reshape(mode.nints, mode.ngroups, repeats, *sci.shape[2:])
        order = split[:, :, ::-1] if stripes.backwards else split
        sci = order.reshape(mode.nints, mode.ngroups, mode.ny, mode.nx)
        zero = None if zero is None else np.tile(zero, (1, repeats, 1))
    return sci, zero, hits
