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
CORES = workflow.resource_settings.cores  # None where a scheduler grants them
DETECTOR1_THREADS = 1 if SIDE_BY_SIDE else (CORES or 1)
UNPREDICTED_MB = 500
SCHEDULED_MB = 300  # for the two snakemakes around a job that a scheduler starts

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
    wanted = [*PRODUCTS.values(), STATISTICS, PROVENANCE]
    if CONFIGURATION.quicklook and "rate" in PRODUCTS:
        wanted.append(PICTURE)
    return [path.format(exposure=name) for name in exposures() for path in wanted]


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


def manifest_of(wildcards):
    """Return the file that lists an exposure's references."""
    return reference_step().manifest(target(wildcards))


def memory_of(wildcards, input, threads, attempt):
    """Return a job's memory [MB], more for each attempt after a failure."""
    from onramp.glance import glance
    from onramp.memory import predict_shape_mb

    around = 0 if workflow.local_exec else SCHEDULED_MB
    steps = reference_step().parameters(target(wildcards))
    used = configuration.threads_used(steps, threads)
    try:
        predicted = predict_shape_mb(glance(input.uncal).shape, used, steps=steps)
    except OnrampError:  # for the job to tell
        predicted = UNPREDICTED_MB
    return (predicted + around) * attempt


def print_remarks():
    """Tell what is done about numbers of threads that are accepted but odd."""
    for remark in configuration.remarks(CONFIGURATION, CORES):
        print(f"onramp: {remark}", file=sys.stderr)


def print_summary():
    """Tell what became of all exposures, if the run was about them."""
    if PROGRESS:
        PROGRESS.finish()
    if exposures.cache_info().currsize:
        or_exit(onramp_report.conclude, CONFIGURATION, exposures())


def reported(wildcards):
    """Return what Snakemake's report is to hold, if it is asked for."""
    return or_exit(onramp_report.reported, CONFIGURATION, exposures())
