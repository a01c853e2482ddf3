"""Covariance of the differences between groups (Brandt 2024a, arXiv 2309.08753, section 2)."""

from typing import NamedTuple

import numpy as np


def read_times(nframes, groupgap, frame_time, ngroups):
    """
    Return when the frames are read that each group averages.

    Parameters
    ----------
    nframes : int
        Frames averaged into a group.
    groupgap : int
        Frames dropped between groups.
    frame_time : float
        [s]
    ngroups : int

    Returns
    -------
    list of (nframes,) float64
        [s], one array a group; the first frame ends at `frame_time`.
    """
    frames = np.arange(1, nframes + 1)
    return [(frames + group * (nframes + groupgap)) * frame_time for group in range(ngroups)]


def split_first_group(times):
    """
    Return the read times of an exposure whose zero frame is fitted as a group of its own.

    Parameters
    ----------
    times : list of arrays
        From `read_times`; the first group has at least two reads.

    Returns
    -------
    list of arrays
        One more than before: the first read, then what is left of the first group.

    Raises
    ------
    ValueError
        If the first group is a single read: it is the zero frame.
    """
    if np.size(times[0]) < 2:
        raise ValueError("the first group is one read, so there is no zero frame to split off")
    return [np.asarray(times[0][:1]), np.asarray(times[0][1:]), *times[1:]]


class Covariance(NamedTuple):
    """
    What the read times say about the differences of neighbouring groups, scaled to count rates.

    The covariance matrix of a pixel's differences [(DN/s)^2] is tridiagonal: `alpha` on its
    diagonal, `beta` beside it, each the sum of a part for photon noise, to be multiplied with
    count rate over gain, and a part for read noise, to be multiplied with the variance of a read.
    """

    delta_t: np.ndarray
    """(ndiffs,) float64: time between the means of two groups [s]."""
    alpha_photon: np.ndarray
    """(ndiffs,) float64 [1/s]"""
    alpha_read: np.ndarray
    """(ndiffs,) float64 [1/s^2]"""
    beta_photon: np.ndarray
    """(ndiffs - 1,) float64 [1/s]"""
    beta_read: np.ndarray
    """(ndiffs - 1,) float64 [1/s^2]"""
    growth: np.ndarray
    """(2,) float64: mean factor by which either part's determinant grows with a difference."""
    reads: np.ndarray
    """(ndiffs + 1,) int64: how many reads a group averages."""
    pairs: np.ndarray
    """(ndiffs - 1,) bool: whether a jump may spoil two differences, inside the group they share."""

    @classmethod
    def of(cls, times):
        """
        Return the covariance for one list of read times.

        Parameters
        ----------
        times : list of arrays
            From `read_times`, or uneven [s].

        Raises
        ------
        ValueError
            If there are fewer than three groups, or a group without reads.
        """
        times = [np.atleast_1d(np.asarray(reads, np.float64)) for reads in times]
        n = np.array([reads.size for reads in times])
        if len(times) < 3 or n.min() < 1:
            raise ValueError(f"at least three groups of reads are needed, not {n.tolist()} reads")
        mean = np.array([reads.mean() for reads in times])
        tau = np.array([_tau(reads) for reads in times])
        step = mean[1:] - mean[:-1]
        photon = (
            (tau[:-1] + tau[1:] - 2 * mean[:-1]) / step**2,
            (mean[1:-1] - tau[1:-1]) / (step[1:] * step[:-1]),
        )
        read = (1 / n[:-1] + 1 / n[1:]) / step**2, -1 / (n[1:-1] * step[1:] * step[:-1])
        growth = np.array([_growth(*photon), _growth(*read)])
        return cls(step, photon[0], read[0], photon[1], read[1], growth, n, n[1:-1] > 1)


def _growth(alpha, beta):
    """Return the n-th root of a tridiagonal matrix's determinant."""
    _, logarithm = np.linalg.slogdet(np.diag(alpha) + np.diag(beta, 1) + np.diag(beta, -1))
    return np.exp(logarithm / alpha.size)


def _tau(reads):
    """Return the variance-weighted mean time of a group (equation 11)."""
    weights = 2 * reads.size + 1 - 2 * np.arange(1, reads.size + 1)
    return np.sum(weights * reads) / reads.size**2
