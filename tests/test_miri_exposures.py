"""MIRI exposures as a whole: references from a folder, headers, bands, what is refused."""

import dataclasses

import asdf
import numpy as np
import pytest
from astropy.io import fits
from onramp import streaming
from onramp.bands import Stopwatch
from onramp.dark import Dark
from onramp.detector1 import Detector1, process_exposure
from onramp.errors import InputError, ReferenceFileError
from onramp.exposure import Exposure
from onramp.flags import DO_NOT_USE
from onramp.miri_calibration import MiriCalibration
from onramp.parameters import parse_steps
from onramp.references import open_reference, select
from onramp.simulate import score, simulate

SUB64 = {"nx": 72, "ny": 48}
EMI = {"emicorr": {"skip": False}}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return simulate("miri_sub64", tmp_path_factory.mktemp("miri"), 3, ngroups=8, nints=3, **SUB64)


@pytest.fixture(scope="module")
def folder(files):
    return files.uncal.parents[1] / "references"


@pytest.fixture(scope="module")
def rate(files, folder, tmp_path_factory):
    output = tmp_path_factory.mktemp("products")
    Detector1.call(files.uncal, references=folder, steps=EMI, output_dir=output, save_results=True)
    return next(output.glob("*_rate.fits"))


def test_references_are_found_in_a_folder(files, folder):
    with Exposure(files.uncal) as exposure:
        chosen = select(exposure, parse_steps(EMI, "test"), folder)
    assert chosen.pop("ipc") is None
    assert {kind: one.path.name for kind, one in chosen.items()} == {
        kind: path.name for kind, path in files.references.items()
    }


def test_headers_tell_of_miri_alone(rate):
    header = fits.getheader(rate)
    states = {key: value for key, value in header.items() if key.startswith("S_")}
    done = [f"S_{name}" for name in ("MIREMI", "LASTFR", "RESET", "RSCD", "LINEAR", "DARK")]
    assert {states[key] for key in done} == {"COMPLETE"}
    assert states["S_REFPIX"] == states["S_FRSTFR"] == "SKIPPED"
    assert "S_SUPERB" not in states
    assert (header["INT1SKIP"], header["INT2SKIP"]) == (4, 2)
    assert header["R_MIREMI"].endswith(".asdf")


def test_near_infrared_headers_do_not_tell_of_miri(tmp_path):
    files = simulate("nircam_sub", tmp_path, 1, ngroups=3, nints=1, **SUB64)
    result = Detector1.call(files.uncal, references=tmp_path / "references")
    miri = {"S_MIREMI", "S_RSCD", "S_RESET", "S_LASTFR", "S_FRSTFR", "R_RSCD", "R_RESET"}
    assert not miri.intersection(result.rate.header)


def test_the_truth_is_recovered(rate, files):
    found = score(rate, files.truth)
    assert abs(found["pull_median"]) < 0.3
    assert 0.7 < found["pull_scatter"] < 1.4


@pytest.mark.parametrize("algorithm", ["joint", "sequential"])
def test_bands_and_threads_change_nothing(files, tmp_path, algorithm):
    steps = parse_steps({"emicorr": {"skip": False, "algorithm": algorithm}}, "test")
    overrides = {"ipc": "N/A", **files.references}
    rates = []
    for rows, cores in ((None, 1), (7, 2)):
        output = tmp_path / f"{rows}"
        process_exposure(files.uncal, output, steps, None, overrides, cores=cores, rows=rows)
        rates.append(fits.getdata(next(output.glob("*_rateints.fits"))))
    np.testing.assert_array_equal(*rates)


def test_darks_end_with_rscd(files, folder, tmp_path):
    steps = {"rscd": {"save_results": True}}
    Dark.call(files.uncal, references=folder, steps=steps, output_dir=tmp_path, save_results=True)
    dark, rscd = (fits.open(next(tmp_path.glob(f"*_{name}.fits"))) for name in ("dark", "rscd"))
    with dark, rscd:
        assert dark[0].header["S_RSCD"] == "COMPLETE"
        assert not {"S_DARK", "S_REFPIX", "S_JUMP"} & {*dark[0].header}
        np.testing.assert_array_equal(dark["GROUPDQ"].data, rscd["GROUPDQ"].data)
        assert (dark["GROUPDQ"].data[:, 0] & DO_NOT_USE).mean() > 0.9


@pytest.fixture(scope="module")
def bright(tmp_path_factory):
    """An exposure of which some ramps saturate early, in two integrations."""
    files = simulate(
        "miri_sub64", tmp_path_factory.mktemp("bright"), 4, ngroups=9, nints=3, **SUB64
    )
    set_limit(files, 20_000)
    with fits.open(files.uncal, mode="update") as hdus:
        raw = hdus["SCI"].data
        raw[...] = np.minimum(raw, 15_000)
        raw[0, 5:, 10, 60] = 30_000  # from the last group that rscd looks at
        for first, (y, x) in enumerate(((40, 9), (3, 30), (20, 50)), start=1):
            raw[1, first:, y, x] = 30_000
    return files


