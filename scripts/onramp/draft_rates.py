"""A first fit of an exposure, for steps before the fit that look at a scene's rates."""

from onramp.bands import split
from onramp.ramp_store import RampStore
from onramp.slopes import RampFitting
from onramp.step_parameters import RampFit


def draft_rates(stream, samples, single, flat=None):
    """
    Return the rates that a fit of default parameters finds.

    Parameters
    ----------
    stream : onramp.streaming.Stream
        After its search for jumps.
    samples : RampStore
    single : bool
        One rate of all integrations, or one of each.
    flat : (ny, nx) float32, optional
        What rates are divided by.

    Returns
    -------
    RampStore
        (nplanes, ny, nx) [DN/s]
    """
    nints, _, ny, nx = stream.exposure.shape
    rates = RampStore((1 if single else nints, ny, nx), stream.scratch)
    fitting = RampFitting(stream.exposure, stream.calibration, RampFit())
    if fitting.trims:
        stream.trim(fitting, fitting.usable_groups(stream.groupdq))

    def take(band):
        fitted = fitting.fit(band, stream.kept_ramps(band, samples))
        sci = fitted.rate.sci[None] if single else fitted.rateints.sci
        rates.write_rows(band.first, sci if flat is None else sci / flat[band.rows])

    stream.each_band(take, split(ny, stream.height))
    return rates
