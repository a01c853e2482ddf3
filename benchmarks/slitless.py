"""wfss_contam beside the reference's: the step's CPU time once all code is loaded, and memory."""

import json
import statistics
import sys
from pathlib import Path
from typing import NamedTuple

from costs import Cost, output
from in_turn import two_to_one
from table import Row

HERE = Path(__file__).resolve().parent
REFERENCE = HERE.parent / "tests" / "conformance" / "run_wfss.py"


class SlitlessCase(NamedTuple):
    """A simulated field, and what to reach."""

    mode: str
    sources: int
    orders: tuple = ()
    """Orders to disperse; all by default."""
    target: float | None = 60
    """How many times less CPU than the reference."""
    target_mb: float | None = None
    beside: bool = True
    """Whether the reference is run."""


SLITLESS = {
    "wfss_niriss_50": SlitlessCase("niriss", 50),
    "wfss_nircam_50": SlitlessCase("nircam", 50),
    "wfss_nircam_200": SlitlessCase("nircam", 200, (1,)),
    "wfss_nircam_1000": SlitlessCase("nircam", 1000, target=None, target_mb=1000, beside=False),
}
MOST_CPU = 40.0  # seconds that 1,000 sources may take, the process's start included


def bench_slitless(name, rounds, jwst, folder):
    """Run a case by the reference and by onramp in turn; return the Row."""
    case = SLITLESS[name]
    onramp = [sys.executable, HERE / "slitless_onramp.py", folder]
    files = json.loads(output([*onramp, "simulate", case.mode, case.sources]))
    parameters = {"orders": list(case.orders)} if case.orders else {}
    job = {**files, "output": str(folder / "reference.npz"), "parameters": parameters}
    (folder / "cases.json").write_text(json.dumps([job]))
    found = {"reference": [], "onramp": []}
    for _ in range(rounds if not case.beside else 1):
        if case.beside:
            output([jwst, REFERENCE, folder / "cases.json"])
            told = output([*onramp, "costs", folder / "reference.npz"])
            found["reference"].append(json.loads(told))
        found["onramp"].append(json.loads(output([*onramp, "time", folder / "cases.json"])))
    return _row(name, case, found)


def _row(name, case, found):
    medians = {
        run: Cost(*(statistics.median(took[key] for took in passes) for key in ("cpu", "peak_mb")))
        for run, passes in found.items()
        if passes
    }
    problems = []
    threads = [took["threads"] for took in found["onramp"]]
    if not all(pair["same_bits"] for pair in threads):
        problems.append("two threads do not give the bits of one")
    whole = statistics.median(took["process_cpu"] for took in found["onramp"])
    if not case.beside and whole > MOST_CPU:
        problems.append(f"the whole process took {whole:.1f} CPU s; {MOST_CPU:g} are allowed")
    label = f"{name}: {found['onramp'][0]['dispersed']} spectra of {case.sources} sources"
    return Row(
        label, medians["onramp"], medians.get("reference"), case.target, case.target_mb,
        two_threads=two_to_one(pair["passage"] for pair in threads),
        two_computing=two_to_one(pair["computing"] for pair in threads),
        problems=tuple(problems), rounds=found,
    )  # fmt: skip
