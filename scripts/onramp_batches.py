"""Batches as the workflow sees them: who is in which, what it asks for, the plan of its job."""

import json
import os
import shutil
import sys
import time
from functools import cached_property
from pathlib import Path

from onramp.batches import SECONDS, compose, longest, predict_seconds, time_limit
from onramp.configuration import threads_used
from onramp.errors import OnrampError, ParameterError
from onramp_job import write
from snakemake.io import IOFile
from snakemake.iocontainers import Wildcards

FOLDER = ".batches"
STAGED = "staged"
PICTURE_MB = 700
SCHEDULED_MB = 300  # for the two snakemakes around a job that a scheduler starts
UNPREDICTED_MB = 500
COMPILATION_MB = 450
LOCAL_SECONDS = 30.0  # products appear when their batch is done
MANY = 10  # exposures for each core
NOT_WITH_BATCHES = {"--no-hooks", "--rerun-triggers", "--workflow-profile"}


def asked_seconds(configuration, workflow, exposures):
    """
    Return the predicted time to which batches are filled [s]; 0 for no batches.

    Unless the configuration says, they are filled where a scheduler starts the jobs, and on this
    machine where there are many exposures for each core.

    Parameters
    ----------
    configuration : Configuration
    workflow : snakemake.workflow.Workflow
    exposures : callable
        Returns the run's exposures by name.

    Raises
    ------
    ParameterError
        If exposures run one at a time and batches are asked for.
    """
    asked = configuration.batch_seconds
    if configuration.parallelism == "steps":
        if asked:
            raise ParameterError(
                f"batch_seconds={asked:g} does not go with parallelism: steps; set it to 0"
            )
        return 0.0
    if asked is not None:
        return asked
    if workflow.resource_settings.nodes is not None:
        return SECONDS
    return LOCAL_SECONDS if _are_many(workflow, exposures) else 0.0


def _are_many(workflow, exposures):
    if not (workflow.is_main_process and _goes_with_batches(*sys.argv)):
        return False
    try:
        return len(exposures()) >= MANY * (workflow.resource_settings.cores or 1)
    except OnrampError:  # told when they are asked for
        return False


def _goes_with_batches(program="", *arguments):
    """Tell by a command what Snakemake does not tell before it has read the workflow."""
    options = {argument.partition("=")[0] for argument in arguments}
    return "snakemake" in Path(program).parts[-2:] and not options & NOT_WITH_BATCHES


