"""The ramp fit of one exposure: what it takes from references and parameters, band by band."""

from typing import NamedTuple

import numpy as np

from onramp.flags import DO_NOT_USE
from onramp.steps import gain_scale, ramp_fit


class Fitted(NamedTuple):
    """The slopes of a band, of the exposure and of its integrations."""

    rate: ramp_fit.Slopes
    rateints: ramp_fit.Slopes


class RampFitting:
    """
    The fit of all ramps of one exposure.

    Parameters
    ----------
    exposure : Exposure
    calibration : Calibration
    parameters : onramp.parameters.RampFit
    """

    def __init__(self, exposure, calibration, parameters):
        self.calibration = calibration
        self.parameters = parameters
        self.readout = exposure.readout
        ngroups = exposure.shape[1]
        self.weights = ramp_fit.slope_weights(ngroups)
        self.timing = ramp_fit.Timing.of(
            exposure.group_time, exposure.frame_time, exposure.readout.nframes
        )
        self.ignored = ramp_fit.ignored_groups(parameters.firstgroup, parameters.lastgroup, ngroups)

    def fit(self, band, ramps) -> Fitted:
        """
        Fit a band.

        Parameters
        ----------
        band : Band
        ramps : Ramps
            The band's own rows; its groupdq is changed.
        """
        noise = ramp_fit.Noise(
            ramps.gain,
            ramp_fit.group_noise(ramps.readnoise, ramps.gain, self.readout.nframes),
            self.calibration.average_dark_current(band.first, band.last),
        )
        ramps.groupdq[:, self.ignored] |= np.uint8(DO_NOT_USE)
        zeroframe = None
        if self.calibration.zeroframe is not None and not self.parameters.suppress_one_group:
            zeroframe = self.calibration.corrected_zeroframe(band.first, band.last)
        return Fitted(
            *ramp_fit.fit_slopes(
                ramps.data, ramps.groupdq, ramps.pixeldq, noise, self.timing,
                self.parameters.suppress_one_group, self.weights, zeroframe,
            )
        )  # fmt: skip

    @staticmethod
    def rescale(fitted, factor) -> Fitted:
        """Multiply slopes by a gain factor, in place."""
        for slopes in fitted:
            gain_scale.rescale(slopes, factor)
        return fitted
