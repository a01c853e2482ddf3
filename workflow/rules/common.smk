import os
import sys
from functools import cache
from pathlib import Path

RULES = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))
SCRIPTS = RULES.parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

from onramp_job import share_library

share_library()

import onramp_report
from onramp import configuration, origins, targets
from onramp.completeness import drop_incomplete, files_to_ask_for
from onramp.errors import OnrampError
from onramp.library_digest import library_digest
from onramp_batches import Batches, asked_seconds
from onramp_cluster import check_cluster
from onramp_lock import may_write
from onramp_terminal import follow
from snakemake.logging import logger


def or_exit(function, *arguments):
    """Call a function; end the run with one line if it finds a mistake of the user's."""
    try:
        return function(*arguments)
    except OnrampError as error:
        sys.exit(f"onramp: {error}")


CONFIGURATION = or_exit(
    configuration.load_merged,
    config,
    [os.path.relpath(path) for path in workflow.configfiles],
)
config.update(CONFIGURATION.model_dump(mode="json"))

origins.share(
    CONFIGURATION.steps,
    workflow.configfiles,
    CONFIGURATION.exposures,
    workflow.is_main_process,
)

RESULTS = Path(CONFIGURATION.output_dir)
SIDE_BY_SIDE = CONFIGURATION.parallelism == "exposures"
PRODUCTS = {
    suffix: f"{RESULTS}/{{exposure}}_{suffix}.fits"
    for suffix in targets.suffixes(
        CONFIGURATION.steps, CONFIGURATION.save_calibrated_ramp
    )
}
STATISTICS = f"{RESULTS}/{{exposure}}_statistics.json"
PARAMETERS = f"{RESULTS}/{{exposure}}_parameters.yaml"
PROVENANCE = f"{RESULTS}/{{exposure}}_provenance.json"
PICTURE = f"{RESULTS}/quicklook/{{exposure}}.png"
MADE = [*PRODUCTS.values(), STATISTICS, PARAMETERS, PROVENANCE]
WANTED_PICTURE = PICTURE if CONFIGURATION.quicklook and "rate" in PRODUCTS else None
CORES = workflow.resource_settings.cores  # None where a scheduler grants them
DETECTOR1_THREADS = 1 if SIDE_BY_SIDE else (CORES or 1)
DELIVER, DELIVERY_MB = SCRIPTS / "deliver.sh", 50
CRASH_FILE = f"{RESULTS}/{{exposure}}_pipecrash.txt"

PROGRESS = follow(logger, workflow.output_settings, RESULTS, workflow.is_main_process)


@cache
def found():
    return targets.find(CONFIGURATION)


@cache
def exposures():
    """Return the run's exposures by name."""
    or_exit(targets.check_folder, RESULTS)
    return or_exit(found)


BATCH_SECONDS = or_exit(asked_seconds, CONFIGURATION, workflow, found)


def all_products(wildcards):
    """Return what the run is to leave behind, as few files as stand for it."""
    look, names = not or_exit(may_write, workflow, RESULTS), exposures()
    for line in drop_incomplete(RESULTS, names, MADE, CONFIGURATION.quicklook, look):
        print(f"onramp: {line}", file=sys.stderr)
    redraw = "quicklook" in workflow.dag_settings.forcerun
    return list(files_to_ask_for(names, MADE, WANTED_PICTURE, redraw))


def target(wildcards):
    """Return the exposure that a job is for."""
    name = wildcards.exposure
    if name not in exposures():
        sys.exit(f"onramp: {CONFIGURATION.exposures}: no exposure is named '{name}'")
    return exposures()[name]
