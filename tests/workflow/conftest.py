"""A copy of the project with tiny exposures to run the workflow on."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from onramp.simulate import simulate

ROOT = Path(__file__).resolve().parents[2]
PARTS = "Snakefile", "workflow", "profiles", "config"
NIRCAM = "jw90001001001_02101_00001_nrca1"
NIRSPEC = "jw90001005001_02101_00001_nrs1"
NAMES = {NIRCAM, NIRSPEC}


class Project:
    """A folder with the workflow, exposures, references and a configuration."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.results = self.folder / "results"

    def configure(self, **options):
        """Write what differs from the default configuration."""
        text = yaml.safe_dump({"quicklook": False, **options})
        (self.folder / "mine.yaml").write_text(text)

    def command(self, *arguments):
        """Return the command that runs the workflow."""
        snakemake = [sys.executable, "-m", "snakemake", "--cores", "2", "--nocolor"]
        return [*snakemake, "--configfile", "mine.yaml", *arguments]

    def environment(self):
        """Return the environment of a user who has not set anything up."""
        return environment()

    def run(self, *arguments):
        """Run the workflow to its end; return its exit status and all it printed."""
        done = subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self.environment(), text=True,
            check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
        )  # fmt: skip
        return done.returncode, done.stdout

    def when(self):
        """Return when each exposure's statistics were written [ns], by name."""
        found = self.results.glob("*_statistics.json")
        return {p.name.removesuffix("_statistics.json"): p.stat().st_mtime_ns for p in found}

    def rerun(self, *arguments):
        """Run again; return which exposures were processed anew, and all it printed."""
        before = self.when()
        status, printed = self.run(*arguments)
        assert status == 0, printed
        return {name for name, time in self.when().items() if before.get(name) != time}, printed

    def plan(self):
        """Return which exposures would be processed anew."""
        status, printed = self.run("--dry-run", "--quiet", "host")
        assert status == 0, printed
        return set(re.findall(r"Calibrate (\S+)", printed))

    def append(self, path, content):
        """Add something to the end of a file."""
        with open(self.folder / path, "ab") as file:
            file.write(content)


def environment():
    """Return the environment of a user who has not set anything up."""
    ours = ("ONRAMP_", "PYTHONPATH", "SNAKEMAKE", "SLURM")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def copy_project(folder):
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, folder / part)
    shutil.copytree(ROOT / "scripts", folder / "scripts")


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """Folder with `uncal` and `references` of two tiny exposures of two detectors."""
    folder = tmp_path_factory.mktemp("inputs")
    simulate("nircam_full", folder, 1, nx=32, ny=32, ngroups=5)
    simulate("nirspec_bots", folder, 1, nx=32, ny=16, nints=2, ngroups=5)
    shutil.rmtree(folder / "truth")
    return folder


@pytest.fixture(scope="session")
def project_of(inputs):
    """Make folders with the inputs and the project."""

    def make(folder):
        shutil.copytree(inputs, folder)
        copy_project(folder)
        return folder

    return make


@pytest.fixture
def project(inputs, tmp_path):
    """A project that has not been run."""
    folder = tmp_path / "project"
    shutil.copytree(inputs, folder)
    copy_project(folder)
    made = Project(folder)
    made.configure()
    return made


@pytest.fixture(scope="session")
def first_run(inputs, tmp_path_factory):
    """A project that has been run, and what was printed; not to be changed."""
    folder = tmp_path_factory.mktemp("first") / "project"
    shutil.copytree(inputs, folder)
    copy_project(folder)
    made = Project(folder)
    made.configure()
    status, printed = made.run()
    assert status == 0, printed
    return made, printed


@pytest.fixture
def finished(first_run, tmp_path):
    """A project that has been run, to be changed and run again."""
    shutil.copytree(first_run[0].folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")
