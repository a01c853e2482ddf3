"""Superbias subtraction."""

import numpy as np

from onramp.kernels import kernel
from onramp.pixels import changed_in_one_row, in_one_row


def subtract_superbias(data, superbias):
    """
    Subtract the superbias from every group, in place; its NaN count as 0.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Signal [DN].
    superbias : (ny, nx) float32
        [DN]
    """
    _subtract(changed_in_one_row(data), in_one_row(superbias))


@kernel
def _subtract(data, superbias):
    nints, ngroups, _, npixels = data.shape
    bias = superbias[0]
    for i in range(nints):
        for g in range(ngroups):
            samples = data[i, g, 0]
            for x in range(npixels):
                samples[x] -= np.float32(0.0) if np.isnan(bias[x]) else bias[x]


def subtract_from_zeroframe(zeroframe, superbias):
    """
    Subtract the superbias from zero frames, in place; 0 marks unusable pixels and stays.

    Parameters
    ----------
    zeroframe : (nints, ny, nx) float32
        Signal of the first frames [DN].
    superbias : (ny, nx) float32
        [DN]
    """
    unusable = zeroframe == 0.0
    zeroframe -= np.where(np.isnan(superbias), np.float32(0.0), superbias)
    zeroframe[unusable] = 0.0