def set_limit(files, limit):
    with fits.open(files.references["saturation"], mode="update") as hdus:
        hdus["SCI"].data[...] = limit


@pytest.fixture(scope="module")
def faint(tmp_path_factory):
    """An exposure in which nothing saturates."""
    files = simulate("miri_sub64", tmp_path_factory.mktemp("faint"), 4, ngroups=9, nints=3, **SUB64)
    set_limit(files, 1e6)
    return files


def rateints_of(files, output, steps):
    overrides = {"ipc": "N/A", **files.references}
    process_exposure(files.uncal, output, parse_steps(steps, "test"), None, overrides)
    return fits.getdata(next(output.glob("*_rateints.fits")))


@pytest.mark.parametrize("part", ["loading.BLOCK_SAMPLES", "slopes.PART_SAMPLES"])
def test_sizes_of_parts_change_nothing(bright, tmp_path, monkeypatch, part):
    expected = rateints_of(bright, tmp_path / "whole", EMI)
    monkeypatch.setattr(f"onramp.{part}", 1)
    np.testing.assert_array_equal(rateints_of(bright, tmp_path / "parts", EMI), expected)


def calibration_of_exposure(files, exposure, steps):
    parameters = parse_steps(steps, "test")
    chosen = select(exposure, parameters, None, {"ipc": "N/A", **files.references})
    opened = {kind: one and open_reference(one, exposure) for kind, one in chosen.items()}
    return MiriCalibration(exposure, opened, parameters)


@pytest.mark.parametrize("algorithm", ["joint", "sequential"])
def test_waves_do_not_depend_on_what_is_read_at_once(files, algorithm):
    steps = {"emicorr": {"skip": False, "algorithm": algorithm, "nints_to_phase": 3}}
    found = []
    with Exposure(files.uncal) as exposure:
        for samples in (1, 60_000, 1 << 20):
            calibration = calibration_of_exposure(files, exposure, steps)
            quality = np.zeros(exposure.shape[2:], np.uint32)
            calibration.emi.survey(calibration._read, quality, samples)
            data = np.zeros(exposure.shape, np.float32)
            calibration.emi.subtract(data, 0)
            found.append(data)
    assert found[0].any()
    for data in found[1:]:
        np.testing.assert_array_equal(data, found[0])


@pytest.mark.parametrize("waves", [False, True])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("brightness", ["faint", "bright"])
def test_unusable_groups_are_those_of_all_flags(first, waves, brightness, request, monkeypatch):
    files = request.getfixturevalue(brightness)
    steps = {"firstframe": {"skip": not first}, "emicorr": {"skip": not waves}}
    with Exposure(files.uncal) as exposure:
        calibration = calibration_of_exposure(files, exposure, steps)
        calibration.survey(Stopwatch())
        whole = calibration._flags
        flags = whole(0, exposure.shape[2], exposure.shape[1])
        looked_at = []

        def some(first, last, ngroups):
            looked_at.append(last - first)
            return whole(first, last, ngroups)

        monkeypatch.setattr(calibration, "_flags", some)
        found = calibration.unusable_groups(5)
    assert 1 <= sum(looked_at) < exposure.shape[2]
    expected = ((flags & DO_NOT_USE) != 0).all(axis=(2, 3))
    assert expected[:, -1].all()
    assert expected[:, 0].all() == (brightness == "faint")
    np.testing.assert_array_equal(found, expected)


def test_waves_found_on_the_fly_are_written(files, folder, tmp_path):
    found = {"skip": False, "onthefly_corr_freq": [390.625]}
    for name, wanted in (("without", False), ("with", True)):
        steps = {"emicorr": found | {"save_intermediate_results": wanted}}
        Detector1.call(files.uncal, references=folder, steps=steps, output_dir=tmp_path / name,
                       save_results=True)  # fmt: skip
    assert not list((tmp_path / "without").glob("*.asdf"))
    (path,) = (tmp_path / "with").glob("*_emi_ref_waves.asdf")
    with asdf.open(path, lazy_load=False, memmap=False) as file:
        wave = np.asarray(file["frequencies"]["390.625"]["phase_amplitudes"])
        case = file["subarray_cases"]["SUB64"]
    assert wave.shape == (128,)
    assert np.median(wave) == pytest.approx(0, abs=1e-6)
    assert 2 < np.ptp(wave) < 20
    assert case == {"rowclocks": 28, "frameclocks": 8512, "freqs": {"FASTR1": ["390.625"]}}


