import errno
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy.io import fits
from onramp import Detector1
from onramp.detector1 import process_exposure
from onramp.errors import OnrampError, OutputError, ParameterError, ReferenceFileError
from onramp.parameters import parse_steps
from onramp.simulate import simulate

SLOPES = "SCI", "ERR", "DQ", "VAR_POISSON", "VAR_RNOISE"


@pytest.fixture(scope="module")
def exposure(tmp_path_factory):
    """An exposure whose references are not where they would be looked for."""
    return simulate(
        "nircam_sub", tmp_path_factory.mktemp("call"), 8, nx=40, ny=48, nints=3, ngroups=6,
        cosmic_rays_per_s_cm2=2000.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def references(exposure):
    return exposure.references["gain"].parent


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("ONRAMP_REFERENCES", raising=False)
    monkeypatch.chdir(tmp_path)


def assert_same(a, b):
    for name in SLOPES:
        np.testing.assert_array_equal(a.arrays[name], b.arrays[name])


def test_results_are_arrays_with_a_header(exposure, references, tmp_path):
    result = Detector1.call(exposure.uncal, references=references)
    assert result.rate.sci.shape == (48, 40)
    assert result.rateints.sci.shape == (3, 48, 40)
    name = exposure.uncal.name.removesuffix("_uncal.fits")
    assert repr(result) == f"Detector1Result({name}_rate.fits, {name}_rateints.fits)"
    assert result.rate.sci.dtype == result.rate.err.dtype == np.float32
    assert result.rate.var_poisson.dtype == result.rate.var_rnoise.dtype == np.float32
    assert result.rate.dq.dtype == np.uint32
    assert isinstance(result.rate.header, fits.Header)
    assert result.rate.header["S_RAMP"] == "COMPLETE"
    assert result.ramp is None
    assert result.statistics["jumps"] > 0
    assert result.statistics["steps"]["jump"]["state"] == "COMPLETE"
    assert not any(tmp_path.iterdir())
    with pytest.raises(AttributeError, match="no extension 'groupdq'; it has SCI"):
        _ = result.rate.groupdq


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        ({"firstgroup": 50}, "firstgroup=50, lastgroup=None leave fewer than two groups: ignored"),
        ({"firstgroup": 4, "lastgroup": 2}, "lastgroup=2 leave fewer than two groups: ignored"),
        ({"lastgroup": 9}, "firstgroup=None, lastgroup=9: there are groups 0 to 5"),
        ({"firstgroup": 1, "lastgroup": 4}, None),
    ],
)
def test_groups_that_are_not_taken_as_given_are_told(exposure, references, caplog, groups, told):
    Detector1.call(exposure.uncal, references=references, steps={"ramp_fit": groups})
    messages = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(messages) == (told is not None)
    assert all(message.endswith(told) for message in messages)


@pytest.mark.parametrize("cores", [0, 2.5, "half"])
def test_cores_are_a_whole_number(exposure, references, cores):
    with pytest.raises(ParameterError, match="give a whole number of at least 1"):
        Detector1.call(exposure.uncal, references=references, cores=cores)


def test_cores_may_be_a_number_of_numpy(exposure, references):
    result = Detector1.call(exposure.uncal, references=references, cores=np.int64(1))
    assert result.statistics["threads"] == {"jump": 1, "ramp_fit": 1}


def test_ramp_on_request(exposure, references):
    ramp = Detector1.call(exposure.uncal, references=references, save_calibrated_ramp=True).ramp
    assert ramp.sci.shape == ramp.groupdq.shape == (3, 6, 48, 40)
    assert ramp.pixeldq.shape == (48, 40)


def test_files_hold_what_is_returned(exposure, references, tmp_path):
    result = Detector1.call(
        str(exposure.uncal), references=str(references), output_dir="new/folder", save_results=True
    )
    for product, suffix in ((result.rate, "rate"), (result.rateints, "rateints")):
        path = next((tmp_path / "new" / "folder").glob(f"*_{suffix}.fits"))
        with fits.open(path) as hdus:
            for name in SLOPES:
                np.testing.assert_array_equal(hdus[name].data, product.arrays[name])
            assert hdus[0].header["FILENAME"] == path.name == product.header["FILENAME"]
            assert hdus[0].header["PRIMECRS"] == product.header["PRIMECRS"] > 0


def test_files_alone_hold_the_same(exposure, references, tmp_path):
    result = Detector1.call(exposure.uncal, references=references)
    before = time.perf_counter()
    statistics = process_exposure(exposure.uncal, tmp_path, parse_steps(None, ""), references, {})
    with fits.open(next(tmp_path.glob("*_rate.fits"))) as hdus:
        for name in SLOPES:
            np.testing.assert_array_equal(hdus[name].data, result.rate.arrays[name])
    assert statistics["jumps"] == result.statistics["jumps"]
    spent = sum(step["seconds"] for step in statistics["steps"].values())
    assert 0 < spent < statistics["seconds"] < time.perf_counter() - before


def test_without_output_dir_files_go_to_the_current_folder(exposure, references, tmp_path):
    Detector1.call(exposure.uncal, references=references, save_results=True)
    assert len(list(tmp_path.glob("*_rate*.fits"))) == 2


