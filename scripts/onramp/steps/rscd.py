"""Reset switch charge decay: the first groups of MIRI integrations bend and are left out.

("RSCD Correction"; where a ramp saturates early, fewer groups are left out, so that two remain.)
"""

from typing import NamedTuple

import numpy as np

from onramp.flags import DO_NOT_USE, FLUX_ESTIMATED, SATURATED

FEWEST_GROUPS = 3
FEW_GROUPS = 5  # up to here one group is left out, whatever the reference says
GROUPS_TO_KEEP = 3  # after those left out, the last one among them
UNKNOWN_FIRST = 1  # groups of the first integration, where the reference does not say


class Skip(NamedTuple):
    """How many groups are left out at the start of an integration."""

    first: int
    """In the first integration of an exposure."""
    later: int
    """In the others."""


class BackOff(NamedTuple):
    """What early saturation changed in some rows, by row: (ny,) int64 but for the first."""

    asked: bool
    """Whether any ramp is concerned."""
    lowered: np.ndarray
    """Pixels of which fewer groups are left out."""
    none_left_out: np.ndarray
    """Pixels of which none is left out in some integration."""


def plan(first, later, ngroups, nints):
    """
    Fit the reference's numbers of groups to an exposure.

    Parameters
    ----------
    first, later : int
        Groups to leave out of the first integration (negative: not known) and of the others.
    ngroups, nints : int
        Of the whole exposure.

    Returns
    -------
    Skip
    """
    if first < 0:
        first = UNKNOWN_FIRST
    if ngroups <= FEW_GROUPS:
        first = later = 1
    most = max(0, ngroups - GROUPS_TO_KEEP)
    return Skip(min(first, most), min(later, most) if nints > 1 else later)


def flag_rscd(groupdq, pixeldq, skip):
    """
    Flag the first groups of some integrations as DO_NOT_USE, in place.

    Ramps that saturate so early that fewer than two groups would be left give up as many groups
    as it takes, but those saturated from the start.

    Parameters
    ----------
    groupdq : (nints, ngroups, ny, nx) uint8
        More than `skip` + 1 groups.
    pixeldq : (ny, nx) uint32
        FLUX_ESTIMATED is set where fewer groups are left out.
    skip : int

    Returns
    -------
    BackOff
    """
    saturated = (groupdq[:, : skip + 2] & SATURATED) != 0
    early = saturated[:, -1] & ~saturated[:, 0]
    left_out = np.full(early.shape, skip, np.int64)
    if early.any():
        left_out[early] = np.maximum(np.argmax(saturated, axis=1)[early] - 2, 0)
    for group in range(skip):
        groupdq[:, group] |= np.where(left_out > group, np.uint8(DO_NOT_USE), np.uint8(0))
    lowered = (left_out < skip).any(axis=0)
    pixeldq[lowered] |= np.uint32(FLUX_ESTIMATED)
    none_left_out = (left_out == 0).any(axis=0)
    return BackOff(bool(early.any()), lowered.sum(axis=1), none_left_out.sum(axis=1))
