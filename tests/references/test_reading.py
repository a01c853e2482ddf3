import os
import stat
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from onramp import flags, reference_index
from onramp.errors import ReferenceFileError
from onramp.references import (
    open_reference,
    select,
)
from reference_files import (
    ARCHIVE,
    FITS_TYPES,
    REGION,
    an_exposure,
    chosen,
    contents,
    definitions,
    opened,
    write,
)


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
