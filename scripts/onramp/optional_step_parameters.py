"""The parameters of the steps that are off by default; see `onramp.step_parameters`."""

from typing import Annotated, Literal

from pydantic import Field

from onramp.step_parameters import Count, Listed, Number, Step

IFU, MOS = "NRS_IFU", "NRS_MSASPEC"
SPECTRA = IFU, MOS, "NRS_FIXEDSLIT", "NRS_BRIGHTOBJ"
"""Types of exposure of NIRSpec in which slits and slices can be masked."""
CHOSEN_BY_DATA = "NIS_IMAGE", "NRC_IMAGE"
"""Types of exposure for which parameters of flicker noise can be chosen."""
MEDIAN_IMAGE = "median_image"
PositiveCount = Annotated[Count, Field(ge=1)]
PositiveNumber = Annotated[Number, Field(gt=0)]


class OptionalStep(Step):
    """The parameters of every step that is off by default."""

    skip: bool = Field(True, description="Do not run this step.")


class ChargeMigration(OptionalStep):
    """Leave out the groups whose charge has begun to migrate (Goudfrooij et al. 2024)."""

    signal_threshold: Number = Field(
        25000.0, description="Signal above which a pixel and its neighbours lose charge [DN]."
    )


class PictureFrame(OptionalStep):
    """Remove the thermal picture frame of NIRSpec's full frame."""

    mask_science_regions: bool = Field(
        True, description="Mask slits, slices and shutters that do not close."
    )
    n_sigma: Number = Field(
        2.0, description="Limit above which a pixel shows more than background [sigma]."
    )
    save_mask: bool = Field(False, description="Write the mask (`pctfrm_mask`).")
    save_correction: bool = Field(False, description="Write what is added (`pctfrm_correction`).")

    def looks_at_optics(self, exp_type) -> bool:
        """Return whether it matters where slits and slices of an exposure of a type are."""
        return self.mask_science_regions and exp_type in SPECTRA

    looks_at_shutters = looks_at_wavelengths = looks_at_optics

    def looks_at_slicer(self, exp_type) -> bool:
        """Return whether it matters where slices of an exposure of a type are."""
        return self.looks_at_optics(exp_type) and exp_type == IFU


class CleanFlickerNoise(OptionalStep):
    """Remove flicker (1/f) noise, measured on the background of each group's difference."""

    autoparam: bool = Field(
        False,
        description="Choose fit_by_channel, background_method and apply_flat_field by the data "
        "(NIRCam's and NIRISS's images).",
    )
    fit_method: Literal["median", "fft"] = Field(
        "median", description="Medians along the slow axis, or Fourier space (NIRSpec only)."
    )
    fit_by_channel: bool = Field(
        False, description="Each amplifier of a full frame has its own medians (near-infrared)."
    )
    background_method: Literal["median", "model", "median_image"] | None = Field(
        "median",
        description="Background taken off before the fit: a median, a smooth model, the median "
        "over integrations, or none (null).",
    )
    light_curve: str | None = Field(
        None,
        description="Table of fluxes by which median_image is scaled (`_whtlt.ecsv`); "
        "null: measured.",
    )
    aperture_radius: PositiveNumber = Field(
        3.0, description="Aperture in which median_image measures a source of images [pixel]."
    )
    background_box_size: Annotated[tuple[PositiveCount, PositiveCount], Listed] | None = Field(
        None, description="Rows and columns of the smooth model's boxes; null: up to 32 [pixel]."
    )
    mask_science_regions: bool = Field(
        False,
        description="Mask NIRSpec's slits and slices, the traces of SOSS, and of MIRI images what "
        "the flat says is no sky; no effect on NIRCam, NIRISS images and FGS.",
    )
    apply_flat_field: bool = Field(
        False, description="Divide by the flat reference while background and noise are fitted."
    )
    n_sigma: Number = Field(
        2.0, description="Limit above which a pixel shows more than background [sigma]."
    )
    fit_histogram: bool = Field(
        False, description="Measure sigma by a Gaussian fitted to a histogram of the rate."
    )
    single_mask: bool = Field(True, description="Make one mask for all integrations.")
    user_mask: str | None = Field(
        None, description="File whose SCI is 1 where there is background; null: from a draft rate."
    )
    save_mask: bool = Field(False, description="Write the mask (`mask`).")
    save_background: bool = Field(False, description="Write the background (`flicker_bkg`).")
    save_noise: bool = Field(False, description="Write what is removed (`flicker_noise`).")

    @property
    def by_median_image(self) -> bool:
        """Whether the median over integrations is the background."""
        return self.background_method == MEDIAN_IMAGE

    def looks_at_flat(self, exp_type) -> bool:
        """Return whether an exposure of a type is divided by a flat, or looks at its flags."""
        chosen = self.autoparam and exp_type in CHOSEN_BY_DATA
        return self.apply_flat_field or chosen or self.looks_at_flags_of_flat(exp_type)

    def looks_at_flags_of_flat(self, exp_type) -> bool:
        """Return whether a flat tells which pixels of an exposure of a type are usable."""
        return exp_type == "MIR_IMAGE" and (self.mask_science_regions or self.by_median_image)

    def looks_at_traces(self, exp_type) -> bool:
        """Return whether an exposure of a type has traces that may be masked."""
        return exp_type == "NIS_SOSS"

    def looks_at_templates(self, exp_type) -> bool:
        """Return whether the background of an exposure of a type is scaled from a template."""
        return exp_type == "NIS_SOSS" and self.by_median_image

    def looks_at_wavelengths(self, exp_type) -> bool:
        """Return whether an exposure of a type is looked at between two wavelengths."""
        measured = self.looks_at_templates(exp_type) and self.light_curve is None
        return measured or self.looks_at_optics(exp_type)

    def looks_at_optics(self, exp_type) -> bool:
        """Return whether it matters where slits and slices of an exposure of a type are."""
        return self.mask_science_regions and exp_type in SPECTRA

    def looks_at_slicer(self, exp_type) -> bool:
        """Return whether it matters where slices of an exposure of a type are."""
        return self.looks_at_optics(exp_type) and exp_type == IFU

    def looks_at_shutters(self, exp_type) -> bool:
        """Return whether shutters that do not close matter in an exposure of a type."""
        return self.looks_at_optics(exp_type) and exp_type in (IFU, MOS)


class Persistence(OptionalStep):
    """Flag the samples within a time after saturation or bright light."""

    save_persistence: str | None = Field(
        None, description="ASDF file to which the windows open at the end are added; null: none."
    )
    persistence_time: Count | None = Field(
        None, description="Length of a window; null: the step fails and flags nothing [s]."
    )
    dn_threshold: Number | None = Field(
        None, description="Signal that opens a window; null: only saturation does [DN]."
    )
    persistence_array_file: str | None = Field(
        None, description="ASDF file of windows that earlier exposures left open; null: none."
    )
    persistence_dnu: bool = Field(False, description="Flag DO_NOT_USE as well.")
