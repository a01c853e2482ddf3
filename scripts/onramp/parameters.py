"""
Every step's parameters as typed models: name, type, default, bounds and one line of meaning.

The configuration schema, the command line's ``--steps.x.y`` options and the documentation's tables
are generated from these models. Names and defaults are those of the reference pipeline's steps.
"""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from onramp.errors import ParameterError

FRACTIONS = ("none", "quarter", "half", "all")


def _cores(value):
    text = str(value).strip().lower()
    if text in FRACTIONS or (text.isdigit() and int(text) >= 1):
        return text
    raise ValueError("expected none, quarter, half, all, or a number of at least 1 as a string")


def _no_bool(value):
    if isinstance(value, bool):
        raise ValueError("expected a number, not a boolean")
    return value


Cores = Annotated[str, BeforeValidator(_cores)]
Number = Annotated[float, BeforeValidator(_no_bool), Field(allow_inf_nan=False)]
Count = Annotated[int, BeforeValidator(_no_bool)]


class Step(BaseModel):
    """The parameters that every step has."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    skip: bool = Field(False, description="Do not run this step.")
    save_results: bool = Field(False, description="Write this step's output as a ramp product.")


class UnsupportedStep(Step):
    """A step of the reference that is off there by default and cannot be turned on here yet."""

    skip: Literal[True] = Field(True, description="This step is not available yet: always true.")
    save_results: Literal[False] = Field(False, description="Always false.")


class GroupScale(Step):
    """Rescale groups averaged on board over a number of frames that is no power of two."""


class DqInit(Step):
    """Initialise the pixel and group data quality from the mask reference."""


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
    odd_even_rows: bool = Field(
        True, description="Treat even and odd rows separately (MIRI; no effect here)."
    )
    use_side_ref_pixels: bool = Field(
        True, description="Correct each row with the reference pixels at its two ends."
    )
    side_smoothing_length: Count = Field(
        11, ge=1, description="Rows in the running median of the side reference pixels [pixel]."
    )
    side_gain: Number = Field(1.0, description="Factor on the side signal before it is subtracted.")
    siglimit: Number = Field(
        3.0, gt=0, description="Clipping limit for the means of the reference pixels [sigma]."
    )
    refpix_algorithm: Literal["median"] = Field(
        "median", description="How the side signal is smoothed (`sirs` is not available yet)."
    )


class Linearity(Step):
    """Correct the detector's non-linear response with a polynomial for each pixel."""


class DarkCurrent(Step):
    """Subtract the dark reference, averaged to the exposure's read pattern."""

    average_dark_current: Number | None = Field(
        None, ge=0, description="Mean dark current whose noise is added [e-/s]; null: reference's."
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
    expand_large_events: Literal[False] = Field(
        False, description="Flag snowballs (not available yet: always false)."
    )
    find_showers: Literal[False] = Field(
        False, description="Flag showers (not available yet: always false)."
    )


class RampFit(Step):
    """Fit each ramp's slope by optimally weighted least squares (Fixsen et al. 2000)."""

    algorithm: Literal["OLS_C"] = Field(
        "OLS_C", description="Fitting algorithm (`LIKELY` is not available yet)."
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
    save_opt: Literal[False] = Field(
        False, description="Write the optional fit product (not available yet: always false)."
    )


class GainScale(Step):
    """Rescale rates taken at a non-standard gain setting."""


class Detector1Parameters(BaseModel):
    """The parameters of all steps, in the order in which the steps run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    group_scale: GroupScale = GroupScale()
    dq_init: DqInit = DqInit()
    saturation: Saturation = Saturation()
    ipc: Ipc = Ipc()
    superbias: Superbias = Superbias()
    refpix: Refpix = Refpix()
    linearity: Linearity = Linearity()
    dark_current: DarkCurrent = DarkCurrent()
    charge_migration: UnsupportedStep = UnsupportedStep()
    jump: Jump = Jump()
    picture_frame: UnsupportedStep = UnsupportedStep()
    clean_flicker_noise: UnsupportedStep = UnsupportedStep()
    persistence: UnsupportedStep = UnsupportedStep()
    ramp_fit: RampFit = RampFit()
    gain_scale: GainScale = GainScale()


STEPS = tuple(Detector1Parameters.model_fields)


def step_model(step: str) -> type[Step]:
    """Return the parameter model of a step named as in the configuration."""
    return Detector1Parameters.model_fields[step].annotation


def nearest(name: str, known) -> str:
    """Return a hint naming the known name that looks most like `name`, or all of them."""
    known = list(known)
    match = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    return f"did you mean '{match[0]}'?" if match else f"known: {', '.join(known)}"


def parse_steps(steps: Mapping[str, Mapping[str, Any]] | None, origin: str) -> Detector1Parameters:
    """
    Check a mapping of step name to parameters against the models.

    Parameters
    ----------
    steps : mapping of str to mapping, or None
        Parameters by step; text is converted ("true", "4.5").
    origin : str
        Where the values come from, for the message: a file or "command line".

    Raises
    ------
    ParameterError
        If a step or parameter is unknown (the message names the nearest one) or a value is not of
        its type or out of range.
    """
    if steps is None:
        return Detector1Parameters()
    if not isinstance(steps, Mapping):
        raise ParameterError(f"{origin}: 'steps' must map step names to parameters")
    for step, values in steps.items():
        if step not in STEPS:
            raise ParameterError(f"{origin}: unknown step '{step}'; {nearest(step, STEPS)}")
        if values is None:
            continue
        if not isinstance(values, Mapping):
            raise ParameterError(f"{origin}: steps.{step} must map parameter names to values")
        known = step_model(step).model_fields
        for name in values:
            if name not in known:
                raise ParameterError(
                    f"{origin}: step '{step}' has no parameter '{name}'; {nearest(name, known)}"
                )
    try:
        return Detector1Parameters.model_validate({s: dict(v) for s, v in steps.items() if v})
    except ValidationError as error:
        raise ParameterError(_explain(error, origin)) from None


def _explain(error: ValidationError, origin: str) -> str:
    first = error.errors()[0]
    step, name = first["loc"][0], first["loc"][1]
    annotation = step_model(step).model_fields[name].annotation
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "literal_error":
        allowed = ", ".join(repr(v) for v in get_args(annotation))
        message = f"not available yet; the only value so far is {allowed}"
    return f"{origin}: steps.{step}.{name}={first['input']!r}: {message[0].lower()}{message[1:]}"
