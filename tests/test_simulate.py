import importlib.util
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from onramp import flags
from onramp.errors import ParameterError
from onramp.simulate import DEMONSTRATION, MODES, score, simulate
from onramp.simulation import detector as detectors
from onramp.simulation.modes import change
from onramp.simulation.readout import measured
from onramp.simulation.scene import COSMIC_RAY, cosmic_rays
from onramp.simulation.truth import _largest_step

SMALL = {"nx": 64, "ny": 48, "ngroups": 4}
QUIET = {"cosmic_rays_per_s_cm2": 0.0, "one_over_f_dn": 0.0}


def naive_rate(exposure):
    """Calibrate pixel by pixel from the references, and fit by least squares over the groups."""
    reference = {kind: fits.open(path) for kind, path in exposure.references.items()}
    with fits.open(exposure.uncal) as hdus:
        raw = hdus["SCI"].data[0].astype(float)
        header = hdus[0].header
        times = header["TGROUP"] * np.arange(len(raw))
    good = (raw < reference["saturation"]["SCI"].data).all(axis=0) & (raw > 0).all(axis=0)
    good &= reference["saturation"]["DQ"].data == 0
    signal = raw - reference["superbias"]["SCI"].data
    for plane in signal:
        for parity in (0, 1):
            plane[:, parity::2] -= plane[:4, parity::2].mean()
    signal = np.polynomial.polynomial.polyval(signal, reference["linearity"]["COEFFS"].data, False)
    frame = np.arange(len(raw)) * (header["NFRAMES"] + header["GROUPGAP"])
    dark = reference["dark"]["SCI"].data
    for group, first in enumerate(frame):
        signal[group] -= dark[first : first + header["NFRAMES"]].mean(axis=0)
    for hdus in reference.values():
        hdus.close()
    centred = times - times.mean()
    return np.tensordot(centred, signal, 1) / (centred**2).sum(), good & np.isfinite(signal).all(0)


@pytest.fixture(scope="module")
def exposure(tmp_path_factory):
    return simulate("nircam_full", tmp_path_factory.mktemp("exposure"), 7, nx=64, ny=64, **QUIET)


def test_same_seed_gives_the_same_bytes(tmp_path):
    first, second = (simulate("nircam_full", tmp_path / n, 3, **SMALL) for n in ("a", "b"))
    assert first.uncal.read_bytes() == second.uncal.read_bytes()
    assert first.truth.read_bytes() == second.truth.read_bytes()


def test_another_seed_gives_another_exposure_and_the_same_references(tmp_path):
    first, second = (simulate("nircam_full", tmp_path / str(n), n, **SMALL) for n in (1, 2))
    assert first.uncal.name != second.uncal.name
    assert (fits.getdata(first.uncal) != fits.getdata(second.uncal)).mean() > 0.9
    for kind, path in first.references.items():
        assert path.name == second.references[kind].name
        assert path.read_bytes() == second.references[kind].read_bytes()


@pytest.mark.parametrize("name", MODES)
def test_header_agrees_with_the_data_and_files_verify(tmp_path, name):
    mode = MODES[name]
    size = {} if mode.interleaved else {"nx": min(mode.nx, 96), "ny": min(mode.ny, 32)}
    if mode.pattern:
        size.pop("ny" if mode.fast_is_x else "nx")
    exposure = simulate(name, tmp_path, 5, nints=2, ngroups=3, **size)
    references = [path for path in exposure.references.values() if path.suffix == ".fits"]
    assert len(exposure.references) - len(references) == mode.miri  # emicorr is asdf
    for path in (exposure.uncal, exposure.truth, *references):
        with fits.open(path) as hdus:
            hdus.verify("exception")
    with fits.open(exposure.uncal) as hdus:
        header = hdus[0].header
        sci = hdus["SCI"].data
        assert sci.dtype == np.uint16
        nints, ngroups, ny, nx = (
            header[key] for key in ("NINTS", "NGROUPS", "SUBSIZE2", "SUBSIZE1")
        )
        assert sci.shape == (nints, ngroups, 3200 if mode.interleaved else ny, nx)
        assert hdus[-1].name == "ASDF"
        assert header["FILENAME"] == exposure.uncal.name
        assert header["TGROUP"] == (header["NFRAMES"] + header["GROUPGAP"]) * header["TFRAME"]
        assert len(hdus["GROUP"].data) == sci.shape[0] * sci.shape[1]
        times = hdus["INT_TIMES"].data
        assert header["EXPSTART"] == times["int_start_MJD_UTC"][0]
        assert np.all(times["int_end_MJD_UTC"] > times["int_start_MJD_UTC"])
        assert np.all(times["int_start_MJD_UTC"][1:] > times["int_end_MJD_UTC"][:-1])
        assert header["ZEROFRAM"] == ("ZEROFRAME" in hdus)


