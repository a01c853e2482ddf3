"""Whole processes: raw exposures to rates, beside the reference and beside a copy of the bytes."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from costs import cost, middle, output
from table import Row

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
REFERENCE = ROOT / "tests" / "conformance" / "run_reference.py"
SIMULATE = (
    "import json, sys\n"
    "from onramp.simulate import simulate\n"
    "simulate(sys.argv[1], sys.argv[2], 1, **json.loads(sys.argv[3]))\n"
)
FEWEST = 5_000_000  # samples that take longer than the start of a process varies
COPY = (
    "import sys, pathlib\n"
    "target = pathlib.Path(sys.argv[1])\n"
    "for n, name in enumerate(sys.argv[2:]):\n"
    "    with open(name, 'rb') as file, open(target / str(n), 'wb') as out:\n"
    "        while block := file.read(1 << 20):\n"
    "            'uncal' in name or 'references' in name or out.write(block)\n"
)


class WholeCase(NamedTuple):
    """A simulated exposure, and what to reach."""

    shape: tuple
    """nints, ngroups, ny, nx."""
    target: float | None = None
    """How many times less CPU than the reference."""
    target_mb: float | None = None
    mode: str | None = None
    """Of the simulator; None: the case's name."""
    steps: dict | None = None
    """Parameters of both pipelines."""


class LargeCase(NamedTuple):
    """An exposure larger than the reference can take; made by `large_exposure`."""

    shape: tuple
    """nints, ngroups, ny, nx."""
    changes: dict
    """Further fields of the simulated mode to change."""
    simulated: int
    """Integrations that are simulated, and then repeated."""
    few: int
    """Integrations that tell the time of a sample already."""
    target_mb: float = 1500
    mode: str = "nircam_sub"
    steps: dict | None = None


FLICKER_AND_CHARGE = {"charge_migration": {"skip": False}, "clean_flicker_noise": {"skip": False}}
INTERFERENCE = {"emicorr": {"skip": False}}
"""emicorr, which is off by default: the waves of its reference, fitted together with the ramps."""

WHOLE = {
    "nircam_full": WholeCase((1, 10, 2048, 2048), 20, 700),
    "niriss_soss": WholeCase((10, 5, 256, 2048)),
    "nirspec_bots": WholeCase((60, 10, 32, 512)),
    "nircam_sub": WholeCase((3, 10, 160, 160)),
    "nirspec_irs2_rapid": WholeCase((1, 10, 2048, 2048), 15, 690),
    "nircam_full_flicker": WholeCase(
        (1, 10, 2048, 2048), 15, 690, mode="nircam_full", steps=FLICKER_AND_CHARGE
    ),
    "miri_full": WholeCase((2, 10, 1024, 1032), 15, 370, steps=INTERFERENCE),
    "miri_prism": WholeCase(
        (200, 20, 416, 72), 15, 870, mode="miri_slitlessprism", steps=INTERFERENCE
    ),
}
LARGE = {
    "many_long": LargeCase((500, 60, 256, 256), {"ystart": 1793, "subarray": "SUB256"}, 5, 100),
    "many_short": LargeCase((580, 10, 400, 400), {"ystart": 1649, "subarray": "SUB400P"}, 20, 120),
    "miri_many": LargeCase((500, 60, 256, 256), {}, 5, 25, mode="miri_sub256", steps=INTERFERENCE),
}


def start_seconds(rounds):
    """Return the CPU seconds of a process that loads every kernel and does no more [s]."""
    warm = [sys.executable, "-m", "onramp.warm"]
    cost(warm)
    return middle([cost(warm) for _ in range(rounds)]).cpu


def bench_whole(name, rounds, jwst, start, folder):
    """Run the reference, onramp and the copy on a simulated exposure in turn; return the Row."""
    case = WHOLE[name]
    shape = json.dumps(dict(zip(("nints", "ngroups", "ny", "nx"), case.shape)))
    output([sys.executable, "-c", SIMULATE, case.mode or name, folder, shape])
    ours = onramp_command(folder, case.steps)
    subprocess.run(ours, check=True)
    runs = {
        "reference": reference_command(folder, jwst, case.steps),
        "onramp": ours,
        "copy": copy_command(folder),
    }
    costs = {run: [] for run in runs}
    for _ in range(rounds):
        for run, command in runs.items():
            costs[run].append(cost(command))
    fate = json.loads((folder / "reference" / "reference.json").read_text())
    if fate["problem"]:
        raise SystemExit(f"bench: the reference failed on {name}: {fate['problem']}")
    medians = {run: middle(found) for run, found in costs.items()}
    return Row(
        f"{name}, whole process", medians["onramp"], medians["reference"], case.target,
        case.target_mb, medians["copy"].cpu,
        sample_ns=sample_ns(medians["onramp"], case.shape, start), rounds=costs,
    )  # fmt: skip


def bench_large(name, rounds, full, start, folder):
    """Run onramp on an exposure of many integrations; return the Row."""
    case = LARGE[name]
    nints = case.shape[0] if full else case.few
    output([sys.executable, HERE / "large_exposure.py", name, nints, folder])
    command = onramp_command(folder, case.steps)
    costs = {"onramp": [cost(command) for _ in range(rounds)]}
    found = middle(costs["onramp"])
    shape = (nints, *case.shape[1:])
    return Row(
        f"{' x '.join(map(str, shape))}, whole process", found, target_mb=case.target_mb,
        sample_ns=sample_ns(found, shape, start), rounds=costs,
    )  # fmt: skip


def sample_ns(found, shape, start):
    """Return the CPU time for each sample beyond the start of a process [ns], None for too few."""
    samples = math.prod(shape)
    return (found.cpu - start) / samples * 1e9 if samples >= FEWEST else None


def onramp_command(folder, steps=None):
    """Return onramp's command for the exposure in a folder."""
    chosen = [
        f"--steps.{step}.{name}={json.dumps(value)}"
        for step, values in (steps or {}).items()
        for name, value in values.items()
    ]
    (uncal,) = (folder / "uncal").glob("*.fits")
    return [
        *(sys.executable, "-m", "onramp.cli", "detector1", str(uncal), "--quiet"),
        *("--references", str(folder / "references")),
        *("--output_dir", str(folder / "onramp")),
        *chosen,
    ]


def reference_command(folder, jwst, steps=None):
    """Return the reference's command for the exposure in a folder."""
    (uncal,) = (folder / "uncal").glob("*.fits")
    references = (folder / "references").iterdir()
    case = {
        "uncal": str(uncal),
        "references": {path.name.split("_")[2]: str(path) for path in references},
        "output_dir": str(folder / "reference"),
        "steps": steps or {},
        "ramp": False,
    }
    cases = folder / "cases.json"
    cases.write_text(json.dumps([case]))
    return [jwst, str(REFERENCE), str(cases)]


def copy_command(folder):
    """Return a command that reads what onramp reads and writes what it has written."""
    copies = folder / "copy"
    copies.mkdir()
    inputs = sorted([*(folder / "uncal").glob("*.fits"), *(folder / "references").iterdir()])
    products = sorted((folder / "onramp").glob("*.fits"))
    return [sys.executable, "-S", "-c", COPY, str(copies), *map(str, [*inputs, *products])]
