"""
CPU time and peak memory of onramp and the reference pipeline, in one run and whole processes.

Usage: python benchmarks/bench.py [--rounds N] [--modes nircam_full,...]

Each round runs the reference, onramp on one thread and a plain copy of the same bytes in turn, so
that a drift of the machine's speed hits them alike; medians are printed, and ratios of medians.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "tests" / "conformance" / "run_reference.py"
COPY = (
    "import sys, pathlib\n"
    "target = pathlib.Path(sys.argv[1])\n"
    "for n, name in enumerate(sys.argv[2:]):\n"
    "    with open(name, 'rb') as file, open(target / str(n), 'wb') as out:\n"
    "        while block := file.read(1 << 20):\n"
    "            'uncal' in name or 'references' in name or out.write(block)\n"
)


class Cost(NamedTuple):
    """What a process took."""

    cpu: float
    """User and system [s]."""
    peak_mb: float


def cost(command, **options):
    """Run a command to its end; return its Cost."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, **options)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"bench: {' '.join(map(str, command))} failed ({process.returncode})")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def middle(costs):
    """Return the median cost."""
    return Cost(
        statistics.median(c.cpu for c in costs), statistics.median(c.peak_mb for c in costs)
    )


def commands(folder, jwst):
    """Return the commands of the reference, onramp and the copy for a simulated exposure."""
    (uncal,) = (folder / "uncal").glob("*.fits")
    references = sorted((folder / "references").glob("*.fits"))
    case = {
        "uncal": str(uncal),
        "references": {path.name.split("_")[2]: str(path) for path in references},
        "output_dir": str(folder / "reference"),
        "ramp": False,
    }
    cases = folder / "cases.json"
    cases.write_text(json.dumps([case]))
    ours = folder / "onramp"
    run = [
        *(sys.executable, "-m", "onramp.cli", "detector1", str(uncal), "--quiet"),
        *("--references", str(folder / "references")),
        *("--output_dir", str(ours)),
    ]
    subprocess.run(run, check=True)
    inputs = [uncal, *references, *sorted(ours.glob("*.fits"))]
    copies = folder / "copy"
    copies.mkdir()
    return {
        "reference": [jwst, str(REFERENCE), str(cases)],
        "onramp": run,
        "copy": [sys.executable, "-S", "-c", COPY, str(copies), *map(str, inputs)],
    }


def bench_mode(mode, rounds, jwst, folder):
    """Measure one mode; print its rows."""
    command = [sys.executable, str(ROOT / "scripts" / "simulate.py"), "--seed", "1"]
    subprocess.run(
        [*command, "--modes", mode, "--output", str(folder)], check=True, stdout=subprocess.DEVNULL
    )
    runs = commands(folder, jwst)
    costs = {name: [] for name in runs}
    for _ in range(rounds):
        for name, command in runs.items():
            costs[name].append(cost(command))
    fate = json.loads((folder / "reference" / "reference.json").read_text())
    if fate["problem"]:
        raise SystemExit(f"bench: the reference failed on {mode}: {fate['problem']}")
    medians = {name: middle(found) for name, found in costs.items()}
    reference, ours, copy = medians["reference"], medians["onramp"], medians["copy"]
    print(
        f"{mode:14} {reference.cpu:9.2f} {ours.cpu:7.2f} {reference.cpu / ours.cpu:6.1f} "
        f"{reference.peak_mb:9.0f} {ours.peak_mb:7.0f} {reference.peak_mb / ours.peak_mb:6.1f} "
        f"{copy.cpu:6.2f} {ours.cpu / copy.cpu:6.1f}"
    )


def bench_start(folder):
    """Measure the first compilation of all kernels, and the start of a warm process."""
    warm = [sys.executable, "-m", "onramp.warm"]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache")}
    first = cost(warm, env=environment)
    again = middle([cost(warm, env=environment) for _ in range(5)])
    print(f"first compilation of all kernels: {first.cpu:.1f} CPU s")
    print(f"warm start, every kernel loaded and run on 48 pixels: {again.cpu:.2f} CPU s")


def main():
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--modes", default="nircam_full,niriss_soss,nirspec_bots,nircam_sub")
    parser.add_argument("--jwst-python", default=os.environ.get("ONRAMP_JWST_PYTHON"))
    options = parser.parse_args()
    jwst = options.jwst_python or str(ROOT / ".venv-jwst" / "bin" / "python")
    if not Path(jwst).exists():
        raise SystemExit(f"bench: {jwst} is missing; run make conformance once to install it")
    print(f"medians of {options.rounds} interleaved rounds, whole processes, one thread each")
    print(f"{'':14} {'CPU s':>24} {'peak MB':>24} {'copy of the bytes':>13}")
    print(
        f"{'mode':14} {'reference':>9} {'onramp':>7} {'ratio':>6} "
        f"{'reference':>9} {'onramp':>7} {'ratio':>6} {'CPU s':>6} {'onramp/copy':>6}"
    )
    folder = Path(tempfile.mkdtemp(prefix="onramp-bench-"))
    try:
        for mode in options.modes.split(","):
            place = folder / mode
            place.mkdir()
            bench_mode(mode, options.rounds, jwst, place)
            shutil.rmtree(place)
        bench_start(folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