def test_parameters_reach_the_steps(exposure, references):
    found = Detector1.call(exposure.uncal, references=references).statistics["jumps"]
    for steps in ({"jump": {"rejection_threshold": 1e6}}, {"jump": {"skip": True}}):
        none = Detector1.call(exposure.uncal, references=references, steps=steps)
        assert none.statistics["jumps"] == 0 < found


def test_overrides_may_stand_inside_steps(exposure, references):
    inside = Detector1.call(
        exposure.uncal, references=references, steps={"dark_current": {"override_dark": "N/A"}}
    )
    outside = Detector1.call(exposure.uncal, references=references, overrides={"dark": "N/A"})
    plain = Detector1.call(exposure.uncal, references=references)
    assert_same(inside.rate, outside.rate)
    assert inside.rate.header["S_DARK"] == "SKIPPED"
    assert not np.array_equal(inside.rate.sci, plain.rate.sci, equal_nan=True)


def test_override_with_a_file(exposure, references, tmp_path):
    gain = tmp_path / "doubled.fits"
    with fits.open(exposure.references["gain"]) as hdus:
        hdus["SCI"].data *= 2
        hdus.writeto(gain)
    result = Detector1.call(
        exposure.uncal, references=references, steps={"ramp_fit": {"override_gain": str(gain)}}
    )
    assert result.rate.header["R_GAIN"] == "doubled.fits"
    assert result.statistics["references"]["gain"]["name"] == "doubled.fits"


@pytest.mark.parametrize("place", ["environment", "beside", "current"])
def test_references_are_looked_for(place, exposure, references, tmp_path, monkeypatch):
    expected = Detector1.call(exposure.uncal, references=references)
    uncal = tmp_path / "data" / exposure.uncal.name
    uncal.parent.mkdir()
    uncal.symlink_to(exposure.uncal)
    with pytest.raises(ReferenceFileError):
        Detector1.call(uncal)
    if place == "environment":
        monkeypatch.setenv("ONRAMP_REFERENCES", str(references))
        (tmp_path / "references").mkdir()
    elif place == "beside":
        (uncal.parent / "references").symlink_to(references)
        (tmp_path / "references").mkdir()
    else:
        (tmp_path / "references").symlink_to(references)
    assert_same(Detector1.call(uncal).rate, expected.rate)


@pytest.mark.parametrize("cores", [2, 3, 5])
@pytest.mark.parametrize("maximum", ["none", "half", "all", "3"])
def test_any_number_of_threads_gives_the_same_bits(cores, maximum, exposure, references):
    steps = {"jump": {"maximum_cores": "none"}, "ramp_fit": {"maximum_cores": maximum}}
    one = Detector1.call(exposure.uncal, references=references, cores=1)
    several = Detector1.call(exposure.uncal, references=references, steps=steps, cores=cores)
    assert_same(several.rate, one.rate)
    assert_same(several.rateints, one.rateints)


def test_several_calls_at_once(exposure, references, tmp_path):
    one = Detector1.call(exposure.uncal, references=references)
    steps = {"jump": {"maximum_cores": "all"}}

    def call(number):
        return Detector1.call(
            exposure.uncal, references=references, steps=steps, cores=2,
            output_dir=tmp_path / str(number % 2), save_results=number < 2,
        )  # fmt: skip

    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(call, range(8)):
            assert_same(result.rate, one.rate)
            assert_same(result.rateints, one.rateints)
    assert len(list(tmp_path.rglob("*_rate.fits"))) == 2
    assert not list(tmp_path.rglob("*.part"))


def test_plain_script_without_a_guard(exposure, references, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from onramp import Detector1\n"
        "print('begun')\n"
        f"result = Detector1.call({str(exposure.uncal)!r}, references={str(references)!r},\n"
        "    steps={'jump': {'maximum_cores': 'all'}, 'ramp_fit': {'maximum_cores': 'all'}},\n"
        "    cores=3)\n"
        "print(result.statistics['threads'])\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.stdout == "begun\n{'jump': 3, 'ramp_fit': 3}\n", done.stderr


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ({"jmp": {}}, "unknown step 'jmp'; did you mean 'jump'"),
        ({"jump": {"rejection_treshold": 5}}, "did you mean 'rejection_threshold'"),
        ({"jump": {"rejection_threshold": True}}, "not a boolean"),
        ({"jump": 5}, "steps.jump must map"),
        ("jump", "must map"),
    ],
)
def test_mistakes_in_steps(steps, words, exposure, references):
    with pytest.raises(ParameterError, match=words):
        Detector1.call(exposure.uncal, references=references, steps=steps)


def test_failure_leaves_no_file(exposure, references, tmp_path):
    torn = tmp_path / "torn_uncal.fits"
    torn.write_bytes(exposure.uncal.read_bytes()[:20000])
    with pytest.raises(OnrampError, match="torn_uncal"):
        Detector1.call(torn, references=references, output_dir="out", save_results=True)
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize("failing", [1, 2])
def test_no_product_appears_before_all_are_complete(
    exposure, references, tmp_path, monkeypatch, failing
):
    """A disk that fails while the second product is synced leaves no first one either."""
    sync, count = os.fsync, iter(range(1, 100))

    def failing_sync(file):
        if next(count) == failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(file)

    monkeypatch.setattr(os, "fsync", failing_sync)
    with pytest.raises(OutputError, match="Input/output error"):
        process_exposure(exposure.uncal, tmp_path / "out", parse_steps({}, "test"), references, {})
    assert not any((tmp_path / "out").iterdir())
