"""Snowballs: large round cosmic-ray events, mostly with a saturated core that grows.

They are found among the flags of each group, after the search for jumps (JWST science calibration
pipeline, "Jump detection", large events).
"""

from typing import NamedTuple

import numpy as np

from onramp.flags import JUMP_DET, SATURATED
from onramp.steps.ellipses import Brush, Ellipses, draw
from onramp.steps.regions import find_regions

ADD_JUMP = Brush(np.uint8(0xFF), np.uint8(JUMP_DET), np.uint8(0))
ADD_JUMP_UNLESS_SATURATED = Brush(np.uint8(0xFF), np.uint8(JUMP_DET), np.uint8(SATURATED))
ONLY_SATURATED = Brush(np.uint8(0), np.uint8(SATURATED), np.uint8(0))


class SnowballRules(NamedTuple):
    """What makes a snowball and what is flagged for it; lengths and areas in pixels."""

    core_area: float
    jump_area: float
    expansion: float
    core_required: bool
    core_axis: float
    """Cores whose minor axis is longer grow."""
    core_growth: int
    """By which both axes of a core grow."""
    edge: int
    largest: int
    """Longest axis of what is drawn."""
    next_groups: int
    """Number of groups of the next integration, from its first, up to which cores are flagged."""

    @classmethod
    def of(cls, parameters, group_time):
        """
        Put the parameters in the units of the search.

        Parameters
        ----------
        parameters : onramp.parameters.Jump
        group_time : float
            Time between groups [s].
        """
        masked = (
            parameters.snowball_time_masked_next_int
            if (parameters.mask_snowball_core_next_int)
            else 0
        )
        return cls(
            parameters.min_sat_area,
            parameters.min_jump_area,
            parameters.expand_factor,
            parameters.sat_required_snowball,
            parameters.min_sat_radius_extend,
            2 * parameters.sat_expand,
            parameters.edge_size,
            2 * parameters.max_extended_radius,
            int(masked // group_time),
        )


def flag_snowballs(groupdq, rules):
    """
    Flag snowballs, and what their cores spoil later.

    Parameters
    ----------
    groupdq : (nints, ngroups, ny, nx) uint8
        Data quality of whole frames after the search for jumps; changed in place. Snowballs are
        JUMP_DET; widened cores are SATURATED and nothing else from their group to the last.
    rules : SnowballRules

    Returns
    -------
    int
        Number of snowballs, each counted in every group that it is found in.

    Raises
    ------
    ValueError
        If `groupdq` is not a contiguous cube of bytes.
    """
    if groupdq.ndim != 4 or groupdq.dtype != np.uint8 or not groupdq.flags.c_contiguous:
        raise ValueError(
            f"groupdq {groupdq.shape} {groupdq.dtype} is not a contiguous cube of uint8"
        )
    found = [_flag_integration(planes, rules) for planes in groupdq]
    last = min(rules.next_groups, groupdq.shape[1])
    for planes, (_, cores) in zip(groupdq[1:], found):
        for core in cores:
            draw(planes[1:last], core, (core.minor, core.major), ADD_JUMP)
    return sum(count for count, _ in found)


def _flag_integration(planes, rules):
    """Flag the snowballs of an integration; return their number and their saturated cores."""
    nothing = np.zeros(planes.shape[1:], np.uint8)
    count = 0
    cores = []
    onset = upcoming = None
    for group in range(1, planes.shape[0]):
        jumps = find_regions(planes[group], nothing, JUMP_DET)
        if not rules.core_required:
            snowballs = Ellipses.of(jumps, jumps.at_least(rules.jump_area))
        else:
            onset = upcoming or find_regions(planes[group], planes[group - 1], SATURATED)
            hearts = [_large_centres(onset, rules)]
            upcoming = None
            if group + 1 < planes.shape[0]:
                upcoming = find_regions(planes[group + 1], planes[group], SATURATED)
                hearts.append(_large_centres(upcoming, rules))
            snowballs = _with_core(jumps, np.concatenate(hearts), planes.shape[1], rules)
            core = _wide_cores(onset, rules)
            if core.x.size:
                cores.append(core)
                axes = [
                    np.minimum(axis + rules.core_growth, rules.largest)
                    for axis in (core.minor, core.major)
                ]
                draw(planes[group:], core, axes, ONLY_SATURATED)
                upcoming = None
        axes = snowballs.widened(rules.expansion, rules.largest)
        draw(planes[group : group + 1], snowballs, axes, ADD_JUMP_UNLESS_SATURATED)
        count += snowballs.x.size
    return count, cores


def _large_centres(saturated, rules):
    return saturated.centres(saturated.at_least(rules.core_area))


def _wide_cores(saturated, rules):
    """Return the ellipses of the saturated regions that are to grow."""
    chosen = saturated.at_least(rules.core_area)
    # No minor axis is longer than four times half the shorter side.
    chosen = chosen[2 * saturated.extents[chosen].min(axis=1) - 2 > rules.core_axis]
    cores = Ellipses.of(saturated, chosen)
    return cores.take(cores.minor > rules.core_axis)


def _with_core(jumps, hearts, nrows, rules):
    """
    Return the ellipses of jumps that are near the edge or hold the centre of a saturated region.

    Parameters
    ----------
    jumps : onramp.steps.regions.Regions
    hearts : (n, 2) float64
        Rows and columns of the centres.
    nrows : int
        Of the frame; it bounds columns as well, as in the reference.
    rules : SnowballRules
    """
    large = jumps.at_least(rules.jump_area)
    centres = jumps.centres(large)
    high = max(0, nrows - rules.edge)
    wanted = ((centres < rules.edge) | (centres > high)).any(axis=1)
    inner = np.flatnonzero(~wanted)
    pair, heart = _near_pairs(centres[inner], _reach(jumps, large[inner]), hearts)
    pair = inner[pair]
    near = np.zeros(large.size, bool)
    near[pair] = True
    ellipses = Ellipses.of(jumps, large[near])
    held = ellipses.take((np.cumsum(near) - 1)[pair]).hold(*hearts[heart].T)
    wanted[pair[held]] = True
    return Ellipses.of(jumps, large[wanted])


def _reach(regions, chosen):
    """Return more than any semi-axis of the regions' ellipses: their diagonals, and one."""
    return np.hypot(*regions.extents[chosen].T) + 1


def _near_pairs(centres, reach, hearts):
    """Return indices of all pairs of a region and a heart with rows and columns within reach."""
    order = np.argsort(hearts[:, 0], kind="stable")
    rows = hearts[order, 0]
    first = np.searchsorted(rows, centres[:, 0] - reach)
    count = np.searchsorted(rows, centres[:, 0] + reach, side="right") - first
    region = np.repeat(np.arange(len(centres)), count)
    step = np.arange(region.size) - np.repeat(np.cumsum(count) - count, count)
    heart = order[first[region] + step]
    near = np.abs(hearts[heart, 1] - centres[region, 1]) <= reach[region]
    return region[near], heart[near]
