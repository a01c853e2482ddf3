import os
import sys
from functools import cache
from pathlib import Path

RULES = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))
SCRIPTS = RULES.parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import onramp_report
from onramp import configuration, origins, targets
from onramp.completeness import drop_truncated
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

origins.share(
    CONFIGURATION.steps,
    workflow.configfiles,
    CONFIGURATION.exposures,
    workflow.is_main_process,
)

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
PROVENANCE = f"{RESULTS}/{{exposure}}_provenance.json"
PICTURE = f"{RESULTS}/quicklook/{{exposure}}.png"
WANTED = [*PRODUCTS.values(), STATISTICS, PROVENANCE]
if CONFIGURATION.quicklook and "rate" in PRODUCTS:
    WANTED.append(PICTURE)
CORES = workflow.resource_settings.cores  # None where a scheduler grants them
DETECTOR1_THREADS = 1 if SIDE_BY_SIDE else (CORES or 1)
DELIVER, DELIVERY_MB = SCRIPTS / "deliver.sh", 50
SCHEDULED = workflow.resource_settings.nodes is not None
BATCH_SECONDS = or_exit(asked_seconds, CONFIGURATION, SCHEDULED)
CRASH_FILE = f"{RESULTS}/{{exposure}}_pipecrash.txt"

PROGRESS = follow(logger, workflow.output_settings, RESULTS, workflow.is_main_process)


@cache
def exposures():
    """Return the run's exposures by name."""
    or_exit(targets.check_folder, RESULTS)
    return or_exit(targets.find, CONFIGURATION)


def all_products(wildcards):
    """Return what the run is to leave behind."""
    dryrun = workflow.output_settings.dryrun
    for line in drop_truncated(RESULTS, exposures(), CONFIGURATION.quicklook, dryrun):
        print(f"onramp: {line}", file=sys.stderr)
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
    return configuration.plain_steps(reference_step().parameters(target(wildcards)))


@cache
def reference_step():
    """Return what chooses references: in the user's process, before all jobs, one at a time."""
    from onramp import reference_step as step

    running = (
        workflow.is_main_process and workflow.executor_plugin and not workflow.touch
    )
    mode = (step.PLAN if workflow.dryrun else step.WRITE) if running else step.READ
    return or_exit(step.ReferenceStep, CONFIGURATION, mode)


def parameters_of(exposure):
    """Return the parameters of an exposure's steps, with what parameter references say."""
    return reference_step().parameters(exposure)


def manifest_of(wildcards):
    """Return the file that lists an exposure's references."""
    return reference_step().manifest(target(wildcards))


def memory_of(wildcards, threads, attempt):
    """Return a job's memory [MB], more for each attempt after a failure."""
    return BATCHES.predicted(target(wildcards), threads)[0] * attempt


DETECTOR1 = {
    "uncal": uncal_of,
    "steps": steps_of,
    "library": library_digest("detector1"),
    "crash_file": CRASH_FILE,
}
BATCHES = Batches(
    workflow, RESULTS, BATCH_SECONDS, exposures, parameters_of, DETECTOR1, WANTED
)


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
    """Write and print the table of all exposures, and their page, if the run was about them."""
    BATCHES.clear()
    if PROGRESS:
        PROGRESS.finish()
    if exposures.cache_info().currsize:
        or_exit(onramp_report.conclude, CONFIGURATION, exposures())


def reported(wildcards):
    """Return what Snakemake's report is to hold, if it is asked for."""
    return or_exit(onramp_report.reported, CONFIGURATION, exposures())
