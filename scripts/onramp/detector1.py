"""One uncal file to its count-rate products: from Python, and for the command line and workflow."""

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from onramp import origins as parameter_origins
from onramp.errors import OnrampError, ParameterError
from onramp.exposure_job import Detector1Result, ExposureJob
from onramp.parameters import parse_steps
from onramp.reference_source import CRDS

__all__ = [
    "Detector1",
    "Detector1Result",
    "named",
    "process_exposure",
    "references_folder",
    "split_overrides",
]


class Detector1:
    """The whole of stage 1 for one exposure; the counterpart of `Detector1Pipeline`."""

    @classmethod
    def call(
        cls,
        uncal,
        *,
        references=None,
        overrides=None,
        steps=None,
        output_dir=None,
        save_results=False,
        save_calibrated_ramp=False,
        cores=None,
        crds_context=None,
        parameter_files=None,
    ):
        """
        Process one exposure and return its products as arrays.

        Parameters
        ----------
        uncal : str or Path
            The exposure's uncal file.
        references : str or Path, optional
            Folder of reference files, or "crds"; by default $ONRAMP_REFERENCES, else a folder
            ``references`` beside the uncal file or in the current folder.
        overrides : dict of str to str, optional
            Path or "N/A" by reference type.
        steps : dict of str to dict, optional
            Parameters by step. ``override_<type>`` is accepted in any step.
        output_dir : str or Path, optional
            Where products go; by default the current folder.
        save_results : bool
            Write the products as files as well.
        save_calibrated_ramp : bool
            Make the ramp product (and write it if `save_results`).
        cores : int, optional
            Cores that `maximum_cores` may use; by default those granted to this process.
        crds_context : str, optional
            With ``references="crds"``: the context, by default $CRDS_CONTEXT, else the operational
            one.
        parameter_files : str, Path or list of them, optional
            Files of parameters (``pars-*.asdf``, or YAML with ``steps:``), or folders of the
            former; later ones win, and what is in `steps` goes before all.

        Returns
        -------
        Detector1Result
            Products have ``.header`` and arrays ``.sci`` [DN/s], ``.err`` [DN/s], ``.dq``,
            ``.var_poisson`` and ``.var_rnoise`` [(DN/s)^2]: (ny, nx) in ``rate``,
            (nints, ny, nx) in ``rateints``.

        Raises
        ------
        OnrampError
            If an input, reference, parameter or the output folder is unusable; nothing is left
            half written.
        """
        parameters, overrides = split_overrides(steps, overrides, "steps")
        folder = references_folder(uncal, references)
        job = ExposureJob(
            uncal, folder, overrides, parameters, output_dir or ".", cores, save_calibrated_ramp,
            in_memory=True, on_disk=save_results, context=crds_context,
            origins=parameter_origins.given(steps, parameter_origins.CALL),
            parameter_files=parameter_files,
        )  # fmt: skip
        return job.run()


def process_exposure(
    uncal, output_dir, parameters, references, overrides=None, cores=None,
    save_calibrated_ramp=False, rows=None, origins=None, context=None, date=None,
    parameter_files=None, save_windows=True,
):  # fmt: skip
    """
    Process one exposure to files, holding no more than bands in memory.

    Parameters
    ----------
    uncal, output_dir : str or Path
    parameters : Detector1Parameters
    references : str, Path, FromManifest or None
        Folder of reference files, "crds", or the manifest that a workflow has written.
    overrides : dict of str to str, optional
        Path or "N/A" by reference type.
    cores : int, optional
        Cores that `maximum_cores` may use.
    save_calibrated_ramp : bool
        Write the ramp product as well.
    rows : int, optional
        Height of the bands.
    origins : dict of str to str, optional
        Where parameters come from, by "step.parameter", if not from the defaults.
    context : str, optional
        CRDS context, if references are CRDS's.
    date : datetime, optional
        What the products tell as their date, instead of now.
    parameter_files : str, Path or iterable of them, optional
        As in `Detector1.call`; a manifest has them already.
    save_windows : bool
        Write `persistence.save_persistence`, if it is given.

    Returns
    -------
    dict
        What was done, how long it took, and what came out of it; JSON-serialisable.

    Raises
    ------
    OnrampError
        As `Detector1.call`.
    """
    job = ExposureJob(
        uncal, references, overrides, parameters, output_dir, cores, save_calibrated_ramp,
        in_memory=False, on_disk=True, rows=rows, origins=origins, context=context, date=date,
        parameter_files=parameter_files, save_windows=save_windows,
    )  # fmt: skip
    return job.run().statistics


@contextlib.contextmanager
def named(uncal, exposure):
    """Lend an uncal file the name of an exposure: products are named after their file."""
    if Path(uncal).name == f"{exposure}_uncal.fits":
        yield Path(uncal)
        return
    with tempfile.TemporaryDirectory(prefix="onramp-") as folder:
        link = Path(folder, f"{exposure}_uncal.fits")
        link.symlink_to(Path(uncal).absolute())
        try:
            yield link
        except OnrampError as error:
            raise type(error)(str(error).replace(str(link), str(uncal))) from error


def split_overrides(steps, overrides, origin):
    """
    Take the ``override_<type>`` entries out of the steps' parameters and check the rest.

    Returns
    -------
    parameters : Detector1Parameters
    overrides : dict of str to str
    """
    found = dict(overrides or {})
    plain = {}
    if steps is not None and not isinstance(steps, Mapping):
        raise ParameterError(f"{origin}: 'steps' must map step names to parameters")
    for step, values in (steps or {}).items():
        if not isinstance(values, Mapping):
            plain[step] = values
            continue
        plain[step] = {k: v for k, v in values.items() if not str(k).startswith("override_")}
        for key in values.keys() - plain[step].keys():
            found[key.removeprefix("override_")] = values[key]
    return parse_steps(plain, origin), found


def references_folder(uncal, references=None):
    """Return the folder of reference files, or "crds"; None if none is given and none lies near."""
    if references is None:
        references = os.environ.get("ONRAMP_REFERENCES")
    if references is not None:
        return references if references == CRDS else Path(references)
    for folder in (Path(uncal).parent / "references", Path("references")):
        if folder.is_dir():
            return folder
    return None
