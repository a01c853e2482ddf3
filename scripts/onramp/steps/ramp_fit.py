"""Slopes by optimally weighted least squares over the unbroken segments of each ramp.

Fixsen et al. (2000, PASP 112, 1350), with the reference pipeline's weights by signal-to-noise
class and its variances ("Ramp Fitting, Description: OLS").
"""

from typing import NamedTuple

import numpy as np

from onramp.kernels import middle_ranks, sorting_network
from onramp.steps.ramp_rows import fit_band

POWERS = (0.0, 0.4, 1.0, 3.0, 6.0, 10.0)  # of the weights, by signal-to-noise class
LARGEST_NETWORK = 128  # differences in an integration; beyond it pixels take the exact path


class Timing(NamedTuple):
    """Times of one exposure as the fit uses them [s]."""

    group: float
    frame: float
    one_group: float

    @classmethod
    def of(cls, group_time, frame_time, nframes):
        """Round the times to single precision, as the reference does."""
        frame = float(np.float32(frame_time))
        return cls(float(np.float32(group_time)), frame, (nframes + 1.0) * frame / 2.0)


class Noise(NamedTuple):
    """What the weights and variances need of each pixel; all (ny, nx) float32."""

    gain: np.ndarray
    """[e-/DN]"""
    readnoise: np.ndarray
    """Noise of one group [e-]."""
    dark_current: np.ndarray
    """Mean dark current [e-/s]."""


class Slopes(NamedTuple):
    """A band of results; rate (ny, nx), rateints (nints, ny, nx)."""

    sci: np.ndarray
    """float32 [DN/s]"""
    err: np.ndarray
    """float32 [DN/s]"""
    dq: np.ndarray
    """uint32"""
    var_poisson: np.ndarray
    """float32 [(DN/s)^2]"""
    var_rnoise: np.ndarray
    """float32 [(DN/s)^2]"""

    @classmethod
    def empty(cls, *shape):
        """Allocate results of one shape."""
        planes = [np.zeros(shape, np.float32) for _ in range(4)]
        return cls(planes[0], planes[1], np.zeros(shape, np.uint32), planes[2], planes[3])


def group_noise(readnoise, gain, nframes):
    """
    Return the noise of one group [e-] from the correlated double sampling noise [DN].

    Parameters
    ----------
    readnoise, gain : (ny, nx) float32
    nframes : int

    Returns
    -------
    (ny, nx) float32
    """
    return (readnoise * (gain / np.sqrt(2.0 * nframes))).astype(np.float32)


def ignored_groups(firstgroup, lastgroup, ngroups):
    """
    Return which groups `firstgroup` and `lastgroup` exclude from the fit.

    A pair that leaves fewer than two groups is ignored, as in the reference.

    Returns
    -------
    (ngroups,) bool
    """
    first = max(firstgroup or 0, 0)
    last = ngroups - 1 if lastgroup is None else lastgroup
    groups = np.arange(ngroups)
    if first >= last:
        return np.zeros(ngroups, bool)
    return (groups < first) | (groups > last)


def slope_weights(ngroups):
    """
    Return the weights that turn a segment's samples into its slope.

    Parameters
    ----------
    ngroups : int
        Length of the longest segment.

    Returns
    -------
    (6, ngroups + 1, ngroups) float64
        By signal-to-noise class and segment length (3 or more): the slope per group is the sum of
        weight times sample. The power is taken in single precision, as in the reference.
    """
    weights = np.zeros((len(POWERS), ngroups + 1, ngroups))
    for length in range(3, ngroups + 1):
        middle = (length - 1) / 2.0
        x = np.arange(length, dtype=np.float64)
        distance = np.abs((x - middle) * (1.0 / middle)).astype(np.float32)
        for p, power in enumerate(POWERS):
            w = np.power(distance, np.float32(power)).astype(np.float64)
            sumw, sumx, sumxx = w.sum(), (w * x).sum(), (w * x * x).sum()
            weights[p, length, :length] = w * (sumw * x - sumx) / (sumw * sumxx - sumx * sumx)
    return weights


def fit_slopes(data, groupdq, pixeldq, noise, timing, suppress_one_group, weights, zeroframe=None):
    """
    Fit the slopes of a band of rows.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Linearised signal [DN].
    groupdq : (nints, ngroups, ny, nx) uint8
    pixeldq : (ny, nx) uint32
    noise : Noise
    timing : Timing
    suppress_one_group : bool
        Give no slope to ramps with a single good group (never in effect if ngroups is 1).
    weights : (6, ngroups + 1, ngroups) float64
        From `slope_weights`.
    zeroframe : (nints, ny, nx) float32, optional
        First frames [DN], 0 where unusable; used for ramps without a good group.

    Returns
    -------
    rate, rateints : Slopes

    Raises
    ------
    ValueError
        If the shapes differ; the message names both.
    """
    nints, ngroups, ny, nx = data.shape
    if groupdq.shape != data.shape or pixeldq.shape != (ny, nx) or noise.gain.shape != (ny, nx):
        raise ValueError(
            f"data {data.shape}, groupdq {groupdq.shape}, pixeldq {pixeldq.shape} and "
            f"gain {noise.gain.shape} do not belong to one band"
        )
    rate, rateints = Slopes.empty(ny, nx), Slopes.empty(nints, ny, nx)
    suppress = bool(suppress_one_group) and ngroups > 1
    has_zeroframe = zeroframe is not None and not suppress
    frames = zeroframe if has_zeroframe else np.zeros((1, 1, 1), np.float32)
    ndiffs = ngroups - 1
    quick = 1 <= ndiffs <= LARGEST_NETWORK
    network = sorting_network(ndiffs, middle_ranks(ndiffs)) if quick else sorting_network(0)
    fit_band(
        data, groupdq, pixeldq, noise, timing, weights, network, (quick, suppress, has_zeroframe),
        frames, rate, rateints,
    )  # fmt: skip
    return rate, rateints
