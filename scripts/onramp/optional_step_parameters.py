"""The parameters of the steps that are off by default; see `onramp.step_parameters`."""

from pydantic import Field

from onramp.step_parameters import Number, Step


class OptionalStep(Step):
    """The parameters of every step that is off by default."""

    skip: bool = Field(True, description="Do not run this step.")


class ChargeMigration(OptionalStep):
    """Leave out the groups whose charge has begun to migrate (Goudfrooij et al. 2024)."""

    signal_threshold: Number = Field(
        25000.0, description="Signal above which a pixel and its neighbours lose charge [DN]."
    )
