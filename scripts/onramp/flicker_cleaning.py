"""Flicker noise of one exposure: the draft rate, the mask, and the images of all groups."""

import contextlib
import logging

import numpy as np

from onramp import median_image, nirspec_regions
from onramp.draft_rates import draft_rates
from onramp.errors import InputError, ReferenceFileError
from onramp.fitsrows import FitsImages
from onramp.flags import DO_NOT_USE, JUMP_DET, NO_FLAT_FIELD, NON_SCIENCE
from onramp.optional_step_parameters import CHOSEN_BY_DATA
from onramp.ramp_store import RampStore
from onramp.steps import flicker_noise, soss_traces
from onramp.steps.background_model import fill_unknown
from onramp.steps.flicker_choice import choose
from onramp.whole_frames import COMPLETE, FAILED, Corrected

log = logging.getLogger("onramp")

FOURIER_MODES = "NRS_MSASPEC", "NRS_IFU", "NRS_FIXEDSLIT", "NRS_BRIGHTOBJ"
PASSBAND = 1061, 1211, 49943, 49957  # [Hz]
PASSBAND_ALLSLITS = 150, 200, 49943, 49957  # [Hz]


def check(stream):
    """
    Refuse an exposure for which something is missing, before it passes for the first time.

    Raises
    ------
    InputError, ParameterError, ReferenceFileError
    """
    exposure, parameters = stream.exposure, stream.parameters.clean_flicker_noise
    if parameters.user_mask is None and parameters.looks_at_optics(exposure.exp_type):
        nirspec_regions.check(exposure, stream.references)
    if parameters.by_median_image and median_image.unsuitable(exposure) is None:
        median_image.check(exposure, parameters, stream.references)


def clean_exposure(stream):
    """
    Clean all groups of an exposure.

    Parameters
    ----------
    stream : onramp.streaming.Stream
        After its search for jumps.

    Returns
    -------
    Corrected
    """
    return _Cleaning(stream).run()


