"""Steps that are off by default, and darks, from the uncal to products."""

import numpy as np
import pytest
from astropy.io import fits
from onramp import Dark, Detector1
from onramp.errors import InputError, ParameterError, ReferenceFileError
from onramp.simulate import simulate
from onramp.simulation import nirspec_optics

MEDIAN_IMAGE = {"background_method": "median_image"}


@pytest.fixture(scope="module")
def exposure(tmp_path_factory):
    return simulate(
        "nircam_sub", tmp_path_factory.mktemp("optional"), 8, nx=40, ny=48, nints=2, ngroups=5
    )


def call(exposure, steps, **options):
    return Detector1.call(
        exposure.uncal, references=exposure.references["gain"].parent, steps=steps, **options
    )


def test_darks_end_with_linearity(exposure, tmp_path):
    folder = exposure.references["gain"].parent
    ramp = Dark.call(exposure.uncal, references=folder, output_dir=tmp_path, save_results=True)
    assert ramp.sci.shape == ramp.groupdq.shape == (2, 5, 48, 40)
    assert ramp.header["S_LINEAR"] == "COMPLETE"
    assert "S_DARK" not in ramp.header
    (path,) = tmp_path.glob("*_dark.fits")
    np.testing.assert_array_equal(fits.getdata(path, "SCI"), ramp.sci)


def test_parameters_of_later_steps_are_refused(exposure):
    with pytest.raises(ParameterError, match=r"steps\.jump\.rejection_threshold: darks do not"):
        Dark.call(exposure.uncal, steps={"jump": {"rejection_threshold": 4}})


def test_a_users_mask_is_taken(exposure, tmp_path):
    mask = np.zeros((48, 40), np.float32)
    mask[:, :20] = 1
    path = tmp_path / "mask.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(mask, name="SCI")]).writeto(path)
    step = {"skip": False, "user_mask": str(path), "save_mask": True}
    call(exposure, {"clean_flicker_noise": step}, output_dir=tmp_path / "out", save_results=True)
    (saved,) = (tmp_path / "out").glob("*_mask.fits")
    np.testing.assert_array_equal(fits.getdata(saved), mask)
    assert "S_RAMP" not in fits.getheader(saved)


def test_a_mask_of_another_size_fails_the_step(exposure, tmp_path):
    path = tmp_path / "mask.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((3, 3)), name="SCI")]).writeto(path)
    plain = call(exposure, {}).rate
    rate = call(exposure, {"clean_flicker_noise": {"skip": False, "user_mask": str(path)}}).rate
    assert rate.header["S_CLNFNS"] == "FAILED"
    np.testing.assert_array_equal(rate.sci, plain.sci)


def test_what_is_no_mask_is_refused(exposure, tmp_path):
    path = tmp_path / "mask.fits"
    fits.PrimaryHDU().writeto(path)
    with pytest.raises(InputError, match=r"\[SCI\]: extension missing; give another user_mask"):
        call(exposure, {"clean_flicker_noise": {"skip": False, "user_mask": str(path)}})


@pytest.mark.parametrize(
    ("mode", "cleaning", "says"),
    [
        ("nirspec_bots", {"mask_science_regions": True}, "no camera reference .* override_camera"),
        ("niriss_soss", {"mask_science_regions": True}, "no pastasoss reference .* override_"),
        ("nirspec_bots", MEDIAN_IMAGE, "extracted spectra for NRS_BRIGHTOBJ; give them with light"),
        ("niriss_soss", MEDIAN_IMAGE, "no pastasoss reference .* override_pastasoss, or fluxes"),
        ("nircam_sub", {"autoparam": True}, "no flat reference .*N/A to do without it"),
    ],
)
def test_what_is_missing_is_told_in_one_line(tmp_path, mode, cleaning, says):
    other = simulate(mode, tmp_path, 9, nx=48, ny=32, nints=2, ngroups=3, tso=mode != "nircam_sub")
    with pytest.raises((ParameterError, ReferenceFileError), match=says) as error:
        call(other, {"clean_flicker_noise": {"skip": False, **cleaning}})
    assert "\n" not in str(error.value)


