def uncal_of(wildcards):
    """Return an exposure's uncal file."""
    return target(wildcards).uncal


def steps_of(wildcards):
    """Return the parameters of an exposure's steps, but for numbers of threads: products are the
    same for any."""
    return configuration.plain_steps(parameters_of(target(wildcards)))


@cache
def reference_step():
    """Return what chooses references: in the user's process, before all jobs, one at a time."""
    from onramp import reference_step as step

    mode = step.LOOK if workflow.is_main_process else step.READ
    if or_exit(may_write, workflow, RESULTS):
        mode = step.WRITE
    elif workflow.dryrun:
        mode = step.PLAN
    return or_exit(step.ReferenceStep, CONFIGURATION, mode)


def parameters_of(exposure):
    """Return the parameters of an exposure's steps, with what parameter references say."""
    return or_exit(reference_step().parameters, exposure)


def manifest_of(wildcards):
    """Return the file that lists an exposure's references."""
    return or_exit(reference_step().manifest, target(wildcards))


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
    workflow,
    RESULTS,
    BATCH_SECONDS,
    exposures,
    parameters_of,
    DETECTOR1,
    [MADE, WANTED_PICTURE],
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
    if exposures.cache_info().currsize or find_slitless.cache_info().currsize:
        or_exit(onramp_report.conclude, CONFIGURATION, *all_exposures())


def reported(wildcards):
    """Return what Snakemake's report is to hold, if it is asked for."""
    return or_exit(onramp_report.reported, CONFIGURATION, *all_exposures())
