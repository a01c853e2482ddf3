"""
Run both pipelines on cases, ahead of the tests that look at what became of them.

One process simulates and runs onramp, as many as there are cores run the reference; each goes on to
the next case while tests compare an earlier one.
"""

import contextlib
import json
import math
import multiprocessing
import queue
import shutil
import subprocess
import threading
import warnings
from concurrent.futures import Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple

from astropy.io import fits
from onramp.cores import granted
from onramp.dark import process_dark
from onramp.detector1 import process_exposure
from onramp.errors import OnrampError
from onramp.own_process import settle
from onramp.parameters import parse_steps
from onramp.references import REFERENCE_TYPES
from onramp.simulate import simulate

HERE = Path(__file__).parent
LARGEST = 300e6  # bytes of uncal files at a time; products take some thirty times as much


class Input(NamedTuple):
    """What both pipelines are given."""

    uncal: Path
    references: dict
    """Path or "N/A" by type."""
    steps: dict
    folder: Path
    """Products go to its `onramp` and `reference`."""
    pipeline: str = "detector1"
    checked: bool = True


class Run(NamedTuple):
    """What became of one case."""

    uncal: Path
    onramp: Path
    reference: Path
    onramp_problem: str
    """One line, or empty."""
    reference_problem: str
    """Traceback, or empty."""

    def products(self, pipeline):
        """Return the products of `onramp` or `reference` by what follows the exposure's name."""
        exposure = self.uncal.name.removesuffix("_uncal.fits")
        folder = getattr(self, pipeline)
        return {
            path.name.removeprefix(f"{exposure}_").removesuffix(".fits"): path
            for path in folder.glob("*.fits")
        }


def prepare(case, folder, seed):
    """Make a case's exposure and change its files."""
    if callable(case.mode):
        files = case.mode(folder)
    else:
        files = simulate(case.mode, folder, seed, **case.changes)
    references = {"ipc": "N/A", **files.references, **case.edit(files)}
    steps = {step: dict(values) for step, values in case.steps.items()}
    return Input(files.uncal, references, steps, folder, case.pipeline, case.checked)


class Runs:
    """
    What became of cases, by name: run in order, some ahead of the one that is looked at.

    Parameters
    ----------
    cases : dict of str to (Case, int)
        Each case and its seed, in the order in which they are going to be looked at.
    python : Path
        The reference's interpreter.
    folder : Path
    """

    def __init__(self, cases, python, folder):
        self._cases, self._folder = cases, folder
        self._reference = ReferenceProcesses(python, folder, granted())
        spawn = multiprocessing.get_context("spawn")
        self._onramp = ProcessPoolExecutor(1, spawn, initializer=_begin)
        self._ahead = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._ahead:
            self._ahead.stop()
        self._onramp.shutdown(cancel_futures=True)
        self._reference.end()

    def __getitem__(self, name):
        names = list(self._cases)
        if not (self._ahead and self._ahead.holds([name])):
            self._start(names[names.index(name) :], LARGEST)
        self._ahead.forget_before(name)
        return self._ahead.result(name)

    def of(self, names):
        """Return the runs of some cases whose products are wanted at the same time."""
        if not (self._ahead and self._ahead.holds(names)):
            self._start(names, math.inf)
        return {name: self._ahead.result(name) for name in names}

    def _start(self, names, largest):
        if self._ahead:
            self._ahead.stop()
        seeds = {name: self._cases[name][1] for name in names}
        self._ahead = Ahead(seeds, self._folder, self._onramp, self._reference, largest)


