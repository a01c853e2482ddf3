"""
The Python call and the command for contamination of slitless spectra.

What this step needs beyond the others is the extra ``wfss`` of the project; it is imported when it
is used.
"""

import argparse
import importlib
import sys
from pathlib import Path

from onramp.errors import OnrampError, ParameterError
from onramp.printing import printable

STEP = "wfss_contam"
RECORD = f"_{STEP}"
"""What the name of its record has after the exposure's."""
EXTRA = "asdf", "gwcs", "scipy", "stdatamodels"
FILES = "direct_image", "segmentation", "catalogue"


class MissingLibraryError(OnrampError):
    """A library of an optional part is not installed."""


class WfssContam:
    """Subtract from each slitless spectrum what its neighbours' light leaves in it."""

    @staticmethod
    def call(
        cutouts, references=None, overrides=None, parameters=None, output_dir=None,
        save_results=False, cores=None, *, direct_image=None, segmentation=None, catalogue=None,
    ):  # fmt: skip
        """
        Correct one grism exposure.

        Parameters
        ----------
        cutouts : str or Path
            Product of extract_2d and srctype, in DN/s.
        references : str or Path, optional
            Folder with the photom and wavelengthrange references, or "crds"; by default
            ``references`` beside the cutouts or in the current folder.
        overrides : dict of str to path, optional
            "photom", "wavelengthrange".
        parameters : dict of str to value, optional
            Of the step, by the reference's names.
        output_dir : str or Path, optional
            Where products go; by default the current folder.
        save_results : bool
            Write the products as files as well.
        cores : int, optional
            Cores that `maximum_cores` may use; by default those granted to this process.
        direct_image, segmentation, catalogue : str or Path, optional
            Instead of those the header names.

        Returns
        -------
        WfssResult

        Raises
        ------
        OnrampError
            If an input, reference, parameter or the output folder is unusable; nothing is left half
            written.
        """
        from onramp import origins
        from onramp.wfss.parameters import parse

        checked = parse(parameters, "parameters")
        told = origins.given({STEP: parameters or {}}, origins.CALL)
        files = dict(zip(FILES, (direct_image, segmentation, catalogue)))
        job = _job(cutouts, references, overrides, checked, files, cores, told)
        return job.run((output_dir or ".") if save_results else None, in_memory=True)


def process_wfss(
    cutouts, output_dir, parameters, references=None, overrides=None, files=None, cores=None,
    origins=None, date=None, show=None, context=None,
):  # fmt: skip
    """
    Correct one grism exposure, to files.

    Parameters
    ----------
    cutouts, output_dir : path
    parameters : WfssParameters
    references : path, optional
        Folder of reference files, or "crds".
    overrides, files : dict of str to path, optional
        As for `WfssContam.call`.
    cores : int, optional
    origins : dict of str to str, optional
        Where parameters come from, by "step.parameter".
    date : datetime, optional
        What the products tell as their date, instead of now.
    show : callable, optional
        Called, once the products are complete, with a `CutoutResult` that shows what was done.
    context : str, optional
        CRDS context by which `overrides` were chosen.

    Returns
    -------
    dict
        JSON-serialisable statistics.

    Raises
    ------
    OnrampError
        As `WfssContam.call`.
    """
    job = _job(cutouts, references, overrides, parameters, files, cores, origins, date, context)
    return job.run(output_dir, show=show).statistics


def _job(
    cutouts, references, overrides, parameters, files, cores, origins, date=None, context=None
):
    for library in EXTRA:
        try:
            importlib.import_module(library)
        except ImportError as problem:
            raise MissingLibraryError(
                f"wfss_contam needs {library}, which is not installed; run {sys.executable} -m pip "
                "install -e '.[wfss]' in onramp's folder"
            ) from problem
    from onramp.detector1 import references_folder
    from onramp.wfss.job import GrismJob

    folder = references_folder(cutouts, references)
    return GrismJob(cutouts, parameters, folder, overrides, files, cores, origins, date, context)


def add_command(commands, count):
    """
    Add the command to the parser's.

    Parameters
    ----------
    commands : argparse's subparsers
    count : callable
        Converts the text of a number of at least 1.
    """
    command = commands.add_parser(
        STEP,
        help="subtract the contamination of slitless spectra",
        description="Subtract from each cutout of a grism exposure what its neighbours' light "
        "leaves in it.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    plain_help = command.format_help
    command.format_help = lambda: plain_help() + _help()
    command.add_argument(
        "cutouts", type=Path, metavar="FILE", help="product of extract_2d, srctype"
    )
    command.add_argument(
        "--references", metavar="FOLDER", help="photom and wavelengthrange, or crds"
    )
    command.add_argument(
        "--output_dir",
        metavar="FOLDER",
        default=".",
        help="for the products; by default the current folder",
    )
    for name in FILES:
        command.add_argument(
            f"--{name}", metavar="FILE", help="instead of the one the header names"
        )
    command.add_argument(
        "--cores", metavar="N", type=count, help="cores that maximum_cores may use"
    )
    command.add_argument("--quiet", action="store_true", help="print nothing but errors")


def _help():
    from onramp.wfss.parameters import WfssContam as Parameters

    lines = ["", "--override_photom=FILE, --override_wavelengthrange=FILE", "", "parameters:"]
    for name, field in Parameters.model_fields.items():
        lines += [f"  --steps.{STEP}.{name}={field.default}", f"      {field.description}"]
    return "\n".join([*lines, ""])


def run_command(options, steps, overrides):
    """Run the command; return the exit status."""
    from onramp import origins
    from onramp.wfss.parameters import parse

    for step in steps:
        if step != STEP:
            raise ParameterError(f"command line: unknown step '{step}'; known: {STEP}")
    statistics = process_wfss(
        options.cutouts, options.output_dir, parse(steps.get(STEP), "command line"),
        options.references, overrides, {name: getattr(options, name) for name in FILES},
        options.cores, origins.given(steps, origins.COMMAND_LINE),
    )  # fmt: skip
    if not options.quiet:
        print(f"{printable(statistics['exposure'])}: products in {options.output_dir}")
    return 0