def exposure_of_a_slit(folder, band, grating):
    keywords = (("FILTER", band), ("GRATING", grating), ("FXD_SLIT", "S1600A1"),
                ("GWA_TILT", 41.0))  # fmt: skip
    found = simulate("nirspec_bots", folder, 9, nints=1, ngroups=3, keywords=keywords)
    nirspec_optics.references(found.references["gain"].parent, grating)
    return found


def test_slits_are_masked(tmp_path, caplog):
    step = {"skip": False, "mask_science_regions": True, "save_mask": True}
    grism = exposure_of_a_slit(tmp_path / "grism", "F290LP", "G395H")
    call(grism, {"clean_flicker_noise": step}, output_dir=tmp_path, save_results=True)
    (saved,) = tmp_path.glob("*_mask.fits")
    mask = fits.getdata(saved)
    assert 0 < mask.any(axis=1).sum() < mask.shape[0]
    prism = exposure_of_a_slit(tmp_path / "prism", "CLEAR", "PRISM")
    rate = call(prism, {"clean_flicker_noise": step}).rate
    assert rate.header["S_CLNFNS"] == "FAILED"
    assert "flicker noise stays: no slit falls on NRS1" in caplog.text


def test_subarrays_without_a_known_trace_have_no_median_image(tmp_path, caplog):
    other = simulate("niriss_soss", tmp_path, 9, nx=48, ny=32, nints=2, ngroups=3, subarray="FULL")
    rate = call(other, {"clean_flicker_noise": {"skip": False, **MEDIAN_IMAGE}}).rate
    assert rate.header["S_CLNFNS"] == "FAILED"
    assert "median_image is not for GENERIC" in caplog.text


def test_a_source_has_to_be_somewhere(tmp_path):
    series = simulate("miri_sub64", tmp_path, 9, nx=48, ny=32, nints=2, ngroups=3, tso=True)
    fits.delval(series.uncal, "XREF_SCI", "SCI")
    with pytest.raises(InputError, match=r"\[SCI\]: XREF_SCI missing"):
        call(series, {"clean_flicker_noise": {"skip": False, **MEDIAN_IMAGE}},
             overrides={"flat": "N/A"})  # fmt: skip


def test_a_light_curve_scales_the_median(exposure, tmp_path, caplog):
    """Twice the light in one integration is what the median of both is taken for."""
    path = tmp_path / "curve.csv"
    path.write_text("flux\n1\n2\n")
    step = {"skip": False, **MEDIAN_IMAGE, "light_curve": str(path), "save_background": True}
    call(exposure, {"clean_flicker_noise": step}, output_dir=tmp_path, save_results=True)
    (saved,) = tmp_path.glob("*_flicker_bkg.fits")
    background = fits.getdata(saved, "SCI")
    np.testing.assert_allclose(background[1], 2 * background[0], rtol=1e-6)
    path.unlink()
    with pytest.raises(InputError, match="cannot be read as a table"):
        call(exposure, {"clean_flicker_noise": step})
    path.write_text("flux\nnan\nnan\n")
    rate = call(exposure, {"clean_flicker_noise": step}).rate
    assert rate.header["S_CLNFNS"] == "FAILED"
    assert "no integration has a flux" in caplog.text


def test_autoparam_is_told_and_leaves_other_exposures_alone(exposure, tmp_path, caplog):
    caplog.set_level("INFO", logger="onramp")
    chosen = {"skip": False, "autoparam": True}
    call(exposure, {"clean_flicker_noise": chosen}, overrides={"flat": "N/A"})
    assert "autoparam: apply_flat_field=False, background_method=" in caplog.text
    series = simulate("nircam_sub", tmp_path, 9, nx=48, ny=32, nints=2, ngroups=3,
                      exp_type="NRC_TSIMAGE")  # fmt: skip
    by_data = call(series, {"clean_flicker_noise": chosen}).rate
    assert "autoparam is not for NRC_TSIMAGE" in caplog.text
    as_given = call(series, {"clean_flicker_noise": {"skip": False}}).rate
    np.testing.assert_array_equal(by_data.sci, as_given.sci)
