import json
import os
import stat
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from onramp import flags, reference_digest, reference_index
from onramp.errors import ParameterError, ReferenceFileError
from onramp.parameters import parse_steps
from onramp.reference_types import belongs_to
from onramp.references import (
    REFERENCE_TYPES,
    Reference,
    needed_types,
    open_reference,
    select,
)
from onramp.simulation import nirspec_optics

ARCHIVE = Path(__file__).parents[2] / "shared" / "data"
REGION = {"SUBSTRT1": 1, "SUBSTRT2": 1, "SUBSIZE1": 24, "SUBSIZE2": 20}
DEFINITION = [(1, "DO_NOT_USE"), (2, "HOT"), (4, "NO_SUCH_FLAG"), (1 << 31, "WARM")]


def an_exposure(**changes):
    facts = {
        "path": Path("jw1_nrca1_uncal.fits"),
        "name": "jw1_nrca1",
        "instrument": "NIRCAM",
        "detector": "NRCA1",
        "exp_type": "NRC_IMAGE",
        "readpatt": "RAPID",
        "date_obs": "2023-06-01T12:00:00.000",
        "shape": (2, 3, 8, 16),
        "subarray": SimpleNamespace(name="SUB64P", xstart=5, ystart=3, nx=16, ny=8),
    }
    facts |= {"stripes": None, "superstriped": False, "grating": "", **changes}
    return SimpleNamespace(area=facts["subarray"], **facts)


def definitions(rows=DEFINITION):
    columns = [
        fits.Column("Value", "J", bzero=1 << 31, array=np.array([v for v, _ in rows], np.uint32)),
        fits.Column("Name", "40A", array=[name for _, name in rows]),
    ]
    return fits.BinTableHDU.from_columns(columns, name="DQ_DEF")


def write(path, kind, images, keywords=(), table=None):
    """Write a reference; a keyword of None is left out."""
    header = {
        "REFTYPE": kind.upper(),
        "TELESCOP": "JWST",
        "INSTRUME": "NIRCAM",
        "DETECTOR": "NRCA1",
        "SUBARRAY": "FULL",
        "USEAFTER": "2022-01-01T00:00:00",
        **REGION,
        **({"NFRAMES": 1, "GROUPGAP": 0} if kind == "dark" else {}),
        **dict(keywords),
    }
    cards = [(name, value) for name, value in header.items() if value is not None]
    hdus = [fits.PrimaryHDU(header=fits.Header(cards))]
    hdus += [fits.ImageHDU(values, name=name) for name, values in images.items()]
    hdus += [table] if table is not None else []
    path.parent.mkdir(exist_ok=True)
    fits.HDUList(hdus).writeto(path)
    return path


def contents(kind, seed=1):
    rng = np.random.default_rng(seed)
    sizes = {"SCI": (20, 24), "DQ": (20, 24), "COEFFS": (4, 20, 24)}
    if kind == "dark":
        sizes["SCI"] = (5, 20, 24)
    if kind == "ipc":
        sizes["SCI"] = (3, 3)
    return {
        name: rng.integers(0, 8, sizes[name]).astype(np.uint32)
        if name == "DQ"
        else rng.normal(size=sizes[name]).astype(np.float32)
        for name in REFERENCE_TYPES[kind].dimensions
    }


NEAR_INFRARED = [kind for kind in REFERENCE_TYPES if belongs_to(kind, "NIRCAM")]


def opened(path, kind, exposure=None):
    return open_reference(Reference(kind, path, path.name, ""), exposure or an_exposure())


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ONRAMP_CACHE", str(folder))
    return folder


FITS_TYPES = [kind for kind in NEAR_INFRARED if kind not in ("sirskernel", "refpix")]
DEFAULT_TYPES = [kind for kind in FITS_TYPES if kind not in ("pictureframe", "flat")]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "references"
    for kind in FITS_TYPES:
        write(folder / f"jwst_nircam_{kind}_0001.fits", kind, contents(kind))
    return folder


@pytest.fixture
def parameters():
    return parse_steps({}, "test")


def chosen(folder, kind="gain", exposure=None, overrides=None):
    reference = select(exposure or an_exposure(), [kind], folder, overrides)[kind]
    return reference and reference.name


