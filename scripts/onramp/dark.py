"""Dark exposures: stage 1 up to linearity (MIRI: rscd); the counterpart of `DarkPipeline`."""

from onramp.detector1 import references_folder, split_overrides
from onramp.errors import ParameterError
from onramp.exposure_job import DARK, ExposureJob
from onramp.origins import CALL, given
from onramp.parameters import STEPS, Detector1Parameters
from onramp.pipelines import dark_steps, only_steps

DARK_STEPS = {*dark_steps("MIRI"), *dark_steps("NIRCAM")}


class Dark:
    """The steps that a dark exposure goes through, to a calibrated ramp."""

    @classmethod
    def call(
        cls, uncal, *, references=None, overrides=None, steps=None, output_dir=None,
        save_results=False, cores=None, crds_context=None, parameter_files=None,
    ):  # fmt: skip
        """
        Process one exposure and return its ramps as arrays.

        Parameters are those of `Detector1.call`.

        Returns
        -------
        Product
            With ``.header``, ``.sci`` and ``.groupdq`` (nints, ngroups, ny, nx) and ``.pixeldq``
            (ny, nx); signals in DN.

        Raises
        ------
        OnrampError
            As `Detector1.call`, and if parameters are of a step that darks do not go through.
        """
        parameters, overrides = split_overrides(steps, overrides, "steps")
        job = ExposureJob(
            uncal, references_folder(uncal, references), overrides,
            dark_parameters(parameters, "steps"), output_dir or ".", cores, False,
            in_memory=True, on_disk=save_results, context=crds_context,
            origins=given(steps, CALL), pipeline=DARK, parameter_files=parameter_files,
        )  # fmt: skip
        return job.run().ramp


def process_dark(
    uncal, output_dir, parameters, references, overrides=None, cores=None, rows=None, **others
):
    """
    Process one exposure to its ``dark`` product on disk.

    Parameters are those of `process_exposure`.

    Returns
    -------
    dict
        As `process_exposure`.

    Raises
    ------
    OnrampError
        As `Dark.call`.
    """
    job = ExposureJob(
        uncal, references, overrides, dark_parameters(parameters, "parameters"), output_dir,
        cores, False, in_memory=False, on_disk=True, rows=rows, pipeline=DARK, **others,
    )  # fmt: skip
    return job.run().statistics


def dark_parameters(parameters: Detector1Parameters, origin) -> Detector1Parameters:
    """
    Return parameters with every step skipped that no dark goes through.

    Raises
    ------
    ParameterError
        If any of these steps has parameters of its own.
    """
    for step in STEPS:
        if step in DARK_STEPS:
            continue
        told = getattr(parameters, step).model_fields_set - {"skip"}
        if told:
            raise ParameterError(
                f"{origin}: steps.{step}.{min(told)}: darks do not go that far; remove it, or "
                "use detector1"
            )
    return only_steps(parameters, DARK_STEPS)
