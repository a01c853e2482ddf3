"""Files that the user names: the dark as it is subtracted, the optional product of the fit."""

import json

import numpy as np
import pytest
from astropy.io import fits
from onramp import Detector1
from onramp.errors import ParameterError
from onramp.parameters import parse_steps
from onramp.product_list import chosen_name
from onramp.simulate import simulate
from onramp.verify import verify

SAVED = {"ramp_fit": {"save_opt": True}}


@pytest.fixture(scope="module")
def exposure(tmp_path_factory):
    return simulate("nircam_bright", tmp_path_factory.mktemp("named"), 3, nx=40, ny=48, ngroups=4)


def call(exposure, folder, steps):
    return Detector1.call(
        exposure.uncal, steps=steps, references=exposure.references["gain"].parent,
        output_dir=folder, save_results=True,
    )  # fmt: skip


def names(folder):
    return {path.name for path in folder.glob("*.fits")}


@pytest.mark.parametrize(
    ("text", "suffix", "expected"),
    [
        ("my.dark.fits", None, "my.dark.fits"),
        ("mine", None, "mine.fits"),
        ("{exposure}_averaged", None, "jw1_nrca1_averaged.fits"),
        ("a_rate.fits", "fitopt", "a_fitopt.fits"),
        ("a_gain_scaleints", "fitopt", "a_fitopt.fits"),
        ("a_strange", "likely_chisq", "a_strange_likely_chisq.fits"),
    ],
)
def test_names(text, suffix, expected):
    assert chosen_name(text, "jw1_nrca1", suffix) == expected


def test_the_dark_is_what_was_subtracted(exposure, tmp_path):
    wanted = {"save_results": True, "dark_output": "{exposure}_mean"}
    call(exposure, tmp_path, {"dark_current": wanted, "linearity": {"save_results": True}})
    name = exposure.uncal.name.removesuffix("_uncal.fits")
    with fits.open(tmp_path / f"{name}_mean.fits") as hdus:
        dark, dq, header = hdus["SCI"].data, hdus["DQ"].data, hdus[0].header
    before, after = (
        fits.getdata(tmp_path / f"{name}_{step}.fits") for step in ("linearity", "dark_current")
    )
    used = np.isfinite(before) & np.isfinite(after)
    assert np.abs(dark).max() > 0
    np.testing.assert_array_equal((before - dark)[used], after[used])
    assert dq.shape == dark.shape[1:]
    assert (header["NGROUPS"], header["NFRAMES"], header["GROUPGAP"]) == (4, 2, 3)
    assert header["REFTYPE"] == "DARK"
    found = verify(tmp_path)
    assert not found.findings
    assert found.products == 5


def test_the_saved_dark_is_a_reference(exposure, tmp_path):
    call(exposure, tmp_path / "a", {"dark_current": {"dark_output": "dark"}})
    again = {"dark_current": {"override_dark": str(tmp_path / "a/dark.fits")}}
    call(exposure, tmp_path / "b", again)
    name = exposure.uncal.name.replace("uncal", "rate")
    rates = [fits.getdata(tmp_path / folder / name) for folder in "ab"]
    np.testing.assert_array_equal(*rates)


def test_no_dark_is_saved_where_none_is_subtracted(exposure, tmp_path, caplog):
    call(exposure, tmp_path, {"dark_current": {"dark_output": "dark", "skip": True}})
    assert "dark.fits" not in names(tmp_path)
    assert "no dark is subtracted; dark_output is not written" in caplog.text


def test_the_optional_product_has_the_chosen_name(exposure, tmp_path):
    call(exposure, tmp_path / "own", SAVED)
    call(
        exposure, tmp_path / "chosen", {"ramp_fit": {"save_opt": True, "opt_name": "my_rate.fits"}}
    )
    assert "my_fitopt.fits" in names(tmp_path / "chosen")
    own = exposure.uncal.name.replace("uncal", "fitopt")
    assert names(tmp_path / "own") - names(tmp_path / "chosen") == {own}
    with fits.open(tmp_path / "chosen/my_fitopt.fits") as a, fits.open(tmp_path / "own" / own) as b:
        assert a[0].header["FILENAME"] == "my_fitopt.fits"
        np.testing.assert_array_equal(a["SLOPE"].data, b["SLOPE"].data)
    record = json.loads(next((tmp_path / "chosen").glob("*_provenance.json")).read_text())
    assert "my_fitopt.fits" in [product["file"] for product in record["products"]]


@pytest.mark.parametrize("name", ["{exposure}_rate", "{exposure}_rateints.fits"])
def test_no_two_products_have_one_name(exposure, tmp_path, name):
    with pytest.raises(ParameterError, match=r"two products would be named .*; choose another"):
        call(exposure, tmp_path, {"dark_current": {"dark_output": name}})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["sub/x.fits", "/x.fits", ".x", "a\nb"])
def test_names_have_no_folder(name):
    words = "expected the name of a file, without folder; products go to output_dir"
    for step, option in (("dark_current", "dark_output"), ("ramp_fit", "opt_name")):
        with pytest.raises(ParameterError, match=words):
            parse_steps({step: {option: name}}, "x")
