"""Draw the picture of an exposure's products."""

import json
from pathlib import Path

from onramp_job import job


def main(snakemake):
    """Draw one exposure."""
    with job(snakemake):
        from onramp.quicklook import draw

        files = snakemake.input
        statistics = json.loads(Path(files.statistics).read_text())
        draw(files.uncal, files.rate, files.rateints, statistics, snakemake.output.picture)


if "snakemake" in globals():
    main(snakemake)  # noqa: F821