def test_needed_types_follow_steps_instrument_and_readout(parameters):
    nircam, miri = an_exposure(), an_exposure(instrument="MIRI", readpatt="FASTR1")
    irs2 = an_exposure(instrument="NIRSPEC", readpatt="NRSIRS2")
    assert list(needed_types(parameters, nircam)) == [k for k in DEFAULT_TYPES if k != "refpix"]
    assert {*needed_types(parameters, irs2)} - {*needed_types(parameters, nircam)} == {"refpix"}
    assert "superbias" not in needed_types(parameters, miri)
    assert {*needed_types(parameters, miri)} - {*DEFAULT_TYPES} == {"reset", "rscd"}
    on = parse_steps(
        {
            "emicorr": {"skip": False},
            "refpix": {"refpix_algorithm": "sirs"},
            "picture_frame": {"skip": False},
            "clean_flicker_noise": {"skip": False, "apply_flat_field": True},
        },
        "test",
    )
    soss = an_exposure(instrument="NIRISS", exp_type="NIS_SOSS")
    series = parse_steps(
        {"clean_flicker_noise": {"skip": False, "background_method": "median_image"}}, "test"
    )
    slices = an_exposure(instrument="NIRSPEC", exp_type="NRS_IFU")
    asked = (on, irs2), (on, miri), (series, soss), (on, slices)
    assert {kind for one in asked for kind in needed_types(*one)} == {*REFERENCE_TYPES}
    assert not {"bkg", "wavelengthrange"} & {*needed_types(on, soss)}
    assert "pastasoss" not in needed_types(on, an_exposure(instrument="NIRISS"))
    unflattened = parse_steps({"clean_flicker_noise": {"skip": False}}, "test")
    assert "flat" not in needed_types(unflattened, nircam)
    assert needed_types(parameters, nircam)["superbias"] == ("saturation", "superbias")
    off = parse_steps({s: {"skip": True} for s in ("jump", "ramp_fit", "superbias", "ipc")}, "test")
    needed = needed_types(off, nircam)
    assert needed["gain"] == ("gain_scale",)
    assert needed["superbias"] == ("saturation",)
    assert not {"readnoise", "ipc"} & set(needed)


def test_flat_is_needed_where_it_is_looked_at():
    def needs_flat(exp_type, **cleaning):
        steps = parse_steps({"clean_flicker_noise": {"skip": False, **cleaning}}, "test")
        instrument = {"MIR": "MIRI", "NRC": "NIRCAM", "NIS": "NIRISS"}[exp_type[:3]]
        return "flat" in needed_types(steps, an_exposure(instrument=instrument, exp_type=exp_type))

    assert needs_flat("MIR_IMAGE", mask_science_regions=True)
    assert not needs_flat("NRC_IMAGE", mask_science_regions=True)
    assert needs_flat("NIS_IMAGE", autoparam=True)
    assert not needs_flat("NRC_TSIMAGE", autoparam=True)
    assert needs_flat("NRC_TSIMAGE", apply_flat_field=True)
    assert needs_flat("MIR_IMAGE", background_method="median_image")
    assert not needs_flat("NRC_TSIMAGE", background_method="median_image")


@pytest.mark.parametrize("step", ["picture_frame", "clean_flicker_noise"])
def test_optics_are_needed_where_regions_are_masked(step):
    def needed(exp_type, masked=True):
        steps = parse_steps({step: {"skip": False, "mask_science_regions": masked}}, "test")
        exposure = an_exposure(instrument="NIRSPEC", exp_type=exp_type)
        return {*needed_types(steps, exposure)} - {*needed_types(parse_steps({}, "test"), exposure)}

    optics = {"camera", "collimator", "disperser", "fpa", "msa", "wavelengthrange"}
    assert optics <= needed("NRS_FIXEDSLIT")
    assert needed("NRS_IFU") >= optics | {"ifupost", "ifuslicer", "msaoper"}
    assert "msaoper" in needed("NRS_MSASPEC")
    assert ("msaoper" in needed("NRS_FIXEDSLIT")) == (step == "picture_frame")
    assert not optics & needed("NRS_IFU", masked=False)
    assert not optics & needed("NRS_LAMP")


def test_wavelengths_are_needed_unless_fluxes_are_given():
    def needed(**cleaning):
        given = {"skip": False, "background_method": "median_image", **cleaning}
        soss = an_exposure(instrument="NIRISS", exp_type="NIS_SOSS")
        return {*needed_types(parse_steps({"clean_flicker_noise": given}, "test"), soss)}

    assert {"bkg", "wavelengthrange", "pastasoss"} <= needed()
    assert needed() - needed(light_curve="x_whtlt.ecsv") == {"wavelengthrange"}