@pytest.mark.parametrize("name", ["nircam_full", "niriss_soss", "nirspec_bots"])
def test_subarray_cards_of_references_match_the_exposure(tmp_path, name):
    exposure = simulate(name, tmp_path, 1, nx=40, ny=24, ngroups=3, nints=1)
    header = fits.getheader(exposure.uncal)
    keys = ("DETECTOR", "SUBARRAY", "SUBSTRT1", "SUBSTRT2", "SUBSIZE1", "FASTAXIS", "SLOWAXIS")
    for kind, path in exposure.references.items():
        reference = fits.getheader(path)
        assert reference["REFTYPE"] == kind.upper()
        assert [reference[key] for key in keys] == [header[key] for key in keys]


def test_full_frame_references_hold_the_pixels_of_the_subarray(tmp_path):
    exposure = simulate("nircam_sub", tmp_path, 1, nints=1, ngroups=3, full_frame_references=True)
    header = fits.getheader(exposure.uncal)
    with fits.open(exposure.references["superbias"]) as hdus:
        assert hdus["SCI"].shape == (2048, 2048)
        y, x = header["SUBSTRT2"] - 1, header["SUBSTRT1"] - 1
        bias = hdus["SCI"].data[y : y + 160, x : x + 160]
    first = fits.getdata(exposure.uncal)[0, 0].astype(float)
    difference = first - bias
    assert np.nanmedian(np.abs(difference - np.nanmedian(difference))) < 15
    assert np.nanstd(bias) > 40
    dark = fits.getheader(exposure.references["dark"], "SCI")
    assert (dark["NAXIS1"], dark["NAXIS2"]) == (160, 160)


def test_definitions_of_flags_lead_to_the_standard_bits(exposure):
    with fits.open(exposure.references["mask"]) as hdus:
        rows = hdus["DQ_DEF"].data
        definition = list(zip(rows["VALUE"].tolist(), rows["NAME"].tolist(), strict=True))
        stored = hdus["DQ"].data
    assert any(flags.PIXEL[name] != value for value, name in definition)
    dq = flags.translate(stored, definition)
    border = np.zeros((64, 64), bool)
    border[:4] = border[:, :4] = True
    assert np.array_equal((dq & flags.REFERENCE_PIXEL) != 0, border)
    assert np.count_nonzero(dq & flags.DEAD) >= 1


def test_naive_fit_recovers_the_truth(exposure):
    rate, good = naive_rate(exposure)
    with fits.open(exposure.truth) as hdus:
        expected, known = hdus["RATE"].data, hdus["GOOD"].data.astype(bool)
    with fits.open(exposure.references["gain"]) as hdus:
        gain = hdus["SCI"].data
    use = good & known & (gain > 0)
    assert np.count_nonzero(use) > 2500
    n, time = 10, 10.73677
    read = 10.0 / 2.05
    # weights of an unweighted line: read noise, and Poisson noise of a ramp (six fifths of a mean)
    variance = 12 * read**2 / (n * (n * n - 1) * time**2)
    variance = variance + 1.2 * (n * n + 1) / (n * n - 1) * expected[use] / gain[use] / (n * time)
    pull = (rate - expected)[use] / np.sqrt(variance)
    assert abs(np.mean(pull)) < 0.1
    assert 0.9 < np.mean(pull**2) < 1.15
    bright = expected[use] > 50
    assert np.count_nonzero(bright) > 10
    assert np.median((rate[use] / expected[use])[bright]) == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize("sky", [20.0, 600.0])
