"""
Which background and which channels suit the flicker noise of an image ("autoparam").

After a first, simple cleaning, what is left of the background is averaged along rows and columns in
the middle of the image. Its slopes tell whether a number describes it, its steps and scatter
whether each amplifier needs medians of its own. The limits are the reference pipeline's.
"""

from typing import NamedTuple

import numpy as np

from onramp.limits import FULL
from onramp.steps import background_clipping as clipping
from onramp.steps import flicker_noise
from onramp.steps.background_model import model_background
from onramp.steps.clipped_moments import clipped_moments
from onramp.steps.flicker_noise import CHANNELS, MEDIAN_LEVEL, MODEL
from onramp.steps.value_order import order

BELOW, ABOVE = 3.0, 2.0  # limits of what counts as background [standard deviations]
MIDDLE = 3 / 8, 5 / 8  # of the rows or columns
NIRISS_TOP = 10 / 12, 11 / 12  # rows of the amplifier that is unlike the others
LINE_CLIP = 10.0  # [standard deviations]


class Choice(NamedTuple):
    """What suits an image."""

    background_method: str
    by_channel: bool


class Traits(NamedTuple):
    """What an image's background is like."""

    masked: float
    """Fraction of the pixels that are no background."""
    offset: float
    """Largest step from channel to channel, 0 if it is no full frame [DN/s]."""
    slope: float
    """The steeper one of those along rows and columns [DN/s per pixel]."""
    slope_ratio: float
    """The steeper one over the other."""
    scatter: float
    """Standard deviation around a line across channels [DN/s]."""


class Limits(NamedTuple):
    """From where on a trait is large."""

    masked: float
    offset: float
    slope: float
    """Where channels are level, or nearly so."""
    steep: float
    """Where channels have steps, or little is masked."""
    slope_ratio: float
    scatter: float


LIMITS = {
    "NIRCAM": Limits(0.1, 0.07, 1e-5, 1e-5, 3.0, 0.02),
    "NIRISS": Limits(0.07, 0.07, 1e-5, 1e-4, 5.0, 0.02),
}


def choose(rate, axis, instrument):
    """
    Choose by the draft rate of an image.

    Parameters
    ----------
    rate : (ny, nx) float32
        Divided by the flat, if there is one [DN/s].
    axis : int
        1 if medians are taken of columns, 2 if of rows.
    instrument : str
        One of `LIMITS`.

    Returns
    -------
    Choice or None
        None if no pixel has a rate.
    """
    image, mask = _quietened(rate, axis)
    if image is None:
        return None
    return decide(traits(image, 1.0 - mask.mean(), instrument), LIMITS[instrument])


def _quietened(rate, axis):
    """Return an image without flicker noise, smooth where it shows sources, and its mask."""
    mask = ~np.isnan(rate)
    if not mask.any():
        return None, mask
    limits = clipping.background_limits(order(rate, mask), BELOW, ABOVE)
    clipping.clip_mask(rate, mask, *limits)
    rules = flicker_noise.FlickerRules(axis, n_sigma=ABOVE, n_sigma_below=BELOW)
    image, _ = flicker_noise.clean(rate, mask, rules)
    limits = clipping.lower_half_limits(order(image, mask), clipping.CLIP)
    clipping.clip_mask(image, mask, *limits)
    smooth = model_background(image, mask)
    image[~mask] = np.median(image[mask]) if smooth is None else smooth[~mask]
    return image, mask


def traits(image, masked, instrument):
    """
    Return the Traits of a background.

    Parameters
    ----------
    image : (ny, nx) float32
        [DN/s]
    masked : float
    instrument : str
    """
    by_column = _part(image, MIDDLE).mean(axis=0)
    by_row = _part(image.T, MIDDLE).mean(axis=0)
    (column_slope, scatter), (row_slope, _) = _line(by_column), _line(by_row)
    across = by_column
    if instrument == "NIRISS":
        across = by_row
        _, scatter = _line(_part(image, NIRISS_TOP).mean(axis=0))
    low, high = sorted(map(abs, (column_slope, row_slope)))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.divide(high, low)
    return Traits(masked, _largest_step(across), high, ratio, scatter)


def decide(found, limits):
    """Return the Choice that suits Traits."""
    steps = found.offset >= limits.offset
    if found.masked >= limits.masked:
        model = found.slope >= (limits.steep if steps else limits.slope)
        return Choice(MODEL if model else MEDIAN_LEVEL, False)
    if steps:
        return Choice(MEDIAN_LEVEL, True)
    one_way = found.slope_ratio >= limits.slope_ratio
    model = found.slope >= limits.steep or (found.slope >= limits.slope and not one_way)
    by_channel = found.offset > 0 and found.scatter >= limits.scatter
    return Choice(MODEL if model else MEDIAN_LEVEL, bool(by_channel))


def _part(image, fractions):
    first, last = (round(fraction * len(image)) for fraction in fractions)
    return image[first:last]


def _line(values):
    """Return the slope of a line through values, and their scatter around it."""
    places = np.arange(values.size)
    line = np.polynomial.Polynomial.fit(places, values, deg=1)
    _, slope = (*line.convert().coef, 0.0)[:2]
    return slope, clipped_moments(values - line(places), LINE_CLIP)[1]


def _largest_step(values):
    if values.size != FULL:
        return 0.0
    levels = [clipped_moments(part, clipping.CLIP)[0] for part in np.split(values, CHANNELS)]
    return np.abs(np.diff(levels)).max()
