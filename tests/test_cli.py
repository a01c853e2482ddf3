import itertools
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from onramp import cli
from onramp.parameters import STEPS, step_model
from onramp.pipelines import steps_of
from onramp.reference_types import REFERENCE_TYPES
from onramp.simulate import simulate

ONRAMP = str(Path(sys.executable).with_name("onramp"))
NEAR_INFRARED = (
    "group_scale", "dq_init", "saturation", "ipc", "superbias", "refpix", "linearity",
    "dark_current", "jump",
)  # fmt: skip


@pytest.fixture(scope="module")
def exposure(tmp_path_factory):
    return simulate(
        "nircam_sub", tmp_path_factory.mktemp("cli"), 5, nx=48, ny=40, nints=2, ngroups=6,
        gain_factor=2.0, cosmic_rays_per_s_cm2=2000.0,
    )  # fmt: skip


@pytest.fixture
def run(exposure, tmp_path, capsys):
    """Run `onramp detector1` on the exposure; return status, standard error and output folder."""
    output = tmp_path / "out"

    def run(*arguments, command="detector1"):
        standard = "--references", str(exposure.references["gain"].parent), f"--output_dir={output}"
        status = cli.main([command, str(exposure.uncal), *standard, "--quiet", *arguments])
        return status, capsys.readouterr().err, output

    return run


def written(folder):
    """Return the suffixes of the products in a folder, which holds what is told of them besides."""
    endings = sorted(path.name.split("_nrcb1_")[1] for path in folder.iterdir())
    endings.remove("provenance.json")
    endings.remove("parameters.yaml")
    return endings


def read(folder, suffix):
    return fits.open(next(folder.glob(f"*_nrcb1_{suffix}.fits")), memmap=False)


