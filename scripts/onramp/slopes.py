"""The ramp fit of one exposure: what it takes from references and parameters, band by band."""

import logging
from typing import NamedTuple

import numpy as np

from onramp.flags import DO_NOT_USE
from onramp.product_list import LEAST_SQUARES, LIKELIHOOD
from onramp.steps import fitted_groups, gain_scale, ramp_fit

log = logging.getLogger("onramp")

LIKELIHOOD_GROUPS = 4  # fewer are fitted by least squares
PART_SAMPLES = 1 << 18  # copied at once, where not all groups are fitted


class Fitted(NamedTuple):
    """The slopes of a band, of the exposure and of its integrations, and what is kept beside."""

    rate: ramp_fit.Slopes
    rateints: ramp_fit.Slopes
    optional: tuple
    """Arrays of the optional product, in the order of its extensions."""


class Inputs(NamedTuple):
    """What a fit reads of a band."""

    data: np.ndarray
    groupdq: np.ndarray
    pixeldq: np.ndarray
    noise: ramp_fit.Noise
    zeroframe: np.ndarray | None


class RampFitting:
    """
    The fit of all ramps of one exposure.

    Parameters
    ----------
    exposure : Exposure
    calibration : Calibration
    parameters : onramp.parameters.RampFit

    Attributes
    ----------
    algorithm : str
        LEAST_SQUARES or LIKELIHOOD.
    optional_size : (int, int)
        Segments and jumps of the fullest ramp of the exposure; to be set before `fit` where
        `counts_segments`.
    """

    def __init__(self, exposure, calibration, parameters):
        self.calibration = calibration
        self.parameters = parameters
        self.readout = exposure.readout
        self.frame_time = exposure.frame_time
        ngroups = exposure.shape[1]
        self.algorithm = parameters.algorithm
        self.read_times = exposure.read_times
        if self.read_times and self.algorithm != LIKELIHOOD:
            log.warning("%s: groups are not evenly spaced: ramp_fit.algorithm is LIKELY here",
                        exposure.name)  # fmt: skip
            self.algorithm = LIKELIHOOD
        if self.algorithm == LIKELIHOOD and ngroups < LIKELIHOOD_GROUPS:
            log.warning(
                "%s: LIKELY needs %d groups and there are %d: ramp_fit.algorithm is OLS_C here",
                exposure.name, LIKELIHOOD_GROUPS, ngroups,
            )  # fmt: skip
            self.algorithm = LEAST_SQUARES
        self.rules = ramp_fit.effective(ramp_fit.Rules.of(parameters), ngroups)
        self.timing = ramp_fit.Timing.of(
            exposure.group_time, exposure.frame_time, exposure.readout.nframes
        )
        self.ignored = ramp_fit.ignored_groups(parameters.firstgroup, parameters.lastgroup, ngroups)
        self._warn_of_odd_groups(exposure.name, ngroups)
        self.drop_frames = int(exposure.primary.get("DRPFRMS1") or 0)
        self.optional_size = 1, 0
        self.kept = slice(0, ngroups)
        self.trims = exposure.instrument == "MIRI" and self.algorithm == LEAST_SQUARES

    def _warn_of_odd_groups(self, name, ngroups):
        """Tell of a first and last group that are not taken as they are given."""
        first, last = self.parameters.firstgroup, self.parameters.lastgroup
        given = f"firstgroup={first}, lastgroup={last}"
        low, high = first or 0, ngroups - 1 if last is None else last
        if max(low, 0) >= high and ngroups > 1:
            log.warning("%s: ramp_fit: %s leave fewer than two groups: ignored", name, given)
        elif low < 0 or high >= ngroups:
            log.warning("%s: ramp_fit: %s: there are groups 0 to %d", name, given, ngroups - 1)

    def trim(self, unusable):
        """
        Leave out the groups at the ends of a MIRI exposure's integrations that nobody can use.

        Parameters
        ----------
        unusable : (nints, ngroups) bool
            Every pixel is DO_NOT_USE.

        Returns
        -------
        bool
            Whether there is anything left to fit.
        """
        self.kept = fitted_groups.kept_groups(unusable | self.ignored)
        if self.kept is not None:
            self.rules = self.rules._replace(trimmed=self.kept.start > 0)
        return self.kept is not None

    def usable_groups(self, groupdq):
        """
        Return which groups some pixel uses, (ngroups,) bool, True for those that are not kept.

        Parameters
        ----------
        groupdq : (nints, ngroups, ny, nx) uint8
            After jump detection.
        """
        usable = np.ones(groupdq.shape[1], bool)
        kept = groupdq[:, self.kept]
        if self.ignored.any():
            ignored = np.where(self.ignored[self.kept], np.uint8(DO_NOT_USE), np.uint8(0))
            kept = kept | ignored[:, None, None]
        usable[self.kept] = fitted_groups.usable_groups(kept, self.rules)
        return usable

    @property
    def counts_segments(self):
        """Whether the size of the optional product depends on the flags of all ramps."""
        return self.parameters.save_opt and self.algorithm == LEAST_SQUARES

    def fit(self, band, ramps) -> Fitted:
        """
        Fit a band.

        Parameters
        ----------
        band : Band
        ramps : Ramps
            With the rows around the band; its groupdq is changed.
        """
        if self.algorithm == LIKELIHOOD:
            return self._maximise_likelihood(band, ramps.inner(band.inner))
        inputs = self._inputs(band, ramps)
        whole = self.kept == slice(0, ramps.data.shape[1])
        if whole or (self.kept.start == 0 and not self.parameters.save_opt):
            return self._fit(inputs, band.inner)
        parts = [self._fit(part) for part in self._parts(inputs, band.inner)]
        rates, rateints, optional = zip(*parts)
        return Fitted(_stacked(rates), _stacked(rateints), tuple(_joined(optional)))

    def _fit(self, inputs, rows=None):
        groups = ramp_fit.Groups(self.kept.stop - self.kept.start, self._starts())
        rate, rateints = ramp_fit.fit_slopes(
            *inputs[:4], self.timing, self.rules, inputs.zeroframe, rows, groups
        )
        optional = ()
        if self.parameters.save_opt:
            optional = self._optional(inputs, rateints)
        return Fitted(rate, rateints, optional)

    def _starts(self):
        """Return how many of the groups that are kept nearly all ramps lack, by integration."""
        ignored = int(np.argmin(self.ignored))
        return np.maximum(self.calibration.left_out, ignored) - self.kept.start

    def _parts(self, inputs, inner):
        """Yield some rows after the other, without the groups that are not fitted."""
        nints, _, _, nx = inputs.data.shape
        height = max(1, PART_SAMPLES // (nints * (self.kept.stop - self.kept.start) * nx))
        for first in range(inner.start, inner.stop, height):
            rows = slice(first, min(first + height, inner.stop))
            cubes = (inputs.data, inputs.groupdq)
            data, groupdq = (np.ascontiguousarray(cube[:, self.kept, rows]) for cube in cubes)
            noise = ramp_fit.Noise(*(plane[rows] for plane in inputs.noise))
            zeroframe = inputs.zeroframe
            if zeroframe is not None:
                zeroframe = np.ascontiguousarray(zeroframe[:, rows])
            yield Inputs(data, groupdq, inputs.pixeldq[rows], noise, zeroframe)

    def _inputs(self, band, ramps):
        ramps.groupdq[:, self.ignored] |= np.uint8(DO_NOT_USE)
        noise = ramp_fit.Noise(
            ramps.gain,
            ramp_fit.group_noise(ramps.readnoise, ramps.gain, self.readout.nframes),
            self.calibration.average_dark_current(band.outer_first, band.outer_last),
        )
        zeroframe = None
        if self.calibration.zeroframe is not None and not self.rules.suppress_one_group:
            zeroframe = self.calibration.corrected_zeroframe(band.outer_first, band.outer_last)
        return Inputs(ramps.data, ramps.groupdq, ramps.pixeldq, noise, zeroframe)

    def count_segments(self, band, ramps):
        """Return how many segments and jumps the fullest ramp of a band has."""
        from onramp.steps import optional_results

        parts = self._parts(self._inputs(band, ramps), slice(0, ramps.data.shape[2]))
        counts = [
            optional_results.count_optional(part.data, part.groupdq, self.rules, part.zeroframe)
            for part in parts
        ]
        return tuple(np.max(counts, axis=0))

    def _optional(self, inputs, rateints):
        from onramp.steps import optional_results

        first_read = optional_results.first_read(
            self.readout.nframes, self.readout.groupgap, self.drop_frames
        )
        results = optional_results.optional_results(
            inputs.data, inputs.groupdq, inputs.noise, self.timing, self.rules, rateints,
            first_read, inputs.zeroframe,
        )  # fmt: skip
        return results.widened(*self.optional_size)

    def _maximise_likelihood(self, band, ramps):
        from onramp.steps import covariance, likelihood

        ramps.groupdq[:, self.ignored] |= np.uint8(DO_NOT_USE)
        if self.rules.reject_unflagged_nan:
            ramps.groupdq[np.isnan(ramps.data)] |= np.uint8(DO_NOT_USE)
        nframes, gap = self.readout.nframes, self.readout.groupgap
        times = self.read_times or covariance.read_times(
            nframes, gap, self.frame_time, self.readout.ngroups
        )
        zeroframe = None
        if self.calibration.zeroframe is not None and len(times[0]) > 1:
            zeroframe = self.calibration.corrected_zeroframe(band.first, band.last)
            times = covariance.split_first_group(times)
        noise = ramp_fit.Noise(
            ramps.gain,
            ramps.readnoise,
            self.calibration.average_dark_current(band.first, band.last),
        )
        noise = ramp_fit.in_rates(noise, self.rules)
        rate, rateints, chisq = likelihood.fit_likelihood(
            ramps.data, ramps.groupdq, ramps.pixeldq, noise, covariance.Covariance.of(times),
            zeroframe,
        )  # fmt: skip
        if self.rules.flag_nan_rates:
            ramp_fit.flag_nan(rate, rateints)
        return Fitted(rate, rateints, (chisq,))

    @staticmethod
    def rescale(fitted, factor) -> Fitted:
        """Multiply slopes by a gain factor, in place."""
        for slopes in (fitted.rate, fitted.rateints):
            gain_scale.rescale(slopes, factor)
        return fitted


def _stacked(parts):
    """Return the Slopes of rows that were fitted one after the other."""
    return ramp_fit.Slopes(*_joined(parts))


def _joined(parts):
    return (np.concatenate(planes, axis=-2) for planes in zip(*parts))
