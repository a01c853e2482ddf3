"""Take one uncal file to all its products."""

import contextlib
import json
import tempfile
from pathlib import Path

from onramp.errors import OnrampError
from onramp_job import job, write


def main(snakemake):
    """Process the exposure of a rule."""
    with job(snakemake):
        from onramp import compilation, cores

        compilation.ensure()
        from onramp.detector1 import process_exposure
        from onramp.parameters import Detector1Parameters

        with _named(snakemake.input.uncal, snakemake.wildcards.exposure) as uncal:
            found = process_exposure(
                uncal,
                Path(snakemake.output.statistics).parent,
                Detector1Parameters.model_validate(_with_threads(snakemake)),
                snakemake.params.references_folder,
                snakemake.params.overrides,
                cores=min(snakemake.threads, cores.granted()),
                save_calibrated_ramp=snakemake.output.get("ramp") is not None,
            )
        found["uncal"] = snakemake.input.uncal
        write(json.dumps(found, indent=1), snakemake.output.statistics)


def _with_threads(snakemake):
    """Add the numbers of threads to the steps' parameters: the products do not depend on them."""
    steps = snakemake.params.steps
    for step, values in snakemake.config["steps"].items():
        if "maximum_cores" in values:
            steps[step]["maximum_cores"] = values["maximum_cores"]
    return steps


@contextlib.contextmanager
def _named(uncal, exposure):
    """Lend a file the name that a sheet gives its exposure: products are named after their file."""
    if Path(uncal).name == f"{exposure}_uncal.fits":
        yield uncal
        return
    with tempfile.TemporaryDirectory(prefix="onramp-") as folder:
        link = Path(folder, f"{exposure}_uncal.fits")
        link.symlink_to(Path(uncal).resolve())
        try:
            yield link
        except OnrampError as error:
            raise type(error)(str(error).replace(str(link), uncal)) from error


if "snakemake" in globals():
    main(snakemake)  # noqa: F821
