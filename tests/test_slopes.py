"""The fit of a whole exposure: which algorithm, which corrections, which products."""

import logging

import numpy as np
import pytest
from astropy.io import fits
from onramp import Detector1
from onramp.flags import DO_NOT_USE
from onramp.simulate import simulate


@pytest.fixture(scope="module")
def exposure(tmp_path_factory):
    return simulate(
        "nircam_sub", tmp_path_factory.mktemp("slopes"), 5, nx=40, ny=32, nints=2, ngroups=7,
        dense_flags=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def short_exposure(tmp_path_factory):
    return simulate(
        "nircam_sub", tmp_path_factory.mktemp("short"), 6, nx=40, ny=32, nints=2, ngroups=3
    )


def process(exposure, **options):
    ramp_fit = {name: value for name, value in options.items() if name != "output_dir"}
    return Detector1.call(
        exposure.uncal, references=exposure.references["gain"].parent,
        steps={"ramp_fit": ramp_fit}, output_dir=options.get("output_dir"),
        save_results="output_dir" in options,
    )  # fmt: skip


def test_likelihood_gives_other_slopes_than_least_squares(exposure):
    likely, squares = process(exposure, algorithm="LIKELY"), process(exposure)
    both = np.isfinite(likely.rate.sci) & np.isfinite(squares.rate.sci)
    difference = np.abs(likely.rate.sci - squares.rate.sci)[both]
    assert 0 < np.median(difference) < np.median(squares.rate.err[both])


def test_likelihood_flags_nan_if_asked(exposure):
    plain = process(exposure, algorithm="LIKELY")
    flagged = process(exposure, algorithm="LIKELY", flag_nan_rates=True)
    for before, after in ((plain.rate, flagged.rate), (plain.rateints, flagged.rateints)):
        nan = np.isnan(before.sci)
        assert np.any(before.dq[nan] & DO_NOT_USE == 0)
        assert np.all(after.dq[nan] & DO_NOT_USE)
        assert np.array_equal(before.dq[~nan], after.dq[~nan])
        assert np.array_equal(before.sci, after.sci, equal_nan=True)


def test_too_few_groups_for_the_likelihood_are_fitted_by_least_squares(short_exposure, caplog):
    with caplog.at_level(logging.WARNING, "onramp"):
        likely = process(short_exposure, algorithm="LIKELY")
    assert "LIKELY needs 4 groups and there are 3" in caplog.text
    squares = process(short_exposure)
    assert np.array_equal(likely.rate.sci, squares.rate.sci, equal_nan=True)


@pytest.mark.parametrize(
    ("algorithm", "suffix", "name"),
    [("OLS_C", "fitopt", "SLOPE"), ("LIKELY", "likely_chisq", "SCI")],
)
def test_optional_product(exposure, tmp_path, algorithm, suffix, name):
    process(exposure, algorithm=algorithm, save_opt=True, output_dir=tmp_path)
    (path,) = tmp_path.glob(f"*_{suffix}.fits")
    with fits.open(path) as hdus:
        assert hdus[name].data.shape[-2:] == (32, 40)
        assert np.count_nonzero(hdus[name].data) > 0.5 * hdus[name].data[..., :, :].size / 7
        assert hdus[0].header["S_JUMP"] == "COMPLETE"
        assert "S_RAMP" not in hdus[0].header
    assert len(list(tmp_path.glob("*.fits"))) == 3


def test_optional_product_is_large_enough_for_the_fullest_ramp(exposure, tmp_path):
    process(exposure, save_opt=True, output_dir=tmp_path)
    (path,) = tmp_path.glob("*_fitopt.fits")
    with fits.open(path) as hdus:
        segments = (hdus["WEIGHTS"].data > 0).any(axis=(0, 2, 3))
        jumps = (hdus["CRMAG"].data != 0).any(axis=(0, 2, 3))
    assert segments.size > 1
    assert segments.all()
    assert jumps.size > 1
    assert jumps.all()
