"""Simulated exposures, the references that calibrate them, and the truth to score a run against."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from onramp.errors import ParameterError
from onramp.simulation import detector as detectors
from onramp.simulation import interleaved, striped
from onramp.simulation.modes import (
    MODES,
    NIRCAM_FULL,
    NIRCAM_SUB,
    NIRISS_SOSS,
    NIRSPEC_BOTS,
    Mode,
    change,
)
from onramp.simulation.readout import ramps
from onramp.simulation.references import write_references
from onramp.simulation.scene import cosmic_rays, light
from onramp.simulation.truth import score, write_truth
from onramp.simulation.uncal import exposure_name, write_uncal

__all__ = ["DEMONSTRATION", "MODES", "Mode", "SimulatedExposure", "score", "simulate"]

DEMONSTRATION = (NIRCAM_FULL, NIRISS_SOSS, NIRSPEC_BOTS, NIRCAM_SUB)
LARGEST_SEED = 99999


class SimulatedExposure(NamedTuple):
    """Files of a simulated exposure; `references` holds a path for each reference type."""

    uncal: Path
    references: dict
    truth: Path


def simulate(mode, output, seed, **changes):
    """
    Simulate an exposure: `uncal/`, `references/` and `truth/` below a folder.

    Parameters
    ----------
    mode : Mode or str
        An observing mode, or the name of one in `MODES`.
    output : path
        Folder to write below.
    seed : int
        Seed of the scene, the noise and the cosmic rays, and the exposure's number: 0 to 99999. The
        detector and its references depend on the mode alone.
    **changes
        Fields of the mode to change, such as ``ngroups=4, nx=64, ny=64``.

    Returns
    -------
    SimulatedExposure

    Raises
    ------
    ParameterError
        If the mode, a field or the seed cannot be used.
    """
    if isinstance(mode, str):
        if mode not in MODES:
            raise ParameterError(f"simulate: no mode {mode!r}; there are {', '.join(MODES)}")
        mode = MODES[mode]
    if not 0 <= seed <= LARGEST_SEED:
        raise ParameterError(f"simulate: seed {seed} is not between 0 and {LARGEST_SEED}")
    mode = change(mode, **changes)
    output = Path(output)
    region = striped.whole_lines(mode) if mode.pattern else detectors.reference_region(mode)
    detector = detectors.build(mode, region)
    references = write_references(mode, detector, region, output / "references")
    rng = np.random.default_rng([seed, mode.observation])
    if mode.pattern:
        sci, zero, (rate, detector, hits) = striped.expose(rng, mode, detector)
    else:
        detector = detectors.cut(detector, region, detectors.region_of(mode))
        rate = light(rng, mode, detector)
        hits = cosmic_rays(rng, mode)
        hits = hits[~detector.border[hits["y"], hits["x"]]]
        sci, zero = ramps(rng, mode, detector, rate, hits)
    if mode.interleaved:
        sci = interleaved.frames(rng, mode, sci)
    uncal = write_uncal(replace(mode, nints=len(sci)), seed, sci, zero, output / "uncal")
    name = exposure_name(mode, seed)
    truth = write_truth(mode, name, rate, detector, hits, output / "truth")
    return SimulatedExposure(uncal, references, truth)
