import json
import sys
from pathlib import Path

import pytest
from onramp import origins
from onramp.parameters import Detector1Parameters, parse_steps


@pytest.fixture(autouse=True)
def _no_workflow(monkeypatch):
    monkeypatch.delenv(origins.RUN, raising=False)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Write configuration files by name; return their names."""
    monkeypatch.chdir(tmp_path)

    def write(**contents):
        for name, text in contents.items():
            (tmp_path / f"{name}.yaml").write_text(text)
        return [f"{name}.yaml" for name in contents]

    return write


def steps(**values):
    return parse_steps(values, "test")


def test_given():
    asked = {"jump": {"skip": "true", "override_gain": "x"}, "ipc": None}
    found = origins.given(asked, origins.CALL)
    assert found == {"jump.skip": "call", "jump.override_gain": "call"}
    assert origins.given(None, origins.CALL) == {}


def test_defaults_have_no_origin_even_where_a_file_repeats_them(files):
    paths = files(a="steps: {jump: {rejection_threshold: 4.0}}")
    assert origins.of_configuration(Detector1Parameters(), paths) == {}


def test_the_file_with_the_value_counts(files):
    paths = files(
        a="steps: {jump: {rejection_threshold: 5, find_showers: true}}",
        b="steps: {jump: {rejection_threshold: 6}, ipc: }",
        c="exposures: elsewhere",
        d="",
    )
    merged = steps(jump={"rejection_threshold": 6, "find_showers": True})
    assert origins.of_configuration(merged, paths) == {
        "jump.rejection_threshold": "configuration file: b.yaml",
        "jump.find_showers": "configuration file: a.yaml",
    }


def test_what_no_file_says_is_from_the_command_line(files):
    paths = files(a="steps: {jump: {rejection_threshold: 5}}")
    merged = steps(jump={"rejection_threshold": 7, "find_showers": True})
    assert origins.of_configuration(merged, paths) == {
        "jump.rejection_threshold": "command line",
        "jump.find_showers": "command line",
    }


def test_jobs_learn_what_the_workflow_was_told(files):
    paths = files(a="steps: {jump: {rejection_threshold: 5}}")
    configured = steps(jump={"rejection_threshold": 5})
    origins.share(configured, paths, "sheet.tsv", main_process=True)
    own = steps(jump={"rejection_threshold": 5, "skip": True})
    assert origins.of_job(configured.model_dump(), own) == {
        "jump.rejection_threshold": "configuration file: a.yaml",
        "jump.skip": f"sheet: {Path.cwd()}/sheet.tsv",
    }
    assert origins.command() == sys.orig_argv


def test_a_job_of_a_scheduler_keeps_what_the_first_process_told(files, monkeypatch):
    told = {"command": ["snakemake", "--profile", "slurm"], "exposures": "x", "origins": {}}
    monkeypatch.setenv(origins.RUN, json.dumps(told))
    origins.share(Detector1Parameters(), [], "y", main_process=False)
    assert origins.command() == ["snakemake", "--profile", "slurm"]
    origins.share(Detector1Parameters(), [], "y", main_process=True)
    assert origins.command() == sys.orig_argv


def test_a_job_that_was_told_nothing():
    configured = steps(jump={"rejection_threshold": 5})
    found = origins.of_job(configured.model_dump(), configured)
    assert found == {"jump.rejection_threshold": "configuration file"}


@pytest.mark.parametrize("origin", ["sheet: a: b.tsv", "sheet"])
def test_kind(origin):
    assert origins.kind(origin) == "sheet"
