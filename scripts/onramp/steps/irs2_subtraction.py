"""Subtraction of the noise of the electronics from science pixels of IRS2 frames."""

from typing import NamedTuple

import numpy as np

from onramp.interleaving import ROW_READS
from onramp.kernels import kernel
from onramp.steps.irs2_correction import MIDDLE

SCIENCE_PIXEL, INTERLEAVED_PIXEL, REFERENCE_OUTPUT = range(3)


class Lines(NamedTuple):
    """Lines over the reads of frames; the last axis is an output's or a band row's."""

    intercept: np.ndarray
    """(nints, ngroups, n) float32 [DN]"""
    slope: np.ndarray
    """(nints, ngroups, n) float32 [DN per clock tick]"""

    @classmethod
    def none(cls, nints, ngroups, noutputs):
        """Return lines that are 0."""
        return cls(*np.zeros((2, nints, ngroups, noutputs), np.float32))

    def set(self, integration, group, output, line):
        """Set one of the lines."""
        place = integration, group, output
        self.intercept[place], self.slope[place] = line

    def of(self, integration, outputs):
        """Return the lines of one integration, (ngroups, n), for the outputs of some rows."""
        return Lines(self.intercept[integration][:, outputs], self.slope[integration][:, outputs])


class Pixels(NamedTuple):
    """What the rows of a band are."""

    ticks: np.ndarray
    """(ny,) int64: when they are read [clock ticks from the start of a detector row]."""
    kinds: np.ndarray
    """(ny,) int64: SCIENCE_PIXEL, INTERLEAVED_PIXEL or REFERENCE_OUTPUT."""
    backwards: bool
    """Whether the detector's rows run against the columns of the band."""


@kernel
def subtract_noise(data, noise, lines, pixels):
    """
    Subtract line and noise from the samples of one integration, in place.

    Each pixel's mean over the groups is set aside; a sample equal to it keeps the line.

    Parameters
    ----------
    data : (ngroups, ny, 2048) float32
        [DN]
    noise : (ngroups, ny, 2048) float32
        [DN]; for REFERENCE_OUTPUT what takes the place of the samples, less their mean.
    lines : Lines
        Arrays (ngroups, ny).
    pixels : Pixels
    """
    ngroups, ny, nx = data.shape
    mean = np.empty(nx)
    for y in range(ny):
        mean[:] = 0.0
        for g in range(ngroups):
            samples = data[g, y]
            for x in range(nx):
                mean[x] += samples[x]
        for x in range(nx):
            mean[x] /= ngroups
        kept = pixels.kinds[y] != INTERLEAVED_PIXEL
        for g in range(ngroups):
            samples, own = data[g, y], noise[g, y]
            if pixels.kinds[y] == REFERENCE_OUTPUT:
                for x in range(nx):
                    samples[x] = own[x] + mean[x]
                continue
            intercept, slope = lines.intercept[g, y], lines.slope[g, y]
            for x in range(nx):
                row = nx - 1 - x if pixels.backwards else x
                time = np.float32(row * ROW_READS + pixels.ticks[y] - MIDDLE)
                value = np.float32(samples[x] - mean[x])
                if value != 0:
                    value -= intercept + time * slope
                value -= own[x]
                samples[x] = np.float64(value) + mean[x] if kept else value
