"""Run both pipelines on a set of cases: the reference in its own processes, onramp in this one."""

import contextlib
import json
import math
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from onramp.cores import granted
from onramp.dark import process_dark
from onramp.detector1 import process_exposure
from onramp.errors import OnrampError
from onramp.parameters import parse_steps
from onramp.simulate import simulate

HERE = Path(__file__).parent
LARGEST_LOT = 400e6  # bytes of uncal files; products take some thirty times as much


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
    onramp_problem: OnrampError | None
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
    return Input(files.uncal, references, case.steps, folder, case.pipeline, case.checked)


class Runs:
    """
    What became of cases, by name: run lot by lot, so that only one lot's products are on the disk.

    Parameters
    ----------
    cases : dict of str to (Case, int)
        Each case and its seed, in the order in which they are going to be looked at.
    python : Path
        The reference's interpreter.
    folder : Path
    """

    def __init__(self, cases, python, folder):
        self._cases, self._python, self._folder = cases, python, folder
        self._lot = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._clear()

    def __getitem__(self, name):
        if name not in self._lot:
            names = list(self._cases)
            self._run(names[names.index(name) :])
        return self._lot[name]

    def of(self, names):
        """Return the runs of some cases whose products are wanted at the same time."""
        if not self._lot.keys() >= set(names):
            self._run(names, math.inf)
        return self._lot

    def _run(self, names, largest=LARGEST_LOT):
        self._clear()
        inputs, size = {}, 0
        for name in names:
            case, seed = self._cases[name]
            inputs[name] = prepare(case, self._folder / name, seed)
            size += inputs[name].uncal.stat().st_size
            if size > largest:
                break
        self._lot = run_all(inputs, self._python, self._folder)

    def _clear(self):
        self._lot = {}
        for path in self._folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)


def run_all(inputs, python, folder):
    """
    Run both pipelines, the reference on as many processes as there are cores.

    Parameters
    ----------
    inputs : dict of str to Input
    python : Path
        The reference's interpreter.
    folder : Path
        For lists of cases and logs.

    Returns
    -------
    dict of str to Run
    """
    with contextlib.ExitStack() as stack:
        workers = []
        for n, share in enumerate(_shares(inputs.values(), granted())):
            jobs = folder / f"share{n}.json"
            jobs.write_text(json.dumps([_job(one) for one in share]))
            log = stack.enter_context(open(folder / f"share{n}.log", "w"))
            command = [python, HERE / "run_reference.py", jobs]
            worker = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
            stack.callback(worker.kill)
            workers.append(worker)
        problems = {name: _run_onramp(one) for name, one in inputs.items()}
        for n, worker in enumerate(workers):
            if worker.wait():
                raise RuntimeError((folder / f"share{n}.log").read_text())
    return {name: _run(one, problems[name]) for name, one in inputs.items()}


def _shares(inputs, count):
    """Deal inputs out so that all shares take about the same time."""
    shares = [[] for _ in range(count)]
    loads = [0.0] * count
    for one in sorted(inputs, key=_load, reverse=True):
        least = loads.index(min(loads))
        shares[least].append(one)
        loads[least] += _load(one)
    return [share for share in shares if share]


def _load(one):
    """Estimate the reference's time [s]."""
    return 0.5 + one.uncal.stat().st_size / 2.5e6


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


def _run_onramp(one):
    output = one.folder / "onramp"
    parameters = parse_steps(_steps(one, output), "case")
    try:
        if one.pipeline == "dark":
            process_dark(one.uncal, output, parameters, None, one.references)
            return None
        process_exposure(
            one.uncal, output, parameters, None, one.references, save_calibrated_ramp=True
        )
    except OnrampError as error:
        return error
    return None


def _run(one, problem):
    reference = one.folder / "reference"
    fate = json.loads((reference / "reference.json").read_text())
    return Run(one.uncal, one.folder / "onramp", reference, problem, fate["problem"])
