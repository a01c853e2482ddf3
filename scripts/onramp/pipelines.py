"""Which steps an instrument's exposures pass, in their order."""

from onramp.parameters import STEPS, Detector1Parameters, step_model

ONLY_MIRI = "emicorr", "firstframe", "lastframe", "reset", "rscd"
ONLY_NEAR_INFRARED = ("superbias",)
OF_ALL = tuple(step for step in STEPS if step not in (*ONLY_MIRI, *ONLY_NEAR_INFRARED))
"""Steps that every exposure passes, in no instrument's order."""


def steps_of(instrument) -> tuple[str, ...]:
    """
    Return the steps of an instrument's exposures, first to last.

    Parameters
    ----------
    instrument : str
        INSTRUME, upper case.
    """
    if instrument != "MIRI":
        return tuple(step for step in STEPS if step not in ONLY_MIRI)
    steps = [step for step in STEPS if step not in (*ONLY_NEAR_INFRARED, "refpix")]
    steps.insert(steps.index("dark_current") + 1, "refpix")
    return tuple(steps)


def dark_steps(instrument) -> tuple[str, ...]:
    """Return the steps that darks of an instrument pass; as `steps_of`."""
    steps = steps_of(instrument)
    last = "rscd" if instrument == "MIRI" else "linearity"
    return steps[: steps.index(last) + 1]


def only_steps(parameters: Detector1Parameters, steps) -> Detector1Parameters:
    """Return parameters with every step but some skipped."""
    skipped = {s: step_model(s)(skip=True) for s in STEPS if s not in steps}
    return parameters.model_copy(update=skipped)
