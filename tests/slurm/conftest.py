"""Tiny exposures, and runs of the workflow on a Slurm cluster of two virtual nodes."""

import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest
from cluster import Cluster, jobs, obstacle, run, wait
from onramp.simulate import simulate
from workflow.conftest import Project, copy_project, environment

QUICK = "--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2"
BODY = '    """Process the exposure of a rule."""\n'
TROUBLE = f"""{BODY}
    import os, time

    name = snakemake.wildcards.exposure
    if os.path.exists(f"heavy-{{name}}"):
        ballast = b"x" * 10**6 * int(open(f"heavy-{{name}}").read())
        time.sleep(4)
    if os.path.exists(f"slow-{{name}}"):
        seconds = float(open(f"slow-{{name}}").read())
        os.unlink(f"slow-{{name}}")
        time.sleep(seconds)
"""


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """The cluster; tests are skipped where there can be none."""
    problem = obstacle()
    if not find_spec("snakemake_executor_plugin_slurm"):
        problem = "not installed: snakemake-executor-plugin-slurm"
    if problem:
        pytest.skip(f"no Slurm: {problem}")
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM")
    )  # not without stopping it
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """Folder with `uncal` and `references` of twelve tiny exposures."""
    folder = tmp_path_factory.mktemp("inputs")
    for number in range(1, 13):
        simulate("nirspec_bots", folder, number, nx=32, ny=16, nints=2, ngroups=5)
    shutil.rmtree(folder / "truth")
    return folder


@pytest.fixture(scope="session")
def workflow(tmp_path_factory):
    """Folder of the workflow, in which exposures can be made slow and heavy."""
    folder = tmp_path_factory.mktemp("workflow")
    copy_project(folder)
    script = folder / "scripts/detector1.py"
    text = script.read_text()
    assert BODY in text
    script.write_text(text.replace(BODY, TROUBLE))
    return folder


@pytest.fixture
def project(cluster, inputs, workflow, tmp_path):
    """Four exposures; files named `slow-` and `heavy-` after one make it so."""
    made = make(tmp_path / "project", inputs, workflow, 4)
    yield made
    made.stop()


@pytest.fixture
def twelve(cluster, inputs, workflow, tmp_path):
    """Twelve exposures."""
    made = make(tmp_path / "project", inputs, workflow, 12)
    yield made
    made.stop()


def make(folder, inputs, workflow, count):
    shutil.copytree(inputs / "references", folder / "references")
    (folder / "uncal").mkdir()
    for path in sorted((inputs / "uncal").iterdir())[:count]:
        shutil.copy2(path, folder / "uncal")
    (folder / "config").symlink_to(workflow / "config")
    project = SlurmProject(folder, workflow)
    project.configure()
    return project


class SlurmProject(Project):
    """A folder in which the workflow runs on the cluster."""

    def __init__(self, folder, workflow):
        super().__init__(folder)
        self.workflow = workflow
        self.begun = None

    @property
    def names(self):
        """The exposures in their order."""
        found = (self.folder / "uncal").glob("*_uncal.fits")
        return sorted(path.name.removesuffix("_uncal.fits") for path in found)

    def command(self, *arguments):
        """Return the command that runs the workflow."""
        snakemake = [sys.executable, "-m", "snakemake", "--snakefile", self.workflow / "Snakefile"]
        profile = ["--profile", self.workflow / "profiles/slurm", *QUICK]
        here = "--cores" in arguments
        command = [*snakemake, "--configfile", "mine.yaml", *([] if here else profile), "--nocolor"]
        return [*map(str, command), *arguments]

    def make_slow(self, name, seconds=600):
        """Let an exposure take long, once."""
        (self.folder / f"slow-{name}").write_text(str(seconds))

    def begin(self, *arguments):
        """Start a run; return its process."""
        with open(self.folder / "printed", "w") as printed:
            self.begun = subprocess.Popen(
                self.command(*arguments), cwd=self.folder, env=environment(),
                start_new_session=True, stdout=printed, stderr=subprocess.STDOUT,
            )  # fmt: skip
        return self.begun

    def printed(self):
        """Return what a run that was started has printed."""
        return (self.folder / "printed").read_text()

    def end(self, run, seconds=300):
        """Wait for the end of a run; return its exit status and what it printed."""
        return run.wait(seconds), self.printed()

    def stop(self):
        """End what a test that failed has left running."""
        if self.begun and self.begun.poll() is None:
            self.begun.kill()
            self.begun.wait()
            for job, _, _ in jobs():
                run("scancel", job)

    def wait_for(self, name):
        """Wait until a slow exposure is being worked on."""
        wait(lambda: not (self.folder / f"slow-{name}").exists(), f"work on {name}", 200)
        return time.time_ns()
