import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from onramp import configuration, configuration_files
from onramp.configuration import Configuration, load, remarks, threads_used
from onramp.errors import ParameterError
from onramp.parameters import parse_steps
from snakemake.utils import validate

ROOT = Path(__file__).parents[1]


def test_defaults():
    assert load({}, "x.yaml") == Configuration()
    assert load({"steps": None, "references": None}, "x.yaml") == Configuration()
    assert load({"references": {"override": None}}, "x.yaml") == Configuration()


def test_values_reach_the_model():
    found = load(
        {
            "parallelism": "steps",
            "references": {"folder": "refs", "override": {"dark": "N/A", "gain": "my.fits"}},
            "steps": {"jump": {"maximum_cores": 3, "rejection_threshold": "5.5"}},
        },
        "x.yaml",
    )
    assert found.references.override == {"dark": "N/A", "gain": "my.fits"}
    assert found.steps.jump.maximum_cores == "3"
    assert found.steps.jump.rejection_threshold == 5.5


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (None, "the configuration must be 'option: value' lines, not nothing"),
        (["exposures"], "the configuration must be 'option: value' lines, not a list"),
        ("exposures", "the configuration must be 'option: value' lines, not a str"),
        ({"exposure": "x"}, "unknown option 'exposure'; did you mean 'exposures'?"),
        ({"references": "folder"}, "references must be 'option: value' lines, not a str"),
        (
            {"references": {"foldr": "x"}},
            "unknown option 'references.foldr'; did you mean 'folder'?",
        ),
        (
            {"references": {"crds_context": "jwst-edit"}},
            "references.crds_context='jwst-edit': string should match pattern",
        ),
        ({"references": {"source": "archive"}}, "references.source='archive': input should be"),
        (
            {"references": {"override": {"drak": "N/A"}}},
            "references.override: no reference type 'drak'; did you mean 'dark'?",
        ),
        ({"references": {"override": ["dark"]}}, "references.override must be"),
        ({"references": {"override": {"dark": 3}}}, "references.override.dark=3: "),
        ({"parallelism": "both"}, "parallelism='both': input should be 'exposures' or 'steps'"),
        ({"quicklook": "perhaps"}, "quicklook='perhaps': "),
        ({"exposures": ""}, "exposures='': "),
        ({"steps": {"jmup": {}}}, "unknown step 'jmup'; did you mean 'jump'?"),
        ({"steps": {"jump": {"rejection_threshold": -1}}}, "steps.jump.rejection_threshold=-1: "),
        (
            {"steps": {"jump": {"maximum_cores": "half"}}},
            "steps.jump.maximum_cores=half does not go with parallelism: exposures; set it to "
            "none, or set parallelism: steps",
        ),
        (
            {"steps": {"ramp_fit": {"maximum_cores": 2}}},
            "steps.ramp_fit.maximum_cores=2 does not go",
        ),
    ],
)
def test_mistakes_are_one_line(mapping, message):
    with pytest.raises(ParameterError) as caught:
        load(mapping, "x.yaml")
    assert str(caught.value).startswith(f"x.yaml: {message}")
    assert "\n" not in str(caught.value)


def test_mistake_is_told_with_its_file(tmp_path):
    base, mine = tmp_path / "base.yaml", tmp_path / "mine.yaml"
    base.write_text("quicklook: true\n")
    mine.write_text("quiklook: false\n")
    merged = {"quicklook": True, "quiklook": False}
    with pytest.raises(ParameterError, match=r"mine\.yaml: unknown option 'quiklook'"):
        configuration.load_merged(merged, [base, mine])


def test_options_that_exclude_each_other_may_come_from_two_files(tmp_path):
    base, mine = tmp_path / "base.yaml", tmp_path / "mine.yaml"
    base.write_text("parallelism: steps\n")
    mine.write_text("steps: {jump: {maximum_cores: half}}\n")
    merged = {"parallelism": "steps", "steps": {"jump": {"maximum_cores": "half"}}}
    assert configuration.load_merged(merged, [str(base), str(mine)]).parallelism == "steps"
    with pytest.raises(ParameterError, match=r"base\.yaml with .*mine\.yaml: steps\.jump"):
        configuration.load_merged({**merged, "parallelism": "exposures"}, [str(base), str(mine)])


def test_remarks():
    one = load({"steps": {"jump": {"maximum_cores": "1"}}}, "x.yaml")
    assert remarks(one, 8) == ["steps.jump.maximum_cores=1: one thread is used, as with none"]
    many = load({"parallelism": "steps", "steps": {"jump": {"maximum_cores": "16"}}}, "x.yaml")
    assert remarks(many, 8) == ["steps.jump.maximum_cores=16: only 8 cores are granted; 8 are used"]
    assert remarks(many, 16) == remarks(many, None) == remarks(Configuration(), 8) == []


def test_threads_used():
    steps = parse_steps({"jump": {"maximum_cores": "quarter"}}, "")
    assert threads_used(steps, 8) == 2
    assert threads_used(parse_steps(None, ""), 8) == 1


def test_generated_files_are_up_to_date():
    command = [sys.executable, "-m", "onramp.configuration_files", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_drift_is_noticed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(configuration_files, "PROJECT", tmp_path)
    monkeypatch.setattr(configuration_files, "SCHEMA", tmp_path / "schema.yaml")
    monkeypatch.setattr(configuration_files, "README", tmp_path / "README.md")
    (tmp_path / "README.md").write_text(
        f"before\n{configuration_files.BEGIN}old\n{configuration_files.END}after\n"
    )
    assert configuration_files.main(["--check"]) == 1
    assert "schema.yaml, README.md: out of date" in capsys.readouterr().err
    configuration_files.main(["--write"])
    assert configuration_files.main(["--check"]) == 0
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| `steps.jump.rejection_threshold` | number >= 0 | `4.0` |" in text


def test_config_file_holds_every_default():
    text = (ROOT / "config/config.yaml").read_text()
    every = text.replace(f"\n    {configuration_files.OFF}", "\n    ")
    assert yaml.safe_load(every) == Configuration().model_dump(mode="json")
    assert text == configuration_files.defaults()


def test_config_file_sets_no_parameter_of_a_step():
    text = (ROOT / "config/config.yaml").read_text()
    loaded = load(yaml.safe_load(text), "config.yaml")
    assert loaded == Configuration()
    assert loaded.steps.model_dump(exclude_unset=True) == {}


@pytest.mark.parametrize(
    "mapping",
    [
        {},
        {"references": {"override": {"dark": "N/A"}}},
        {
            "parallelism": "steps",
            "steps": {
                "jump": {"maximum_cores": "12"},
                "ramp_fit": {"maximum_cores": "half", "firstgroup": 2},
                "dark_current": {"average_dark_current": 0.1},
            },
        },
    ],
)
def test_schema_takes_what_the_model_takes(mapping):
    validate(load(mapping, "x").model_dump(mode="json"), str(configuration_files.SCHEMA))


@pytest.mark.parametrize(
    "mapping",
    [
        {"exposure": "x"},
        {"parallelism": "both"},
        {"references": {"source": "archive"}},
        {"references": {"crds_context": "latest"}},
        {"steps": {"jump": {"maximum_cores": "most"}}},
        {"steps": {"dark_current": {"average_dark_current": -1}}},
    ],
)
def test_schema_refuses_what_the_model_refuses(mapping):
    with pytest.raises(Exception, match=r"\w"):
        validate(mapping, str(configuration_files.SCHEMA))
