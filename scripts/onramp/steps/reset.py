"""The reset anomaly of MIRI's first groups ("Reset Anomaly Correction")."""

import numpy as np


def planes_used(first_integration, nints, known):
    """
    Return which integration of the reference each one of an exposure takes.

    Parameters
    ----------
    first_integration : int
        Of the exposure's in the file, counted from 0.
    nints : int
        Integrations in the file.
    known : int
        Integrations in the reference; later ones take its last.

    Returns
    -------
    (nints,) int64
    """
    return np.minimum(np.arange(first_integration, first_integration + nints), known - 1)


def subtract_reset(data, anomaly, planes):
    """
    Subtract the anomaly from the first groups, in place; its NaN count as 0.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Signal [DN].
    anomaly : (n, m, ny, nx) float32
        First groups of each integration of the reference [DN].
    planes : (nints,) int64
        From `planes_used`, counted from the first that `anomaly` holds.
    """
    anomaly = np.where(np.isnan(anomaly), np.float32(0.0), anomaly)
    groups = min(data.shape[1], anomaly.shape[1])
    for integration, plane in zip(data, planes):
        integration[:groups] -= anomaly[plane, :groups]