def test_help_lists_every_step_and_parameter(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["detector1", "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for step in STEPS:
        for name, field in step_model(step).model_fields.items():
            assert f"--steps.{step}.{name}={field.default}\n" in text
            assert field.description in text
    assert "(median or model or median_image, or null)" in text
    known = text.partition("--override_TYPE")[2].partition("steps and their")[0]
    assert set(REFERENCE_TYPES) == set(re.findall(r"\w+", known.partition("Types:")[2]))


def test_several_values_as_text(run):
    status, stderr, _ = run("--steps.clean_flicker_noise.background_box_size=16,16")
    assert (status, stderr) == (0, "")
    status, stderr, _ = run("--steps.clean_flicker_noise.background_box_size=16")
    assert status == 1
    assert "background_box_size" in stderr


def test_without_a_command_the_help_is_shown(capsys):
    assert cli.main([]) == 2
    assert "detector1" in capsys.readouterr().out


def test_products_are_rate_and_rateints(run):
    status, stderr, output = run()
    assert (status, stderr) == (0, "")
    assert written(output) == ["rate.fits", "rateints.fits"]


@pytest.mark.parametrize("command", ["detector1", "calwebb_detector1"])
def test_command_line_of_the_official_pipeline_ports(run, command):
    status, _, output = run(
        "--steps.ramp_fit.save_results=true", "--steps.ramp_fit.maximum_cores=half", command=command
    )
    assert status == 0
    assert written(output) == ["0_ramp_fit.fits", "1_ramp_fit.fits", "rate.fits", "rateints.fits"]


def test_slopes_are_saved_before_and_after_gain_scale(run):
    _, _, output = run("--steps.ramp_fit.save_results=true", "--steps.gain_scale.save_results=true")
    for before, after, final in (
        ("0_ramp_fit", "gain_scale", "rate"),
        ("1_ramp_fit", "gain_scaleints", "rateints"),
    ):
        with read(output, before) as a, read(output, after) as b, read(output, final) as c:
            for name, power in (("SCI", 1), ("ERR", 1), ("VAR_POISSON", 2), ("VAR_RNOISE", 2)):
                scaled = a[name].data * np.float32(2.0**power)
                np.testing.assert_array_equal(scaled, c[name].data)
                np.testing.assert_array_equal(b[name].data, c[name].data)
            np.testing.assert_array_equal(a["DQ"].data, c["DQ"].data)
            assert np.isfinite(c["SCI"].data).any()
            assert "S_GANSCL" not in a[0].header
            assert b[0].header["S_GANSCL"] == c[0].header["S_GANSCL"] == "COMPLETE"
            assert a[0].header["S_RAMP"] == "COMPLETE"


def test_every_step_saves_its_own_output(run, exposure):
    status, _, output = run(*(f"--steps.{step}.save_results=true" for step in NEAR_INFRARED))
    assert status == 0
    assert written(output) == sorted([*(f"{s}.fits" for s in NEAR_INFRARED), "rate.fits",
                                      "rateints.fits"])  # fmt: skip
    ramps = {}
    for step in NEAR_INFRARED:
        with read(output, step) as product:
            assert product[0].header["FILENAME"].endswith(f"_{step}.fits")
            assert product[0].header["DATAMODL"] == "RampModel"
            ramps[step] = [product[name].data for name in ("SCI", "GROUPDQ", "PIXELDQ")]
    with fits.open(exposure.uncal) as raw, fits.open(exposure.references["mask"]) as mask:
        np.testing.assert_array_equal(ramps["group_scale"][0], raw["SCI"].data)
        assert not any(dq.any() for dq in ramps["group_scale"][1:])
        assert ramps["dq_init"][2].any()
        assert (ramps["dq_init"][2] != 0).sum() <= (mask["DQ"].data != 0).sum()
    for earlier, later in itertools.pairwise(NEAR_INFRARED):
        same = all(np.array_equal(a, b, equal_nan=True) for a, b in
                   zip(ramps[earlier], ramps[later]))  # fmt: skip
        assert same == (later == "ipc"), f"{earlier} -> {later}"


def test_a_skipped_step_saves_nothing(run):
    _, _, output = run("--steps.jump.skip=true", "--steps.jump.save_results=true")
    assert written(output) == ["rate.fits", "rateints.fits"]


def test_without_the_fit_the_ramp_is_the_product(run):
    _, _, output = run("--steps.ramp_fit.skip=true", "--steps.ramp_fit.save_results=true")
    assert written(output) == ["ramp.fits"]


def test_calibrated_ramp(run):
    _, _, output = run("--save_calibrated_ramp=true", "--steps.jump.save_results=1")
    assert written(output) == ["jump.fits", "ramp.fits", "rate.fits", "rateints.fits"]
    with read(output, "jump") as jump, read(output, "ramp") as ramp:
        np.testing.assert_array_equal(jump["SCI"].data, ramp["SCI"].data)


@pytest.mark.parametrize("word", ["true", "True", "1", "yes", "on"])
def test_true(run, word):
    assert written(run(f"--save_calibrated_ramp={word}", "--steps.jump.skip", word)[2])[0] == (
        "ramp.fits"
    )


@pytest.mark.parametrize("word", ["false", "FALSE", "0", "no", "off"])
def test_false(run, word):
    _, _, output = run("--save_calibrated_ramp", word, f"--steps.jump.save_results={word}")
    assert written(output) == ["rate.fits", "rateints.fits"]


def test_value_after_a_space_ahead_of_the_file(exposure, tmp_path):
    references = str(exposure.references["gain"].parent)
    status = cli.main(
        ["detector1", "--steps.jump.rejection_threshold", "1e6", "--references", references,
         "--output_dir", str(tmp_path), "--quiet", str(exposure.uncal)]
    )  # fmt: skip
    assert status == 0
    with read(tmp_path, "rate") as product:
        assert not (product["DQ"].data & 4).any()


def test_threshold_reaches_the_step(run):
    *_, output = run()
    with read(output, "rate") as product:
        assert (product["DQ"].data & 4).any()


@pytest.mark.parametrize(
    "option", ["--override_dark=N/A", "--steps.dark_current.override_dark=N/A"]
)
def test_override_skips_the_step(run, option):
    status, _, output = run(option)
    assert status == 0
    with read(output, "rate") as product:
        assert product[0].header["S_DARK"] == "SKIPPED"
        assert product[0].header["R_DARK"] == "N/A"


def test_override_names_a_file(run, exposure, tmp_path):
    gain = tmp_path / "my_gain.fits"
    gain.write_bytes(exposure.references["gain"].read_bytes())
    status, _, output = run("--override_gain", str(gain))
    assert status == 0
    with read(output, "rate") as product:
        assert product[0].header["R_GAIN"] == "my_gain.fits"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--refrences=x"], ["--refrences", "did you mean '--references'?"]),
        (["--step.jump.skip=true"], ["did you mean '--steps.jump.skip'?"]),
        (["-x"], ["unknown option -x", "--help"]),
        (["another_uncal.fits"], ["another_uncal.fits", "too many"]),
        (["--steps.jmp.skip=true"], ["unknown step 'jmp'", "'jump'"]),
        (["--steps.jump.rejection_treshold=5"], ["'rejection_threshold'"]),
        (["--steps.jump.rejection_threshold=-5"], ["rejection_threshold", "greater than"]),
        (["--steps.jump.rejection_threshold=five"], ["rejection_threshold", "number"]),
        (["--steps.jump.skip=perhaps"], ["steps.jump.skip", "perhaps"]),
        (["--steps.jump.maximum_cores=0"], ["maximum_cores", "half"]),
        (["--steps.jump=4"], ["--steps.STEP.PARAMETER=VALUE"]),
        (["--steps.jump.skip"], ["--steps.jump.skip=VALUE"]),
        (["--steps.jump.skip", "--steps.ipc.skip=true"], ["--steps.jump.skip=VALUE"]),
        (["--override_drak=N/A"], ["override_drak", "'dark'"]),
        (["--override_dark=missing.fits"], ["missing.fits", "no such file"]),
        (["--references=nowhere"], ["nowhere"]),
    ],
)
def test_mistakes_get_one_line_and_status_1(run, arguments, words):
    status, stderr, output = run(*arguments)
    assert status == 1
    assert stderr.count("\n") == 1
    assert stderr.startswith("onramp: ")
    for word in words:
        assert word in stderr
    assert not output.exists() or not any(output.iterdir())


