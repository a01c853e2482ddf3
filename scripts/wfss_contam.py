"""Correct the contamination of one grism exposure."""

import json
from functools import partial
from pathlib import Path

from onramp_job import job, write
from onramp_picture import draw_spectrum, picture_of


def main(snakemake):
    """Process the exposure of a rule."""
    with job(snakemake):
        folder, exposure = Path(snakemake.output.product).parent, snakemake.wildcards.exposure
        picture = picture_of(folder.parent, f"{folder.name}/{exposure}")
        picture.unlink(missing_ok=True)
        from onramp import cores, origins
        from onramp.reference_manifest import locate, open_manifest
        from onramp.wfss.parameters import WfssContam, parse
        from onramp.wfss_contam import STEP, process_wfss

        parameters = parse(snakemake.params.parameters, "configuration")
        defaults = WfssContam()
        listed = Path(snakemake.input.references)
        manifest = open_manifest(listed)
        located = locate(manifest, listed.parents[1])
        drawn = snakemake.config["quicklook"]
        changed = {n: v for n, v in parameters.wfss_contam if v != getattr(defaults, n)}
        found = process_wfss(
            snakemake.input.cutouts,
            folder,
            parameters,
            overrides={kind: reference.path for kind, reference in located.items()},
            context=manifest.context,
            cores=min(snakemake.threads, cores.granted()),
            origins=origins.given({STEP: changed}, origins.FILE),
            show=partial(draw_spectrum, picture, exposure) if drawn else None,
        )
        write(json.dumps(found, indent=1), snakemake.output.statistics)


if "snakemake" in globals():
    main(snakemake)  # noqa: F821
