"""Superbias subtraction."""

import numpy as np


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
    np.subtract(data, np.where(np.isnan(superbias), np.float32(0.0), superbias), out=data)


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
