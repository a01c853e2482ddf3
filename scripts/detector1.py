"""Take one uncal file to all its products."""

import json
from pathlib import Path

from onramp_job import job, write
from onramp_picture import draw_beside, picture_of


def main(snakemake):
    """Process the exposure of a rule."""
    with job(snakemake):
        results, exposure = Path(snakemake.output.statistics).parent, snakemake.wildcards.exposure
        picture_of(results, exposure).unlink(missing_ok=True)
        from onramp import compilation, cores, origins
        from onramp.parameters import Detector1Parameters

        parameters = Detector1Parameters.model_validate(_with_threads(snakemake))
        compilation.ensure(snakemake.input.uncal, parameters)
        from onramp.detector1 import named, process_exposure
        from onramp.reference_source import FromManifest

        with named(snakemake.input.uncal, exposure) as uncal:
            found = process_exposure(
                uncal,
                results,
                parameters,
                FromManifest(snakemake.input.references),
                cores=min(snakemake.threads, cores.granted()),
                save_calibrated_ramp=snakemake.output.get("ramp") is not None,
                origins=origins.of_job(snakemake.config["steps"], parameters),
            )
        found["uncal"] = snakemake.input.uncal
        write(json.dumps(found, indent=1), snakemake.output.statistics)
        if snakemake.config["quicklook"] and snakemake.output.get("rateints"):
            draw_beside(snakemake.output, snakemake.input.uncal, found)


def _with_threads(snakemake):
    """Add the numbers of threads to the steps' parameters: the products do not depend on them."""
    steps = snakemake.params.steps
    for step, values in snakemake.config["steps"].items():
        if "maximum_cores" in values:
            steps[step]["maximum_cores"] = values["maximum_cores"]
    return steps


if "snakemake" in globals():
    main(snakemake)  # noqa: F821
