"""Mean over integrations of likelihood fits, weighted with the variances their mean rate gives."""

import numpy as np

from onramp.flags import DO_NOT_USE
from onramp.kernels import kernel, median_in_place
from onramp.steps.ramp_fit import Slopes

REWEIGHTINGS = 2


@kernel
def _median(values, scratch):
    """Return the median of the values that are not NaN."""
    count = 0
    for value in values:
        if not np.isnan(value):
            scratch[count] = value
            count += 1
    return np.float32(median_in_place(scratch, count))


@kernel
def _weights(rate, sci, poisson, rnoise, scaled, weight):
    """Fill the Poisson variances that `rate` gives the integrations, and their weights."""
    zero = np.float32(0.0)
    total = zero
    for i in range(sci.size):
        ratio = rate / sci[i]
        if not np.isfinite(ratio) or ratio < zero:
            ratio = zero
        scaled[i] = poisson[i] * ratio
        weight[i] = np.float32(1.0) / (scaled[i] + rnoise[i])
        if not np.isnan(weight[i]):
            total += weight[i]
    for i in range(sci.size):
        weight[i] /= total


@kernel
def _sum(terms):
    """Return the sum of the terms that are not NaN; NaN if all are."""
    total = np.float32(0.0)
    known = 0
    for term in terms:
        if not np.isnan(term):
            total += term
            known += 1
    return total if known else np.float32(np.nan)


@kernel
def _average_band(rateints, rate):
    """Average every pixel, all in single precision."""
    nints, ny, nx = rateints.sci.shape
    scaled, weight, scratch = np.empty((3, nints), np.float32)
    for y in range(ny):
        for x in range(nx):
            sci = rateints.sci[:, y, x].copy()
            poisson = rateints.var_poisson[:, y, x].copy()
            rnoise = rateints.var_rnoise[:, y, x].copy()
            slope = _median(sci, scratch)
            for _ in range(REWEIGHTINGS):
                _weights(slope, sci, poisson, rnoise, scaled, weight)
                slope = _sum(sci * weight)
            square = weight * weight
            rate.sci[y, x] = slope
            rate.var_poisson[y, x] = _sum(scaled * square)
            rate.var_rnoise[y, x] = _sum(rnoise * square)
            rate.err[y, x] = np.sqrt(rate.var_poisson[y, x] + rate.var_rnoise[y, x])


def average(rateints, chisq):
    """
    Average over integrations.

    Parameters
    ----------
    rateints : Slopes
        (nints, ny, nx)
    chisq : (nints, ny, nx) float32

    Returns
    -------
    rate : Slopes
        (ny, nx); a single integration's are copied.
    chisq : (ny, nx) float32
        The sum; NaN if any is.
    """
    if len(chisq) == 1:
        return Slopes(*(values[0].copy() for values in rateints)), chisq[0].copy()
    rate = Slopes.empty(*chisq.shape[1:])
    _average_band(rateints, rate)
    rate.dq[...] = np.bitwise_or.reduce(rateints.dq, axis=0) & ~np.uint32(DO_NOT_USE)
    rate.dq[...] |= np.bitwise_and.reduce(rateints.dq, axis=0) & np.uint32(DO_NOT_USE)
    return rate, np.sum(chisq, axis=0)
