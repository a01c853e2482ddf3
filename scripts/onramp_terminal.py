"""What a person sees of a run while it goes on, and the same as JSON lines for a machine."""

import datetime as dt
import json
import logging
import shutil
import sys
import threading
import time
from pathlib import Path

from onramp import compilation
from onramp.printing import printable
from onramp.progress import Tally, line
from onramp.wfss_contam import STEP
from onramp_watch import BatchWatch

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
    "Warning: the following output files of rule quicklook",  # its exposure's job has drawn it
)
FOLDERS = {"detector1": "", STEP: f"{STEP}/"}
"""Rules of one exposure, and where in the folder of results each leaves its products."""
NOISY_EVENTS = "RUN_INFO", "RESOURCES_INFO", "JOB_FINISHED", "PROGRESS"
RECORD = "logs/progress.jsonl"
OWN_FAILURES = "returned non-zero exit status 1.", "returned non-zero exit status 130."
ERASE = "\r\x1b[K"
REFRESH = 1.0  # seconds between looks at the clock, on a terminal
LOOK = 5.0  # seconds between looks at what batches have done, elsewhere
REPEAT = 60.0  # seconds between lines about the whole, elsewhere


class Screen:
    """
    Lines that stay, and below them on a terminal one line that tells how far the run is.

    Parameters
    ----------
    stream : text file
        Where to print.
    """

    def __init__(self, stream):
        self.stream = stream
        self.live = stream.isatty()
        self.status = ""
        self.lock = threading.RLock()
        self.said = time.monotonic()

    def say(self, text):
        """Print a line that stays."""
        with self.lock:
            self._write(f"{ERASE if self.status else ''}{printable(text)}\n{self.status}")

    def show(self, text):
        """Put the line about the whole: below all others on a terminal, else now and then."""
        with self.lock:
            if self.live:
                self.status = printable(text)[: shutil.get_terminal_size().columns - 1]
                self._write(f"{ERASE}{self.status}")
            elif time.monotonic() - self.said > REPEAT:
                self.said = time.monotonic()
                self._write(f"{printable(text)}\n")

    def clear(self):
        """Make room for what others print."""
        with self.lock:
            if self.status:
                self.status = ""
                self._write(ERASE)

    def _write(self, text):
        self.stream.write(text)
        self.stream.flush()


