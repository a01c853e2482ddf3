"""
Simulate a grism field, or time onramp's wfss_contam on one.

Usage: slitless_onramp.py FOLDER simulate MODE SOURCES | time CASES.json | costs REFERENCE.npz
"""

import json
import resource
import statistics
import sys
import time
from pathlib import Path

import numpy as np

SEED = 11
PAIRS = 5  # corrections on one thread and on two, in turn


def simulate(folder, mode, sources):
    """Simulate a field; return its files by kind."""
    from onramp.wfss.simulation import simulate_grism

    found = simulate_grism(mode, folder, SEED, int(sources))
    return {name: str(path) for name, path in found._asdict().items()}


def measure(_folder, path):
    """Correct an exposure once to load all code, then on one thread and on two in turn."""
    from onramp.wfss_contam import WfssContam

    (case,) = json.loads(Path(path).read_text())

    def run(threads):
        start, before = time.perf_counter(), time.process_time()
        parameters = {**case["parameters"], "maximum_cores": str(threads)}
        folder = Path(case["cutouts"]).parent
        found = WfssContam.call(case["cutouts"], folder, parameters=parameters, cores=threads)
        return found, time.perf_counter() - start, time.process_time() - before

    first, _, _ = run(1)
    del first
    process = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    walls, cpus = {1: [], 2: []}, []
    for _ in range(PAIRS):
        one, wall, cpu = run(1)
        walls[1].append(wall)
        cpus.append(cpu)
        two, wall, _ = run(2)
        walls[2].append(wall)
    same = np.array_equal(one.simulated, two.simulated) and all(
        np.array_equal(a.sci, b.sci, equal_nan=True) for a, b in zip(one.cutouts, two.cutouts)
    )
    return {
        "cpu": statistics.median(cpus),
        "peak_mb": peak,
        "process_cpu": process,
        "one": statistics.median(walls[1]),
        "two": statistics.median(walls[2]),
        "same_bits": same,
        "dispersed": one.statistics["dispersed"],
    }


def costs(_folder, path):
    """Return what the reference has told of itself."""
    with np.load(path) as found:
        return {name: float(found[name]) for name in ("cpu", "peak_mb")}


if __name__ == "__main__":
    tasks = {"simulate": simulate, "time": measure, "costs": costs}
    print(json.dumps(tasks[sys.argv[2]](Path(sys.argv[1]), *sys.argv[3:])))