class _Cleaning:
    """One exposure on its way through the step."""

    def __init__(self, stream):
        self.stream = stream
        self.exposure = stream.exposure
        self.parameters = stream.parameters.clean_flicker_noise
        if self.parameters.autoparam:
            self._choose_parameters()
        self.by_median_image = self.parameters.by_median_image
        self.single_mask = self.parameters.single_mask and not self.by_median_image

    def _choose_parameters(self):
        """Set the parameters that suit an image, whatever is asked for."""
        exposure = self.exposure
        if exposure.exp_type not in CHOSEN_BY_DATA:
            log.warning("%s: autoparam is not for %s: the parameters are those that are given",
                        exposure.name, exposure.exp_type)  # fmt: skip
            return
        flat = self._flat()
        rates = draft_rates(self.stream, self.stream.frames.samples, True, flat)
        found = choose(rates.read_plane((0,)), abs(exposure.subarray.slowaxis), exposure.instrument)
        rates.close()
        if found is None:
            log.warning("%s: autoparam finds no rate to choose parameters by", exposure.name)
            return
        chosen = {
            "apply_flat_field": flat is not None,
            "background_method": found.background_method,
            "fit_by_channel": found.by_channel,
        }
        log.info("%s: autoparam: %s", exposure.name,
                 ", ".join(f"{name}={value}" for name, value in chosen.items()))  # fmt: skip
        self.parameters = self.parameters.model_copy(update=chosen)

    def _unsuitable(self):
        """Return why the step cannot be done, or None."""
        mode = self.exposure.exp_type
        if mode.startswith("MIR") and mode != "MIR_IMAGE":
            return f"it is not for {mode}"
        if self.parameters.fit_method == flicker_noise.FOURIER and mode not in FOURIER_MODES:
            return f"fit_method=fft is not for {mode}"
        return median_image.unsuitable(self.exposure) if self.by_median_image else None

    def _rules(self):
        parameters, placement = self.parameters, self.exposure.subarray
        mid_infrared = self.exposure.exp_type.startswith("MIR")
        return flicker_noise.FlickerRules(
            axis=1 if mid_infrared else abs(placement.slowaxis),
            fit_method=parameters.fit_method,
            by_channel=parameters.fit_by_channel and placement.name == "FULL" and not mid_infrared,
            background_method=None if self.by_median_image else parameters.background_method,
            box_size=parameters.background_box_size,
            n_sigma=parameters.n_sigma,
            detector=self.exposure.detector,
            passband=PASSBAND_ALLSLITS if placement.name == "ALLSLITS" else PASSBAND,
        )

    def run(self):
        reason = self._unsuitable()
        user_mask = None
        if reason is None and self.parameters.user_mask is not None:
            user_mask = self._user_mask(self.parameters.user_mask)
            reason = self._mismatch(user_mask)
        if reason is not None:
            log.warning("%s: flicker noise stays: %s", self.exposure.name, reason)
            return Corrected(None, FAILED)
        self.flat = self._flat() if self.parameters.apply_flat_field else None
        drafted = user_mask is None or self.by_median_image
        try:
            science = self._science() if user_mask is None else None
        except nirspec_regions.NoLightError as problem:
            log.warning("%s: flicker noise stays: %s", self.exposure.name, problem)
            return Corrected(None, FAILED)
        frames, rates = self.stream.frames, None
        with contextlib.ExitStack() as always, contextlib.ExitStack() as unless_cleaned:
            if drafted:
                rates = draft_rates(self.stream, frames.samples, self.single_mask, self.flat)
                always.callback(rates.close)
            samples = frames.take_samples()
            unless_cleaned.callback(samples.close)
            mask = user_mask if user_mask is not None else self._scene_mask(rates, science)
            background = None
            if self.parameters.save_background:
                background = RampStore(self.exposure.shape, self.stream.scratch)
                unless_cleaned.callback(background.close)
            try:
                if self.by_median_image:
                    self._clean_against_median(samples, mask, rates, background)
                else:
                    self._clean_differences(samples, mask, background)
            except (np.linalg.LinAlgError, median_image.NoFluxError) as error:
                log.warning("%s: flicker noise stays: no fit: %s", self.exposure.name, error)
                return Corrected(None, FAILED)
            unless_cleaned.pop_all()
        return Corrected(samples, COMPLETE, mask, background, drafted)

    def _flat(self):
        reference = self.stream.references.get("flat")
        if reference is None:
            return None
        flat = reference.read("SCI")
        return fill_unknown(flat, (flat != 0) & np.isfinite(flat))

    def _user_mask(self, path):
        with FitsImages(path, InputError) as file:
            if "SCI" not in file:
                raise InputError(f"{path}[SCI]: extension missing; give another user_mask")
            image = file.image("SCI")
            if len(image.shape) not in (2, 3):
                raise InputError(
                    f"{path}[SCI]: {len(image.shape)} dimensions; a user_mask is an image, or a "
                    "cube with a plane for each integration"
                )
            return image.read(0, image.shape[-2]) != 0

    def _mismatch(self, mask):
        nints, _, *size = self.exposure.shape
        if mask.shape[-2:] != tuple(size) or (mask.ndim == 3 and len(mask) != nints):
            return f"the user_mask {mask.shape} is not for {self.exposure.shape}"
        return None

    def _science(self):
        """Return which pixels may show background alone, or None if nothing is known of them."""
        parameters, mode = self.parameters, self.exposure.exp_type
        if parameters.mask_science_regions and parameters.looks_at_traces(mode):
            return ~self._light_of_traces()
        if parameters.looks_at_optics(mode):
            return ~nirspec_regions.science_regions(
                self.exposure, self.stream.references, parameters.looks_at_shutters(mode)
            )
        if not (parameters.mask_science_regions and parameters.looks_at_flags_of_flat(mode)):
            return None
        return (self._quality() & (DO_NOT_USE | NON_SCIENCE)) == 0

    def _quality(self):
        """Return the flags of pixels, together with those of MIRI's flat, (ny, nx) uint32."""
        quality = self.stream.frames.pixeldq
        reference = self.stream.references.get("flat")
        looked_at = self.parameters.looks_at_flags_of_flat(self.exposure.exp_type)
        if reference is not None and looked_at:
            flat, flagged = reference.read("SCI"), reference.dq()
            unusable = np.isnan(flat) | (flat == 0) | ((flagged & NO_FLAT_FIELD) != 0)
            if reference.has("ERR"):
                unusable |= np.isnan(reference.read("ERR"))
            quality = quality | flagged | np.where(unusable, np.uint32(DO_NOT_USE), np.uint32(0))
        return quality

    def _light_of_traces(self):
        reference = self.stream.references.get("pastasoss")
        if reference is None:
            raise ReferenceFileError(
                f"{self.exposure.name}: no pastasoss reference for clean_flicker_noise."
                "mask_science_regions; give it with override_pastasoss, or leave that false"
            )
        rotation = reference.rotation(self.exposure)
        size = self.exposure.shape[-2:]
        return soss_traces.light(reference.orders, rotation, reference.wavelengths, size)

    def _scene_mask(self, rates, science):
        parameters = self.parameters
        masks = [
            flicker_noise.scene_mask(
                rates.read_plane((i,)), parameters.n_sigma, parameters.fit_histogram, science
            )
            for i in range(rates.shape[0])
        ]
        return masks[0] if self.single_mask else np.stack(masks)

    def _clean_differences(self, samples, mask, background):
        """Clean the difference of each group from the one before, and add them up again."""
        nints, ngroups = self.exposure.shape[:2]
        rules = self._rules()
        for i in range(nints):
            before = cleaned = samples.read_plane((i, 0))
            for g in range(1, ngroups):
                sample = samples.read_plane((i, g))
                usable = mask.copy() if mask.ndim == 2 else mask[i].copy()
                usable &= (self.stream.groupdq[i, g] & (DO_NOT_USE | JUMP_DET)) == 0
                found = flicker_noise.clean(sample - before, usable, rules, self.flat)
                before = sample
                if found is None:
                    self._nothing_usable(i, g)
                    cleaned = sample
                    continue
                cleaned = (cleaned + found[0]).astype(np.float32, copy=False)
                samples.write_plane((i, g), cleaned)
                if background is not None:
                    background.write_plane((i, g), np.broadcast_to(found[1], cleaned.shape))

    def _clean_against_median(self, samples, mask, rates, background):
        """Clean the difference of each group from the scaled median of all integrations."""
        unusable = (self._quality() & DO_NOT_USE) != 0
        median = median_image.MedianImage(self.stream, self.parameters, samples, rates, unusable)
        rules = self._rules()
        with contextlib.closing(median):
            for i, g in np.ndindex(self.exposure.shape[:2]):
                expected = median.plane(i, g)
                usable = mask.copy() if mask.ndim == 2 else mask[i].copy()
                residual = (samples.read_plane((i, g)) - expected).astype(np.float32, copy=False)
                found = flicker_noise.clean(residual, usable, rules, self.flat)
                if found is None:
                    self._nothing_usable(i, g)
                    continue
                samples.write_plane((i, g), expected + found[0])
                if background is not None:
                    background.write_plane((i, g), expected)

    def _nothing_usable(self, i, g):
        log.warning(
            "%s: no usable background in integration %d, group %d: its flicker noise stays",
            self.exposure.name, i + 1, g + 1,
        )  # fmt: skip
