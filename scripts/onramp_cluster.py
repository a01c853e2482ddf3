"""A look at the cluster before the first job is submitted."""

import os
from pathlib import Path

from onramp.preflight import Request, check, check_writable


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
    asked = os.path.dirname(configuration.exposures) or "."
    folders = {
        "the folder of this run": os.getcwd(),
        "the project": str(Path(__file__).parent),
        "output_dir": configuration.output_dir,
        "exposures": configuration.exposures if os.path.isdir(configuration.exposures) else asked,
        "references.folder": configuration.references.folder,
    }
    check([_request(job) for job in jobs], folders)


def _request(job):
    resources = job.resources
    numbers = job.threads, resources.get("mem_mb", 0), resources.get("runtime", 0)
    return Request(job.rule.name, resources.get("slurm_partition"), *numbers)
