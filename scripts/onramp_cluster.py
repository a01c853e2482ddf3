"""A look at the cluster before the first job is submitted, and for jobs that it has forgotten."""

import os
import subprocess
import time
from pathlib import Path

from onramp.preflight import Request, check, check_writable
from onramp.reference_choice import CRDS

LET_GO = 60  # s after which a job that Slurm does not know is given up


def check_cluster(workflow, configuration):
    """
    Check, where Slurm is to run the jobs, that it can.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        With all jobs that are to be run.
    configuration : onramp.configuration.Configuration

    Raises
    ------
    PreflightError
        If it cannot; one line.
    """
    if workflow.executor_plugin.name != "slurm":
        return
    check_writable("output_dir", configuration.output_dir)
    check_writable("the folder of this run", os.getcwd())
    jobs = (job for job in workflow.dag.needrun_jobs() if not job.is_local)
    check([_request(job) for job in jobs], folders_of_jobs(configuration))
    _run_again_what_is_forgotten()


def folders_of_jobs(configuration) -> dict[str, str]:
    """Return the folders that jobs on other nodes need, by what a user calls them."""
    asked = os.path.dirname(configuration.exposures) or "."
    folders = {
        "the folder of this run": os.getcwd(),
        "the project": str(Path(__file__).parent),
        "output_dir": configuration.output_dir,
        "exposures": configuration.exposures if os.path.isdir(configuration.exposures) else asked,
    }
    if configuration.references.source == CRDS:
        folders["CRDS_PATH"] = os.environ.get("CRDS_PATH", os.path.expanduser("~/crds_cache"))
    else:
        folders["references.folder"] = configuration.references.folder
    if "NUMBA_CACHE_DIR" in os.environ:
        folders["NUMBA_CACHE_DIR"] = os.environ["NUMBA_CACHE_DIR"]
    return folders


def _request(job):
    resources = job.resources
    numbers = job.threads, resources.get("mem_mb", 0), resources.get("runtime", 0)
    return Request(job.rule.name, resources.get("slurm_partition"), *numbers)


def _run_again_what_is_forgotten():
    """
    Let Snakemake learn of jobs that Slurm has forgotten.

    A controller that dies within seconds of a submission, before it has written the job down, comes
    back without it. The plugin takes a job that Slurm does not list for one that is not listed yet,
    and waits for ever. A job that had ended, and whose end is told late, costs one more that finds
    its work done.
    """
    from snakemake_executor_plugin_slurm import Executor

    look, missing_since = Executor.check_active_jobs, {}

    async def look_and_let_go(executor, jobs):
        active = [job async for job in look(executor, jobs)]
        known = _known_jobs() if active else None
        now = time.monotonic()
        for job in active:
            number = job.external_jobid
            if known is None or number in known:
                missing_since.pop(number, None)
            elif now > missing_since.setdefault(number, now) + LET_GO:
                del missing_since[number]
                executor.report_job_error(job, msg=f"Slurm has forgotten its job {number}")
                continue
            yield job

    Executor.check_active_jobs = look_and_let_go


def _known_jobs():
    """Return the ids of this user's jobs that Slurm lists, in any state; None without an answer."""
    command = "squeue", "--me", "--noheader", "--states=all", "--format=%i"
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    except (OSError, subprocess.SubprocessError):
        return None
    return set(listed.stdout.split())
