"""The parameters of each step: name, type, default, bounds and one line of meaning."""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

FRACTIONS = ("none", "quarter", "half", "all")
UNFIT = re.compile(r"[/\x00-\x1f\x7f]")  # in the name of a file


def _cores(value):
    text = str(value).strip().lower()
    if text in FRACTIONS or (text.isdigit() and int(text) >= 1):
        return text
    raise ValueError("expected none, quarter, half, all, or a number of at least 1 as a string")


def _no_bool(value):
    if isinstance(value, bool):
        raise ValueError("expected a number, not a boolean")
    return value


def _listed(value):
    if isinstance(value, str):
        return value.strip("[]() ").replace(",", " ").split()
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else value


def _file_name(value):
    if isinstance(value, str) and (UNFIT.search(value) or value.startswith(".")):
        raise ValueError("expected the name of a file, without folder; products go to output_dir")
    return value


Cores = Annotated[str, BeforeValidator(_cores)]
Number = Annotated[float, BeforeValidator(_no_bool), Field(allow_inf_nan=False)]
Count = Annotated[int, BeforeValidator(_no_bool)]
Listed = BeforeValidator(_listed)
"""Take several values as text such as "1, 2" as well, which the command line gives."""

FileName = Annotated[str, BeforeValidator(_file_name), Field(max_length=200)]


class Step(BaseModel):
    """The parameters that every step has."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    skip: bool = Field(False, description="Do not run this step.")
    save_results: bool = Field(False, description="Write this step's output.")


class GroupScale(Step):
    """Rescale groups averaged on board over a number of frames that is no power of two."""


class DqInit(Step):
    """Initialise the pixel and group data quality from the mask reference."""

    user_supplied_dq: str | None = Field(
        None, description="FITS image of further flags, as large as the exposure's frames."
    )


class Saturation(Step):
    """Flag saturated samples, their neighbours and samples at the converter's floor."""

    n_pix_grow_sat: Count = Field(
        1, ge=0, le=16, description="Layers of pixels around a saturated one to flag as well."
    )
    use_readpatt: bool = Field(
        True, description="Use the frames within a group to find saturation before its last frame."
    )


class Ipc(Step):
    """Correct interpixel capacitance with the ipc reference's kernel."""


class Superbias(Step):
    """Subtract the superbias reference."""


class Refpix(Step):
    """Correct drifts of the electronics with the reference pixels."""

    odd_even_columns: bool = Field(
        True, description="Treat even and odd columns separately (near-infrared)."
    )
    odd_even_rows: bool = Field(True, description="Treat even and odd rows separately (MIRI).")
    use_side_ref_pixels: bool = Field(
        True, description="Correct each row with the reference pixels at its two ends."
    )
    side_smoothing_length: Count = Field(
        11,
        ge=1,
        le=2047,
        description="Rows in the running median of the side reference pixels [pixel].",
    )
    side_gain: Number = Field(1.0, description="Factor on the side signal before it is subtracted.")
    siglimit: Number = Field(
        3.0, gt=0, description="Clipping limit for the means of the reference pixels [sigma]."
    )
    refpix_algorithm: Literal["median", "sirs"] = Field(
        "median",
        description="Side signal of near-infrared full frames: a running median, or the sirskernel "
        "reference's convolution kernels.",
    )
    sigreject: Number = Field(4.0, description="`sirs`: clipping limit of side pixels [sigma].")
    gaussmooth: Number = Field(
        1.0, gt=0, description="`sirs`: width of the Gaussian that smooths the kernels [pixel]."
    )
    halfwidth: Count = Field(
        30, ge=0, description="`sirs`: rows on either side that a kernel takes [pixel]."
    )
    ovr_corr_mitigation_ftr: Number = Field(
        3.0, gt=0, description="IRS2: threshold for restless reference pixels [sigma]."
    )
    preserve_irs2_refpix: bool = Field(
        False, description="IRS2: keep the reference pixels in the frames; later steps must be off."
    )
    irs2_mean_subtraction: bool = Field(
        False, description="IRS2: subtract means of the rows at both ends from each output first."
    )

    @property
    def uses_kernels(self) -> bool:
        """Whether side pixels are convolved with the kernels of a reference."""
        return self.refpix_algorithm == "sirs"


class Linearity(Step):
    """Correct the detector's non-linear response with a polynomial for each pixel."""


class DarkCurrent(Step):
    """Subtract the dark reference, averaged to the exposure's read pattern."""

    average_dark_current: Number | None = Field(
        None, ge=0, description="Mean dark current whose noise is added [e-/s]; null: reference's."
    )
    dark_output: FileName | None = Field(
        None,
        min_length=1,
        description="Write the dark as it was subtracted under this name; {exposure} in it is the "
        "exposure's.",
    )


