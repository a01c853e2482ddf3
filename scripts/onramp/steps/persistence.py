"""Samples within a time after saturation or bright light, which may hold trapped charge."""

import numpy as np

from onramp.flags import SATURATED
from onramp.kernels import kernel

DAY = 86400.0  # [s]
UNIX_EPOCH = 40587.0  # [MJD]


def unix_time(mjd):
    """Return seconds since 1970-01-01 of a modified Julian date."""
    return (mjd - UNIX_EPOCH) * DAY


@kernel
def flag_persistence(data, groupdq, ends, starts, rules, flag):
    """
    Flag the samples within windows that saturation or bright light opens, in place.

    A window opens with the first saturated group of a ramp, and, outside any window, with a sample
    above a threshold. One that would begin after the sample is closed.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Linearised signal [DN].
    groupdq : (nints, ngroups, ny, nx) uint8
    ends : (ny, nx) float64
        When the window of each pixel ends [Unix time, s], 0 without one; as it is before the
        exposure, and after it on return.
    starts : (nints,) float64
        When the integrations begin [Unix time, s].
    rules : (float, float, float32)
        Group time [s], length of a window [s], and threshold [DN], infinite for none.
    flag : uint8
        What is set.
    """
    group_time, length, threshold = rules
    nints, ngroups, ny, nx = data.shape
    for i in range(nints):
        saturated = np.zeros((ny, nx), np.int32)
        time = starts[i]
        for g in range(ngroups):
            time = time + group_time
            window_end = time + length
            for y in range(ny):
                for x in range(nx):
                    end = ends[y, x]
                    if end < time:
                        end = 0.0
                    saturated[y, x] += (groupdq[i, g, y, x] & SATURATED) != 0
                    if saturated[y, x] == 1:
                        end = window_end
                    if data[i, g, y, x] > threshold and not end > 0.0:
                        end = window_end
                    if end != 0.0 and end - window_end > 0.0:
                        end = 0.0
                    if end > 0.0:
                        groupdq[i, g, y, x] |= flag
                    ends[y, x] = end
