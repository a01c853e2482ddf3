"""Slopes by maximum likelihood, with jumps found on the way (Brandt 2024a, b).

Papers: arXiv 2309.08753 (fit) and 2404.01326 (jumps). Differences between neighbouring groups are
fitted with their full covariance, once for the median difference as expected rate, then for the
rate that came out.
"""

import numpy as np

from onramp.flags import DO_NOT_USE, JUMP_DET, SATURATED
from onramp.kernels import middle_ranks, sorting_network
from onramp.steps.likelihood_jumps import find_jumps, scaled_covariance
from onramp.steps.likelihood_mean import average
from onramp.steps.likelihood_rows import WIDTH, Fit, Plan, Ramps, RowWork, fit_rows
from onramp.steps.ramp_fit import Noise, Slopes

MINIMUM_GROUPS = 4
BATCH = 8192  # differences of suspect ramps at a time
INVALID = DO_NOT_USE | SATURATED


def fit_likelihood(data, groupdq, pixeldq, noise, covariance, zeroframe=None):
    """
    Find jumps and fit the slopes of a band of rows.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Linearised signal [DN].
    groupdq : (nints, ngroups, ny, nx) uint8
        Groups with any flag are left out; JUMP_DET is set in place.
    pixeldq : (ny, nx) uint32
    noise : onramp.steps.ramp_fit.Noise
        Gain [e-/DN], correlated double sampling noise [DN] and mean dark current, which the
        reference adds to a rate in DN/s; (ny, nx) float32.
    covariance : onramp.steps.covariance.Covariance
        Of the exposure's read times, their first group split if there is a zero frame.
    zeroframe : (nints, ny, nx) float32, optional
        First frames [DN]; fitted as a group of their own.

    Returns
    -------
    rate, rateints : Slopes
    chisq : (ny, nx) float32
        Summed over integrations.

    Raises
    ------
    ValueError
        If the shapes differ or do not fit the covariance, or there are fewer than four groups.
    """
    nints, ngroups, ny, nx = data.shape
    if groupdq.shape != data.shape or pixeldq.shape != (ny, nx) or noise.gain.shape != (ny, nx):
        raise ValueError(
            f"data {data.shape}, groupdq {groupdq.shape}, pixeldq {pixeldq.shape} and "
            f"gain {noise.gain.shape} do not belong to one band"
        )
    if ngroups < MINIMUM_GROUPS:
        raise ValueError(f"{ngroups} groups are too few: the likelihood fit needs {MINIMUM_GROUPS}")
    samples, flags = data, groupdq
    if zeroframe is not None:
        samples, flags = _with_zero_frame(data, groupdq, zeroframe, covariance)
    ndiffs = samples.shape[1] - 1
    if covariance.delta_t.size != ndiffs:
        raise ValueError(f"{ndiffs} differences, but a covariance of {covariance.delta_t.size}")
    noise = Noise(*(np.ascontiguousarray(plane, np.float32) for plane in noise))
    ramps = Ramps(np.ascontiguousarray(samples), flags[:, 1:] | flags[:, :-1])
    plan = Plan(covariance, sorting_network(ndiffs, middle_ranks(ndiffs)))
    fit = Fit.empty(nints, ny, nx)
    fit_rows(ramps, noise, plan, True, RowWork.empty(ndiffs, min(WIDTH, nx)), fit)
    _fit_suspects(ramps, flags, noise, plan, fit)
    if zeroframe is not None:
        groupdq |= flags[:, 1:]
    sci, err, var_poisson, var_rnoise, chisq = fit.values
    rateints = Slopes(sci, err, _quality(groupdq, pixeldq), var_poisson, var_rnoise)
    rate, chisq = average(rateints, chisq)
    return rate, rateints, chisq


def _with_zero_frame(data, groupdq, zeroframe, covariance):
    """Return samples and flags with the zero frame taken out of the first group's mean."""
    nframes = int(covariance.reads[1]) + 1
    with np.errstate(invalid="ignore"):
        rest = (data[:, 0] * nframes - zeroframe) / (nframes - 1)
    samples = np.concatenate([zeroframe[:, None], rest[:, None], data[:, 1:]], axis=1)
    return samples, np.concatenate([groupdq[:, :1], groupdq], axis=1)


def _fit_suspects(ramps, flags, noise, plan, fit):
    """Find jumps in the ramps that the rows left over, and fit these without them."""
    i, y, x = np.nonzero(fit.suspect)
    size = max(BATCH // ramps.unused.shape[1], 1)
    for start in range(0, i.size, size):
        part = slice(start, start + size)
        _fit_batch((i[part], y[part], x[part]), ramps, flags, noise, plan, fit)


def _fit_batch(places, ramps, flags, noise, plan, fit):
    """Find jumps in the ramps at some places (integrations, rows, columns) and fit them."""
    i, y, x = places
    covariance, _ = plan
    samples = np.ascontiguousarray(ramps.data[i, :, y, x].T)
    unused = np.ascontiguousarray(ramps.unused[i, :, y, x].T)
    pixels = Noise(*(plane[None, y, x] for plane in noise))
    gain, readnoise, dark_current = (plane[0] for plane in pixels)
    n, m = unused.shape
    use = (unused == 0).astype(np.float64)
    with np.errstate(all="ignore"):
        diffs = (samples[1:] - samples[:-1]) / covariance.delta_t[:, None]
        read = (readnoise / np.sqrt(2)) ** 2
        guess = np.median(diffs, axis=0)
        guess *= guess > 0
        alpha, beta, scale = scaled_covariance(guess / gain, read, covariance)
        rates = find_jumps(diffs, use, alpha, beta, scale, covariance.pairs)
        expected = rates * (rates > 0) + dark_current
        _, _, scale = scaled_covariance(expected / gain, read, covariance)
    expected[np.isnan(scale)] = np.nan
    difference, ramp = np.nonzero((use == 0) & (unused == 0))
    flags[i[ramp], difference + 1, y[ramp], x[ramp]] |= JUMP_DET
    unused[difference, ramp] = JUMP_DET
    fitted = Fit.empty(1, 1, m)
    fitted.expected[0, 0] = expected
    band = Ramps(samples[None, :, None], unused[None, :, None])
    fit_rows(band, pixels, plan, False, RowWork.empty(n, min(WIDTH, m)), fitted)
    fit.values[:, i, y, x] = fitted.values[:, 0, 0]


def _quality(groupdq, pixeldq):
    """Return each integration's data quality (nints, ny, nx) uint32."""
    union = np.bitwise_or.reduce(groupdq, axis=1)
    invalid = np.minimum.reduce(groupdq & INVALID, axis=1) > 0
    dq = pixeldq | (union & (SATURATED | JUMP_DET)).astype(np.uint32)
    dq[invalid] |= DO_NOT_USE
    return dq
