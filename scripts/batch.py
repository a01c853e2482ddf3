"""Run the members of a batch: what several rules do for several exposures."""

import json
from pathlib import Path

from onramp_job import job, write


def main(snakemake):
    """Work through a batch's plan; its members' outcomes are staged, good and bad."""
    with job(snakemake):
        from onramp_members import discard_failures, members_of, run

        token = Path(snakemake.output.token)
        marks = token.with_suffix(".marks")
        surroundings = {"config": snakemake.config, "mem_mb": snakemake.resources.mem_mb}
        plan = json.loads(token.with_suffix(".json").read_text())
        members = members_of(plan["entries"], snakemake.params.staged, marks, surroundings)
        if not marks.exists():
            discard_failures(members)
            marks.mkdir()
        postponed = run(members, plan["tries"])
        if postponed:
            names = ", ".join(map(str, postponed))
            raise RuntimeError(f"to be tried again with more memory and time: {names}")
        write("", token)


if "snakemake" in globals():
    main(snakemake)  # noqa: F821