class Progress(logging.Handler):
    """
    Listen to Snakemake's events and tell how the run and each exposure went.

    Parameters
    ----------
    results : Path
        Folder of the products, where statistics and crash files are found.
    screen : Screen, optional
        Where to tell it; left out, only the file of JSON lines does.
    """

    def __init__(self, results, screen=None):
        super().__init__(logging.INFO)
        self.results = Path(results)
        self.screen = screen
        self.tally = None
        self.told = set()
        self.running = {}
        self.batches = BatchWatch(results)
        self.lock = threading.RLock()
        self.record_file = None
        self.over = threading.Event()

    def emit(self, record):
        """Take notice of an event."""
        event = _event(record)
        with self.lock:
            if event == "RUN_INFO":
                self._start(sum(record.stats.get(rule, 0) for rule in FOLDERS))
            elif event == "JOB_INFO" and record.rule_name in FOLDERS:
                exposure = record.wildcards["exposure"]
                self._begin(record.jobid, f"{FOLDERS[record.rule_name]}{exposure}")
            elif event == "JOB_INFO" and record.rule_name == "batch":
                self._begin_batch(record.jobid, record.wildcards)
            elif event == "JOB_FINISHED" and record.job_id in self.running:
                self._end(self.running.pop(record.job_id), True)
            elif event == "JOB_ERROR" and record.jobid in self.running:
                self._end(self.running.pop(record.jobid), False)
            elif event == "JOB_ERROR":
                self._say(f"{record.rule_name} failed; see {' '.join(record.log)}")
                self._end_batch(record.jobid)
            elif event == "JOB_FINISHED":
                self._end_batch(record.job_id)

    def _start(self, total):
        if not total:
            return
        self.tally = Tally(total)
        self._record("start")
        if self.screen and not compilation.is_done():
            self._say("the first run compiles the numerical kernels: half a minute")
        if self.screen:
            threading.Thread(target=self._refresh, daemon=True).start()

    def _refresh(self):
        while not self.over.wait(REFRESH if self.screen.live else LOOK):
            with self.lock:
                news = self._look()
                if news or self.screen.live:
                    self.screen.show(line(self.tally.standing()))

    def _begin(self, job, exposure):
        if self.tally:
            self.running[job] = exposure
            if exposure not in self.batches.begun:
                self.tally.begin(exposure)
                self._record("begin", exposure=exposure)

    def _begin_batch(self, job, wildcards):
        for exposure in self.batches.begin(job, wildcards) if self.tally else ():
            self.tally.begin(exposure)
            self._record("begin", exposure=exposure)

    def _look(self):
        """Count what batches have done, before their exposures' jobs say so."""
        news = self.batches.news()
        for exposure, done in news:
            self.tally.end(exposure, done)
        return news

    def _end_batch(self, job):
        self._look()
        for exposure in self.batches.end(job):
            self.tally.withdraw(exposure)

    def _end(self, exposure, done):
        self.tally.end(exposure, done)
        facts = self._success(exposure) if done else self._failure(exposure)
        self._record("done" if done else "failed", exposure=exposure, **facts)
        standing = self.tally.standing()
        width = len(str(standing.total))
        self.told.add(exposure)  # once, however often it is tried
        ended = f"{len(self.told):{width}}/{standing.total}"
        self._say(f"[{ended}] {exposure}: {self._outcome(exposure, done, facts)}")
        if self.screen:
            self.screen.show(line(standing))

    def _outcome(self, exposure, done, facts):
        if not done:
            log = self.results / "logs" / f"{exposure}.log"
            reason = facts.get("reason")
            return f"failed: {reason}" if reason else f"ended without a word; see {log}"
        return f"{facts['seconds']:.1f} s, {facts['peak_mb']:.0f} MB" if facts else "done"

    def _success(self, exposure):
        try:
            with open(self.results / f"{exposure}_statistics.json") as file:
                found = json.load(file)
            return {key: float(found[key]) for key in ("seconds", "peak_mb")}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _failure(self, exposure):
        try:
            with open(self.results / f"{exposure}_pipecrash.txt") as file:
                reason = next(text for text in file if text.startswith("reason: "))
            return {"reason": json.loads(reason.removeprefix("reason: "))}
        except (OSError, ValueError, StopIteration):
            return {"reason": "interrupted"} if self._interrupted(exposure) else {}

    def _interrupted(self, exposure):
        try:
            log = (self.results / "logs" / f"{exposure}.log").read_text(errors="replace")
        except OSError:
            return False
        return log.rstrip().endswith(": interrupted")

    def _say(self, text):
        if self.screen:
            self.screen.say(text)

    def _record(self, event, **facts):
        """Add a line to the file for machines; where it cannot be written the run goes on."""
        now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        entry = {"time": now, "event": event, **facts, **self.tally.standing()._asdict()}
        try:
            if self.record_file is None:
                path = self.results / RECORD
                path.parent.mkdir(parents=True, exist_ok=True)
                self.record_file = open(path, "w", encoding="utf-8")  # noqa: SIM115
            self.record_file.write(json.dumps(entry) + "\n")
            self.record_file.flush()
        except OSError as problem:
            self._say(f"{self.results / RECORD}: {problem.strerror}; the run goes on without it")

    def finish(self):
        """Note that the run is over and leave the terminal to others."""
        if self.over.is_set():
            return
        self.over.set()
        if self.screen:
            self.screen.clear()
        if self.tally:
            self._record("end")

    def close(self):
        """Finish at the end of the process, if no hook has."""
        self.finish()
        if self.record_file:
            self.record_file.close()
        super().close()


def follow(logger, settings, results, main=True):
    """
    Report progress: in a file, and for Snakemake's own lines if ``quiet: rules`` turns these off.

    Parameters
    ----------
    logger : logging.Logger
        Snakemake's.
    settings : snakemake.settings.types.OutputSettings
    results : Path
        Folder of the products.
    main : bool, optional
        Whether this is the user's process, and not one that Snakemake started for a job.

    Returns
    -------
    Progress or None
        To be finished at the end of the run; None for a dry run or a job.
    """
    if settings.dryrun or not main:
        return None
    quiet = "RULES" in {choice.name for choice in settings.quiet or ()}
    screen = Screen(sys.stderr) if quiet else None
    for handler in logger.handlers:
        if screen and handler.name == "DefaultStreamHandler":
            handler.addFilter(lambda record: _is_news(record) and not screen.clear())
    progress = Progress(results, screen)
    logger.addHandler(progress)
    return progress


def _event(record):
    return getattr(getattr(record, "event", None), "name", None)


def _is_news(record):
    """Let through what is no routine and what no exposure's own line has told."""
    message = str(record.msg)
    if _event(record) in NOISY_EVENTS or message.startswith(NOISE):
        return False
    return not any(failure in message for failure in OWN_FAILURES)
