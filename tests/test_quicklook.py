import numpy as np
import pytest
from astropy.io import fits
from matplotlib.image import imread
from onramp import flags, quicklook
from onramp.detector1 import Detector1
from onramp.simulate import simulate

FOUND = {"exposure": "x", "instrument": "NIRCAM", "detector": "NRCA1", "mode": "NRC_IMAGE",
         "subarray": "SUB64", "readpatt": "RAPID", "ngroups": 5, "jump_rate": 3.2}  # fmt: skip


def write(folder, rate, quality):
    """Write products of two integrations and their exposure; return what `draw` takes."""
    nints, ngroups = 2, 5
    unit = fits.Header([("BUNIT", "DN/s")])
    cube = [np.broadcast_to(plane, (nints, *rate.shape)) for plane in (rate, quality)]
    for name, (sci, dq) in (("rate", (rate, quality)), ("rateints", cube)):
        hdus = [fits.PrimaryHDU(), fits.ImageHDU(np.array(sci, np.float32), unit, "SCI"),
                fits.ImageHDU(np.array(dq, np.uint32), name="DQ")]  # fmt: skip
        fits.HDUList(hdus).writeto(folder / f"{name}.fits")
    ramp = 1000 + 3 * np.arange(ngroups)[:, None, None] * np.ones(rate.shape)
    samples = np.broadcast_to(ramp, (nints, ngroups, *rate.shape)).astype(np.uint16)
    primary = fits.PrimaryHDU(header=fits.Header([("TGROUP", 2.0)]))
    fits.HDUList([primary, fits.ImageHDU(samples, name="SCI")]).writeto(folder / "uncal.fits")
    files = [folder / f"{name}.fits" for name in ("uncal", "rate", "rateints")]
    return *files, {**FOUND, "nints": nints}, folder / "x.png"


@pytest.mark.parametrize("shape", [(64, 64), (32, 512), (16, 160), (96, 24)])
def test_picture_of_any_shape(tmp_path, shape):
    generator = np.random.default_rng(1)
    quality = np.where(generator.random(shape) < 0.05, flags.JUMP_DET, 0)
    quality[0, :4] = flags.SATURATED, flags.DO_NOT_USE, flags.REFERENCE_PIXEL, flags.JUMP_DET
    arguments = write(tmp_path, generator.normal(1, 0.1, shape), quality)
    quicklook.draw(*arguments)
    picture = imread(arguments[-1])
    assert picture.shape[1] == 1540
    assert 600 < picture.shape[0] < 1500
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("rate", "flag"),
    [(np.nan, flags.DO_NOT_USE), (0.0, 0), (5.0, flags.JUMP_DET), (5.0, flags.SATURATED)],
)
def test_picture_without_anything_to_see(tmp_path, rate, flag):
    shape = (24, 24)
    quicklook.draw(*write(tmp_path, np.full(shape, rate), np.full(shape, flag)))


def test_blocks_are_reduced_to_their_mean_or_largest():
    image = np.arange(16.0).reshape(4, 4)
    image[0, 0] = np.nan
    assert quicklook._reduced(image, 2)[0].tolist() == [(1 + 4 + 5) / 3, 4.5]
    assert quicklook._reduced(image[1:].astype(int), 2).tolist() == [[9, 11]]


def test_ramp_is_split_at_its_jump():
    times = np.arange(6.0)
    counts = 2 * times + np.where(times > 3, 50, 0)
    ramp = quicklook.Ramp("with a jump", 0, 0, times, counts, 2.0, True)
    assert quicklook._segments(ramp) == [slice(0, 4), slice(4, 6)]
    assert quicklook._segments(ramp._replace(jumped=False)) == [slice(0, 6)]


def test_ramps_shown_are_those_of_their_kind(tmp_path):
    changes = {"nx": 64, "ny": 64, "ngroups": 6, "cosmic_rays_per_s_cm2": 200.0}
    made = simulate("nircam_full", tmp_path, 3, **changes)
    result = Detector1.call(made.uncal, references=tmp_path / "references")
    ramps = quicklook._ramps(made.uncal, result.rateints.sci[0], result.rateints.dq[0])
    kinds = {ramp.title: ramp for ramp in ramps}
    assert {"faint", "bright", "with a jump"} <= set(kinds)
    assert kinds["bright"].rate > kinds["faint"].rate
    jumped = kinds["with a jump"]
    assert result.rateints.dq[0, jumped.y, jumped.x] & flags.JUMP_DET
    assert quicklook._step_ratio(jumped) > 5 * quicklook._step_ratio(kinds["bright"])
