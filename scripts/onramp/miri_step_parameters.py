"""The parameters of the steps that only MIRI has; see `onramp.step_parameters`."""

from typing import Annotated, Literal

from pydantic import Field

from onramp.step_parameters import Count, Listed, Number, Step

Frequency = Annotated[Number, Field(gt=0)]
Frequencies = Annotated[tuple[Frequency, ...], Listed, Field(min_length=1)]


class EmiCorr(Step):
    """Subtract the periodic noise of electromagnetic interference (MIRI)."""

    skip: bool = Field(True, description="Do not run this step.")
    algorithm: Literal["joint", "sequential"] = Field(
        "joint",
        description="Fit ramps and waves together, or waves to what a rough fit of the ramps "
        "leaves; `sequential` needs no reference.",
    )
    nints_to_phase: Count | None = Field(
        None, ge=1, description="sequential: integrations in which the wave is looked for."
    )
    nbins: Count | None = Field(
        None, ge=1, description="sequential: bins of the wave; null: half its period [sample]."
    )
    scale_reference: bool = Field(
        True, description="sequential: scale the reference's wave to the one that is found."
    )
    onthefly_corr_freq: Frequencies | None = Field(
        None,
        description="Frequencies to correct without a reference; makes it `sequential` [Hz].",
    )
    use_n_cycles: Count | None = Field(
        3, ge=1, description="sequential: periods in which the wave is looked for; null: all."
    )
    fit_ints_separately: bool = Field(
        False, description="joint: each integration has its own amplitude and phase."
    )
    user_supplied_reffile: None = Field(
        None, description="Always null; give the file as `override_emicorr`."
    )
    save_intermediate_results: bool = Field(
        False, description="Write the waves of `onthefly_corr_freq` beside the products."
    )

    @property
    def uses_reference(self) -> bool:
        """Whether waves are those of the reference."""
        return self.onthefly_corr_freq is None


class FirstFrame(Step):
    """Leave out the first group of each integration (MIRI; rscd does so by default)."""

    skip: bool = Field(True, description="Do not run this step.")
    bright_use_group1: bool = Field(
        True, description="Keep the first group where the third is saturated."
    )


class LastFrame(Step):
    """Leave out the last group of each integration (MIRI)."""


class Reset(Step):
    """Subtract the reset anomaly from the first groups of each integration (MIRI)."""


class Rscd(Step):
    """Leave out the groups in which the switch of the reset charges decays (MIRI)."""
