"""A first fit of an exposure, for steps before the fit that look at a scene's rates."""

from onramp.bands import split
from onramp.ramp_store import RampStore
from onramp.slopes import RampFitting
from onramp.step_parameters import RampFit


def keep_samples(stream, samples, single, flat=None):
    """
    Keep an exposure's samples, and return the rates that a fit of default parameters finds.

    Parameters
    ----------
    stream : onramp.streaming.Stream
        After its search for jumps.
    samples : RampStore
        Filled with samples as the step finds them.
    single : bool or None
        One rate of all integrations, or one of each; None: none at all.
    flat : (ny, nx) float32, optional
        What rates are divided by.

    Returns
    -------
    RampStore or None
        (nplanes, ny, nx) [DN/s]
    """
    nints, _, ny, nx = stream.exposure.shape
    rates = None
    if single is not None:
        rates = RampStore((1 if single else nints, ny, nx), stream.scratch)
    fitting = RampFitting(stream.exposure, stream.calibration, RampFit())
    stream.trim(fitting, fitting.usable_groups(stream.groupdq))

    def take(band):
        ramps = stream.flagged_ramps(band)
        stream.frames.put(band, ramps)
        samples.write_rows(band.first, ramps.data[:, :, band.inner])
        stream.frames.pixeldq[band.rows] = ramps.pixeldq[band.inner]
        if rates is not None:
            fitted = fitting.fit(band, ramps)
            sci = fitted.rate.sci[None] if single else fitted.rateints.sci
            rates.write_rows(band.first, sci if flat is None else sci / flat[band.rows])

    for _ in stream.each_band(take, split(ny, stream.height, stream.calibration.halo)):
        pass
    return rates
