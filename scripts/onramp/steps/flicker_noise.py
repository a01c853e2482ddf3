"""
Flicker (1/f) noise of the readout, taken from the background of each image.

By medians along the slow axis (after C. Willott's image1overf) or in frequency space (NSClean,
Rauscher 2024, PASP 136, 015001; "Clean Flicker Noise" in the reference's documentation).
"""

import warnings
from typing import NamedTuple

import numpy as np

from onramp.kernels import kernel
from onramp.limits import FULL
from onramp.steps import background_clipping as clipping
from onramp.steps import value_order
from onramp.steps.column_medians import column_medians, room_for_medians
from onramp.steps.line_medians import subtract_medians
from onramp.steps.value_order import order

CHANNELS = 4
COLUMNS = 64  # whose medians are found at once
MEDIAN, FOURIER = "median", "fft"
MEDIAN_LEVEL, MODEL, NO_LEVEL = "median", "model", None


class FlickerRules(NamedTuple):
    """How an image is cleaned."""

    axis: int
    """1 if medians are taken of columns, 2 if of rows."""
    fit_method: str = MEDIAN
    by_channel: bool = False
    """Each amplifier of a full frame has its own medians."""
    background_method: str | None = MEDIAN_LEVEL
    box_size: tuple | None = None
    """(rows, columns) of the boxes of the background's model."""
    n_sigma: float = 2.0
    """Limit of what counts as background; 0: no further clipping [standard deviations]."""
    n_sigma_below: float | None = None
    """Its lower limit, if that is another."""
    detector: str = ""
    passband: tuple = (1061, 1211, 49943, 49957)
    """Frequencies that the Fourier fit of subarrays passes: up to the first, from the last [Hz]."""


def scene_mask(rate, n_sigma, by_histogram, science=None):
    """
    Return where a draft rate shows the background alone.

    Parameters
    ----------
    rate : (ny, nx) float32
        [DN/s]; NaN and 0 have no data.
    n_sigma : float
        Above this, it is light; 0: no clipping [standard deviations].
    by_histogram : bool
        Measure the spread on a histogram of the values.
    science : (ny, nx) bool, optional
        What may be background.

    Returns
    -------
    (ny, nx) bool
    """
    mask = ~np.isnan(rate) & (rate != 0)
    if science is not None:
        mask &= science
    if n_sigma > 0:
        values = order(rate, mask)
        if values.values.size:
            limits = clipping.background_limits(values, clipping.CLIP, n_sigma, by_histogram)
            clipping.clip_mask(rate, mask, *limits)
    return mask


def clean(image, mask, rules, flat=None):
    """
    Fit and subtract the noise of one image.

    Parameters
    ----------
    image : (ny, nx) float32
        [DN]
    mask : (ny, nx) bool
        Where there is background alone; changed.
    rules : FlickerRules
    flat : (ny, nx) float32, optional
        What the image is divided by while background and noise are fitted.

    Returns
    -------
    cleaned : (ny, nx) float32 or float64
        [DN]
    background : float32 or (ny, nx) float32
        What was taken off before the fit and put back after it [DN].
    None
        Instead of both, if no pixel is left in the mask.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the Fourier fit has no solution.
    """
    if flat is not None:
        image = image / flat
    unknown = np.isnan(image)
    np.greater(mask, unknown, out=mask)
    if not mask.any():
        return None
    background, values = _level(image, mask, rules)
    image = image - background
    if rules.background_method is not NO_LEVEL and rules.n_sigma > 0:
        if values is None:
            values = order(image, mask)
        if values.values.size:
            below = rules.n_sigma if rules.n_sigma_below is None else rules.n_sigma_below
            limits = clipping.lower_half_limits(values, below, rules.n_sigma)
            clipping.clip_mask(image, mask, *limits)
    cleaned = _without_noise(image, mask, unknown, rules)
    cleaned += background
    if flat is not None:
        cleaned *= flat
    if unknown.any():
        cleaned[unknown] = np.nan
    return cleaned, background


def _level(image, mask, rules):
    """Return the background, and what it leaves in the mask (Ordered) if it is a number."""
    if rules.background_method is NO_LEVEL:
        return np.float32(0.0), None
    values = order(image, mask)
    limits = clipping.lower_half_limits(values, clipping.CLIP)
    clipping.clip_mask(image, mask, *limits)
    if rules.background_method == MODEL:
        from onramp.steps.background_model import model_background

        background = model_background(image, mask, rules.box_size)
        if background is not None:
            return background, None
    background, window = clipping.level(values, *limits)
    return background, value_order.shifted(values, *window, background)


def _without_noise(image, mask, unknown, rules):
    if rules.fit_method == FOURIER:
        from onramp.steps import flicker_fourier

        return flicker_fourier.clean(
            np.where(unknown, np.float32(0), image), mask, rules.detector, rules.passband
        )
    by_rows = rules.axis == 2
    lines = np.ascontiguousarray(image if by_rows else image.T)
    background = np.ascontiguousarray(mask if by_rows else mask.T)
    channels = CHANNELS if rules.by_channel and lines.shape[1] == FULL else 1
    subtract_medians(lines, background, channels)
    return lines if by_rows else np.ascontiguousarray(lines.T)


def median_of_integrations(samples):
    """
    Return the median of samples over integrations, but for NaN.

    Parameters
    ----------
    samples : (nints, ngroups, nrows, nx) float32

    Returns
    -------
    (ngroups, nrows, nx) float32
    """
    medians = np.empty(samples.shape[1:], np.float32)
    _fill_medians(samples, medians)
    return medians


@kernel
def _fill_medians(samples, medians):
    nints, ngroups, nrows, nx = samples.shape
    room = room_for_medians(nints, COLUMNS)
    columns = np.zeros((nints, COLUMNS), np.float32)
    found = np.empty(COLUMNS)
    for g in range(ngroups):
        for y in range(nrows):
            for first in range(0, nx, COLUMNS):
                count = min(COLUMNS, nx - first)
                for i in range(nints):
                    for k in range(count):
                        columns[i, k] = samples[i, g, y, first + k]
                column_medians(columns, count, room, found)
                for k in range(count):
                    medians[g, y, first + k] = found[k]


def middle(rate):
    """Return the median of a rate but for NaN; NaN if there is nothing else."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice|Mean of empty", RuntimeWarning)
        return np.nanmedian(rate)


def relative_fluxes(fluxes):
    """
    Return the flux of each integration over their median, or None if all are unknown.

    What is unknown becomes the median of the others.

    Parameters
    ----------
    fluxes : (nints,) float32 or float64
        In any unit.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        fluxes = fluxes / middle(fluxes)
    known = np.isfinite(fluxes)
    if not known.any():
        return None
    fluxes[~known] = np.median(fluxes[known])
    return fluxes
