import numpy as np
import pytest
from astropy.io import fits
from frame_blocks import by_blocks
from onramp import superstripe_products
from onramp.detector1 import process_exposure
from onramp.errors import InputError, ParameterError, ReferenceFileError
from onramp.explicit_times import of_stripes
from onramp.exposure import Exposure
from onramp.fitsrows import FitsImages
from onramp.flags import DO_NOT_USE, REFERENCE_PIXEL
from onramp.glance import glance
from onramp.parameters import Refpix, parse_steps
from onramp.placement import Placement
from onramp.simulate import score, simulate
from onramp.steps.refpix import subtract
from onramp.steps.refpix_stripes import StripedOutputs
from onramp.stripe_keywords import KEYWORDS
from onramp.stripes import Pattern, StripedRows, Stripes

DHS = Pattern(1, 1526, 40, 85, 1, 1, 0, 0)
AXES = [(1, 2), (-1, 2), (1, -2), (-1, -2), (2, 1), (-2, 1), (2, -1), (-2, -1)]


def naive_lines(pattern, start, size, position):
    """Read one line after the other, as the detector does; (line, of a stripe) for each."""
    read = []
    line = start

    def take(count, science):
        nonlocal line
        for _ in range(count):
            read.append((line, science))
            line += 1

    stripe = pattern.reads2 or pattern.step
    take(pattern.reads1, False)
    line += pattern.skips1 + pattern.step * position
    take(stripe, True)
    turn = 0
    while len(read) < size:
        turn += 1
        if not pattern.repeat:
            line += pattern.skips2
        else:
            line = start
            take(pattern.reads1, False)
            if pattern.interleave:
                line += pattern.skips1 + turn * (pattern.skips2 + stripe)
            else:
                line += pattern.skips1 + pattern.step * position
        take(stripe, True)
    return read


def placed(pattern, size, start=1, fastaxis=1, slowaxis=2, name="GENERIC"):
    """Return stripes of `size` lines of 48 pixels; `start` is the first line that is read."""
    stored = 2049 - start if slowaxis < 0 else start
    if abs(fastaxis) == 1:
        place = Placement(481, stored, 48, size, fastaxis, slowaxis, name, 4)
    else:
        place = Placement(stored, 481, size, 48, fastaxis, slowaxis, name, 4)
    return Stripes(pattern, place)


def random_pattern(rng, number=0):
    """Return a pattern, how many stripes a frame has, and its lines."""
    reads1, reads2 = int(rng.integers(0, 4)), int(rng.integers(1, 9))
    repeat, interleave = (int(n) for n in rng.integers(0, 2, 2))
    stripes = int(rng.integers(1, 5))
    pattern = Pattern(reads1, int(rng.integers(0, 9)), reads2, int(rng.integers(0, 9)), repeat,
                      interleave, int(rng.integers(1, 9)) if number else 0, number)  # fmt: skip
    return pattern, stripes, reads1 * (stripes if repeat else 1) + reads2 * stripes


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("number", [0, 3])
def test_lines_are_those_read_one_by_one(seed, number):
    rng = np.random.default_rng(seed)
    pattern, count, size = random_pattern(rng, number)
    start = int(rng.integers(1, 900))
    for position in range(max(1, number)):
        expected = naive_lines(pattern, start - 1, size, position)
        stripes = placed(pattern, size, start)
        assert stripes.lines(position).tolist() == [line for line, _ in expected]
        backwards = placed(pattern, size, start, slowaxis=-2)
        turned = [2047 - line for line, _ in reversed(expected)]
        assert backwards.lines(position).tolist() == (
            turned if start > 1 else stripes_at_edge(turned, backwards, position)
        )
        assert sum(run.science for run in stripes.runs(position)) == count


def stripes_at_edge(turned, stripes, position):
    """Both ways to write a start at the edge mean the same."""
    assert stripes.placement.ystart == 2048
    moved = stripes._replace(placement=stripes.placement._replace(ystart=1))
    assert moved.lines(position).tolist() == turned
    return turned