def test_select_returns_each_type_with_its_digest(folder, parameters):
    references = select(an_exposure(), parameters, folder)
    assert list(references) == DEFAULT_TYPES
    for kind, reference in references.items():
        assert reference.type == kind
        assert reference.path == folder / reference.name == folder / f"jwst_nircam_{kind}_0001.fits"
        assert (
            reference.sha256
            == reference_digest.hashlib.sha256(reference.path.read_bytes()).hexdigest()
        )


@pytest.mark.parametrize(
    "keywords",
    [
        {"SUBARRAY": "SUB64P", "SUBSTRT1": 5, "SUBSTRT2": 3},
        {"READPATT": "RAPID"},
        {"READPATT": "DEEP8", "P_READPA": "BRIGHT1|RAPID|"},
        {"EXP_TYPE": "nrc_image "},
        {"P_SUBARR": "SUB160 | SUB64P |", "SUBARRAY": "SUB160"},
    ],
)
def test_the_more_specific_reference_wins_over_a_later_one(folder, keywords):
    write(folder / "special.fits", "gain", contents("gain"), keywords)
    write(folder / "later.fits", "gain", contents("gain"), {"USEAFTER": "2023-01-01"})
    assert chosen(folder) == "special.fits"


@pytest.mark.parametrize(
    "keywords",
    [
        {"DETECTOR": "NRCA2"},
        {"INSTRUME": "NIRISS"},
        {"TELESCOP": "HST"},
        {"SUBARRAY": "SUB160"},
        {"READPATT": "DEEP8"},
        {"P_READPA": "DEEP8|BRIGHT1|", "READPATT": "RAPID"},
        {"EXP_TYPE": "NRC_DARK"},
        {"USEAFTER": "2023-06-01T12:00:01"},
        {"USEAFTER": "Jan 01 2022"},
        {"SUBARRAY": "GENERIC", "SUBSTRT1": 6},
        {"SUBARRAY": "GENERIC", "SUBSIZE2": 9},
    ],
)
def test_an_unsuitable_reference_is_passed_over(folder, keywords):
    path = write(folder / "other.fits", "gain", contents("gain"), {"READPATT": "RAPID", **keywords})
    assert chosen(folder) == "jwst_nircam_gain_0001.fits"
    (folder / "jwst_nircam_gain_0001.fits").unlink()
    value = next(reversed(keywords.values())) if "P_READPA" not in keywords else "DEEP8"
    with pytest.raises(ReferenceFileError, match=rf"no gain .*{path.name} is for .*{value}"):
        chosen(folder)


@pytest.mark.parametrize("wild", ["N/A", "ANY", "GENERIC", None])
@pytest.mark.parametrize("keyword", ["DETECTOR", "SUBARRAY", "READPATT", "EXP_TYPE"])
def test_wild_values_match_anything(folder, keyword, wild):
    for path in folder.glob("*gain*"):
        path.unlink()
    write(folder / "wild.fits", "gain", contents("gain"), {keyword: wild})
    assert chosen(folder) == "wild.fits"


def test_the_latest_reference_before_the_observation_wins(folder):
    for day in ("2022-05-01", "2023-06-01T12:00:00", "2023-06-02"):
        name = f"gain_{day[:10]}.fits"
        write(folder / name, "gain", contents("gain"), {"USEAFTER": day})
    assert chosen(folder) == "gain_2023-06-01.fits"
    assert chosen(folder, exposure=an_exposure(date_obs="2024-01-01T00:00:00")) == (
        "gain_2023-06-02.fits"
    )


def test_a_tie_lists_the_files(folder):
    write(folder / "sub" / "twin.fits", "gain", contents("gain"))
    with pytest.raises(ReferenceFileError, match="equally well") as error:
        chosen(folder)
    assert str(folder / "sub" / "twin.fits") in str(error.value)
    assert str(folder / "jwst_nircam_gain_0001.fits") in str(error.value)
    assert "override_gain" in str(error.value)


def test_a_link_to_the_same_file_is_no_tie(folder):
    (folder / "nircam").mkdir()
    (folder / "nircam" / "link.fits").symlink_to(folder / "jwst_nircam_gain_0001.fits")
    assert chosen(folder) == "jwst_nircam_gain_0001.fits"


