import os
import sys
from functools import cache
from pathlib import Path

RULES = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))
SCRIPTS = RULES.parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

from onramp import configuration, targets
from onramp.errors import OnrampError
from onramp.library_digest import library_digest
from onramp_batches import Batches, asked_seconds
from onramp_cluster import check_cluster
from onramp_job import share_library
from onramp_terminal import follow
from snakemake.logging import logger

share_library()


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

EXPOSURE_NAME = targets.NAME
RESULTS = Path(CONFIGURATION.output_dir)
SIDE_BY_SIDE = CONFIGURATION.parallelism == "exposures"
PRODUCTS = {
    suffix: f"{RESULTS}/{{exposure}}_{suffix}.fits"
    for suffix in targets.suffixes(
        CONFIGURATION.steps, CONFIGURATION.save_calibrated_ramp
    )
}
STATISTICS = f"{RESULTS}/{{exposure}}_statistics.json"
PICTURE = f"{RESULTS}/quicklook/{{exposure}}.png"
WANTED = [*PRODUCTS.values(), STATISTICS]
if CONFIGURATION.quicklook and "rate" in PRODUCTS:
    WANTED.append(PICTURE)
CORES = workflow.resource_settings.cores  # None where a scheduler grants them
DETECTOR1_THREADS = 1 if SIDE_BY_SIDE else (CORES or 1)
DELIVER, DELIVERY_MB = SCRIPTS / "deliver.sh", 50
SCHEDULED = workflow.resource_settings.nodes is not None
BATCH_SECONDS = or_exit(asked_seconds, CONFIGURATION, SCHEDULED)
CRASH_FILE = f"{RESULTS}/{{exposure}}_pipecrash.txt"

follow(logger, workflow.output_settings, RESULTS)


@cache
def exposures():
    """Return the run's exposures by name."""
    or_exit(targets.check_folder, RESULTS)
    return or_exit(targets.find, CONFIGURATION)


def all_products(wildcards):
    """Return what the run is to leave behind."""
    return [path.format(exposure=name) for name in exposures() for path in WANTED]


def target(wildcards):
    """Return the exposure that a job is for."""
    if wildcards.exposure not in exposures():
        sys.exit(
            f"onramp: {CONFIGURATION.exposures}: no exposure is named '{wildcards.exposure}'"
        )
    return exposures()[wildcards.exposure]


def uncal_of(wildcards):
    """Return an exposure's uncal file."""
    return target(wildcards).uncal


def steps_of(wildcards):
    """Return the parameters of an exposure's steps, but for numbers of threads: products are the
    same for any."""
    return target(wildcards).parameters.model_dump(exclude=configuration.THREADS)


@cache
def reference_state():
    """Return what the folder of references holds."""
    from onramp.reference_state import ReferenceState

    references = CONFIGURATION.references
    return or_exit(ReferenceState, references.folder, references.override)


def references_of(wildcards):
    """Return a digest of the reference files that an exposure may use."""
    exposure = target(wildcards)
    return reference_state().digest(exposure.uncal, exposure.parameters)


def memory_of(wildcards, threads, attempt):
    """Return a job's memory [MB], more for each attempt after a failure."""
    return BATCHES.predicted(target(wildcards), threads)[0] * attempt


DETECTOR1 = {
    "uncal": uncal_of,
    "steps": steps_of,
    "overrides": CONFIGURATION.references.override,
    "references_folder": CONFIGURATION.references.folder,
    "references": references_of,
    "library": library_digest("detector1"),
    "crash_file": CRASH_FILE,
}
BATCHES = Batches(workflow, RESULTS, BATCH_SECONDS, exposures, DETECTOR1, WANTED)


def batch_of(wildcards):
    """Return what tells that the batch in which an exposure is calibrated is done."""
    return or_exit(BATCHES.token, target(wildcards).exposure)


def batch_of_picture(wildcards):
    """Return what tells that the batch in which an exposure is drawn is done."""
    return or_exit(BATCHES.token_of_picture, target(wildcards).exposure)


def begin():
    """Tell what is odd or cannot work, and write down what the batches have to do."""
    for remark in configuration.remarks(CONFIGURATION, CORES):
        print(f"onramp: {remark}", file=sys.stderr)
    or_exit(check_cluster, workflow, CONFIGURATION)
    BATCHES.write_plans()


def end():
    """Write and print the table of all exposures, if the run was about them."""
    BATCHES.clear()
    if not exposures.cache_info().currsize:
        return
    from onramp.summary import summarise

    print(summarise(RESULTS, list(exposures()), CONFIGURATION.quicklook))
