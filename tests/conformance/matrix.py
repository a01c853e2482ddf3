"""A matrix of exposures: subarrays, readouts, few or many groups, one or several integrations."""

import itertools
import os
from collections import Counter

from case import Case
from matrix_subarrays import READOUTS, SUBARRAYS
from onramp.simulate import MODES

GROUPS = FEW, MANY = 3, 12
INTEGRATIONS = ONE, SEVERAL = 1, 4
GROUPS_OF_FRAMES = 3, 6
"""Of full frames that are not cut."""
SIDE, WIDTH = 48, 16
"""Pixels on a side to which a subarray is cut, and across one that is as long as the detector."""

TIME_SERIES = "NRC_TSGRISM", "NRC_TSIMAGE", "NIS_SOSS", "NRS_BRIGHTOBJ", "MIR_LRS-SLITLESS"
WITHOUT_FRAMES = "NIS", "GUIDER1"
"""Detectors of instruments that have no whole frame among the other cases."""

CHARGE_OF_SKY, HITS = 40.0, 200.0
"""Of a frame: charge of the sky [e], cosmic rays [1/cm2]."""


def exposures():
    """Return all combinations: (subarray, readout, groups, integrations)."""
    return [
        (subarray, readout, ngroups, nints)
        for subarray in SUBARRAYS
        for readout in subarray.readouts or READOUTS[subarray.instrument]
        for ngroups, nints in itertools.product(
            GROUPS_OF_FRAMES if subarray.uncut else GROUPS, INTEGRATIONS
        )
    ]


def covering(combinations):
    """Choose some so that each subarray and each readout meets each number of either kind."""
    wanted = set().union(*(_pairs(one) for one in combinations))
    chosen, uses = [], Counter()
    while wanted:
        best = max(
            combinations,
            key=lambda one: (len(wanted & _pairs(one)), -uses[_readout(one)], -uses[one[2:]]),
        )
        chosen.append(best)
        uses.update((_readout(best), best[2:]))
        wanted -= _pairs(best)
    return sorted(chosen, key=combinations.index)


def _readout(combination):
    subarray, readout, *_ = combination
    return subarray.instrument, readout


def _pairs(combination):
    subarray, _, ngroups, nints = combination
    counts = ("groups", ngroups), ("integrations", nints)
    return {(what, *count) for what in (subarray, _readout(combination)) for count in counts}


def cut(subarray):
    """
    Cut a subarray down, at the edges of the detector that it touches.

    An axis as long as the detector is kept, with all its outputs; of full frames the fast one.

    Returns
    -------
    dict
        The simulator's fields: corner and size.
    """
    rows, columns = MODES[subarray.base].detector_shape
    both = (subarray.ny, subarray.nx) == (rows, columns)
    keep_x = subarray.nx == columns and (subarray.fast_is_x or not both)
    keep_y = subarray.ny == rows and not keep_x
    limit = WIDTH if keep_x or keep_y else SIDE
    xstart, nx = _shortened(subarray.xstart, subarray.nx, columns, None if keep_x else limit)
    ystart, ny = _shortened(subarray.ystart, subarray.ny, rows, None if keep_y else limit)
    return {"xstart": xstart, "nx": nx, "ystart": ystart, "ny": ny}


def _shortened(start, size, whole, limit):
    """Return start and size on one axis."""
    kept = min(size, limit or size)
    at_end = start > 1 and start + size == whole + 1
    return (start + size - kept if at_end else start), kept


def case(subarray, readout, ngroups, nints, whole=False):
    """Return the case of a combination; `whole` ones keep the size of the subarray."""
    nframes, groupgap = READOUTS[subarray.instrument][readout]
    changes = {
        "subarray": subarray.name,
        "detector": subarray.detector,
        "exp_type": subarray.exp_type,
        "keywords": subarray.keywords,
        "noutputs": subarray.noutputs,
        "tframe": subarray.tframe,
        "fastaxis": subarray.fastaxis,
        "slowaxis": subarray.slowaxis,
        "readpatt": readout,
        "nframes": nframes,
        "groupgap": groupgap,
        "ngroups": ngroups,
        "nints": nints,
        "scene": MODES[subarray.base].scene if subarray.instrument == "MIRI" else "field",
        "tso": subarray.exp_type in TIME_SERIES,
        "zero_frame": subarray.instrument == "NIRCAM" and nframes > 1,
        "sky_e_per_s": CHARGE_OF_SKY / subarray.tframe,
        "cosmic_rays_per_s_cm2": HITS / subarray.tframe,
    }
    changes |= subarray.region if whole or subarray.uncut else cut(subarray)
    if readout == "SLOWR1":
        changes |= {"nsamples": 9, "tframe": 23.89}
    size = "whole" if whole else f"{ngroups}x{nints}"
    name = f"matrix_{subarray.detector}_{subarray.name}_{readout}_{size}".lower()
    return Case(name, subarray.base, changes)


def _whole(subarrays):
    """Return cases of subarrays in their own size."""
    return [
        case(subarray, (subarray.readouts or [*READOUTS[subarray.instrument]])[0], FEW, ONE, True)
        for subarray in subarrays
    ]


def matrix(full):
    """Return some cases in which everything occurs, or all, and some in the subarray's own size."""
    if full:
        return [*(case(*one) for one in exposures()), *_whole(SUBARRAYS)]
    frames = [one for one in SUBARRAYS if one.name == "FULL" and one.detector in WITHOUT_FRAMES]
    chosen = covering([one for one in exposures() if not one[0].uncut])
    return [*(case(*one) for one in chosen), *_whole(frames)]


MATRIX = matrix(os.environ.get("CONFORMANCE") == "full")