class Batches:
    """
    The exposures of a run in batches.

    An exposure that is due, because a product is missing or was made with other parameters, shares
    a batch with others that are due. One that is not has a batch of its own, which is run only if
    Snakemake finds another reason: Snakemake runs all that depends on a job that runs.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
    results : Path
        Folder of the products.
    seconds : float
        Predicted time to which batches are filled [s].
    exposures : callable
        Returns the run's exposures by name.
    parameters : callable
        Returns the parameters of the steps of one of them.
    params : dict
        The parameters of an exposure's job, or functions of its wildcards that return them.
    patterns : (list of str, str or None)
        Of what an exposure's job makes, and of its picture if it draws one.
    """

    def __init__(self, workflow, results, seconds, exposures, parameters, params, patterns):
        self.workflow, self.seconds = workflow, seconds
        self.folder = Path(results) / FOLDER
        self.exposures, self.parameters, self.params = exposures, parameters, params
        self.products, self.picture = patterns
        self.run = time.strftime("%Y%m%dT%H%M%S") + f"-{os.getpid()}"

    def predicted(self, target, threads=1):
        """Return the memory of an exposure's job [MB], its picture's included, and its shape."""
        from onramp.glance import glance
        from onramp.memory import predict_mb

        around = SCHEDULED_MB if self.scheduled else 0
        least = COMPILATION_MB if self.scheduled else 0  # the first job on a kind of node compiles
        least = max(least, PICTURE_MB if self.picture else 0)
        try:
            seen = glance(target.uncal)
        except OnrampError:  # for the job to tell
            return max(least, UNPREDICTED_MB) + around, (0,)
        steps = self.parameters(target)
        used = threads_used(steps, threads)
        return max(least, predict_mb(seen, used, steps=steps)) + around, seen.shape

    @property
    def scheduled(self):
        """Whether a scheduler starts the jobs."""
        return not self.workflow.local_exec

    @property
    def staged(self):
        """Folder of what batches have made and no job has taken."""
        return self.folder / STAGED

    def token(self, exposure):
        """Return what tells that an exposure's batch has been worked through."""
        return self._token("calibrate", self._of_exposure[exposure])

    def token_of_picture(self, exposure):
        """Return what tells that the batch in which an exposure's picture is drawn is done."""
        return self._token(*self._of_picture[exposure])

    def memory(self, wildcards, attempt):
        """Return a batch's memory [MB], more for each attempt after a failure."""
        return self._needs(wildcards)["mem_mb"] * attempt

    def minutes(self, wildcards, attempt):
        """Return a batch's time limit [minutes], more for each attempt after a failure."""
        return self._needs(wildcards)["minutes"] * attempt

    def write_plans(self):
        """Write what each batch has to do, once Snakemake has found out what is to be run."""
        for old in self.folder.glob("*"):  # of runs that were killed
            if old != self.staged:
                shutil.rmtree(old, ignore_errors=True)
        for old in self.staged.glob("*/*.taken"):
            shutil.rmtree(old, ignore_errors=True)
        entries = {}
        jobs = self.workflow.dag.needrun_jobs()
        for job in sorted(jobs, key=lambda job: (job.rule.name, str(job.wildcards))):
            token = job.input.get("batch")
            if token:
                entries.setdefault(str(token), []).append(_entry(job))
        for token, members in entries.items():
            plan = Path(token).with_suffix(".json")
            plan.parent.mkdir(parents=True, exist_ok=True)
            kind, number = plan.stem.split("-")
            needs = self._predicted(kind, int(number))
            write(json.dumps({**needs, "tries": self._tries, "entries": members}), plan)

    @property
    def _tries(self):
        """How often a member may end its job: the last attempt is to do without it."""
        retries = self.workflow.execution_settings.retries
        return max(1, min(2, retries))

    def clear(self):
        """Remove the plans of this run, and the folder if nothing is left in it."""
        shutil.rmtree(self.folder / self.run, ignore_errors=True)
        for folder in (*self.staged.glob("*"), self.staged, self.folder):
            try:
                folder.rmdir()
            except OSError:  # what is staged of other runs stays
                continue

    def _token(self, kind, number):
        execution = self.workflow.execution_settings  # None where nothing is run: --summary, --dag
        if execution is not None and execution.no_hooks:
            raise ParameterError("--no-hooks does not go with batches; set batch_seconds: 0")
        if "INPUT" in self._triggers:
            raise ParameterError(
                "--rerun-triggers input does not go with batches; leave it out, as the profiles "
                "do, or set batch_seconds: 0"
            )
        return f"{self.folder}/{self.run}/{kind}-{number}.done"

    def _needs(self, wildcards):
        plan = self.folder / wildcards.run / f"{wildcards.kind}-{wildcards.number}.json"
        if plan.exists():
            return json.loads(plan.read_text())
        return self._predicted(wildcards.kind, int(wildcards.number))

    def _predicted(self, kind, number):
        costs, members = self._costs, self._members[kind][number]
        memory = max(self._memory[name] for name in members)
        return {"mem_mb": memory, "minutes": time_limit(sum(costs[name] for name in members))}

    @cached_property
    def _members(self):
        """Return the exposures of each batch."""
        due, fresh = self._due
        drawn = [name for name in fresh if self.picture and self._missing([self.picture], name)]
        rest = [name for name in fresh if name not in set(drawn)]
        return {
            "calibrate": self._compose(due) + [[name] for name in fresh],
            "draw": self._compose(drawn) + [[name] for name in rest],
        }

    @cached_property
    def _of_exposure(self):
        return _numbers(self._members["calibrate"])

    @cached_property
    def _of_picture(self):
        found = {name: ("draw", n) for name, n in _numbers(self._members["draw"]).items()}
        for name in self._due[0]:
            found[name] = "calibrate", self._of_exposure[name]
        return found

    @cached_property
    def _due(self):
        due, fresh = [], []
        for name in self.exposures():
            missing = self._forced or self._missing(self.products, name) or self._changed(name)
            (due if missing else fresh).append(name)
        return due, fresh

    @cached_property
    def _forced(self):
        settings = self.workflow.dag_settings
        return settings.forceall or "detector1" in settings.forcerun

    def _missing(self, patterns, name):
        return any(pattern.format(exposure=name) not in self._present for pattern in patterns)

    @cached_property
    def _present(self):
        patterns = [*self.products, *([self.picture] if self.picture else [])]
        found = set()
        for folder in {os.path.dirname(pattern) for pattern in patterns}:
            if os.path.isdir(folder):
                found.update(f"{folder}/{name}" for name in os.listdir(folder))
        return found

    def _changed(self, name):
        """Tell whether Snakemake has it on record that products were made with other parameters."""
        if "PARAMS" not in self._triggers:
            return False
        recorded = self.workflow.persistence.params(IOFile(self.products[0].format(exposure=name)))
        return recorded is not None and set(recorded) != self._recordable(name)

    def _recordable(self, name):
        wildcards = Wildcards(fromdict={"exposure": name})
        values = (v(wildcards) if callable(v) else v for v in self.params.values())
        return {repr(v.format(exposure=name) if isinstance(v, str) else v) for v in values}

    @cached_property
    def _triggers(self):
        return {trigger.name for trigger in self.workflow.rerun_triggers}

    def _compose(self, names):
        costs = {name: self._costs[name] for name in names}
        settings = self.workflow.resource_settings
        slots = (settings.nodes if self.scheduled else settings.cores) or 1
        return compose(costs, longest(costs, self.seconds, slots, self.scheduled))

    @cached_property
    def _predictions(self):
        found = {}
        for name, target in self.exposures().items():
            memory, shape = self.predicted(target)
            seconds = predict_seconds(shape, self.parameters(target), bool(self.picture))
            found[name] = memory, seconds
        return found

    @cached_property
    def _memory(self):
        return {name: memory for name, (memory, _) in self._predictions.items()}

    @cached_property
    def _costs(self):
        return {name: seconds for name, (_, seconds) in self._predictions.items()}


def _numbers(batches):
    return {name: number for number, members in enumerate(batches) for name in members}


def _entry(job):
    """Return all that a rule's script is told of its job."""
    files = {
        "input": {key: str(path) for key, path in job.input.items() if key != "batch"},
        "output": {key: str(path) for key, path in job.output.items()},
    }
    params = dict(job.params.items())
    entry = {"rule": job.rule.name, "log": str(job.log[0]), "params": params, **files}
    return {**entry, "wildcards": {"exposure": job.wildcards.exposure}, "threads": job.threads}
