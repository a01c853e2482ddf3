"""Compile the numerical kernels into the cache on disk, before many jobs want them at once."""

from pathlib import Path

from onramp_job import job


def main(snakemake):
    """Compile them and leave a stamp."""
    with job(snakemake):
        from onramp import warm

        warm.main()
        Path(snakemake.output.stamp).touch()


if "snakemake" in globals():
    main(snakemake)  # noqa: F821
