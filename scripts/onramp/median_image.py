"""
The median image of a time series: what its samples would be without flicker noise.

The median over integrations of each group, times the relative flux of each integration.
"""

import contextlib
import logging

import numpy as np

from onramp import light_curve
from onramp.bands import split
from onramp.errors import InputError, ParameterError, ReferenceFileError
from onramp.flags import REFERENCE_PIXEL
from onramp.ramp_store import RampStore
from onramp.steps import flicker_noise, soss_background, soss_traces
from onramp.steps.background_model import fill_unknown

log = logging.getLogger("onramp")

SLITLESS = "NIS_SOSS"
EXTRACTED_MODES = "NRS_BRIGHTOBJ", "NRC_TSGRISM"


SLITLESS_SUBARRAYS = ("SUBSTRIP256", "SUBSTRIP96", "SUB17STRIPE_SOSS", "SUB60STRIPE_SOSS",
                      "SUB204STRIPE_SOSS", "SUB680STRIPE_SOSS")  # fmt: skip
"""In which the trace is where the references have it."""


class NoFluxError(Exception):
    """No integration has a flux."""


def check(exposure, parameters, references):
    """
    Refuse an exposure whose fluxes cannot be measured here.

    Raises
    ------
    InputError, ParameterError, ReferenceFileError
    """
    if parameters.light_curve is not None:
        light_curve.read(parameters.light_curve, exposure)
    elif exposure.exp_type in EXTRACTED_MODES:
        raise ParameterError(
            f"{exposure.name}: clean_flicker_noise.background_method=median_image needs the fluxes "
            f"of extracted spectra for {exposure.exp_type}; give them with light_curve (such as "
            "the archive's _whtlt.ecsv), or choose median or model"
        )
    elif exposure.exp_type == SLITLESS:
        _traces(exposure, references).rotation(exposure)
    elif of_images(exposure) and not _has_wide_pattern(exposure):
        _place_of_source(exposure)


def _traces(exposure, references):
    """Return the pastasoss reference of an exposure."""
    found = references.get("pastasoss")
    if found is None or found.first is None:
        raise ReferenceFileError(
            f"{exposure.name}: no pastasoss reference with a first order for "
            "clean_flicker_noise.background_method=median_image; give it with "
            "override_pastasoss, or fluxes with light_curve"
        )
    return found


def _has_wide_pattern(exposure):
    """Return whether an exposure's weak lens spreads a source over the whole subarray."""
    return (exposure.primary.get("PUPIL"), exposure.subarray.name) == ("WLP8", "SUB64P")


def _place_of_source(exposure):
    """Return the column and row at which the source of an exposure should be, from 0 [pixel]."""
    header = exposure.sci_keywords()
    found = [header.get(keyword) for keyword in ("XREF_SCI", "YREF_SCI")]
    for keyword, value in zip(("XREF_SCI", "YREF_SCI"), found):
        if not isinstance(value, float | int):
            raise InputError(
                f"{exposure.path}[SCI]: {keyword} missing, which says where the source is; "
                "fetch the file again, or give fluxes with clean_flicker_noise.light_curve"
            )
    return found[0] - 1.0, found[1] - 1.0


def unsuitable(exposure):
    """Return why an exposure has no median image, or None."""
    if exposure.shape[0] < 2:
        return "background_method=median_image needs two integrations"
    subarray = str(exposure.primary["SUBARRAY"]).strip()
    if exposure.exp_type == SLITLESS and subarray not in SLITLESS_SUBARRAYS:
        return f"background_method=median_image is not for {subarray}"
    return None


def of_images(exposure):
    """Return whether an exposure is a time series of images of one source."""
    series = exposure.primary.get("TSOVISIT") is True
    return exposure.exp_type == "NRC_TSIMAGE" or (exposure.exp_type == "MIR_IMAGE" and series)


