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
PASSES = 5  # corrections whose CPU time is taken


def simulate(folder, mode, sources):
    """Simulate a field; return its files by kind."""
    from onramp.wfss.simulation import simulate_grism

    found = simulate_grism(mode, folder, SEED, int(sources))
    return {name: str(path) for name, path in found._asdict().items()}


def measure(_folder, path):
    """Correct an exposure once to load all code, then some times on one thread, then on two."""
    from in_turn import compare_threads
    from onramp.wfss_contam import WfssContam

    (case,) = json.loads(Path(path).read_text())

    def run(threads):
        parameters = {**case["parameters"], "maximum_cores": str(threads)}
        folder = Path(case["cutouts"]).parent
        return WfssContam.call(case["cutouts"], folder, parameters=parameters, cores=threads)

    first = run(1)
    process = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cpus = []
    for _ in range(PASSES):
        before = time.process_time()
        run(1)
        cpus.append(time.process_time() - before)

    def same(found):
        return np.array_equal(found.simulated, first.simulated) and all(
            np.array_equal(a.sci, b.sci, equal_nan=True)
            for a, b in zip(found.cutouts, first.cutouts)
        )

    return {
        "cpu": statistics.median(cpus),
        "peak_mb": peak,
        "process_cpu": process,
        "threads": compare_threads(run, same),
        "dispersed": first.statistics["dispersed"],
    }


def costs(_folder, path):
    """Return what the reference has told of itself."""
    with np.load(path) as found:
        return {name: float(found[name]) for name in ("cpu", "peak_mb")}


if __name__ == "__main__":
    tasks = {"simulate": simulate, "time": measure, "costs": costs}
    print(json.dumps(tasks[sys.argv[2]](Path(sys.argv[1]), *sys.argv[3:])))
