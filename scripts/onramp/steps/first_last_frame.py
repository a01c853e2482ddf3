"""First and last groups of MIRI integrations, which resets disturb, are left out."""

import numpy as np

from onramp.flags import DO_NOT_USE, FLUX_ESTIMATED, SATURATED

FEWEST_FOR_FIRST = 4  # groups
FEWEST_FOR_LAST = 3  # groups
BRIGHT_GROUP = 2  # saturated here, a ramp is steep enough to use its first group


def flag_first(groupdq, pixeldq, bright_use_group1):
    """
    Flag the first group of each integration as DO_NOT_USE, in place ("First Frame Correction").

    Parameters
    ----------
    groupdq : (nints, ngroups, ny, nx) uint8
        At least `FEWEST_FOR_FIRST` groups.
    pixeldq : (ny, nx) uint32
        FLUX_ESTIMATED is set where a first group is kept.
    bright_use_group1 : bool
        Keep the first group of ramps that are saturated in the third.
    """
    if not bright_use_group1:
        groupdq[:, 0] |= np.uint8(DO_NOT_USE)
        return
    bright = (groupdq[:, BRIGHT_GROUP] & SATURATED) != 0
    groupdq[:, 0] |= np.where(bright, np.uint8(0), np.uint8(DO_NOT_USE))
    pixeldq[bright.any(axis=0)] |= np.uint32(FLUX_ESTIMATED)


def flag_last(groupdq):
    """
    Flag the last group of each integration as DO_NOT_USE, in place ("Last Frame Correction").

    Parameters
    ----------
    groupdq : (nints, ngroups, ny, nx) uint8
        At least `FEWEST_FOR_LAST` groups.
    """
    groupdq[:, -1] |= np.uint8(DO_NOT_USE)
