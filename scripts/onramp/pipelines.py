"""Which steps an instrument's exposures pass, in their order."""

from onramp.parameters import STEPS

ONLY_MIRI = "emicorr", "firstframe", "lastframe", "reset", "rscd"
ONLY_NEAR_INFRARED = ("superbias",)


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
