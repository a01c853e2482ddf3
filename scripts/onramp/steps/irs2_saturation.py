"""Saturation flags of IRS2 exposures, which the reference finds by rules of their own."""

import numpy as np

from onramp.flags import SATURATED
from onramp.kernels import inner_kernel, kernel
from onramp.steps.saturation import flag_groups, grow


def flag_saturation(data, groupdq, threshold, bias, n_pix_grow_sat, nframes):
    """
    Flag saturated and floored samples of a band of science pixels, in place.

    Partial saturation is not looked for; a second group that is hit in its last frames is SATURATED
    and so are its neighbours.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) uint16 or float32
        Raw signal [DN].
    groupdq : (nints, ngroups, ny, nx) uint8
    threshold : (ny, nx) float32
        From `onramp.steps.saturation.thresholds`.
    bias : (ny, nx) float32, or None
        Superbias [DN], for the check of the second group.
    n_pix_grow_sat : int
        Layers of neighbours to flag.
    nframes : int or None
        Frames averaged into a group; None: do not look inside groups.
    """
    known = np.zeros_like(threshold) if bias is None else bias
    _flag_band(data, groupdq, threshold, known, n_pix_grow_sat, nframes or 0)


@inner_kernel
def _flag_second(data, groupdq, threshold, bias, reach, nframes):
    _, ny, nx = data.shape
    middle = (nframes + 1) / 2.0
    last = 3.0 * nframes
    hit = np.zeros((ny, nx), np.uint8)
    for y in range(ny):
        for x in range(nx):
            limit = threshold[y, x]
            if not np.float32(data[2, y, x]) >= limit:
                continue
            first, second = np.float32(data[0, y, x]), np.float32(data[1, y, x])
            expected = np.float64(first - bias[y, x]) / middle * last + np.float64(bias[y, x])
            step = (limit - first) / np.float32(nframes)
            hit[y, x] = expected < np.float64(limit) and second - first > step
    grow(hit, reach)
    for y in range(ny):
        for x in range(nx):
            groupdq[1, y, x] |= hit[y, x] * np.uint8(SATURATED)


@kernel
def _flag_band(data, groupdq, threshold, bias, reach, nframes):
    for i in range(data.shape[0]):
        flag_groups(data[i], groupdq[i], threshold, reach)
        if nframes > 0 and data.shape[1] > 2:
            _flag_second(data[i], groupdq[i], threshold, bias, reach, nframes)