@pytest.mark.parametrize("pattern", [(1, 0), (2, 3)])
def test_naive_fit_of_bare_sky(tmp_path, sky, pattern):
    nframes, groupgap = pattern
    ngroups = 10 // (nframes + groupgap) + 1
    exposure = simulate(
        "nircam_full", tmp_path, 3, nx=64, ny=64, ngroups=ngroups, nframes=nframes,
        groupgap=groupgap, sky_e_per_s=sky, sources_per_megapixel=0.0, **QUIET,
    )  # fmt: skip
    rate, good = naive_rate(exposure)
    with fits.open(exposure.truth) as hdus:
        expected, known = hdus["RATE"].data, hdus["GOOD"].data.astype(bool)
    use = good & known
    assert np.count_nonzero(use) > 3000
    assert np.median((rate / np.where(use, expected, 1))[use]) == pytest.approx(1, abs=0.002)


def test_noise_averages_over_frames_and_hot_pixels_follow_the_dark(tmp_path):
    exposure = simulate(
        "nircam_full", tmp_path, 3, nx=96, ny=96, ngroups=3, nframes=8, groupgap=2,
        sky_e_per_s=0.0, sources_per_megapixel=0.0, **QUIET,
    )  # fmt: skip
    rate, good = naive_rate(exposure)
    with fits.open(exposure.references["dark"]) as hdus:
        dark = hdus["SCI"].data
    time = 20 * 10.73677
    quiet = good & (dark[-1] < np.nanmedian(dark[-1]) * 3)
    read = 10.0 / 2.05 / np.sqrt(8) * np.sqrt(2) / time
    assert 0.9 < np.std(rate[quiet]) / read < 1.2
    assert dark[9] == pytest.approx(10 * dark[0], rel=1e-4, nan_ok=True)
    raw = fits.getdata(exposure.uncal)[0].astype(float)
    hot = good & (dark[0] > 5)
    assert np.count_nonzero(hot) >= 3
    with fits.open(exposure.references["superbias"]) as hdus:
        level = raw[0] - hdus["SCI"].data - np.median(raw[0, :4] - hdus["SCI"].data[:4])
    assert np.median(level[hot] / dark[:8].mean(axis=0)[hot]) == pytest.approx(1, abs=0.1)


def test_faint_and_saturated_pixels_are_there(exposure):
    raw = fits.getdata(exposure.uncal)[0]
    level = fits.getdata(exposure.references["saturation"], "SCI")
    saturated = (raw >= level) & np.isfinite(level) & (level > 0)
    assert saturated[-1].sum() > saturated[0].sum() > 0
    truth = fits.getdata(exposure.truth, "RATE")
    assert np.percentile(truth[8:, 8:], 5) < 1
    assert np.all(truth[:4] == 0)


