"""Correct the contamination of one grism exposure."""

import json
from pathlib import Path

from onramp_job import job, write


def main(snakemake):
    """Process the exposure of a rule."""
    with job(snakemake):
        from onramp import cores, origins
        from onramp.wfss.parameters import WfssContam, parse
        from onramp.wfss_contam import STEP, process_wfss

        parameters = parse(snakemake.params.parameters, "configuration")
        defaults = WfssContam()
        changed = {n: v for n, v in parameters.wfss_contam if v != getattr(defaults, n)}
        found = process_wfss(
            snakemake.input.cutouts,
            Path(snakemake.output.product).parent,
            parameters,
            snakemake.params.references,
            cores=min(snakemake.threads, cores.granted()),
            origins=origins.given({STEP: changed}, origins.FILE),
        )
        write(json.dumps(found, indent=1), snakemake.output.statistics)


if "snakemake" in globals():
    main(snakemake)  # noqa: F821