def test_other_files_in_the_folder_are_ignored(folder):
    (folder / "notes.txt").write_text("gain")
    (folder / "jwst_nircam_gain_0002.fits").write_text("no FITS")
    write(folder / ".jwst_nircam_gain_0003.fits", "gain", contents("gain"))
    (folder / "folder.fits").mkdir()
    write(folder / "x_uncal.fits", "gain", contents("gain"), {"REFTYPE": None})
    assert chosen(folder) == "jwst_nircam_gain_0001.fits"


@pytest.mark.parametrize("damage", ["no FITS", "headless", "unended"])
def test_a_missing_reference_names_the_unreadable_file(folder, damage):
    path = folder / "jwst_nircam_gain_0001.fits"
    content = path.read_bytes()
    path.write_bytes({"no FITS": b"x" * 5760, "headless": b"", "unended": content[:1000]}[damage])
    (folder / "jwst_nircam_zzz_0001.fits").write_text("also not")
    with pytest.raises(ReferenceFileError, match=r"jwst_nircam_gain_0001\.fits cannot be read"):
        chosen(folder)


def test_messages_of_missing_references(folder):
    parameters = parse_steps(
        {"picture_frame": {"skip": False},
         "clean_flicker_noise": {"skip": False, "apply_flat_field": True}}, "test"
    )  # fmt: skip
    for kind in FITS_TYPES:
        known = REFERENCE_TYPES[kind]
        (folder / f"jwst_nircam_{kind}_0001.fits").rename(folder / "aside")
        if known.optional:
            assert chosen(folder, kind) is None
        else:
            with pytest.raises(ReferenceFileError) as error:
                select(an_exposure(), parameters, folder)
            message = str(error.value)
            assert message.startswith(f"jw1_nrca1: no {kind} reference for ")
            assert str(folder) in message
            remedy = "do without it" if kind == "flat" else "skip"
            assert (f"override_{kind}: N/A to {remedy}" in message) == (not known.indispensable)
            assert "\n" not in message
        (folder / "aside").rename(folder / f"jwst_nircam_{kind}_0001.fits")