def test_stripes_of_dhs_are_where_they_are():
    runs = placed(DHS, 164).runs()
    assert [run.detector for run in runs if run.science] == [1527, 1652, 1777, 1902]
    assert [run.detector for run in runs if not run.science] == [0] * 4
    assert [run.frame for run in runs if run.science] == [1, 42, 83, 124]
    early = placed(DHS, 164, 17, name="SUB164STRIPE4_DHS")  # a wrong start is not believed
    assert early.runs() == runs


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("seed", range(4))
def test_pieces_are_where_the_lines_say(axes, seed):
    pattern, _, size = random_pattern(np.random.default_rng([seed, 7]), 3)
    stripes = placed(pattern, size, 400, *axes)
    whole = stripes.whole
    first = (whole.ystart if stripes.along_y else whole.xstart) - 1
    for position, pieces in enumerate(stripes.pieces()):
        lines = stripes.lines(position)
        science = [s for _, s in naive_lines(pattern, 399, size, position)]
        science = np.array(science[::-1] if stripes.backwards else science)
        found = np.zeros(size, bool)
        for frame, target in pieces:
            assert lines[frame].tolist() == list(range(first + target.start, first + target.stop))
            found[frame] = True
        assert np.array_equal(found, science)


def test_soss_is_put_together_to_the_whole_detector():
    narrow = Pattern(4, 0, 204, 0, 1, 1, 204, 10)
    whole = placed(narrow, 208, 1, -2, -1, "SUB204STRIPE_SOSS").whole
    assert (whole.xstart, whole.nx, whole.ystart, whole.ny) == (1, 2048, 481, 48)
    part = placed(narrow, 208, 1, -2, -1).whole
    assert (part.xstart, part.nx) == (5, 2040)


def test_striped_rows_are_those_of_the_image(tmp_path):
    rng = np.random.default_rng(1)
    image = rng.random((3, 40, 30)).astype(np.float32)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(image, name="SCI")]).writeto(tmp_path / "a.fits")
    with FitsImages(tmp_path / "a.fits") as file:
        for _ in range(50):
            rows, columns = rng.integers(0, 40, 12), np.sort(rng.integers(0, 30, 7))
            cut = StripedRows(file.image("SCI"), rows, columns)
            first, last = sorted(rng.integers(0, 13, 2))
            expected = image[:, rows[first:last]][..., columns]
            assert np.array_equal(cut.read(first, last), expected)
            some = (slice(1, 2),)
            assert np.array_equal(cut.read(first, last, some, slice(2, 5)), expected[1:2, :, 2:5])
        assert cut.shape == (3, 12, 7)


def naive_refpix(group, dq, placement, parameters):
    """Correct a frame (ny, nx): means without outliers of each amplifier, each parity."""
    start = placement.xstart if abs(placement.fastaxis) == 1 else placement.ystart
    as_read = slice(None, None, placement.slowaxis), slice(None, None, placement.fastaxis)
    as_read = tuple(slice(None, None, np.sign(part.step)) for part in as_read)
    upright = abs(placement.fastaxis) == 1
    samples, quality = ((plane if upright else plane.T)[as_read] for plane in (group, dq))
    good = ((quality & REFERENCE_PIXEL) > 0) & ((quality & DO_NOT_USE) == 0)
    parities = (0, 1) if parameters.odd_even_columns else (None,)
    columns = np.arange(samples.shape[1])
    for amplifier in range(4):
        inside = (columns + start - 1) // 512 == amplifier
        lanes = [inside & (columns % 2 == p) if p is not None else inside for p in parities]
        values = [samples[:, lane][good[:, lane]].astype(np.float64) for lane in lanes]
        if all(v.size for v in values):
            for lane, v in zip(lanes, values):
                samples[:, lane] -= np.float32(clipped(v, parameters.siglimit))
    return group


