"""
The parameters of all steps as one typed model, and how to make it from what users write.

The configuration schema, the command line's ``--steps.x.y`` options and the documentation's tables
are generated from the models. Names and defaults are those of the reference pipeline's steps.
"""

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from onramp.errors import ParameterError
from onramp.miri_step_parameters import EmiCorr, FirstFrame, LastFrame, Reset, Rscd
from onramp.optional_step_parameters import (
    ChargeMigration,
    CleanFlickerNoise,
    Persistence,
    PictureFrame,
)
from onramp.step_parameters import (
    DarkCurrent,
    DqInit,
    GainScale,
    GroupScale,
    Ipc,
    Jump,
    Linearity,
    RampFit,
    Refpix,
    Saturation,
    Step,
    Superbias,
)


class Detector1Parameters(BaseModel):
    """The parameters of all steps, in the order in which near-infrared exposures pass them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    group_scale: GroupScale = GroupScale()
    dq_init: DqInit = DqInit()
    emicorr: EmiCorr = EmiCorr()
    saturation: Saturation = Saturation()
    ipc: Ipc = Ipc()
    superbias: Superbias = Superbias()
    refpix: Refpix = Refpix()
    firstframe: FirstFrame = FirstFrame()
    lastframe: LastFrame = LastFrame()
    reset: Reset = Reset()
    linearity: Linearity = Linearity()
    rscd: Rscd = Rscd()
    dark_current: DarkCurrent = DarkCurrent()
    charge_migration: ChargeMigration = ChargeMigration()
    jump: Jump = Jump()
    picture_frame: PictureFrame = PictureFrame()
    clean_flicker_noise: CleanFlickerNoise = CleanFlickerNoise()
    persistence: Persistence = Persistence()
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
                hint = nearest(name, known)
                if name.startswith("override_"):
                    kind = name.removeprefix("override_")
                    hint = f"references are replaced by references: override: {kind}: PATH or N/A"
                raise ParameterError(f"{origin}: step '{step}' has no parameter '{name}'; {hint}")
    try:
        return Detector1Parameters.model_validate({s: dict(v) for s, v in steps.items() if v})
    except ValidationError as error:
        raise ParameterError(_explain(error, origin)) from None


def _explain(error: ValidationError, origin: str) -> str:
    first = error.errors()[0]
    step, name = first["loc"][0], first["loc"][1]
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "literal_error":
        message = f"expected {first['ctx']['expected']}"
    return f"{origin}: steps.{step}.{name}={first['input']!r}: {message[0].lower()}{message[1:]}"
