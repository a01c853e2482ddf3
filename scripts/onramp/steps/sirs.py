"""
Side reference pixels of a full frame by optimal convolution kernels (SIRS).

Rauscher et al., Simple Improved Reference Subtraction: each amplifier gets the signals of the left
and the right reference columns, convolved with kernels from Fourier coefficients.
"""

from typing import NamedTuple

import numpy as np

from onramp.kernels import kernel
from onramp.steps.refpix import AMPLIFIER_WIDTH, BORDER, FULL, FourOutputs

MAD_TO_SIGMA = 1.48
AMPLIFIERS = FULL // AMPLIFIER_WIDTH


class Kernels(NamedTuple):
    """Kernels of the left and right reference columns; (4, 2 halfwidth + 1) float64."""

    left: np.ndarray
    right: np.ndarray


class TemplateOffsets(NamedTuple):
    """What to subtract from each group: by lane, then by amplifier and row."""

    lanes: np.ndarray
    """(ncolumns,) int64: the lane of each detector column; two lanes an amplifier."""
    fast: np.ndarray
    """(nints, ngroups, 8) float64 [DN]"""
    slow: np.ndarray
    """(nints, ngroups, 4, nrows) float64: by amplifier and detector row [DN]"""
    single_precision: np.ndarray
    """(nints, ngroups) bool: groups rounded to single precision between the two."""
    transposed: bool
    """Detector columns run along y."""


def make_kernels(gamma, zeta, gaussmooth, halfwidth):
    """
    Return the kernels of the Fourier coefficients of a reference.

    Parameters
    ----------
    gamma, zeta : (4, n) float or complex
        Coefficients of the left and the right side.
    gaussmooth : float
        Width of the Gaussian that smooths a kernel [row].
    halfwidth : int
        Rows on either side that a kernel takes.
    """
    distance = np.arange(-halfwidth, halfwidth + 1)
    smoothing = np.exp(-(distance**2) / (2 * gaussmooth**2))
    smoothing /= np.sum(smoothing)

    def one(coefficients):
        middle = len(coefficients) - 1
        response = np.fft.fftshift(np.fft.irfft(coefficients))
        return np.convolve(
            response[middle - halfwidth : middle + halfwidth + 1], smoothing, mode="same"
        )

    return Kernels(*(np.stack([one(row) for row in side]) for side in (gamma, zeta)))


def templates(left, right, kernels, limit):
    """
    Return the signal to subtract from each amplifier's rows.

    Parameters
    ----------
    left, right : (nrows, 4) float64
        Reference pixels [DN].
    kernels : Kernels
    limit : float
        Pixels further from the median do not count [standard deviations].

    Returns
    -------
    (4, nrows) float64
        [DN]
    """
    total = 0.0
    for values, side in ((left, kernels.left), (right, kernels.right)):
        middle = np.median(values)
        spread = MAD_TO_SIGMA * np.median(np.abs(values - middle))
        good = (np.abs(values - middle) <= limit * spread).astype(np.int64)
        share = np.sum(good, axis=1) / BORDER
        signal = np.sum(values * good, axis=1) / BORDER
        ones = np.ones(share.shape)
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = [
                np.convolve(signal, one, mode="same")
                * (np.convolve(ones, one, mode="same") / np.convolve(share, one, mode="same"))
                for one in side
            ]
        total = total + np.stack(parts)
    return total


class ConvolvedOutputs(FourOutputs):
    """Full frames whose rows are corrected by kernels."""

    offsets_type = TemplateOffsets

    def __init__(self, placement, full, parameters, kernels):
        super().__init__(placement, full, parameters)
        self._kernels = kernels

    @property
    def _slow_shape(self):
        return AMPLIFIERS, len(self._lanes.rows)

    def _row_signal(self, samples, offsets, precision):
        sides = [
            (values - offsets[lanes].astype(precision)).astype(precision).astype(np.float64)
            for values, lanes in zip(samples, self._side_lanes)
        ]
        return self._lanes.along_rows(templates(*sides, self._kernels, self._parameters.sigreject))


@kernel
def subtract(data, first_row, offsets):
    """
    Subtract the offsets from a band, in place.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Signal [DN].
    first_row : int
        Where the band starts in the frame.
    offsets : TemplateOffsets
    """
    nints, ngroups, ny, nx = data.shape
    for i in range(nints):
        for g in range(ngroups):
            single = offsets.single_precision[i, g]
            for y in range(ny):
                for x in range(nx):
                    column = first_row + y if offsets.transposed else x
                    row = x if offsets.transposed else first_row + y
                    lane = offsets.lanes[column]
                    value = data[i, g, y, x] - offsets.fast[i, g, lane]
                    if single:
                        value = np.float64(np.float32(value))
                    data[i, g, y, x] = value - offsets.slow[i, g, lane // 2, row]