def test_messages_about_the_folder(tmp_path):
    with pytest.raises(ReferenceFileError, match="no folder of reference files was given"):
        chosen(None)
    assert chosen(None, "ipc") is None
    with pytest.raises(ReferenceFileError, match=r"missing: .* does not exist"):
        chosen(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(ReferenceFileError, match=r"file: .* is not a folder"):
        chosen(tmp_path / "file")
    with pytest.raises(ReferenceFileError, match="DATE-OBS"):
        chosen(tmp_path, exposure=an_exposure(date_obs="yesterday"))


def test_overrides_come_first(folder, tmp_path):
    mine = write(tmp_path / "mine.fits", "gain", contents("gain"))
    assert chosen(folder, overrides={"gain": str(mine)}) == "mine.fits"
    assert chosen(None, overrides={"gain": mine}) == "mine.fits"
    assert chosen(folder, overrides={"gain": None}) == "jwst_nircam_gain_0001.fits"
    assert chosen(folder, "dark", overrides={"dark": "n/a"}) is None


@pytest.mark.parametrize(
    ("overrides", "error", "words"),
    [
        ({"gain": "nowhere.fits"}, ReferenceFileError, "override_gain=nowhere.fits: no such file"),
        ({"gain": "."}, ReferenceFileError, r"override_gain=\.: not a file"),
        ({"gain": "N/A"}, ReferenceFileError, "jump and ramp_fit cannot do without"),
        ({"readnoise": "N/A"}, ReferenceFileError, "override_readnoise=N/A: jump and ramp_fit"),
        ({"drak": "N/A"}, ParameterError, "did you mean 'dark'"),
        ({"dark": 7}, ParameterError, "override_dark=7"),
    ],
)
def test_messages_of_overrides(folder, parameters, overrides, error, words):
    with pytest.raises(error, match=words):
        select(an_exposure(), parameters, folder, overrides)


def test_gain_may_be_absent_without_jump_and_fit(folder):
    off = parse_steps({"jump": {"skip": True}, "ramp_fit": {"skip": True}}, "test")
    assert select(an_exposure(), off, folder, {"gain": "N/A"})["gain"] is None


def test_a_digest_is_computed_once_for_each_state_of_a_file(folder, cache, monkeypatch):
    path = folder / "jwst_nircam_gain_0001.fits"
    first = reference_digest.digest(path)
    (entry,) = (cache / "references").iterdir()
    assert json.loads(entry.read_text())["sha256"] == first.sha256
    calls = []
    monkeypatch.setattr(reference_digest, "scan", lambda path: calls.append(path) or [])
    assert reference_digest.digest(path) == first
    assert calls == []
    os.utime(path, ns=(1, 1))
    assert reference_digest.digest(path).sha256 == first.sha256
    assert len(calls) == 1
    path.write_bytes(path.read_bytes() + bytes(2880))
    assert reference_digest.digest(path).sha256 != first.sha256


@pytest.mark.parametrize("entry", ["", "[]", '{"path": 1}', "\x00", '{"sha256": "xyz"}'])
def test_a_corrupt_cache_is_ignored_and_mended(folder, cache, entry):
    path = folder / "jwst_nircam_gain_0001.fits"
    first = reference_digest.digest(path)
    (file,) = (cache / "references").iterdir()
    good = file.read_text()
    file.write_text(entry)
    assert reference_digest.digest(path) == first
    assert file.read_text() == good


def test_an_unwritable_cache_does_no_harm(folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ONRAMP_CACHE", str(tmp_path / "file"))
    assert chosen(folder) == "jwst_nircam_gain_0001.fits"


def test_the_cache_is_where_the_user_says(monkeypatch):
    monkeypatch.setenv("ONRAMP_CACHE", "/a")
    assert reference_digest.cache_folder() == Path("/a")
    monkeypatch.delenv("ONRAMP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert reference_digest.cache_folder() == Path("/b/onramp")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/c")
    assert reference_digest.cache_folder() == Path("/c/.cache/onramp")


@pytest.mark.parametrize("kind", ["saturation", "superbias", "linearity", "dark", "gain"])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values_are_refused_wherever_they_are(folder, kind, value, monkeypatch):
    monkeypatch.setattr(reference_digest, "BLOCK_BYTES", 500)
    images = contents(kind)
    (name,) = images
    images[name][..., -1, -1] = value
    write(folder / "bad.fits", kind, images, {"READPATT": "RAPID"})
    for _ in range(2):  # found, then recalled
        with pytest.raises(ReferenceFileError, match=rf"bad\.fits\[{name}\]: \d infinite value"):
            chosen(folder, kind)


def test_values_that_overflow_float32_count_as_infinite(folder):
    image = np.ones((20, 24))
    image[3, 4] = 1e300
    write(folder / "big.fits", "gain", {"SCI": image}, {"READPATT": "RAPID"})
    with pytest.raises(ReferenceFileError, match="1 infinite value;"):
        chosen(folder)


def test_nan_is_legal_unless_there_is_nothing_else(folder):
    image = np.full((20, 24), np.nan, np.float32)
    write(folder / "nan.fits", "gain", {"SCI": image}, {"READPATT": "RAPID"})
    with pytest.raises(ReferenceFileError, match=r"\[SCI\]: no finite value; .* override_gain"):
        chosen(folder)
    image[7, 7] = 1
    write(folder / "nan2.fits", "gain", {"SCI": image}, {"READPATT": "RAPID", "EXP_TYPE": "ANY",
                                                        "SUBARRAY": "SUB64P"})  # fmt: skip
    assert chosen(folder) == "nan2.fits"


@pytest.mark.parametrize("kind", [kind for kind in FITS_TYPES if kind != "ipc"])
def test_images_are_cut_to_the_subarray(folder, kind):
    images = contents(kind)
    with opened(folder / f"jwst_nircam_{kind}_0001.fits", kind) as reference:
        for name, values in images.items():
            expected = values[..., 2:10, 4:20]
            assert reference.shape(name) == expected.shape
            if name == "DQ":
                np.testing.assert_array_equal(reference.dq(), expected)
            else:
                got = reference.read(name)
                assert got.dtype == np.dtype("=f4")
                np.testing.assert_array_equal(got, expected)
                np.testing.assert_array_equal(reference.read(name, 3, 5), expected[..., 3:5, :])
        assert not reference.has("INV_COEFFS")
        with pytest.raises(ValueError, match="rows 0 to 9 of 8"):
            reference.dq(0, 9) if kind == "mask" else reference.read(name, 0, 9)


def test_leading_axes_are_sliced(folder):
    expected = contents("dark")["SCI"][..., 2:10, 4:20]
    with opened(folder / "jwst_nircam_dark_0001.fits", "dark") as dark:
        np.testing.assert_array_equal(dark.read("SCI", 1, 4, slice(2)), expected[:2, 1:4])
        np.testing.assert_array_equal(dark.read("SCI", 1, 4, (slice(1, 4),)), expected[1:4, 1:4])


def test_kernels_are_cut_only_if_they_have_pixels(tmp_path):
    rng = np.random.default_rng(2)
    kernel = rng.normal(size=(3, 5)).astype(np.float32)
    with opened(write(tmp_path / "two.fits", "ipc", {"SCI": kernel}), "ipc") as ipc:
        np.testing.assert_array_equal(ipc.read("SCI"), kernel)
    kernels = rng.normal(size=(3, 3, 20, 24)).astype(np.float32)
    with opened(write(tmp_path / "four.fits", "ipc", {"SCI": kernels}), "ipc") as ipc:
        assert ipc.shape("SCI") == (3, 3, 8, 16)
        np.testing.assert_array_equal(ipc.read("SCI", 2, 6), kernels[:, :, 4:8, 4:20])
    path = write(tmp_path / "even.fits", "ipc", {"SCI": np.ones((4, 4), np.float32)})
    with pytest.raises(ReferenceFileError, match="sides are odd"):
        opened(path, "ipc")


def test_the_real_size_of_the_image_counts(tmp_path):
    path = write(tmp_path / "a.fits", "gain", contents("gain"), {"SUBSIZE1": 4, "SUBSIZE2": 999})
    with opened(path, "gain") as gain:
        assert gain.shape("SCI") == (8, 16)


def test_a_full_frame_needs_no_region(tmp_path):
    image = np.arange(2048 * 2048, dtype=np.float32).reshape(2048, 2048)
    path = write(tmp_path / "full.fits", "gain", {"SCI": image}, dict.fromkeys(REGION))
    with opened(path, "gain") as gain:
        np.testing.assert_array_equal(gain.read("SCI"), image[2:10, 4:20])


@pytest.mark.parametrize("dtype", ["f8", "u1", "i2", "i4", "u2"])
def test_every_type_is_read_as_float32(tmp_path, dtype):
    image = (np.random.default_rng(3).uniform(0, 200, (20, 24))).astype(dtype)
    with opened(write(tmp_path / "a.fits", "gain", {"SCI": image}), "gain") as gain:
        got = gain.read("SCI")
        assert got.dtype == np.dtype("=f4")
        np.testing.assert_array_equal(got, image[2:10, 4:20].astype("f4"))


def naive_translation(dq, rows):
    standard = np.zeros(dq.shape, np.uint32)
    for y, x in np.ndindex(dq.shape):
        for value, name in rows:
            if int(dq[y, x]) & value:
                standard[y, x] |= flags.PIXEL.get(name, 0)
    return standard


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4"])
def test_data_quality_is_translated(tmp_path, dtype):
    top = {"u1": 8, "i2": 15, "u2": 16, "i4": 31, "u4": 32}[dtype]
    rows = [(1, "DO_NOT_USE"), (2, "HOT"), (4, "NO_SUCH"), (8, "GOOD"), (1 << (top - 1), "WARM")]
    dq = np.random.default_rng(4).integers(0, 1 << top, (20, 24)).astype(dtype)
    path = write(tmp_path / "mask.fits", "mask", {"DQ": dq}, table=definitions(rows))
    with opened(path, "mask") as mask:
        got = mask.dq()
        assert got.dtype == np.uint32
        assert np.unique(got).size == 8
        np.testing.assert_array_equal(got, naive_translation(dq, rows)[2:10, 4:20])
        np.testing.assert_array_equal(mask.dq(2, 3), got[2:3])


def test_data_quality_without_definition_is_standard(tmp_path):
    dq = np.full((20, 24), flags.HOT | flags.REFERENCE_PIXEL, np.uint32)
    for name, table in (("without", None), ("empty", definitions([]))):
        with opened(write(tmp_path / f"{name}.fits", "mask", {"DQ": dq}, table=table), "mask") as m:
            np.testing.assert_array_equal(m.dq(), dq[2:10, 4:20])


def test_absent_data_quality_is_good(tmp_path):
    path = write(tmp_path / "a.fits", "dark", contents("dark"), table=definitions())
    with opened(path, "dark") as dark:
        assert not dark.has("DQ")
        np.testing.assert_array_equal(dark.dq(1, 4), np.zeros((3, 16), np.uint32))


def test_several_threads_read_at_once(folder):
    expected = contents("dark")["SCI"][..., 2:10, 4:20]
    wrong = []
    with opened(folder / "jwst_nircam_dark_0001.fits", "dark") as dark:

        def read(row):
            for _ in range(100):
                if not np.array_equal(dark.read("SCI", row, row + 2), expected[:, row : row + 2]):
                    wrong.append(row)

        threads = [threading.Thread(target=read, args=(row,)) for row in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


@pytest.mark.parametrize(
    ("kind", "keywords", "words"),
    [
        ("gain", {"DETECTOR": "NRCA2"}, "DETECTOR=NRCA2 is not of jw1_nrca1 .NIRCAM NRCA1"),
        ("gain", {"INSTRUME": "FGS"}, "INSTRUME=FGS is not of"),
        ("gain", {"REFTYPE": "MASK"}, "REFTYPE=MASK; expected GAIN"),
        ("gain", {"SUBSTRT1": 6}, "covers columns 6-29 .* rows 1-20 .* needs 5-20 and 3-10"),
        ("gain", {"SUBSTRT2": 4}, "covers columns"),
        ("gain", {"SUBSTRT1": 0}, "SUBSTRT1=0 does not place"),
        ("gain", {"SUBSTRT2": "one"}, "SUBSTRT2=one does not place"),
        ("gain", {"SUBSTRT2": None}, "SUBSTRT2=None does not place"),
        ("gain", {"GAINFACT": "two"}, "GAINFACT=two; expected a number"),
        ("gain", {"GAINFACT": 1e300}, "GAINFACT=1e.300; expected a number up to 1e.06"),
        ("dark", {"NFRAMES": 0}, "NFRAMES=0; expected 1 to 256"),
        ("dark", {"GROUPGAP": 10**9}, "GROUPGAP=1000000000; expected 0 to 256"),
        ("dark", {"NFRAMES": None}, "NFRAMES=None; expected an integer"),
        ("dark", {"GROUPGAP": 1.5}, "GROUPGAP=1.5; expected an integer"),
        ("dark", {"AVDRKCUR": True}, "AVDRKCUR=True; expected a number"),
    ],
)
def test_messages_about_keywords(tmp_path, kind, keywords, words):
    path = write(tmp_path / "bad.fits", kind, contents(kind), keywords)
    with pytest.raises(ReferenceFileError, match=rf"bad\.fits.*: {words}.*; ") as error:
        opened(path, kind)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "images", "words"),
    [
        ("gain", {"DATA": (20, 24)}, r"\[SCI\]: extension missing"),
        ("gain", {"SCI": (3, 20, 24)}, r"\[SCI\]: shape \(3, 20, 24\); expected 2 dimensions"),
        ("dark", {"SCI": (20, 24)}, "expected 3 dimensions"),
        ("ipc", {"SCI": (3, 20, 24)}, "expected 2 or 4 dimensions"),
        ("superbias", {"SCI": (20, 24), "DQ": (19, 24)}, r"\[DQ\]: .* disagrees with SCI's"),
        ("mask", {"DQ": (20, 24)}, r"\[DQ\]: float32 values; expected integers"),
        ("gain", {"SCI": (9, 24)}, "covers columns 1-24 and rows 1-9"),
        ("gain", {"SCI": (20, 19)}, "covers columns 1-19 and rows 1-20"),
    ],
)
def test_messages_about_images(tmp_path, kind, images, words):
    images = {
        name: np.zeros(shape, np.int16 if name == "DQ" and kind != "mask" else np.float32)
        for name, shape in images.items()
    }
    path = write(tmp_path / "bad.fits", kind, images)
    with pytest.raises(ReferenceFileError, match=rf"bad\.fits.*{words}.*; fetch|{words}.*; give"):
        opened(path, kind)


def test_a_definition_must_be_a_table_of_flags(tmp_path):
    column = fits.Column("Bit", "J", array=np.arange(2))
    table = fits.BinTableHDU.from_columns([column], name="DQ_DEF")
    path = write(tmp_path / "bad.fits", "mask", contents("mask"), table=table)
    with pytest.raises(ReferenceFileError, match=r"bad\.fits\[DQ_DEF\]: no table with columns"):
        opened(path, "mask")


def test_a_truncated_reference_is_refused_at_every_block(tmp_path):
    images = {**contents("linearity"), "DQ": np.zeros((20, 24), np.int32)}
    path = write(tmp_path / "bad.fits", "linearity", images)
    content = path.read_bytes()
    optional = content.index(b"XTENSION", content.index(b"COEFFS  "))
    for length in range(0, len(content), 2880):
        if length == optional:
            continue  # complete, without the data quality that it may lack
        path.write_bytes(content[:length])
        with pytest.raises(ReferenceFileError, match=r"bad\.fits"):
            opened(path, "linearity")
        with pytest.raises(ReferenceFileError, match=r"bad\.fits"):
            open_reference(
                select(an_exposure(), ["linearity"], tmp_path)["linearity"], an_exposure()
            )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(folder):
    (folder / "jwst_nircam_gain_0001.fits").chmod(stat.S_IWUSR)
    with pytest.raises(ReferenceFileError, match=r"gain_0001\.fits: Permission denied"):
        chosen(None, overrides={"gain": folder / "jwst_nircam_gain_0001.fits"})


def test_a_primary_header_of_several_blocks_is_read(tmp_path):
    keywords = {f"KEY{n}": n for n in range(100)}
    path = write(tmp_path / "long.fits", "gain", contents("gain"), keywords)
    assert reference_index.read_primary(path)["KEY99"] == 99


@pytest.mark.parametrize("kind", ["dark", "superbias"])
def test_archive_references(kind):
    paths = list(ARCHIVE.glob(f"jwst_nirspec_{kind}_*.fits"))
    if not paths:
        pytest.skip("no archive files")
    exposure = an_exposure(
        instrument="NIRSPEC",
        detector="NRS1",
        readpatt="NRSRAPID",
        shape=(1, 2, 20, 512),
        subarray=SimpleNamespace(name="SUB512", xstart=1025, ystart=961, nx=512, ny=20),
    )
    reference = select(exposure, [kind], ARCHIVE)[kind]
    assert reference.path == paths[0]
    with open_reference(reference, exposure) as cut, fits.open(paths[0], memmap=False) as hdus:
        np.testing.assert_array_equal(cut.read("SCI", 2, 9), hdus["SCI"].data[..., 6:13, :])
        rows = [(int(row["Value"]), row["Name"]) for row in hdus["DQ_DEF"].data]
        expected = naive_translation(hdus["DQ"].data, rows)[4:24]
        np.testing.assert_array_equal(cut.dq(), expected)
        assert kind == "superbias" or np.unique(expected).size > 2
        assert cut.has("DQ")
        assert not cut.has("ERR")
    if kind == "dark":
        assert cut.header["NGROUPS"] == cut.shape("SCI")[0] == 10


def test_references_of_optics_are_found_by_grating(tmp_path):
    for grating in ("G395H", "G235M"):
        (tmp_path / grating).mkdir()
        nirspec_optics.references(tmp_path / grating, grating)
    (tmp_path / "G395H/msaoper.json").unlink()
    (tmp_path / "G395H/other.json").write_text("[1, 2]")
    (tmp_path / "G395H/damaged_msaoper.json").write_text("{")
    exposure = an_exposure(instrument="NIRSPEC", exp_type="NRS_IFU", grating="G395H")
    found = select(exposure, ["disperser", "msaoper"], tmp_path)
    assert found["disperser"].path == tmp_path / "G395H/disperser.asdf"
    assert found["msaoper"].path == tmp_path / "G235M/msaoper.json"
    prism = an_exposure(instrument="NIRSPEC", grating="PRISM")
    assert select(prism, ["disperser"], tmp_path) == {"disperser": None}
    slits = an_exposure(instrument="NIRSPEC", exp_type="NRS_FIXEDSLIT")
    assert select(slits, ["msaoper"], tmp_path) == {"msaoper": None}


@pytest.mark.parametrize("keywords", [{"GRATING": "MULTIPLE"}, {"GRATING": "MIRROR"}])
def test_only_dispersers_are_chosen_by_grating(folder, keywords):
    (folder / "jwst_nircam_gain_0001.fits").unlink()
    write(folder / "jwst_nircam_gain_0001.fits", "gain", contents("gain"), keywords)
    assert chosen(folder, exposure=an_exposure(grating="G140H")) == "jwst_nircam_gain_0001.fits"
