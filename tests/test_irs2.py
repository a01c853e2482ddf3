"""IRS2 exposures as a whole; each is a full frame, so there are few."""

import numpy as np
import pytest
from astropy.io import fits
from onramp.detector1 import process_exposure
from onramp.errors import OutputError, ParameterError, ReferenceFileError
from onramp.noise_file import NoiseFile
from onramp.parameters import parse_steps
from onramp.simulate import score, simulate

EXTENSIONS = "SCI", "ERR", "DQ", "VAR_POISSON", "VAR_RNOISE"


@pytest.fixture(scope="module")
def exposure(tmp_path_factory):
    folder = tmp_path_factory.mktemp("irs2")
    return simulate("nirspec_irs2_rapid", folder, 3, ngroups=3, one_over_f_dn=6.0)


def rate(exposure, folder, steps=None, references=None, **options):
    statistics = process_exposure(
        exposure.uncal, folder, parse_steps(steps or {}, "test"), None,
        {"ipc": "N/A", **exposure.references, **(references or {})}, **options,
    )  # fmt: skip
    return next(folder.glob("*_rate.fits")), statistics


@pytest.fixture(scope="module")
def usual(exposure, tmp_path_factory):
    return rate(exposure, tmp_path_factory.mktemp("usual"))


def test_rate_is_that_of_the_sky(exposure, usual):
    path, statistics = usual
    assert fits.getdata(path).shape == (2048, 2048)
    assert statistics["steps"]["refpix"]["state"] == "COMPLETE"
    scored = score(path, exposure.truth)
    assert abs(scored["pull_median"]) < 0.4  # weights are good to 5 %
    assert 0.9 < scored["pull_scatter"] < 1.2


def test_bands_and_threads_do_not_matter(exposure, usual, tmp_path):
    steps = {"jump": {"maximum_cores": "2"}, "ramp_fit": {"maximum_cores": "2"}}
    other, _ = rate(exposure, tmp_path, steps, rows=77, cores=2)
    for extension in EXTENSIONS:
        ours, theirs = fits.getdata(usual[0], extension), fits.getdata(other, extension)
        assert np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f")


def test_nothing_is_left_behind(usual):
    names = {path.name.rpartition("_")[2] for path in usual[0].parent.iterdir()}
    assert names == {"rate.fits", "rateints.fits", "parameters.yaml", "provenance.json"}


@pytest.mark.parametrize("refpix", [{"skip": True}, {"preserve_irs2_refpix": True}])
def test_reference_pixels_can_be_kept_only_without_later_steps(exposure, tmp_path, refpix):
    steps = {"refpix": refpix, "jump": {"skip": True}}
    with pytest.raises(ParameterError, match="linearity cannot take") as error:
        rate(exposure, tmp_path, steps)
    assert "skip linearity, dark_current, ramp_fit as well" in str(error.value)


@pytest.mark.parametrize(
    "step", ["charge_migration", "picture_frame", "clean_flicker_noise", "persistence"]
)
def test_steps_that_are_off_by_default_cannot_take_reference_pixels(exposure, tmp_path, step):
    off = ("linearity", "dark_current", "jump", "ramp_fit")
    steps = {"refpix": {"preserve_irs2_refpix": True}, step: {"skip": False}}
    steps |= {name: {"skip": True} for name in off}
    with pytest.raises(ParameterError, match=f"{step} cannot take; skip {step} as well"):
        rate(exposure, tmp_path, steps, {"pictureframe": "N/A"})


def test_refpix_reference_is_indispensable(exposure, tmp_path):
    with pytest.raises(ReferenceFileError, match="refpix cannot do without"):
        rate(exposure, tmp_path, references={"refpix": "N/A"})


def test_superbias_without_reference_pixels_is_refused(exposure, tmp_path):
    path = tmp_path / "superbias.fits"
    with fits.open(exposure.references["superbias"]) as hdus:
        for name in ("SCI", "ERR", "DQ"):
            hdus[name].data = hdus[name].data[:2048]
        hdus.writeto(path)
    with pytest.raises(ReferenceFileError, match="IRS2 exposures need 3200 rows"):
        rate(exposure, tmp_path, references={"superbias": path})


def test_noise_is_kept_by_rows(tmp_path):
    values = np.random.default_rng(1).normal(size=(2, 3, 10, 4)).astype(np.float32)
    kept = NoiseFile(values.shape, tmp_path)
    for integration, groups in enumerate(values):
        for group, plane in enumerate(groups):
            kept.write(integration, group, 6, plane[6:])
            kept.write(integration, group, 0, plane[5::-1][::-1])
    assert np.array_equal(kept.read(1, 4, 8), values[1, :, 4:8])
    with pytest.raises(ValueError, match="have not been written"):
        kept.read(2, 0, 1)
    kept.close()
    assert not list(tmp_path.iterdir())


def test_no_room_for_noise(tmp_path):
    with pytest.raises(OutputError, match="choose another output_dir"):
        NoiseFile((1, 1, 1, 1), tmp_path / "absent")
