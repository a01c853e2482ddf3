"""Take one uncal file to all its products."""

import json
import os
from pathlib import Path

from onramp_job import job


def main(snakemake):
    """Process the exposure of a rule."""
    with job(snakemake):
        from onramp.detector1 import process_exposure
        from onramp.parameters import Detector1Parameters

        statistics = Path(snakemake.output.statistics)
        found = process_exposure(
            snakemake.input.uncal,
            statistics.parent,
            Detector1Parameters.model_validate(snakemake.params.steps),
            snakemake.params.references_folder,
            snakemake.params.overrides,
            cores=snakemake.threads,
            save_calibrated_ramp=snakemake.output.get("ramp") is not None,
        )
        part = statistics.with_name(f".{statistics.name}.{os.getpid()}.part")
        part.write_text(json.dumps(found, indent=1))
        os.replace(part, statistics)


if "snakemake" in globals():
    main(snakemake)  # noqa: F821
