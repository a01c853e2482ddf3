"""What Snakemake itself costs for many exposures: CPU time and memory for 10 to 10,000 and more."""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

LINKED = "Snakefile", "workflow", "profiles", "config"
ENDINGS = (
    *("_rate.fits", "_rateints.fits"),
    *("_statistics.json", "_parameters.yaml", "_provenance.json"),
)
STAND_IN = """from pathlib import Path

for output in snakemake.output:
    Path(output).write_text('{"jump_report": null}')
"""
PICTURE = """picture = Path("results/quicklook", snakemake.wildcards.exposure + ".png")
picture.parent.mkdir(exist_ok=True)
picture.write_bytes(b"IEND\\xaeB`\\x82")
"""
BARE = """import os

NAMES = [name[:-11] for name in sorted(os.listdir("uncal"))]


rule all:
    input:
        [f"results/{name}_rate.fits" for name in NAMES],


rule detector1:
    input:
        "uncal/{name}_uncal.fits",
    output:
        "results/{name}_rate.fits",
    script:
        "detector1.py"
"""


class Cost(NamedTuple):
    """What a command cost, its children included."""

    wall: float
    """[s]"""
    cpu: float
    """[s]"""
    peak_mb: float
    """Of the largest process [MB]."""


def measure(command, folder) -> Cost:
    """Run a command to its end; stop with its output if it fails."""
    with open(folder / "printed", "w+") as printed:
        begun = time.monotonic()
        process = subprocess.Popen(command, cwd=folder, stdout=printed, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            printed.seek(0)
            sys.exit(f"{' '.join(command)} in {folder}:\n{printed.read()[-3000:]}")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def make_project(folder, uncal, count, bare=False):
    """Make a project of hard links to one exposure, with scripts that do nothing but write."""
    (folder / "uncal").mkdir(parents=True)
    for n in range(count):
        os.link(uncal, folder / f"uncal/jw{n:05d}001001_02101_00001_nrca1_uncal.fits")
    if bare:
        (folder / "Snakefile").write_text(BARE)
        (folder / "detector1.py").write_text(STAND_IN)
        return
    for part in LINKED:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, folder / part)
    (folder / "references").symlink_to(uncal.parents[1] / "references")
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=without)
    (folder / "scripts/detector1.py").write_text(STAND_IN + PICTURE)


def write_outputs(folder):
    """Write what the jobs would have written, for a run that has nothing to do."""
    from onramp import targets
    from onramp.completeness import PICTURE_END
    from onramp.configuration import Configuration
    from onramp.reference_step import WRITE, ReferenceStep

    results = folder / "results"
    (results / "quicklook").mkdir(parents=True)
    with contextlib.chdir(folder):
        configuration = Configuration()
        step = ReferenceStep(configuration, WRITE)
        for name, target in targets.find(configuration).items():
            step.manifest(target)
            for ending in ENDINGS:
                (results / f"{name}{ending}").write_text("{}")
            (results / f"quicklook/{name}.png").write_bytes(PICTURE_END)


def snakemake(*arguments):
    """Return the command that runs a project's workflow."""
    return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]


def costs(folder, uncal, count, asked):
    """Yield what it costs to plan a run of some exposures, to make it, and to start it again."""
    quiet = ["--dry-run", "--quiet", "all"]
    if asked.bare:
        make_project(folder / "bare", uncal, count, bare=True)
        yield "bare dry run", measure(snakemake(*quiet), folder / "bare")
    run = folder / "run"
    make_project(run, uncal, count)
    yield "dry run", measure(snakemake(*quiet), run)
    if count <= asked.largest_run:
        yield "run", measure(snakemake("--no-hooks"), run)
    else:
        write_outputs(run)
        measure(snakemake("--touch", "--quiet", "all"), run)
    yield "nothing to do", measure(snakemake("--no-hooks"), run)
    if "Nothing to be done" not in (run / "printed").read_text():
        sys.exit(f"{run}: something was to be done")


def main():
    """Print a line for each number of exposures and each kind of run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[10, 100, 1000, 10_000])
    explained = "run up to so many exposures, with scripts that do nothing"
    parser.add_argument("--largest-run", type=int, default=100, help=explained)
    parser.add_argument("--bare", action="store_true", help="a workflow of one rule as well")
    asked = parser.parse_args()

    from onramp.simulate import simulate

    print(f"{'exposures':>9}  {'':13} {'wall':>8} {'CPU':>8} {'CPU an exposure':>16} {'peak':>8}")
    with tempfile.TemporaryDirectory(prefix="onramp-scale-") as name:
        folder = Path(name)
        uncal = simulate("nircam_full", folder / "base", 1, nx=32, ny=32, ngroups=5).uncal
        for count in asked.counts:
            place = folder / str(count)
            for what, cost in costs(place, uncal, count, asked):
                each = f"{1000 * cost.cpu / count:.2f} ms"
                print(f"{count:9}  {what:13} {cost.wall:6.1f} s {cost.cpu:6.1f} s {each:>16} "
                      f"{cost.peak_mb:5.0f} MB", flush=True)  # fmt: skip
            shutil.rmtree(place)


if __name__ == "__main__":
    main()
