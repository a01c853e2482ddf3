"""Files that say the same thing agree."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import onramp
import pytest
import yaml
from onramp.parameters import STEPS

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"matplotlib": "matplotlib-base"}
ONLY_FOR_THE_WORKFLOW = {"snakemake"}


def ranges(requirements):
    """Return the range of each requirement by its name in conda."""
    parts = (re.fullmatch(r"([\w-]+) *(.*)", requirement).groups() for requirement in requirements)
    return {CONDA_NAMES.get(name, name): bounds for name, bounds in parts}


def conda(path):
    entries = yaml.safe_load((ROOT / path).read_text())["dependencies"]
    found = ranges(entry for entry in entries if isinstance(entry, str))
    assert found.pop("python") == PROJECT["requires-python"]
    found.pop("pip", None)
    return found


def test_environment_agrees_with_pyproject():
    assert conda("environment.yml") == ranges(PROJECT["dependencies"])


def test_environment_of_rules_agrees_with_pyproject():
    wanted = ranges(PROJECT["dependencies"])
    assert conda("workflow/envs/onramp.yaml") == {
        name: bounds for name, bounds in wanted.items() if name not in ONLY_FOR_THE_WORKFLOW
    }


def test_lock_pins_what_pyproject_asks_for():
    locks = "requirements.lock", "requirements-wfss.lock"
    lines = [line for name in locks for line in (ROOT / name).read_text().splitlines()]
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    names = {name.lower().replace("_", "-") for name in pins}
    optional = PROJECT["optional-dependencies"]
    asked = [*PROJECT["dependencies"], *optional["test"], *optional["crds"], *optional["wfss"]]
    assert {re.match(r"[\w-]+", requirement)[0] for requirement in asked} <= names
    assert all(re.fullmatch(r"[\d.]+(rc\d+|\.post\d+)?", pin) for pin in pins.values())


def test_version_is_the_same_everywhere():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == onramp.__version__
    assert f"## {onramp.__version__}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("path", [ROOT / "Snakefile", *ROOT.glob("workflow/rules/*.smk")])
def test_rule_files_are_short_and_hold_no_functions(path):
    text = path.read_text()
    helpers = path.name in ("common.smk", "jobs.smk", "slitless.smk")
    limit = 100 if helpers else 40 if path.name == "Snakefile" else 60
    assert len(text.splitlines()) <= limit
    if not helpers:
        assert not re.search(r"\b(lambda|def)\b", text)


@pytest.mark.parametrize("path", sorted(ROOT.glob("scripts/*.py")))
def test_rule_scripts_are_short(path):
    if not path.stem.startswith("onramp_"):
        assert len(path.read_text().splitlines()) <= 60


def test_library_knows_no_snakemake():
    importing = re.compile(r"^\s*(import|from) +snakemake", re.MULTILINE)
    for path in (ROOT / "scripts/onramp").rglob("*.py"):
        assert not importing.search(path.read_text()), path


def test_design_says_how_each_step_runs():
    rows = [line.split("|")[1] for line in (ROOT / "docs" / "design.md").read_text().splitlines()
            if line.startswith("| ") and line.count("|") == 4]  # fmt: skip
    named = {word.strip(" ,") for row in rows for word in row.split()}
    assert named >= set(STEPS)


def test_calibration_loads_what_is_heavy_when_it_is_needed():
    from onramp.library_digest import sources

    heavy = rb"pandas|matplotlib|scipy|crds|asdf|gwcs|stdatamodels"
    importing = re.compile(rb"^(import|from) +(" + heavy + rb")", re.MULTILINE)
    assert not [name for name, text in sources(["detector1"]).items() if importing.search(text)]


def test_planning_loads_no_kernels():
    """Snakemake's main process holds thousands of jobs; numba would add half a second and 50 MB."""
    modules = "onramp.reference_step, onramp.memory, onramp_batches, onramp_terminal, onramp_report"
    code = f"import sys, {modules}; print('numba' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "scripts",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
