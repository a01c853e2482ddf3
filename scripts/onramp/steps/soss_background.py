"""
Background of NIRISS's single-object slitless spectra: a template, scaled on either side of a step.

The zodiacal light of the zeroth order ends within the subarray, so that its background has a step.
The templates are those of a bkg reference ("Background Subtraction" in the reference's
documentation).
"""

from typing import NamedTuple

import numpy as np

from onramp.steps.counted_ranks import CountedValues

STEP_COLUMNS = slice(685, 725)  # between which the step is looked for
LAST_COLUMN = 950  # right of which sources spoil the fit
SMOOTHING = 3.0  # of a template before its step is looked for [pixel]
SOURCE_PERCENTILE = 35.0  # of all rates, from which they are light
RATIO_PERCENTILES = 25.0, 50.0  # between which ratios to the template count


class Scaled(NamedTuple):
    """A template and its scale on either side of the step."""

    template: np.ndarray
    """(ny, nx) float32 [DN/s]"""
    left: np.ndarray
    """(ny, nx) bool: on the left of the step."""
    scales: tuple[float, float]
    """On the left and on the right."""

    def subtracted(self, rate):
        """Return a rate (ny, nx) float32 without the background."""
        rest = rate.copy()
        for side, scale in zip((self.left, ~self.left), self.scales):
            rest -= self.template * side * np.float64(scale)
        return rest


def fit(each_rate, usable, templates):
    """
    Return the template that leaves the least, scaled; None if there is none.

    Parameters
    ----------
    each_rate : callable
        Returns an iterator of the integrations' rates, (ny, nx) float32 [DN/s], NaN where unknown;
        each time the same.
    usable : (ny, nx) bool
        What is no reference pixel.
    templates : (n, ny, nx) float32
        [DN/s]

    Returns
    -------
    Scaled or None
    """
    rates = CountedValues(lambda: (rate[usable & np.isfinite(rate)] for rate in each_rate()))
    if not rates.size:
        return None
    light = np.float32(rates.percentile(SOURCE_PERCENTILE))
    best, least = None, np.inf
    for template in templates:
        left = left_of_step(template)
        columns = np.arange(template.shape[1])
        right = ~left & (columns <= LAST_COLUMN)
        fitted = [_scale(each_rate, light, template, usable & side) for side in (left, right)]
        residual = sum(rms for _, rms in fitted)
        if residual < least:
            best, least = Scaled(template, left, tuple(scale for scale, _ in fitted)), residual
    return best


def left_of_step(template):
    """Return which pixels of a template (ny, nx) are on the left of its steepest rise."""
    from scipy.ndimage import gaussian_filter

    rise = np.gradient(gaussian_filter(template, SMOOTHING), axis=1)[:, STEP_COLUMNS]
    step = np.argmax(rise, axis=1) + STEP_COLUMNS.start
    return np.arange(template.shape[1]) < step[:, np.newaxis]


def _scale(each_rate, light, template, region):
    """Return a template's scale in a region, and the root mean square that it leaves there."""
    place = np.flatnonzero(region)
    expected = template.ravel()[place]

    def each_part():
        for rate in each_rate():
            found = rate.ravel()[place]
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = found / expected
            known = (found < light) & np.isfinite(ratio)
            yield found[known], expected[known], ratio[known]

    ratios = CountedValues(lambda: (ratio for *_, ratio in each_part()))
    if not ratios.size:
        return np.nan, np.inf
    low, high = (ratios.percentile(percent) for percent in RATIO_PERCENTILES)
    first, last = ratios.number_below(low, included=True), ratios.number_below(high)
    if first >= last:
        return np.nan, np.inf
    scale = float(ratios.median(first, last))
    squares = sum(np.square(found - model * np.float64(scale)).sum()
                  for found, model, _ in each_part())  # fmt: skip
    return scale, np.sqrt(squares / ratios.size)