@pytest.mark.parametrize(("nframes", "groupgap"), [(1, 0), (2, 3)])
def test_cosmic_rays_stand_where_the_truth_says(tmp_path, nframes, groupgap):
    exposure = simulate(
        "nircam_full", tmp_path, 11, nx=128, ny=128, ngroups=6, nframes=nframes,
        groupgap=groupgap, cosmic_rays_per_s_cm2=150.0, sources_per_megapixel=0.0,
    )  # fmt: skip
    raw = fits.getdata(exposure.uncal)[0].astype(float)
    steps = np.diff(raw, axis=0)
    steps -= np.median(steps, axis=0)
    with fits.open(exposure.truth) as hdus:
        hits = hdus["COSMIC_RAYS"].data
        good = hdus["GOOD"].data.astype(bool)
    where, counts = np.unique(np.stack([hits["y"], hits["x"]]), axis=1, return_counts=True)
    alone = {tuple(pixel) for pixel in where[:, counts == 1].T}
    tested = 0
    for hit in hits:
        y, x, group = hit["y"], hit["x"], hit["group"]
        inside = 0 < group < 5 and 3000 < hit["electrons"] < 20000
        if not inside or not good[y, x] or (y, x) not in alone or raw[-1, y, x] > 50000:
            continue
        pair = steps[group - 1 : group + 1, y, x]
        assert pair.sum() == pytest.approx(hit["electrons"] / 2.05, rel=0.15)
        assert pair[0] > 0.4 * pair.sum()
        tested += 1
    assert tested > 20


def test_cosmic_rays_come_at_the_asked_rate():
    mode = change(MODES["nircam_full"], nx=512, ny=512, cosmic_rays_per_s_cm2=50.0)
    hits = cosmic_rays(np.random.default_rng(2), mode)
    area = 512 * 512 * (18e-4) ** 2
    expected = 50 * area * mode.integration_time
    own = 1 + 0.3 * 4
    assert len(hits) == pytest.approx(expected * own, rel=0.1)
    assert hits["group"].max() == mode.ngroups - 1


def test_linearity_polynomial_undoes_the_detector():
    linear = np.linspace(0, 74000, 500, dtype=np.float32)
    for stretch in (0.85, 1.0, 1.05):
        scale = np.full_like(linear, stretch)
        signal = measured(linear, scale, detectors.inverse_linearity().astype(np.float32))
        u = signal.astype(float) * stretch / detectors.LINEARITY_SCALE_DN
        again = np.polynomial.polynomial.polyval(u, detectors.LINEARITY)
        again *= detectors.LINEARITY_SCALE_DN / stretch
        assert np.abs(again - linear).max() < 0.2
    assert signal[-1] < 0.97 * linear[-1]


def test_noise_along_a_detector_row_is_shared(tmp_path):
    for name, axis in (("nircam_full", 1), ("niriss_soss", 0)):
        mode = change(MODES[name], nx=64, ny=64, nints=1, ngroups=2)
        exposure = simulate(
            mode, tmp_path, 1, one_over_f_dn=40.0, cosmic_rays_per_s_cm2=0.0, scene="field",
            sources_per_megapixel=0.0,
        )  # fmt: skip
        step = np.diff(fits.getdata(exposure.uncal)[0].astype(float), axis=0)[0]
        profile = np.median(step[8:-8, 8:-8], axis=axis)
        across = np.median(step[8:-8, 8:-8], axis=1 - axis)
        assert np.std(profile) > 3 * np.std(across)


def test_dense_flags_leave_reference_pixels_alone(tmp_path):
    exposure = simulate("nircam_full", tmp_path, 1, dense_flags=True, **SMALL)
    raw = fits.getdata(exposure.uncal)[0]
    assert (raw[:, 4:, 4:] == 0).mean() > 0.01
    assert (raw[:, 4:, 4:] == 65535).mean() > 0.005
    assert not (raw[:, :4] == 65535).any()
    assert (fits.getdata(exposure.references["linearity"], "DQ")[4:, 4:] != 0).mean() > 0.05


def test_options_of_the_references(tmp_path):
    exposure = simulate(
        "nircam_bright", tmp_path, 1, inverse_linearity=True, gain_factor=2.0, dark_groups=5,
        **SMALL,
    )  # fmt: skip
    assert fits.getheader(exposure.references["gain"])["GAINFACT"] == 2.0
    assert fits.getdata(exposure.references["dark"], "SCI").shape[0] == 5
    with fits.open(exposure.references["linearity"]) as hdus:
        assert hdus["INV_COEFFS"].shape[1:] == hdus["COEFFS"].shape[1:]


