import numpy as np
import pytest
from astropy.io import fits
from matplotlib.figure import Figure
from matplotlib.image import imread
from onramp import flags, quicklook
from onramp.detector1 import Detector1
from onramp.exposure import Exposure
from onramp.jump_report import make_report, report_as_dict
from onramp.quicklook_jumps import draw_report
from onramp.simulate import simulate
from onramp.steps.jump_census import EVENTS, FLAGGED, SEARCHED, JumpCensus

FOUND = {"exposure": "x", "instrument": "NIRCAM", "detector": "NRCA1", "mode": "NRC_IMAGE",
         "subarray": "SUB64", "readpatt": "RAPID", "ngroups": 5}  # fmt: skip


def write(folder, rate, quality):
    """Write products of two integrations and their exposure; return what `draw` takes."""
    nints, ngroups = 2, 5
    unit = fits.Header([("BUNIT", "DN/s")])
    cube = [np.broadcast_to(plane, (nints, *rate.shape)) for plane in (rate, quality)]
    for name, (sci, dq) in (("rate", (rate, quality)), ("rateints", cube)):
        hdus = [fits.PrimaryHDU(), fits.ImageHDU(np.array(sci, np.float32), unit, "SCI"),
                fits.ImageHDU(np.array(dq, np.uint32), name="DQ")]  # fmt: skip
        fits.HDUList(hdus).writeto(folder / f"{name}.fits")
    changes = {"ny": rate.shape[0], "nx": rate.shape[1], "nints": nints, "ngroups": ngroups}
    made = simulate("nircam_full", folder / "raw", 3, **changes)
    files = [folder / f"{name}.fits" for name in ("rate", "rateints")]
    return made.uncal, *files, {**FOUND, "nints": nints}, folder / "x.png"


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


def a_report(events, groups=4, searched=500_000, amplifiers=4):
    """A report of as many events in each group after the first."""
    census = JumpCensus.empty(groups + 1, amplifiers)
    census.by_group[SEARCHED, 1:] = searched
    census.by_group[EVENTS, 1:] = events
    census.by_group[FLAGGED] = 5 * census.by_group[EVENTS]
    census.by_amplifier[:] = census.by_group.sum(axis=1)[:, None] // amplifiers
    census.sizes[:, 8:14] = census.by_group[EVENTS].sum() // 6
    return report_as_dict(make_report(census, "NIRCAM", 10.0))


@pytest.mark.parametrize("shape", [(24, 24), (8, 96)])
def test_picture_with_the_jump_report(tmp_path, shape):
    *files, found, picture = write(tmp_path, np.ones(shape), np.zeros(shape))
    quicklook.draw(*files, {**found, "jump_report": a_report(60)}, picture)
    assert 1000 < imread(picture).shape[0] < 2000


def shown(report):
    figure = Figure()
    panels = figure.subplots(1, 3)
    draw_report(panels, report)
    figure.draw_without_rendering()
    return panels


@pytest.mark.parametrize(
    "report",
    [
        a_report(0),
        a_report(2, groups=1, searched=50, amplifiers=1),
        a_report(np.array([60, 2000, 10, 60])),
        a_report(3, groups=60),
    ],
)
def test_plots_of_any_jump_report(report):
    assert all(axes.axison for axes in shown(report))


def test_plots_of_the_jump_report_show_its_numbers():
    report = a_report(np.array([60, 200, 10, 60]))
    groups, amplifiers, sizes = shown(report)
    assert "5.09 $\\pm$ 0.28" in groups.get_title(loc="left")
    assert amplifiers.get_title(loc="left") == report["remarks"][0] + ", and 1 more"
    points = groups.containers[0].lines[0].get_ydata()
    np.testing.assert_allclose(points, np.array(report["by_group"]["rate"], float))
    assert groups.get_ylim()[1] > np.nanmax(points)
    assert sizes.get_title(loc="left").startswith("sizes   median ")


def test_a_group_that_tells_little_does_not_flatten_the_others():
    report = a_report(np.array([60, 60, 60, 60]))
    report["by_group"]["error"][1] = 1000.0
    groups, *_ = shown(report)
    assert groups.get_ylim()[1] < 50


def test_ticks_of_the_bar_have_one_digit():
    assert quicklook._round_ticks(np.array([0.243, 0.852, 7.26]), 0.1, 9.0).tolist() == [
        0.2, 0.9, 7.0
    ]  # fmt: skip
    narrow = np.array([10.01, 10.02, 10.03])
    assert quicklook._round_ticks(narrow, 10.005, 10.04).tolist() == narrow.tolist()


def test_plots_without_a_search():
    groups, *others = shown(a_report(0, searched=0))
    assert groups.get_title(loc="left") == "jumps: not searched"
    assert not any(axes.axison for axes in (groups, *others))


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


@pytest.mark.parametrize("mode", ["nirspec_irs2", "niriss_superstripes", "nircam_superstripes"])
def test_ramps_shown_are_those_of_their_pixels(tmp_path, mode):
    """Also where the raw frames are not those of the rates."""
    made = simulate(mode, tmp_path, 3, **({"ngroups": 5} if mode == "nirspec_irs2" else {}))
    result = Detector1.call(made.uncal, references=tmp_path / "references")
    ramps = quicklook._ramps(made.uncal, result.rateints.sci[0], result.rateints.dq[0])
    bright = {ramp.title: ramp for ramp in ramps}["bright"]
    slope = np.polyfit(bright.times, bright.counts, 1)[0]
    assert slope == pytest.approx(bright.rate, rel=0.1)


def test_a_ramp_of_stripes_that_are_read_again_in_each_frame(tmp_path):
    made = simulate("nircam_repeated_superstripes", tmp_path, 3)
    with fits.open(made.uncal, mode="update") as hdus:
        data = hdus["SCI"].data
        integration, group, row, _ = np.indices(data.shape)
        data[:] = 4096 * integration + 64 * group + row
    with Exposure(made.uncal) as exposure:
        repeats, number = exposure.stripes.repeats, exposure.stripes.number
        ramps = [exposure.first_ramp(y, 5) for y in range(exposure.shape[2])]
        times = np.concatenate(exposure.read_times)
    assert {int(samples[0]) // 4096 for _, samples in ramps} == set(range(number))
    for seconds, samples in ramps:
        np.testing.assert_allclose(seconds, times - times[0])
        assert len(set(samples // 4096)) == 1
        assert (samples % 4096 // 64).tolist() == [k // repeats for k in range(samples.size)]
        rows = (samples % 64).reshape(-1, repeats)
        assert len(set(rows[0])) == repeats
        assert (rows == rows[0]).all()
