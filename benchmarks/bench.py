"""
CPU time and peak memory of onramp and the reference pipeline, in one run.

Usage: python benchmarks/bench.py [--rounds N] [--cases A,B] [--steps | --whole] [--large]
[--json FILE]

Each round runs the reference and onramp in turn, each in a process of its own and on one thread, so
that a drift of the machine's speed hits them alike; medians are printed, and ratios of medians.
Jump detection and ramp fit alone are timed on arrays in memory, and count only if flags and slopes
of the two agree; two threads are compared with one in wall time, in turn and bit by bit.
"""

import argparse
import compileall
import json
import os
import shutil
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path

from costs import Cost, cost, output
from in_turn import two_to_one
from slitless import SLITLESS, bench_slitless
from step_cases import CASES
from table import Row, head, line
from whole import LARGE, WHOLE, bench_large, bench_whole, start_seconds

HERE = Path(__file__).resolve().parent


def bench_steps(name, rounds, jwst, folder):
    """Run a case's steps by the reference and by onramp in turn; return the Row."""
    ramps, ours, theirs = (folder / part for part in ("ramps", "onramp", "reference"))
    for part in (ramps, ours, theirs):
        part.mkdir()
    onramp = [sys.executable, HERE / "steps_onramp.py", name, ramps]
    output([sys.executable, HERE / "ramps.py", name, ramps])
    output([*onramp, ours])
    found = {"reference": [], "onramp": []}
    for n in range(rounds):
        keep = [] if n else [theirs]
        reference = [jwst, HERE / "steps_reference.py", name, ramps, *keep]
        found["reference"].append(json.loads(output(reference)))
        found["onramp"].append(json.loads(output(onramp)))
    problems = output([sys.executable, HERE / "agreement.py", ours, theirs]).splitlines()
    return _step_row(name, found, problems)


def _step_row(name, found, problems):
    case = CASES[name]
    medians = {
        run: Cost(*(statistics.median(took[key] for took in passes) for key in ("cpu", "peak_mb")))
        for run, passes in found.items()
    }
    threads = [took["threads"] for took in found["onramp"] if "threads" in took]
    if not all(pair["same_bits"] for pair in threads):
        problems.append("two threads do not give the bits of one")
    return Row(
        f"{name}: {case.label}", medians["onramp"], medians["reference"], case.target,
        stream=statistics.median(took["stream"] for took in found["onramp"]),
        two_threads=two_to_one(pair["passage"] for pair in threads),
        two_computing=two_to_one(pair["computing"] for pair in threads),
        reported=_median(took.get("reported") for took in found["onramp"]),
        problems=tuple(problems), rounds=found,
    )  # fmt: skip


def _median(values):
    """Return the median, None if nothing is known."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def first_compilation(folder):
    """Return the CPU seconds to compile all kernels."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    return cost([sys.executable, "-m", "onramp.warm"], env=environment).cpu


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", help=f"of {', '.join([*CASES, *WHOLE, *LARGE, *SLITLESS])}")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--steps", action="store_true", help="jump detection and ramp fit only")
    only.add_argument("--whole", action="store_true", help="whole processes only")
    parser.add_argument("--large", action="store_true", help="largest exposures at full size")
    parser.add_argument("--json", type=Path, help="file for all figures")
    parser.add_argument("--jwst-python", default=os.environ.get("ONRAMP_JWST_PYTHON"))
    options = parser.parse_args(arguments)
    steps = () if options.whole else (*CASES, *SLITLESS)
    known = [*steps, *(() if options.steps else (*WHOLE, *LARGE))]
    options.cases = options.cases.split(",") if options.cases else known
    for name in options.cases:
        if name not in known:
            parser.error(f"no case {name!r}; there are {', '.join(known)}")
    return options


def plan(options, jwst, folder):
    """Return what makes each row, by case."""
    whole = {*WHOLE, *LARGE}.intersection(options.cases)
    start = start_seconds(options.rounds) if whole else 0.0
    works = {}
    for name in options.cases:
        if name in CASES:
            works[name] = partial(bench_steps, name, options.rounds, jwst)
        elif name in SLITLESS:
            works[name] = partial(bench_slitless, name, options.rounds, jwst)
        elif name in WHOLE:
            works[name] = partial(bench_whole, name, options.rounds, jwst, start)
        else:
            works[name] = partial(bench_large, name, options.rounds, options.large, start)
    return start, works


def main():
    """Run the benchmarks."""
    options = parse()
    jwst = options.jwst_python or str(HERE.parent / ".venv-jwst" / "bin" / "python")
    if not Path(jwst).exists():
        raise SystemExit(f"bench: {jwst} is missing; run make conformance once to install it")
    # What pip installs comes with its bytecode, which both are to have.
    compileall.compile_dir(HERE.parent / "scripts", quiet=1)
    folder = Path(tempfile.mkdtemp(prefix="onramp-bench-"))
    try:
        start, works = plan(options, jwst, folder)
        print(f"Medians of {options.rounds} interleaved rounds.\n\n{head()}", flush=True)
        rows = []
        for name, work in works.items():
            place = folder / name
            place.mkdir()
            rows.append(work(place))
            print(line(rows[-1].cells()), flush=True)
            shutil.rmtree(place)
        compiled = None
        if start:
            compiled = first_compilation(folder)
            print(f"\nFirst compilation of all kernels: {compiled:.1f} CPU s; ", end="")
            print(f"start of a process, every kernel loaded: {start:.2f} CPU s.")
    finally:
        shutil.rmtree(folder)
    if options.json:
        record = {"rounds": options.rounds, "start": start, "first_compilation": compiled}
        record["rows"] = [row.record() for row in rows]
        options.json.write_text(json.dumps(record, indent=1) + "\n")
    problems = [f"bench: {row.case}: {problem}" for row in rows for problem in row.problems]
    if problems:
        raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    main()