def test_charge_of_a_hit_is_shared_between_group_differences():
    mode = change(MODES["nircam_full"], ngroups=3, nframes=4, groupgap=2)
    hits = np.zeros(6, COSMIC_RAY)
    hits["frame"] = [0, 1, 3, 4, 13, 15]
    hits["group"] = [0, 0, 0, 1, 2, 2]
    assert _largest_step(mode, hits).tolist() == [1.0, 0.75, 0.75, 1.0, 0.75, 0.25]


def write_product(path, sci, err, dq):
    hdus = [fits.ImageHDU(np.asarray(a), name=n) for n, a in (("SCI", sci), ("ERR", err))]
    hdus.append(fits.ImageHDU(dq.astype(np.uint32), name="DQ"))
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)


@pytest.mark.parametrize("missed", [False, True])
def test_score_of_a_known_product(tmp_path, missed):
    exposure = simulate("nircam_sub", tmp_path, 4, nints=2, ngroups=5, cosmic_rays_per_s_cm2=3000.0)
    with fits.open(exposure.truth) as hdus:
        truth = np.repeat(hdus["RATE"].data[None], 2, axis=0)
        hits = hdus["COSMIC_RAYS"].data
        dq = np.zeros(truth.shape, np.uint32)
        err = 0.05 + 0.005 * truth
        sci = truth * 1.001 + err * np.random.default_rng(1).standard_normal(truth.shape)
        seen = hits[hits["group"] > 0]
        flagged = seen[::2] if missed else seen
        dq[flagged["integration"], flagged["y"], flagged["x"]] = flags.JUMP_DET
    path = tmp_path / "x_rateints.fits"
    write_product(path, sci.astype("f4"), err.astype("f4"), dq)
    result = score(path, exposure.truth)
    assert result["cosmic_rays"] > 50
    assert result["pull_scatter"] == pytest.approx(1, abs=0.03)
    assert abs(result["pull_median"]) < 0.25
    assert result["false_flags"] == 0
    found = result["cosmic_rays_found"]
    assert (0.3 < found < 0.7) if missed else found == 1


def test_demonstration_holds_the_promised_modes():
    shapes = {mode.name: (mode.nints, mode.ngroups, mode.ny, mode.nx) for mode in DEMONSTRATION}
    assert shapes["nircam_full"] == (1, 10, 2048, 2048)
    assert set(shapes) == {"nircam_full", "niriss_soss", "nirspec_bots", "nircam_sub"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"mode": "nircam_ful"}, "nircam_full"),
        ({"ngrops": 3}, "did you mean 'ngroups'"),
        ({"seed": 100000}, "99999"),
        ({"nints": 0}, ">= 1"),
        ({"xstart": 2000, "nx": 100}, "leaves the detector"),
    ],
)
def test_refusals(tmp_path, arguments, says):
    arguments = {"mode": "nircam_full", "seed": 1, **arguments}
    with pytest.raises(ParameterError, match=says):
        simulate(output=tmp_path, **arguments)
    assert not list(tmp_path.iterdir())


def test_command_line(tmp_path, capsys):
    path = Path(__file__).parents[1] / "scripts" / "simulate.py"
    spec = importlib.util.spec_from_file_location("simulate_script", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in MODES)
    assert script.main(["--output", str(tmp_path), "--modes", "nothing"]) == 1
    assert "nircam_full" in capsys.readouterr().err
    assert script.main(["--output", str(tmp_path), "--seed", "2", "--modes", "nircam_sub"]) == 0
    assert len(list(tmp_path.glob("uncal/*_00002_*_uncal.fits"))) == 1


def test_interleaved_frames_are_full_frames(tmp_path):
    for change_of in ({"ny": 64}, {"zero_frame": True}):
        with pytest.raises(ParameterError, match="IRS2 has full frames only"):
            simulate("nirspec_irs2", tmp_path, 1, **change_of)