class Ahead:
    """
    Cases on their way, in order, as long as there is room on the disk.

    Parameters
    ----------
    seeds : dict of str to int
        By case.
    folder : Path
    onramp : ProcessPoolExecutor
    reference : ReferenceProcesses
    largest : float
        Bytes of uncal files at a time.
    """

    def __init__(self, seeds, folder, onramp, reference, largest):
        self._seeds, self._folder, self._largest = seeds, folder, largest
        self._onramp, self._reference = onramp, reference
        self._begun = {name: Future() for name in seeds}
        self._sizes, self._stopped = {}, False
        self._room = threading.Condition()
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def holds(self, names):
        """Return whether cases are among these and not yet forgotten."""
        return self._begun.keys() >= set(names)

    def result(self, name):
        """Wait for a case."""
        one, ours, theirs = self._begun[name].result()
        return Run(one.uncal, one.folder / "onramp", one.folder / "reference", ours.result(),
                   theirs.result())  # fmt: skip

    def forget_before(self, name):
        """Forget the cases before this one."""
        for earlier in list(self._begun):
            if earlier == name:
                return
            self._finish(self._begun[earlier])
            self._clear(earlier)
            del self._begun[earlier]

    def stop(self):
        """End what is under way, and clear the disk."""
        with self._room:
            self._stopped = True
            self._room.notify()
        self._thread.join()
        for name in list(self._sizes):
            self._finish(self._begun[name])
            self._clear(name)

    def _finish(self, begun):
        """Wait until nothing is written any more, whatever the outcome."""
        with contextlib.suppress(Exception):
            _, *both = begun.result()
            wait([future for future in both if not future.cancel()])

    def _clear(self, name):
        shutil.rmtree(self._folder / name, ignore_errors=True)
        with self._room:
            del self._sizes[name]
            self._room.notify()

    def _feed(self):
        for name, seed in self._seeds.items():
            with self._room:
                self._room.wait_for(lambda: self._stopped or self._has_room())
                if self._stopped:
                    return
                self._sizes[name] = 0
            try:
                one = self._onramp.submit(_prepare, name, self._folder / name, seed).result()
                self._sizes[name] = one.uncal.stat().st_size
                both = self._onramp.submit(_run_onramp, one), self._reference.submit(_job(one))
                self._begun[name].set_result((one, *both))
            except Exception as problem:
                self._begun[name].set_exception(problem)

    def _has_room(self):
        return sum(self._sizes.values()) < self._largest


class ReferenceProcesses:
    """
    Processes in which the reference runs one case after the other.

    Parameters
    ----------
    python : Path
        The reference's interpreter.
    folder : Path
        For logs.
    count : int
    """

    def __init__(self, python, folder, count):
        self._command = [python, HERE / "run_reference.py", "-"]
        self._jobs = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._serve, args=(folder / f"reference{n}.log",), daemon=True)
            for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job):
        """Return the future of a case's traceback, which is empty if it succeeds."""
        future = Future()
        self._jobs.put((job, future))
        return future

    def end(self):
        """End the processes once all is done."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self, log):
        with contextlib.ExitStack() as stack:
            process = None
            for job, future in iter(self._jobs.get, None):
                if not future.set_running_or_notify_cancel():
                    continue
                process = process or stack.enter_context(self._begin(log))
                try:
                    process.stdin.write(f"{json.dumps(job)}\n")
                    process.stdin.flush()
                    future.set_result(json.loads(process.stdout.readline())["problem"])
                except (OSError, ValueError):
                    process = process.kill()
                    future.set_exception(RuntimeError(log.read_text()[-2000:]))

    def _begin(self, log):
        with open(log, "w") as file:
            return subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, text=True
            )


def _steps(one, output):
    """Return the parameters of the steps with the names of folders put in."""
    places = {"{folder}": str(one.folder), "{output}": str(output)}

    def placed(value):
        for word, place in places.items():
            value = value.replace(word, place) if isinstance(value, str) else value
        return value

    return {
        step: {name: placed(value) for name, value in values.items()}
        for step, values in one.steps.items()
    }


def _job(one):
    output = one.folder / "reference"
    references = {kind: str(path) for kind, path in one.references.items()}
    return {
        "uncal": str(one.uncal),
        "references": references,
        "output_dir": str(output),
        "steps": _steps(one, output),
        "pipeline": one.pipeline,
        "checked": one.checked,
    }


def _begin():
    """Prepare the process in which onramp runs."""
    warnings.simplefilter("error")
    settle(fits.conf)


def _prepare(name, folder, seed):
    from every_case import ALL_CASES

    return prepare(next(case for case in ALL_CASES if case.name == name), folder, seed)


def _run_onramp(one):
    output = one.folder / "onramp"
    parameters = parse_steps(_steps(one, output), "case")
    references = {kind: path for kind, path in one.references.items() if kind in REFERENCE_TYPES}
    try:
        if one.pipeline == "dark":
            process_dark(one.uncal, output, parameters, None, references)
            return ""
        process_exposure(one.uncal, output, parameters, None, references, save_calibrated_ramp=True)
    except OnrampError as error:
        return str(error)
    return ""
