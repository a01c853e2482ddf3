"""Tiny exposures, what they give when nothing goes wrong, and how much of each test is run."""

import importlib.util
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from judging import arrays
from onramp.detector1 import process_exposure
from onramp.parameters import Detector1Parameters
from onramp.simulate import simulate

HERE = Path(__file__).parent
FULL = os.environ.get("FAULTS") == "full"

_spec = importlib.util.spec_from_file_location("workflow", HERE.parent / "workflow/conftest.py")
workflow = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(workflow)
"""The workflow's own fixtures: a project that can be run and looked at."""


def size(quick, full):
    """Return a number of trials: a few, or with FAULTS=full the number that is promised."""
    return full if FULL else quick


class Healthy(NamedTuple):
    """An exposure, its references, and the arrays of its products."""

    inputs: Path
    uncal: Path
    name: str
    references: Path
    expected: dict[str, np.ndarray]

    def process(self, folder, **others):
        """Process the exposure, or one with another file."""
        asked = {"uncal": self.uncal, "references": self.references, **others}
        return process_exposure(
            asked["uncal"], folder, Detector1Parameters(), asked["references"], {}, 1
        )

    def check(self, folder):
        """Check that what looks like a product is whole and right; return their names."""
        suffixes = [suffix for suffix in ("rate", "rateints")
                    if (folder / f"{self.name}_{suffix}.fits").exists()]  # fmt: skip
        found = arrays(folder, self.name, suffixes)
        expected = {k: v for k, v in self.expected.items() if k.partition("[")[0] in suffixes}
        assert found.keys() == expected.keys()
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values, strict=True)
        return set(suffixes)


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """Folder with `uncal` and `references` of two tiny exposures."""
    folder = tmp_path_factory.mktemp("inputs")
    simulate("nircam_bright", folder, 1, nx=32, ny=16, ngroups=3, nints=2)
    simulate("nirspec_bots", folder, 1, nx=32, ny=16, ngroups=3, nints=2)
    return folder


@pytest.fixture(scope="session")
def healthy(inputs, tmp_path_factory):
    """An exposure that has been processed once, so that kernels and libraries are loaded."""
    uncal = next((inputs / "uncal").glob("*nrca4_uncal.fits"))
    name = uncal.name.removesuffix("_uncal.fits")
    made = Healthy(inputs, uncal, name, inputs / "references", {})
    folder = tmp_path_factory.mktemp("healthy")
    made.process(folder)
    return made._replace(expected=arrays(folder, name))


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory):
    """A project of two exposures that has been run, and what its run printed."""
    folder = tmp_path_factory.mktemp("first") / "project"
    simulate("nircam_full", folder, 1, nx=32, ny=32, ngroups=5)
    simulate("nirspec_bots", folder, 1, nx=32, ny=16, nints=2, ngroups=5)
    workflow.copy_project(folder)
    made = workflow.Project(folder)
    made.configure()
    status, printed = made.run()
    assert status == 0, printed
    return made


@pytest.fixture
def finished(finished_project, tmp_path):
    """A project that has been run, to be damaged and run again."""
    shutil.copytree(finished_project.folder, tmp_path / "project", symlinks=True)
    return workflow.Project(tmp_path / "project")


@pytest.fixture
def fresh(finished):
    """A project that has not been run."""
    shutil.rmtree(finished.results)
    shutil.rmtree(finished.folder / ".snakemake")
    return finished
