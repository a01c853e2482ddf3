"""Correction of the detector's non-linear response by a polynomial for each pixel."""

import numpy as np

from onramp.flags import NO_LIN_CORR, SATURATED
from onramp.kernels import inner_kernel, kernel, scalar_kernel
from onramp.pixels import changed_in_one_row, in_one_row

STRETCH = 2048  # pixels that are corrected at once


def prepare_coefficients(coefficients, dq, pixeldq):
    """
    Replace unusable polynomials by the identity.

    Parameters
    ----------
    coefficients : (ncoefficients, ny, nx) float32
        In ascending powers; changed in place.
    dq, pixeldq : (ny, nx) uint32
        Data quality of the reference and of the exposure.

    Returns
    -------
    (ny, nx) uint32
        `pixeldq` with the reference's flags, and NO_LIN_CORR where the polynomial is unusable.
    """
    quality = pixeldq | dq
    _use_identity(coefficients, dq, quality)
    return quality


@kernel
def _use_identity(coefficients, dq, quality):
    """Replace polynomials that are flagged, and flag and replace those with NaN or a slope of 0."""
    ncoefficients, ny, nx = coefficients.shape
    unusable = np.empty(nx, np.bool_)
    for y in range(ny):
        for x in range(nx):
            unusable[x] = coefficients[1, y, x] == 0
        for n in range(ncoefficients):
            for x in range(nx):
                unusable[x] |= np.isnan(coefficients[n, y, x])
        for x in range(nx):
            flagged = (dq[y, x] & NO_LIN_CORR) != 0
            if not flagged and unusable[x]:
                quality[y, x] |= NO_LIN_CORR
            if flagged or unusable[x]:
                for n in range(ncoefficients):
                    coefficients[n, y, x] = n == 1


def correct(data, groupdq, coefficients):
    """
    Apply the polynomials to every sample that is not saturated, in place.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Signal [DN].
    groupdq : (nints, ngroups, ny, nx) uint8
    coefficients : (ncoefficients, ny, nx) float32
    """
    _correct(changed_in_one_row(data), in_one_row(groupdq), in_one_row(coefficients))


@kernel
def _correct(data, groupdq, coefficients):
    nints, ngroups, _, npixels = data.shape
    order = coefficients.shape[0] - 1
    linear = np.empty(min(STRETCH, npixels), np.float32)
    for left in range(0, npixels, STRETCH):  # whose coefficients stay in cache
        right = min(left + STRETCH, npixels)
        for i in range(nints):
            for g in range(ngroups):
                samples, flags = data[i, g, 0, left:right], groupdq[i, g, 0, left:right]
                _evaluate(samples, flags, coefficients, order, left, right, linear)


@scalar_kernel
def _evaluate(samples, flags, coefficients, order, left, right, linear):
    """Correct samples; two powers in each passage, since a passage costs as much as its loads."""
    highest, constant = coefficients[order, 0, left:right], coefficients[0, 0, left:right]
    power = order
    if order % 2:
        for x in range(samples.size):
            linear[x] = highest[x] * samples[x]
    else:
        power -= 1
        second = coefficients[power, 0, left:right]
        for x in range(samples.size):
            linear[x] = (highest[x] * samples[x] + second[x]) * samples[x]
    while power > 1:
        upper = coefficients[power - 1, 0, left:right]
        lower = coefficients[power - 2, 0, left:right]
        power -= 2
        for x in range(samples.size):
            linear[x] = ((linear[x] + upper[x]) * samples[x] + lower[x]) * samples[x]
    for x in range(samples.size):
        old, new = samples[x], linear[x] + constant[x]
        samples[x] = old if (flags[x] & SATURATED) != 0 else new


@inner_kernel
def _polynomial(value, coefficients, y, x):
    order = coefficients.shape[0] - 1
    result = coefficients[order, y, x] * value
    for n in range(order - 1, 0, -1):
        result = (result + coefficients[n, y, x]) * value
    return result + coefficients[0, y, x]


@kernel
def correct_frames(data, groupdq, coefficients, inverse, nframes):
    """
    Linearise frame-averaged groups frame by frame, in place.

    The frames within a group are reconstructed from the ramp's mean rate with the inverse
    polynomial, shifted to the group's value, linearised one by one and averaged.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Signal [DN]; at least two groups.
    groupdq : (nints, ngroups, ny, nx) uint8
    coefficients, inverse : (ncoefficients, ny, nx) float32
    nframes : int
    """
    nints, ngroups, ny, nx = data.shape
    middle = (nframes + 1) / 2.0
    frames = np.empty(nframes)
    for i in range(nints):
        for y in range(ny):
            for x in range(nx):
                unsaturated = 0
                for g in range(ngroups):
                    unsaturated += (groupdq[i, g, y, x] & SATURATED) == 0
                last = max(unsaturated - 1, 2) - 1
                start = _sample(data[i, 0, y, x], groupdq[i, 0, y, x], coefficients, y, x)
                end = _sample(data[i, last, y, x], groupdq[i, last, y, x], coefficients, y, x)
                rate = np.float64(end - start) / np.float64(last * nframes)
                for g in range(ngroups):
                    if groupdq[i, g, y, x] & SATURATED:
                        continue
                    mean = 0.0
                    for f in range(nframes):
                        frame = np.float64(start) + rate * (g * nframes + f + 1.0 - middle)
                        frames[f] = _polynomial(frame, inverse, y, x)
                        mean += frames[f]
                    offset = np.float64(data[i, g, y, x]) - mean / nframes
                    mean = 0.0
                    for f in range(nframes):
                        mean += _polynomial(frames[f] + offset, coefficients, y, x)
                    data[i, g, y, x] = np.float32(mean / nframes)


@inner_kernel
def _sample(value, flags, coefficients, y, x):
    return value if flags & SATURATED else _polynomial(value, coefficients, y, x)
