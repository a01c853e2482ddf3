"""Simulate the demonstration's exposures, their reference files and the truth."""

from pathlib import Path

from onramp_job import job


def main(snakemake):
    """Simulate each mode of the demonstration."""
    with job(snakemake):
        from onramp.simulate import DEMONSTRATION, simulate

        for mode in DEMONSTRATION:
            simulate(mode, Path(snakemake.output.uncal).parent, snakemake.params.seed)


if "snakemake" in globals():
    main(snakemake)  # noqa: F821
