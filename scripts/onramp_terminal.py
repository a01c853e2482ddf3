"""What a person sees of a run: a line for each exposure when it is done or has failed."""

import json
import logging
import sys
from pathlib import Path

from onramp import compilation
from onramp.printing import printable

NOISE = (
    "Assuming unrestricted shared",
    "Building DAG",
    "Using shell",
    "Conda environments",
    "Select jobs",
    "Execute ",
    "Storing output",
    "Complete log",
    "Elapsed time",
)
NOISY_EVENTS = "RUN_INFO", "RESOURCES_INFO", "JOB_FINISHED", "PROGRESS"
OWN_FAILURES = "returned non-zero exit status 1.", "returned non-zero exit status 130."


class Progress(logging.Handler):
    """
    Listen to Snakemake's events and tell how each exposure went.

    Parameters
    ----------
    results : Path
        Folder of the products, where statistics and crash files are found.
    """

    def __init__(self, results):
        super().__init__(logging.INFO)
        self.results = Path(results)
        self.total = 0
        self.told = set()
        self.running = {}

    def emit(self, record):
        """Take notice of an event."""
        event = _event(record)
        if event == "RUN_INFO":
            self.total = record.stats.get("detector1", 0)
            if self.total and not compilation.mark_file().exists():
                self._print("the first run compiles the numerical kernels: half a minute")
        elif event == "JOB_INFO" and record.rule_name == "detector1":
            self.running[record.jobid] = record.wildcards["exposure"]
        elif event == "JOB_FINISHED" and record.job_id in self.running:
            self._tell(self.running.pop(record.job_id), self._success)
        elif event == "JOB_ERROR" and record.jobid in self.running:
            self._tell(self.running.pop(record.jobid), self._failure)
        elif event == "JOB_ERROR":
            self._print(f"{record.rule_name} failed; see {' '.join(record.log)}")

    def _tell(self, exposure, how):
        self.told.add(exposure)
        width = len(str(self.total))
        self._print(f"[{len(self.told):{width}}/{self.total}] {exposure}: {how(exposure)}")

    def _success(self, exposure):
        try:
            with open(self.results / f"{exposure}_statistics.json") as file:
                found = json.load(file)
            return f"{found['seconds']:.1f} s, {found['peak_mb']:.0f} MB"
        except (OSError, ValueError, KeyError):
            return "done"

    def _failure(self, exposure):
        path = self.results / f"{exposure}_pipecrash.txt"
        try:
            with open(path) as file:
                reason = next(line for line in file if line.startswith("reason: "))
            return f"failed: {json.loads(reason.removeprefix('reason: '))}"
        except (OSError, ValueError, StopIteration):
            return f"ended without a word; see {self.results}/logs/{exposure}.log"

    def _print(self, line):
        print(printable(line), file=sys.stderr, flush=True)


def follow(logger, settings, results):
    """
    Report progress in place of Snakemake's own lines, if ``quiet: rules`` turns these off.

    Parameters
    ----------
    logger : logging.Logger
        Snakemake's.
    settings : snakemake.settings.types.OutputSettings
    results : Path
        Folder of the products.
    """
    if settings.dryrun or "RULES" not in {choice.name for choice in settings.quiet or ()}:
        return
    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler":
            handler.addFilter(_is_news)
    logger.addHandler(Progress(results))


def _event(record):
    return getattr(getattr(record, "event", None), "name", None)


def _is_news(record):
    """Let through what is no routine and what no exposure's own line has told."""
    message = str(record.msg)
    if _event(record) in NOISY_EVENTS or message.startswith(NOISE):
        return False
    return not any(failure in message for failure in OWN_FAILURES)
