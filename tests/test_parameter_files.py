"""Parameter files that are given: which are taken, and what goes before them."""

from types import SimpleNamespace

import asdf
import pytest
import yaml
from astropy.io import fits
from onramp import Dark, Detector1, cli, reference_source
from onramp.configuration import load
from onramp.errors import ParameterError, ReferenceFileError
from onramp.parameter_files import ParameterFiles
from onramp.parameter_record import text
from onramp.parameters import STEPS, Detector1Parameters, parse_steps
from onramp.simulate import simulate
from onramp.verify import verify


@pytest.fixture(scope="module")
def exposure(tmp_path_factory):
    return simulate(
        "nircam_sub", tmp_path_factory.mktemp("given"), 8, nx=24, ny=20, nints=2, ngroups=6,
        cosmic_rays_per_s_cm2=2000.0,
    )  # fmt: skip


@pytest.fixture
def process(exposure, tmp_path):
    """A function that processes the exposure and returns the result and the file of parameters."""

    def process(**options):
        output = tmp_path / f"results{len(list(tmp_path.glob('results*')))}"
        result = Detector1.call(
            exposure.uncal, references=exposure.references["gain"].parent, save_results=True,
            output_dir=output, **options,
        )  # fmt: skip
        (path,) = output.glob("*_parameters.yaml")
        return result, path

    return process


def write(path, step, parameters, *, kind=None, name=None, **meta):
    """Write a parameter file as the reference's `export_config` does, with more of its meaning."""
    instrument = {"name": meta.pop("instrument", "<SPECIFY>")}
    meta = {"reftype": kind or "<SPECIFY>", "telescope": "<SPECIFY>", "instrument": instrument,
            "useafter": "<SPECIFY>", **meta}  # fmt: skip
    tree = {"class": f"observatory.{step}", "name": name or step, "parameters": parameters,
            "meta": meta}  # fmt: skip
    asdf.AsdfFile(tree).write_to(path)
    return path


def jump(path, threshold=7.0, **meta):
    return write(path, "JumpStep", {"rejection_threshold": threshold}, name="jump", **meta)


def told(path):
    return yaml.safe_load(path.read_text())["steps"]


def same_bits(a, b):
    return all(
        (a.rate.arrays[name].tobytes(), a.rateints.arrays[name].tobytes())
        == (b.rate.arrays[name].tobytes(), b.rateints.arrays[name].tobytes())
        for name in ("SCI", "ERR", "DQ", "VAR_POISSON", "VAR_RNOISE")
    )


def test_a_file_goes_before_defaults_and_behind_what_is_set(process, tmp_path):
    file = write(tmp_path / "p.asdf", "JumpStep",
                 {"rejection_threshold": 7.0, "four_group_rejection_threshold": 8.0,
                  "maximum_cores": "all", "novel": 1}, name="jump")  # fmt: skip
    steps = {"jump": {"four_group_rejection_threshold": 5.0}}
    result, path = process(parameter_files=file, steps=steps)
    found = told(path)["jump"]
    assert found["rejection_threshold"] == 7.0
    assert found["four_group_rejection_threshold"] == 5.0
    assert found["three_group_rejection_threshold"] == 6.0
    assert result.rate.header["S_JUMP"] == "COMPLETE"
    lines = {line.split(":")[0].strip(): line for line in path.read_text().splitlines()}
    assert lines["rejection_threshold"].endswith(" # parameter reference: p.asdf")
    assert lines["four_group_rejection_threshold"].endswith(" # call")
    assert lines["three_group_rejection_threshold"].endswith(" # default")
    plain = process(steps=steps)[0]
    assert result.statistics["jumps"] < plain.statistics["jumps"]


def test_what_was_used_makes_the_same_bits_again(process, tmp_path):
    steps = {"jump": {"rejection_threshold": 5.5, "maximum_cores": "2"},
             "ramp_fit": {"suppress_one_group": False},
             "clean_flicker_noise": {"skip": False, "background_box_size": [8, 10]}}  # fmt: skip
    first, path = process(steps=steps)
    configured = load(yaml.safe_load(path.read_text()), str(path)).steps
    again, second = process(parameter_files=path)
    assert same_bits(first, again)
    assert told(second) == told(path)
    assert not same_bits(first, process()[0])
    threads = {"jump": {"maximum_cores": "2"}}
    assert parse_steps({**steps, "jump": {**steps["jump"], **threads["jump"]}}, "x") == (
        parse_steps({**told(path), "jump": {**told(path)["jump"], **threads["jump"]}}, "x")
    )
    assert configured.jump.maximum_cores == "none"


def test_a_manifest_tells_the_file_of_values_that_are_converted():
    told = {
        "clean_flicker_noise": {"background_box_size": [32, 16]},
        "jump": {
            "rejection_threshold": "5",
            "maximum_cores": 2,
            "four_group_rejection_threshold": 9,
        },
    }
    used = parse_steps({**told, "jump": {**told["jump"], "four_group_rejection_threshold": 8}}, "x")
    found = reference_source._origins([SimpleNamespace(name="mine.yaml", values=told)], used)
    assert found == {
        "clean_flicker_noise.background_box_size": "mine.yaml",
        "jump.rejection_threshold": "mine.yaml",
        "jump.maximum_cores": "mine.yaml",
    }


def test_defaults_come_back_as_they_were():
    written = text("x", "1", Detector1Parameters(), {})
    assert written.isascii()
    assert parse_steps(yaml.safe_load(written)["steps"], "x") == Detector1Parameters()
    assert set(yaml.safe_load(written)["steps"]) == set(STEPS)