def clipped(values, limit):
    """Mean of what is left when outliers have been left out again and again."""
    while True:
        near = np.abs(values - values.mean()) <= limit * values.std()
        if near.all() or values.std() == 0:
            return values.mean()
        values = values[near]


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("bare", [None, slice(None), slice(0, None, 2)])
def test_reference_pixels_of_stripes(axes, paired, bare):
    rng = np.random.default_rng(3)
    placement = placed(DHS, 20, 1, *axes).placement
    shape = placement.ny, placement.nx
    dq = rng.choice(np.array([0, REFERENCE_PIXEL, REFERENCE_PIXEL | DO_NOT_USE], np.uint32), shape)
    if bare is not None:
        lines = dq if abs(axes[0]) == 1 else dq.T
        lines[:, 40:][:, bare] &= ~np.uint32(REFERENCE_PIXEL)
    frames = rng.normal(100, 5, (2, 3, *shape)).astype(np.float32)
    frames[rng.random(frames.shape) < 0.01] += 500
    parameters = Refpix(odd_even_columns=paired, siglimit=2.5)
    method = StripedOutputs(placement, dq, parameters)
    offsets = by_blocks(method, frames, 4)
    expected = [[naive_refpix(g.copy(), dq, placement, parameters) for g in i] for i in frames]
    subtract(frames, 0, offsets)
    assert np.allclose(frames, expected, rtol=0, atol=1e-4)


def process(files, folder, steps=None, **options):
    process_exposure(
        files.uncal, folder, parse_steps(steps or {}, "test"), None,
        {"ipc": "N/A", **files.references}, **options,
    )  # fmt: skip
    return {path.name.rpartition("_")[2]: path for path in folder.glob("*.fits")}


MODES = {
    "nircam_dhs": {"nx": 48, "xstart": 490},
    "niriss_superstripes": {"ny": 12, "nints": 1},
    "nircam_pure_superstripes": {"zero_frame": True, "nframes": 2},
    "nircam_repeated_superstripes": {"dense_flags": True},
}


@pytest.fixture(scope="module", params=MODES)
def files(request, tmp_path_factory):
    return simulate(request.param, tmp_path_factory.mktemp("stripes"), 2, **MODES[request.param])


def test_bands_and_threads_do_not_matter(files, tmp_path):
    steps = {
        "saturation": {"n_pix_grow_sat": 2, "save_results": True},
        "refpix": {"save_results": True},
        "jump": {"maximum_cores": "all"},
        "ramp_fit": {"maximum_cores": "all", "suppress_one_group": False},
    }
    first, second = (
        process(files, tmp_path / str(rows), steps, rows=rows, cores=cores)
        for rows, cores in ((None, 1), (3, 2))
    )
    assert first.keys() == second.keys()
    for name, path in first.items():
        with fits.open(path) as ours, fits.open(second[name]) as theirs:
            for hdu in ours[1:]:
                if hdu.name != "ASDF":
                    assert hdu.data.tobytes() == theirs[hdu.name].data.tobytes(), (name, hdu.name)


def test_rates_are_those_of_the_sky(tmp_path):
    for mode, changes in (("nircam_dhs", {"nx": 96}), ("nircam_superstripes", {"nx": 24})):
        files = simulate(mode, tmp_path / mode, 4, ngroups=8, one_over_f_dn=0.0, **changes)
        scored = score(process(files, tmp_path / mode / "out")["rate.fits"], files.truth)
        assert scored["pixels"] > 10000
        assert abs(scored["pull_median"]) < 0.2
        assert 0.8 < scored["pull_scatter"] < 1.2