def test_missing_file(tmp_path, capsys):
    assert cli.main(["detector1", str(tmp_path / "no_uncal.fits"), f"--output_dir={tmp_path}"]) == 1
    stderr = capsys.readouterr().err
    assert stderr.count("\n") == 1
    assert "no_uncal.fits" in stderr
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [["detector1"], ["detector2"], ["detector1", "x", "--cores=0"], ["detector1", "x", "--cores=a"],
     ["detector1", "x", "--save_calibrated_ramp=maybe"]],
)  # fmt: skip
def test_unusable_command_lines_end_with_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_installed_command_logs_each_step_once(exposure, tmp_path):
    done = subprocess.run(
        [ONRAMP, "detector1", exposure.uncal, "--references", exposure.references["gain"].parent,
         "--output_dir", tmp_path, "--steps.jump.maximum_cores=1"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "products in" in done.stdout
    lines = [line.split(maxsplit=3)[1:3] for line in done.stderr.splitlines()]
    for step in steps_of("NIRCAM"):
        assert sum(line[0] == step for line in lines) == 1
    assert "rejection_threshold=4.0" in done.stderr
    assert "one thread is used" in done.stderr
    assert "Warning" not in done.stderr


def test_interrupt_leaves_nothing(tmp_path):
    simulated = simulate("nircam_full", tmp_path / "sky", 1, nx=1024, ny=1024, ngroups=8)
    output = tmp_path / "out"
    job = subprocess.Popen(
        [ONRAMP, "detector1", simulated.uncal, "--references", simulated.references["gain"].parent,
         "--output_dir", output, "--save_calibrated_ramp=true", "--quiet"],
        stderr=subprocess.PIPE, text=True, preexec_fn=_heed_interrupts,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not any(output.glob(".*.part")):
        assert job.poll() is None, "ended before it could be interrupted"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    job.send_signal(signal.SIGINT)
    _, stderr = job.communicate(timeout=60)
    assert job.returncode == 130
    assert stderr == "onramp: interrupted; nothing is left half written\n"
    assert not any(output.iterdir())


def _heed_interrupts():
    """Undo what a shell does to commands in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