class MedianImage:
    """
    What an exposure's samples would be without flicker noise.

    Parameters
    ----------
    stream : onramp.streaming.Stream
    parameters : CleanFlickerNoise
    samples : RampStore
        (nints, ngroups, ny, nx) [DN]
    rates : RampStore
        (nints, ny, nx) of a draft fit [DN/s].
    unusable : (ny, nx) bool
        What is DO_NOT_USE.

    Raises
    ------
    NoFluxError
    InputError, ReferenceFileError
        If the light curve or references for it are unusable.
    """

    def __init__(self, stream, parameters, samples, rates, unusable):
        self._stream, self._parameters = stream, parameters
        self._exposure, self._references = stream.exposure, stream.references
        self._rates, self._unusable = rates, unusable
        exposure = self._exposure
        self._background = self._scaled = None
        if exposure.exp_type == SLITLESS:
            self._scaled = self._fit_background()
        self._fluxes = flicker_noise.relative_fluxes(self._measured_fluxes())
        if self._fluxes is None:
            raise NoFluxError("no integration has a flux")
        with contextlib.ExitStack() as unless_done:
            if self._scaled is not None:
                self._background = RampStore(rates.shape, stream.scratch)
                unless_done.callback(self._background.close)
                self._keep_background()
            self._median = RampStore(exposure.shape[1:], stream.scratch)
            unless_done.callback(self._median.close)
            self._keep_median(samples)
            unless_done.pop_all()

    def _keep_median(self, samples):
        exposure, stream = self._exposure, self._stream
        readout = exposure.readout
        between = readout.nframes + readout.groupgap
        self._times = [
            (readout.nframes + between * g) * exposure.frame_time for g in range(readout.ngroups)
        ]
        parts = split(exposure.shape[2], stream.height)
        stream.each_band(lambda band: self._take(samples, band), parts)

    def plane(self, i, g):
        """Return what group `g` of integration `i` would be, (ny, nx) float32 or float64 [DN]."""
        expected = self._fluxes[i] * self._median.read_plane((g,))
        if self._background is not None:
            expected += self._background.read_plane((i,)) * self._times[g]
        return expected

    def close(self):
        """Give the disk space back."""
        self._median.close()
        if self._background is not None:
            self._background.close()

    def _take(self, samples, band):
        rows = samples.read_rows(band.first, band.last)
        if self._background is not None:
            background = self._background.read_rows(band.first, band.last)
            for g, time in enumerate(self._times):
                rows[:, g] -= background * time
        self._median.write_rows(band.first, flicker_noise.median_of_integrations(rows))

    def _each_rate(self):
        return (self._rates.read_plane((i,)) for i in range(self._rates.shape[0]))

    def _each_rest(self):
        """Return an iterator of the rates less their background."""
        if self._scaled is None:
            return self._each_rate()
        return (self._scaled.subtracted(rate) for rate in self._each_rate())

    def _fit_background(self):
        name, reference = self._exposure.name, self._references.get("bkg")
        if reference is None:
            log.warning("%s: no bkg reference: the median image has its background", name)
            return None
        templates = reference.templates(self._exposure.shape[2])
        if templates is None:
            log.warning("%s: the bkg reference is of another subarray: the median image has its "
                        "background", name)  # fmt: skip
            return None
        usable = (self._stream.frames.pixeldq & REFERENCE_PIXEL) == 0
        scaled = soss_background.fit(self._each_rate, usable, templates)
        if scaled is None:
            log.warning("%s: no template fits: the median image has its background", name)
        else:
            log.info("%s: background: template times %.4g left of its step, %.4g right", name,
                     *scaled.scales)  # fmt: skip
        return scaled

    def _keep_background(self):
        for i, rate in enumerate(self._each_rate()):
            background = rate - self._scaled.subtracted(rate)
            known = np.isfinite(background)
            if not known.any():
                raise NoFluxError("the background is unknown")
            self._background.write_plane((i,), fill_unknown(background, known))

    def _measured_fluxes(self):
        """Return the flux of each integration in any unit, (nints,) float32 or float64."""
        exposure = self._exposure
        if self._parameters.light_curve is not None:
            return light_curve.read(self._parameters.light_curve, exposure)
        if exposure.exp_type == SLITLESS:
            return self._slitless_fluxes()
        if of_images(exposure):
            return self._aperture_fluxes()
        return np.array([flicker_noise.middle(rate) for rate in self._each_rate()], np.float32)

    def _slitless_fluxes(self):
        """Return the light around the first order's trace within the reference's wavelengths."""
        exposure = self._exposure
        traces = _traces(exposure, self._references)
        rotation, size = traces.rotation(exposure), exposure.shape[-2:]
        ranges = self._references.get("wavelengthrange")
        first, last = (-np.inf, np.inf) if ranges is None else ranges.of(1, exposure)
        # What lies beyond the trace has the wavelength 0 in the reference pipeline.
        order = next(order for order in traces.orders if order.number == 1)
        at = np.nan_to_num(
            soss_traces.wavelengths_of_columns(order, rotation, traces.wavelengths, size[1])
        )
        box = soss_traces.box(traces.first, rotation, size) * ((at >= first) & (at <= last))
        return np.array([np.nansum(rest * box) for rest in self._each_rest()])

    def _aperture_fluxes(self):
        """Return the light around a source of images [electron]."""
        if _has_wide_pattern(self._exposure):
            return np.array([np.nansum(rate) for rate in self._electrons()])
        from onramp.steps.aperture_flux import aperture_fluxes

        place, radius = _place_of_source(self._exposure), self._parameters.aperture_radius
        return aperture_fluxes(self._electrons, self._unusable, place, radius)

    def _electrons(self):
        factor = np.float32(self._exposure.integration_time) * self._references["gain"].read("SCI")
        return (rate * factor for rate in self._each_rate())