@pytest.fixture
def changed(tmp_path):
    """Make an exposure whose header says something else."""

    def change(mode="nircam_repeated_superstripes", **keywords):
        files = simulate(mode, tmp_path, 3, nints=1, ngroups=3)
        with fits.open(files.uncal, mode="update") as hdus:
            for keyword, value in keywords.items():
                if value is None:
                    del hdus[0].header[keyword]
                else:
                    hdus[0].header[keyword] = value
        return files

    return change


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"MSTR_RD2": 2}, "do not fill 8"),
        ({"MSTR_RD2": 0, "SSTR_NST": 0}, "stripes of 0 lines"),
        ({"MSTR_SK1": 2040}, "a stripe at line 20"),
        ({"MSTR_RD1": None}, "means stripes, but MSTR_RD1 is missing"),
        ({"MSTR_ILV": -1}, "MSTR_ILV=-1 is no number of lines"),
        ({"SSTR_STP": 1.5}, "SSTR_STP=1.5 is no number of lines"),
        ({"SSTR_NST": 5}, "SSTR_NST=5 does not divide the 16 integrations"),
        ({"SSTR_NST": 10**9}, "SSTR_NST=1000000000"),
        ({"INTSTART": 4, "INTEND": 19}, "INTSTART=4 is not the first"),
        ({"NOUTPUTS": 0}, "NOUTPUTS=0"),
        ({"MSTR_ILV": 1}, "a stripe at"),
    ],
)
def test_contradictions_are_refused(changed, keywords, says):
    path = changed(**keywords).uncal
    if says == "a stripe at":
        with Exposure(path) as exposure:  # other lines, which the detector has
            assert exposure.stripes.pattern.interleave == 1
        return
    with pytest.raises(InputError) as caught:
        Exposure(path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert ";" in str(caught.value)


def test_no_stripes_without_numbers(changed):
    path = simulate("nircam_sub", changed().uncal.parent, 3, nx=16, ny=16, ngroups=2).uncal
    with fits.open(path, mode="update") as hdus:
        hdus[0].header.update(dict.fromkeys(KEYWORDS, 0))
    with Exposure(path) as exposure:
        assert exposure.stripes is None


@pytest.mark.parametrize(
    ("steps", "says"),
    [({"refpix": {"skip": True}}, "refpix.skip: false"), ({}, "ipc.skip: true")],
)
def test_steps_that_superstripes_cannot_do_without(changed, tmp_path, steps, says):
    files = changed()
    kernel = tmp_path / "ipc.fits"
    primary = fits.PrimaryHDU(header=fits.getheader(files.references["gain"]))
    primary.header["REFTYPE"] = "IPC"
    delta = np.zeros((3, 3), np.float32)
    delta[1, 1] = 1
    fits.HDUList([primary, fits.ImageHDU(delta, name="SCI")]).writeto(kernel)
    files.references["ipc"] = kernel
    if steps:
        steps["ipc"] = {"skip": True}
    with pytest.raises(ParameterError, match=says):
        process(files, tmp_path / "out", steps)


def test_references_that_do_not_reach_the_stripes(changed, tmp_path):
    files = changed()
    with fits.open(files.references["mask"], mode="update") as hdus:
        hdus["DQ"].data = hdus["DQ"].data[300:]
        hdus[0].header.update({"SUBSTRT2": 301, "SUBSIZE2": 1748})
    process(files, tmp_path / "whole")
    with fits.open(files.references["mask"], mode="update") as hdus:
        hdus["DQ"].data = hdus["DQ"].data[:-3]
        hdus[0].header["SUBSIZE2"] = 1745
    with pytest.raises(ReferenceFileError, match="stripes are among 1880-2046"):
        process(files, tmp_path / "part")


def test_repeated_stripes_are_read_after_their_reset(changed):
    with Exposure(changed().uncal) as exposure:
        line = (64 + 12) * 1e-5
        frame, reset = line * (8 + 2), line * (2 + 2)
        inside = [reset + n * 2 * line for n in range(4)]
        total = inside[-1]
        expected = [group * total + time for group in range(3) for time in inside]
        assert np.allclose(np.ravel(of_stripes(exposure)), expected, rtol=1e-12)
        assert exposure.read_times == of_stripes(exposure)
        exposure.primary["GROUPGAP"] = 2
        later = np.ravel(of_stripes(exposure)) - expected
        assert np.allclose(later, np.repeat([0, 2, 4], 4) * frame)


def uneven(tmp_path, text):
    """Return an exposure of three groups whose ASDF extension has another line."""
    path = simulate("nircam_sub", tmp_path, 6, nx=16, ny=16, nints=1, ngroups=3).uncal
    with fits.open(path, mode="update") as hdus:
        document = bytes(hdus["ASDF"].data[0][0]).decode()
        document = document.replace("  telescope", f"  exposure: {text}\n  telescope").encode()
        column = fits.Column("A", f"{len(document)}B", array=np.frombuffer(document, "u1")[None])
        hdus["ASDF"] = fits.BinTableHDU.from_columns([column], name="ASDF")
    return path


def test_read_times_of_the_uncal(tmp_path):
    with Exposure(uneven(tmp_path, "{read_times: [[1], [2.5, 3], [9]]}")) as exposure:
        assert exposure.read_times == [[1.0], [2.5, 3.0], [9.0]]
        assert glance(exposure.path).uneven
    for nothing in ("{read_times: []}", "{read_times: null}", "{}"):
        with Exposure(uneven(tmp_path, nothing)) as exposure:
            assert exposure.read_times is None
            assert not glance(exposure.path).uneven


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{read_times: [[1], [2]]}", "are of 2 groups, and NGROUPS=3"),
        ("{read_times: [[1], [], [2]]}", "are of 2 groups"),
        ("{read_times: [[1], [3], [2]]}", "do not rise"),
        ("{read_times: [[1], [2], [.inf]]}", "do not rise"),
        ("{read_times: [1, 2, 3]}", "are no lists of times"),
        ("{read_times: [[1], [two], [3]]}", "are no lists of times"),
        ("{read_times: [[1], [2], [3]", "are no lists of times"),
    ],
)
def test_read_times_that_are_none(tmp_path, text, says):
    with pytest.raises(InputError, match=r"\[ASDF\]: meta.exposure.read_times") as caught:
        Exposure(uneven(tmp_path, text))
    assert says in str(caught.value)