def test_names_that_no_comment_can_hold_are_written_as_ascii():
    origins = {"jump.skip": "configuration file: a\nsteps: {}\x1b[31m"}
    written = text("x\ny", "1", Detector1Parameters(), origins)
    assert list(yaml.safe_load(written)) == ["steps"]
    assert written.isascii()
    assert "\x1b" not in written


def test_later_files_win(process, tmp_path):
    files = [jump(tmp_path / "a.asdf", 5.0), jump(tmp_path / "b.asdf", 6.0)]
    assert told(process(parameter_files=files)[1])["jump"]["rejection_threshold"] == 6.0
    assert told(process(parameter_files=files[::-1])[1])["jump"]["rejection_threshold"] == 5.0


def test_the_pipelines_file_speaks_of_its_steps(process, tmp_path):
    steps = [
        {"class": "x.JumpStep", "name": "jump", "parameters": {"rejection_threshold": 9.0}},
        {"class": "x.RampFitStep", "name": "ramp_fit", "parameters": {"firstgroup": "1"}},
    ]
    path = tmp_path / "pipeline.asdf"
    tree = {"class": "x.Detector1Pipeline", "name": "p", "parameters": {"save_results": True},
            "steps": steps}  # fmt: skip
    asdf.AsdfFile(tree).write_to(path)
    found = told(process(parameter_files=path)[1])
    assert found["jump"]["rejection_threshold"] == 9.0
    assert found["ramp_fit"]["firstgroup"] == 1


def test_of_a_folder_the_most_specific_file_that_suits_is_taken(process, tmp_path):
    folder = tmp_path / "parameters"
    folder.mkdir()
    known = {"kind": "pars-jumpstep", "useafter": "2021-01-01T00:00:00"}
    jump(folder / "all.asdf", 5.0, **known)
    jump(folder / "mine.asdf", 6.0, **known, instrument="NIRCAM", exposure={"type": "NRC_IMAGE"})
    jump(folder / "miri.asdf", 7.0, **known, instrument="MIRI")
    jump(folder / "later.asdf", 8.0, kind="pars-jumpstep", useafter="2099-01-01T00:00:00",
         exposure={"type": "NRC_IMAGE"})  # fmt: skip
    write(folder / "other.asdf", "OutlierDetectionStep", {}, kind="pars-outlierdetectionstep")
    assert told(process(parameter_files=folder)[1])["jump"]["rejection_threshold"] == 6.0
    jump(folder / "twin.asdf", 6.5, **known, instrument="NIRCAM", exposure={"type": "NRC_IMAGE"})
    with pytest.raises(ParameterError, match="2 pars-jumpstep files suit equally well"):
        process(parameter_files=folder)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda p: p, ParameterError, "no such file"),
        (lambda p: jump(p, instrument="MIRI"), ParameterError, "is for INSTRUME=MIRI, not for jw"),
        (lambda p: write(p, "TweakRegStep", {}), ParameterError, "says of no step of stage 1"),
        (lambda p: p.write_text("no") and p, ParameterError, "not an ASDF file"),
        (lambda p: jump(p, -1.0), ParameterError, "rejection_threshold=-1.0: not supported"),
        (lambda p: write(p, "JumpStep", [1]), ReferenceFileError, "give another parameter file"),
    ],
)
def test_files_that_cannot_be_used(exposure, tmp_path, make, error, message):
    path = make(tmp_path / "p.asdf")
    with pytest.raises(error, match=message) as caught:
        Detector1.call(exposure.uncal, references=exposure.references["gain"].parent,
                       parameter_files=path)  # fmt: skip
    assert "\n" not in str(caught.value)
    assert "p.asdf" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("steps: {jump: {thresh: 1}}", "step 'jump' has no parameter 'thresh'"),
        ("exposures: uncal\nsteps: {}", "holds more or less than 'steps:'"),
        ("[", "is no YAML"),
        ("7", "holds more or less"),
    ],
)
def test_yaml_that_cannot_be_used(tmp_path, content, message):
    path = tmp_path / "p.yaml"
    path.write_text(content)
    with pytest.raises(ParameterError, match=message):
        ParameterFiles(path).of(None)


def test_command_line(exposure, tmp_path, capsys):
    file = jump(tmp_path / "p.asdf", 5.0)
    output = tmp_path / "results"
    arguments = ["detector1", str(exposure.uncal), f"--output_dir={output}", "--references",
                 str(exposure.references["gain"].parent), "--parameter_files", str(file),
                 "--steps.jump.min_jump_area=9"]  # fmt: skip
    assert cli.main([*arguments, "--quiet"]) == 0, capsys.readouterr().err
    (path,) = output.glob("*_parameters.yaml")
    assert told(path)["jump"]["rejection_threshold"] == 5.0
    header = fits.getheader(next(output.glob("*_rate.fits")))
    history = " ".join(map(str, header["HISTORY"]))
    assert "jump.rejection_threshold = 5.0 (parameter reference)" in history
    assert "jump.min_jump_area = 9.0 (command line)" in history
    assert "min_jump_area: 9.0 " in path.read_text()
    assert " # command line" in path.read_text()


def test_darks_say_which_steps_they_leave_out(exposure, tmp_path):
    references = exposure.references["gain"].parent
    Dark.call(exposure.uncal, references=references, save_results=True, output_dir=tmp_path,
              parameter_files=jump(tmp_path / "p.asdf"))  # fmt: skip
    (path,) = tmp_path.glob("*_parameters.yaml")
    assert told(path)["jump"]["skip"] is True
    assert "skip: true" in path.read_text()
    assert path.read_text().count(" # dark pipeline") == len(STEPS) - 7
    assert verify(tmp_path).findings == []
