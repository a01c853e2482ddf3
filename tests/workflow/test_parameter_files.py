"""Parameter files in the workflow: used, told beside the products, and watched for changes."""

import asdf
import yaml
from astropy.io import fits
from onramp.provenance_record import load
from onramp.reproduce import reproduce
from onramp.verify import verify

from .conftest import NAMES, NIRCAM, NIRSPEC


def write(folder, threshold):
    path = folder / "parameters.asdf"
    tree = {"class": "x.JumpStep", "name": "jump",
            "parameters": {"rejection_threshold": threshold, "min_jump_area": 6.0}}  # fmt: skip
    asdf.AsdfFile(tree).write_to(path)
    return path


def told(project, name):
    return project.results / f"{name}_parameters.yaml"


def pixels(project):
    """Return the bytes of each of an exposure's images."""
    path = project.results / f"{NIRCAM}_rateints.fits"
    return [fits.getdata(path, name).tobytes() for name in ("SCI", "ERR", "DQ")]


def test_parameter_files_are_used_told_and_watched(project):
    write(project.folder, 9.0)
    steps = {"jump": {"min_jump_area": 7.0}}
    project.configure(parameter_files=["parameters.asdf"], steps=steps)
    status, printed = project.run()
    assert status == 0, printed
    for name in NAMES:
        jump = yaml.safe_load(told(project, name).read_text())["steps"]["jump"]
        assert (jump["rejection_threshold"], jump["min_jump_area"]) == (9.0, 7.0)
        origins = load(project.results / f"{name}_provenance.json").origins
        assert origins == {
            "jump.rejection_threshold": "parameter reference: parameters.asdf",
            "jump.min_jump_area": f"configuration file: {project.folder}/mine.yaml",
        }
    assert verify(project.results).findings == []
    assert reproduce(project.results / f"{NIRCAM}_rate.fits").differences == []
    assert project.plan() == set()
    write(project.folder, 8.0)
    assert project.plan() == NAMES


def test_what_was_used_configures_a_run_that_changes_nothing(finished):
    finished.configure(steps={"jump": {"rejection_threshold": 9.0}})
    assert finished.rerun()[0] == NAMES
    used = told(finished, NIRCAM)
    used.rename(finished.folder / "used.yaml")
    before = pixels(finished)
    finished.configure()
    assert finished.rerun("--configfile", "used.yaml")[0] == {NIRCAM}
    assert pixels(finished) == before


def test_a_file_of_parameters_that_is_lost_or_cut_is_made_again(finished):
    told(finished, NIRSPEC).unlink()
    assert finished.rerun()[0] == {NIRSPEC}
    path = told(finished, NIRCAM)
    path.write_text(path.read_text()[:100])
    assert finished.rerun()[0] == {NIRCAM}
    assert verify(finished.results).findings == []


def test_a_parameter_file_that_is_missing_fails_each_exposure_in_one_line(project):
    project.configure(parameter_files=["none.asdf"])
    status, printed = project.run()
    assert status != 0
    assert "none.asdf: no such file" in printed
    assert not list(project.results.glob("*.fits"))