def test_integrations_last_from_their_first_stripe_to_their_last(tmp_path):
    files = simulate("nircam_superstripes", tmp_path, 3, nints=2, ngroups=3, nx=12)
    table = fits.getdata(files.uncal, "INT_TIMES")
    with Exposure(files.uncal) as exposure:
        start, mid, end = (exposure.integration_times(part) for part in ("start", "mid", "end"))
        number = exposure.stripes.number
    assert number > 1
    assert len(start) == len(mid) == len(end) == 2
    assert start.tolist() == table["int_start_MJD_UTC"][[0, number]].tolist()
    assert end.tolist() == table["int_end_MJD_UTC"][[number - 1, 2 * number - 1]].tolist()
    np.testing.assert_allclose(mid, (start + end) / 2, rtol=1e-15)


def test_jobs_are_planned_for_whole_frames(changed):
    files = changed()
    with Exposure(files.uncal) as exposure:
        assert exposure.shape == (1, 12, 16, 64)
        assert exposure.raw_shape == (16, 3, 8, 64)
    assert glance(files.uncal).shape == (1, 12, 16, 64)
    with fits.open(files.uncal, mode="update") as hdus:
        hdus[0].header["MSTR_RD2"] = 2
    assert glance(files.uncal).shape == (16, 3, 8, 64)  # the job says what is wrong


def test_a_table_of_stripes_without_their_times_is_told(tmp_path):
    files = simulate("nircam_superstripes", tmp_path, 3, nints=1, ngroups=3, nx=12)
    with fits.open(files.uncal, mode="update") as hdus:
        hdus["INT_TIMES"].columns.change_name("int_mid_BJD_TDB", "middle")
    told = r"\[INT_TIMES\]: has no column int_mid_BJD_TDB"
    with Exposure(files.uncal) as exposure, pytest.raises(InputError, match=told):
        superstripe_products.integration_times(exposure)
