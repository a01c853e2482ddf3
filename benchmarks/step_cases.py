"""The exposures on which jump detection and ramp fit are timed, and the figures to reach."""

from typing import NamedTuple


class Field(NamedTuple):
    """Ramps to draw; see `ramps.draw`."""

    shape: tuple
    """nints, ngroups, ny, nx."""
    group_time: float = 10.73677
    """[s]"""
    sky: float = 1.0
    """Median rate of the sky [e-/s]."""
    hits: float = 0.012
    """Fraction of the samples that a cosmic ray hits: that of groups of about 100 s."""
    snowballs: int = 0
    flagged: float = 0.0
    """Fraction of the ramps that have flags from earlier steps, those of saturation aside."""


class StepCase(NamedTuple):
    """What is timed on a field."""

    field: Field
    target: float
    """How many times less CPU than the reference."""
    steps: tuple = ("jump", "fit")
    snowballs: bool = False
    """Flag snowballs in the jump step (expand_large_events)."""
    algorithm: str = "OLS_C"
    threads: bool = False
    """Compare two threads with one."""
    repeats: int = 1
    """Passes in one process, for what takes less than the clock can tell, or than the system takes
    to clear memory."""

    @property
    def label(self):
        """What is timed, for the table."""
        nints, ngroups, ny, nx = self.field.shape
        kind = {"OLS_C": "ramp fit", "LIKELY": "likelihood fit"}[self.algorithm]
        names = {"jump": "jump" + " with snowballs" * self.snowballs, "fit": kind}
        steps = " + ".join(names[step] for step in self.steps)
        return f"{nints} x {ngroups} x {ny} x {nx}, {steps}"


FULL_FRAME = Field((1, 10, 2048, 2048), snowballs=5)
CASES = {
    "full_frame": StepCase(FULL_FRAME, 30, threads=True),
    "strip": StepCase(Field((10, 5, 256, 2048), 5.494, sky=5.0), 30, threads=True),
    "time_series": StepCase(
        Field((100, 3, 32, 2048), 0.9, sky=50.0, flagged=0.45), 12, threads=True, repeats=3
    ),
    "long_ramp": StepCase(Field((1, 60, 64, 64)), 10, repeats=7),
    "mid_infrared": StepCase(
        Field((2, 10, 1024, 1032), 2.775, sky=80.0, snowballs=1), 30, threads=True
    ),
    "snowballs": StepCase(FULL_FRAME, 60, steps=("jump",), snowballs=True),
    "likelihood": StepCase(FULL_FRAME, 40, steps=("fit",), algorithm="LIKELY"),
}


def small(case):
    """Return a case of the same kind on few pixels, to load every kernel or to test with."""
    nints, ngroups, _, _ = case.field.shape
    field = case.field._replace(shape=(min(nints, 101), ngroups, 40, 72), snowballs=1)
    return case._replace(field=field)