def test_rates_of_slicers_have_their_own_model(tmp_path):
    files = simulate("miri_mrs_long", tmp_path, 1, ngroups=3, nints=1, nx=64, ny=32)
    result = Detector1.call(files.uncal, references=tmp_path / "references")
    assert result.rate.header["DATAMODL"] == "IFUImageModel"
    assert result.rateints.header["DATAMODL"] == "CubeModel"


def test_too_few_groups_are_refused(files, folder):
    steps = {"rscd": {"skip": True}, "ramp_fit": {"firstgroup": 6, "lastgroup": 7}}
    with pytest.raises(InputError, match="fewer than two groups are usable"):
        Detector1.call(files.uncal, references=folder, steps=steps)


def test_a_subarray_beyond_the_detector_is_refused(files, tmp_path):
    path = tmp_path / files.uncal.name
    path.write_bytes(files.uncal.read_bytes())
    fits.setval(path, "SUBSTRT1", value=1000)
    with pytest.raises(InputError, match="outside the 1032 pixel detector"):
        Exposure(path)


def opened(files, kind):
    with Exposure(files.uncal) as exposure:
        reference = select(exposure, [kind], None, {kind: files.references[kind]})[kind]
        return open_reference(reference, exposure)


def test_flags_of_all_integrations_of_the_dark_count(files):
    planes = fits.getdata(files.references["dark"], "DQ")
    with opened(files, "dark") as reference:
        assert planes.shape[:2] == (2, 1)
        either = (planes[0, 0] | planes[1, 0]) != 0
        np.testing.assert_array_equal(reference.dq() != 0, either)


def damaged(files, tmp_path, change):
    """Change the tree of an emicorr reference."""
    path = tmp_path / "emi.asdf"
    with asdf.open(files.references["emicorr"], lazy_load=False, memmap=False) as file:
        tree = {name: file[name] for name in ("meta", "frequencies", "subarray_cases")}
        change(tree)
        asdf.AsdfFile(tree).write_to(path)
    return files._replace(references={**files.references, "emicorr": path})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tree: tree.pop("frequencies"), "no 'frequencies'"),
        (lambda tree: tree["frequencies"].pop("Hz0"), "frequencies has no Hz0"),
        (lambda tree: tree["subarray_cases"]["SUB64"].pop("rowclocks"), "SUB64 is incomplete"),
        (lambda tree: tree["frequencies"]["Hz1"].update(frequency=0), "Hz1 is no wave"),
    ],
)
def test_unusable_waves_are_refused(files, tmp_path, change, message):
    with Exposure(files.uncal) as exposure:
        exposure.primary["SUBARRAY"] = "SUB64"
        with pytest.raises(ReferenceFileError, match=message):
            opened(damaged(files, tmp_path, change), "emicorr").waves(exposure)


def test_a_file_that_is_no_asdf_is_refused(files, tmp_path):
    path = tmp_path / "emi.asdf"
    path.write_text("nothing")
    other = files._replace(references={**files.references, "emicorr": path})
    with pytest.raises(ReferenceFileError, match="cannot be read as ASDF"):
        opened(other, "emicorr")


def test_tables_of_groups_to_leave_out(files, tmp_path):
    with Exposure(files.uncal) as exposure:
        assert opened(files, "rscd").groups_to_skip(exposure) == (4, 2)
        exposure.primary["READPATT"] = "SLOWER"
        assert opened(files, "rscd").groups_to_skip(exposure) is None


@pytest.mark.parametrize("mode", ["miri_full", "miri_slitlessprism", "miri_mask1140"])
def test_simulated_modes_lie_on_the_detector(mode):
    from onramp.simulate import MODES

    rows, columns = MODES[mode].detector_shape
    assert dataclasses.asdict(MODES[mode])["instrument"] == "MIRI"
    assert MODES[mode].xstart + MODES[mode].nx <= columns + 1
    assert MODES[mode].ystart + MODES[mode].ny <= rows + 1


def test_groups_that_nobody_can_use_bring_no_second_passage(tmp_path, monkeypatch):
    """Clipping seems to flag every pixel of them; other planes would have the bands pass again."""
    files = simulate("miri_sub64", tmp_path, 5, ngroups=6, nints=8, nx=64, ny=16)
    searched = []

    def search(*arguments):
        searched.append(arguments)
        return found(*arguments)

    found = streaming.jump.search
    monkeypatch.setattr(streaming.jump, "search", search)
    steps = parse_steps({"jump": {"minimum_sigclip_groups": 5}}, "test")
    process_exposure(files.uncal, tmp_path, steps, None, files.references, rows=8)
    assert len(searched) == 2
