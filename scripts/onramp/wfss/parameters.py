"""The parameters of wfss_contam: those of the reference, and three that choose its oddities."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from onramp.errors import ParameterError
from onramp.parameters import nearest
from onramp.step_parameters import Cores, Count, Listed, Number
from onramp.wfss_contam import STEP

Orders = Annotated[tuple[Count, ...], Listed, Field(min_length=1)]


class WfssContam(BaseModel):
    """Subtract from each slitless spectrum what its neighbours' light leaves in it."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    skip: Literal[False] = Field(
        False, description="Always false: the step runs if it is asked for."
    )
    save_simulated_image: bool = Field(
        False, description="Write the simulated frame, and each source's own part of it."
    )
    save_contam_images: bool = Field(False, description="Write each cutout's contamination.")
    maximum_cores: Cores = Field(
        "1", description="Threads for this step: none, quarter, half, all, or a number."
    )
    orders: Orders | None = Field(
        None, description="Spectral orders to disperse; null: all of the wavelengthrange reference."
    )
    magnitude_limit: Number | None = Field(
        None, description="Disperse only sources brighter than this isophotal AB magnitude."
    )
    wl_oversample: Count = Field(2, ge=1, le=100, description="Samples a pixel along the trace.")
    max_pixels_per_chunk: Count = Field(
        5000, ge=1, description="Pixels that share a wavelength grid; only with `grid: chunks`."
    )
    polyfit_degree: Count | None = Field(
        None,
        ge=0,
        le=20,
        description="Degree of the polynomial fitted to each spectrum; null or 0: none.",
    )
    n_iterations: Count = Field(
        1, ge=1, le=100, description="Times that the polynomials are fitted."
    )
    l2_alpha: Number = Field(0.1, ge=0, description="Regularisation of the polynomials' fit.")
    rejection_threshold: Number | None = Field(
        0.1, ge=0, description="Reject fits whose constant differs from 1 by more; null: none."
    )
    inverse: Literal["exact", "jwst"] = Field(
        "exact", description="How wavelengths are found in NIRCam's traces; jwst: as the reference."
    )
    grid: Literal["order", "chunks"] = Field(
        "order", description="One wavelength grid an order; chunks: one a chunk, as the reference."
    )
    cutouts: Literal["whole", "jwst"] = Field(
        "whole", description="How far a source's own light reaches in its cutout; jwst: as there."
    )


class WfssParameters(BaseModel):
    """The parameters by step, as those of other pipelines are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wfss_contam: WfssContam = WfssContam()


def parse(values: Mapping | None, origin: str) -> WfssParameters:
    """
    Check parameters against the model.

    Parameters
    ----------
    values : mapping of str to value, or None
    origin : str
        Where they come from, for the message.

    Raises
    ------
    ParameterError
        If one is unknown (the message names the nearest) or its value is not possible.
    """
    if not isinstance(values, Mapping | None):
        raise ParameterError(f"{origin}: {values!r} are no values by name")
    values = dict(values or {})
    for name in values:
        if name not in WfssContam.model_fields:
            hint = nearest(name, WfssContam.model_fields)
            raise ParameterError(f"{origin}: step '{STEP}' has no parameter '{name}'; {hint}")
    try:
        return WfssParameters(wfss_contam=WfssContam.model_validate(values))
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        raise ParameterError(
            f"{origin}: {STEP}.{first['loc'][0]}={first['input']!r}: "
            f"{message[0].lower()}{message[1:]}"
        ) from None