class Jump(Step):
    """Find cosmic-ray jumps by the two-point difference method (Anderson & Gordon 2011)."""

    rejection_threshold: Number = Field(4.0, ge=0, description="Rejection threshold [sigma].")
    three_group_rejection_threshold: Number = Field(
        6.0, ge=0, description="Threshold where only three groups are usable [sigma]."
    )
    four_group_rejection_threshold: Number = Field(
        5.0, ge=0, description="Threshold where only four groups are usable [sigma]."
    )
    maximum_cores: Cores = Field(
        "none", description="Threads for this step: none, quarter, half, all, or a number."
    )
    flag_4_neighbors: bool = Field(
        True, description="Flag the four neighbours of a jump of middling size as well."
    )
    max_jump_to_flag_neighbors: Number = Field(
        1000.0, description="Jumps above this leave their neighbours alone [sigma]."
    )
    min_jump_to_flag_neighbors: Number = Field(
        10.0, description="Jumps below this leave their neighbours alone [sigma]."
    )
    after_jump_flag_dn1: Number = Field(
        0.0, description="Jumps of at least this flag later groups, first set [DN]."
    )
    after_jump_flag_time1: Number = Field(
        0.0, ge=0, description="How long after a jump groups are flagged, first set [s]."
    )
    after_jump_flag_dn2: Number = Field(
        0.0, description="Jumps of at least this flag later groups, second set [DN]."
    )
    after_jump_flag_time2: Number = Field(
        0.0, ge=0, description="How long after a jump groups are flagged, second set [s]."
    )
    min_diffs_single_pass: Count = Field(
        10, description="Usable differences from which one pass replaces the iteration."
    )
    minimum_groups: Count = Field(
        3, description="Accepted for compatibility; as in the reference on one core, 3 is used."
    )
    minimum_sigclip_groups: Count = Field(
        100, description="Integrations from which groups are sigma-clipped across integrations."
    )
    only_use_ints: bool = Field(
        True, description="Clip the same group across integrations; false: all groups together."
    )
    expand_large_events: bool = Field(
        False, description="Flag snowballs: large round events, mostly with a saturated core."
    )
    min_sat_area: Number = Field(
        1.0, ge=0, description="Smallest saturated area of a snowball's core [pixel]."
    )
    min_jump_area: Number = Field(
        5.0, ge=0, description="Smallest area of jumps that may be a snowball [pixel]."
    )
    expand_factor: Number = Field(
        2.0, ge=0, description="Factor by which the ellipse of a snowball is widened."
    )
    use_ellipses: bool = Field(False, description="No effect, as in the reference.")
    sat_required_snowball: bool = Field(
        True, description="Only jumps around a saturated core are a snowball."
    )
    min_sat_radius_extend: Number = Field(
        2.5, description="Cores whose minor axis is longer are widened [pixel]."
    )
    sat_expand: Count = Field(2, description="Added to the radius of saturated cores [pixel].")
    edge_size: Count = Field(
        25, description="Distance to the frame's edge within which no core is required [pixel]."
    )
    mask_snowball_core_next_int: bool = Field(
        True, description="Flag saturated cores of snowballs in the next integration as well."
    )
    snowball_time_masked_next_int: Count = Field(
        4000, description="Time for which cores are flagged in the next integration [s]."
    )
    find_showers: bool = Field(False, description="Flag showers: faint, extended events (MIRI).")
    max_shower_amplitude: Number = Field(
        4.0, description="Largest shower [DN/s]; the reference takes 6 whatever is given."
    )
    honour_max_shower_amplitude: bool = Field(
        False, description="Take `max_shower_amplitude`, where the reference takes 6 DN/s."
    )
    extend_snr_threshold: Number = Field(
        1.2, description="Smallest smoothed signal-to-noise of a shower."
    )
    extend_min_area: Count = Field(90, description="Smallest area of a shower [pixel].")
    extend_inner_radius: Number = Field(
        1.0, description="Inner radius of the smoothing ring [pixel]."
    )
    extend_outer_radius: Number = Field(
        2.6, description="Outer radius of the smoothing ring [pixel]."
    )
    extend_ellipse_expand_ratio: Number = Field(
        1.1, description="Factor by which the ellipse of a shower is widened."
    )
    time_masked_after_shower: Number = Field(
        15.0, ge=0, description="Time for which the groups after a shower are flagged [s]."
    )
    max_extended_radius: Count = Field(
        200, description="Largest radius of a widened snowball or shower [pixel]."
    )


class RampFit(Step):
    """Fit each ramp's slope by optimally weighted least squares (Fixsen et al. 2000)."""

    algorithm: Literal["OLS_C", "LIKELY"] = Field(
        "OLS_C",
        description="Least squares, or the maximum likelihood of Brandt (2024), which has jump "
        "detection of its own and needs four groups.",
    )
    suppress_one_group: bool = Field(
        True, description="Give no slope to ramps with a single good group."
    )
    firstgroup: Count | None = Field(
        None, description="Ignore the groups before this one, counted from 0."
    )
    lastgroup: Count | None = Field(
        None, description="Ignore the groups after this one, counted from 0."
    )
    maximum_cores: Cores = Field(
        "none", description="Threads for this step: none, quarter, half, all, or a number."
    )
    save_opt: bool = Field(
        False,
        description="Write the optional product: `fitopt`, or `likely_chisq` for `LIKELY`.",
    )
    int_name: Literal[""] = Field("", description="No effect, as in the reference.")
    opt_name: FileName = Field(
        "",
        description="What the optional product's name begins with, in place of the exposure's; "
        "{exposure} in it is that.",
    )
    flag_all_jump_ramps: bool = Field(
        False,
        description="OLS_C: ramps whose every group is a jump are NaN and DO_NOT_USE; the "
        "reference gives them slope 0.",
    )
    reject_unflagged_nan: bool = Field(
        False,
        description="Samples that are NaN without a flag are DO_NOT_USE; the reference fits 0.",
    )
    keep_large_variances: bool = Field(
        False,
        description="OLS_C: variances of 1e6 (DN/s)^2 and more, and their slopes, are kept; the "
        "reference makes them 0.",
    )
    flag_nan_rates: bool = Field(
        False, description="Rates that are NaN are DO_NOT_USE whatever the cause."
    )
    convert_dark_current: bool = Field(
        False,
        description="The mean dark current is divided by the gain before its noise is added in "
        "DN/s; the reference adds e-/s.",
    )


class GainScale(Step):
    """Rescale rates taken at a non-standard gain setting."""
