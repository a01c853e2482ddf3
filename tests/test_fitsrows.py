import os

import numpy as np
import pytest
from astropy.io import fits
from onramp.errors import InputError, ReferenceFileError
from onramp.fitsrows import FitsImages


def naive_rows(path, name, first, last, leading=(), columns=slice(None)):
    with fits.open(path, memmap=False) as hdus:
        values = hdus[name].data
    outer = tuple(leading) + (slice(None),) * (values.ndim - 2 - len(leading))
    return values[(*outer, slice(first, last), columns)]


@pytest.fixture
def rng():
    return np.random.default_rng(20230601)


@pytest.fixture
def uncal(tmp_path, rng):
    path = tmp_path / "x_uncal.fits"
    sci = rng.integers(0, 1 << 16, (2, 3, 7, 40), np.uint16)
    sci[0, 0, 0, :4] = 0, 1, 32768, 65535
    table = fits.Column("time", "D", array=np.arange(5.0))
    hdus = [
        fits.PrimaryHDU(header=fits.Header({"DETECTOR": "NRCA1"})),
        fits.ImageHDU(sci, name="SCI"),
        fits.ImageHDU(sci[:, 0], name="ZEROFRAME"),
        fits.BinTableHDU.from_columns([table], name="INT_TIMES"),
    ]
    fits.HDUList(hdus).writeto(path)
    return path


def image_file(path, values, **keywords):
    """Write an image; the keywords go into its header as they are, without effect on the values."""
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(values, name="SCI")]).writeto(path)
    head, end, data = path.read_bytes().rpartition(b"END" + b" " * 77)
    cards = b"".join(fits.Card(name, value).image.encode() for name, value in keywords.items())
    path.write_bytes(head + cards + end + data[len(cards) :])
    return path


@pytest.mark.parametrize("name", ["SCI", "SIGNED", "FLOAT"])
def test_floats_are_the_values(tmp_path, name):
    words = np.arange(1 << 16, dtype=np.uint16).reshape(2, 256, 128)
    images = {"SCI": words, "SIGNED": (words - 32768).astype(np.int16), "FLOAT": words / 7}
    path = tmp_path / "x.fits"
    hdus = [fits.ImageHDU(values, name=key) for key, values in images.items()]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    with FitsImages(path) as file:
        got = file.image(name).read_floats(3, 256, (slice(0, 2),))
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, images[name][:, 3:].astype(np.float32))


@pytest.mark.parametrize("leading", [(), (slice(1, 2),), (slice(None), slice(0, 3, 2))])
@pytest.mark.parametrize("rows", [(0, 7), (2, 5), (6, 7), (3, 3)])
def test_bands_are_those_of_the_whole_image(uncal, rows, leading):
    with FitsImages(uncal) as file:
        image = file.image("SCI")
        got = image.read(*rows, leading)
        assert image.shape == (2, 3, 7, 40)
        assert got.dtype == image.dtype == np.uint16
        assert got.dtype.isnative
        np.testing.assert_array_equal(got, naive_rows(uncal, "SCI", *rows, leading))
        cut = image.read(*rows, leading, slice(3, 9))
        np.testing.assert_array_equal(cut, naive_rows(uncal, "SCI", *rows, leading, slice(3, 9)))
        np.testing.assert_array_equal(
            file.image("ZEROFRAME").read(*rows), naive_rows(uncal, "ZEROFRAME", *rows)
        )


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "i8", "u2", "u4", "f4", "f8"])
def test_every_type_keeps_its_values(tmp_path, rng, dtype):
    values = rng.integers(0, 256, (9, 11 * np.dtype(dtype).itemsize), np.uint8).view(dtype)
    path = image_file(tmp_path / "a.fits", values)
    with FitsImages(path) as file:
        got = file.image("SCI").read(1, 8)
    assert got.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(got, values[1:8])


def test_a_file_says_what_it_holds(uncal):
    with FitsImages(uncal) as file:
        assert file.primary["DETECTOR"] == "NRCA1"
        assert file.names == ["PRIMARY", "SCI", "ZEROFRAME", "INT_TIMES"]
        assert "SCI" in file
        assert "DQ" not in file
        assert file.header("INT_TIMES")["TTYPE1"] == "time"


def test_data_are_copied_as_they_are(uncal):
    with FitsImages(uncal) as file:
        content = file.data_bytes("INT_TIMES")
    assert uncal.read_bytes().endswith(content)
    assert len(content) == 2880
    assert np.frombuffer(content, ">f8")[:6].tolist() == [0, 1, 2, 3, 4, 0]


@pytest.mark.parametrize("error", [InputError, ReferenceFileError])
def test_messages_of_unreadable_files(tmp_path, error):
    cases = {"missing": "No such file", "empty": "empty file", "text": "not a FITS file",
             "folder": "Is a directory|not a FITS file"}  # fmt: skip
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("no FITS" * 1000)
    (tmp_path / "folder").mkdir()
    for name, words in cases.items():
        with pytest.raises(error, match=rf"{name}: .*({words})") as raised:
            FitsImages(tmp_path / name, error)
        assert "\n" not in str(raised.value)


def test_a_file_cut_within_an_extension_is_refused(uncal):
    content = uncal.read_bytes()
    starts = [n for n in range(2880, len(content), 2880) if content[n : n + 8] == b"XTENSION"]
    for length in [*range(0, len(content), 2880), *range(100, len(content), 2880)]:
        uncal.write_bytes(content[:length])
        if length in starts:
            continue  # complete, with fewer extensions
        with pytest.raises(InputError, match=r"x_uncal\.fits.*fetch it again"):
            FitsImages(uncal, InputError)


def test_a_file_that_shrinks_while_it_is_open_is_refused(uncal):
    with FitsImages(uncal, InputError) as file:
        os.truncate(uncal, 5760 + 100)
        with pytest.raises(InputError, match=r"x_uncal\.fits\[SCI\]: truncated"):
            file.image("SCI").read(0, 7)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"BSCALE": 2.0}, "scaled or blanked"),
        ({"BLANK": -1}, "scaled or blanked"),
        ({"BZERO": 5}, "BZERO=5 is not understood"),
    ],
)
def test_scaled_images_are_refused(tmp_path, keywords, words):
    path = image_file(tmp_path / "a.fits", np.ones((4, 4), np.int16), **keywords)
    with (
        pytest.raises(InputError, match=rf"a\.fits\[SCI\]: .*{words}"),
        FitsImages(path, InputError) as file,
    ):
        file.image("SCI")


def test_compressed_images_are_refused(tmp_path):
    path = tmp_path / "a.fits"
    hdu = fits.CompImageHDU(np.arange(4096, dtype=np.int16).reshape(64, 64), name="SCI")
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    with pytest.raises(InputError, match=r"a\.fits\[SCI\]: compressed .* uncompress"):
        FitsImages(path, InputError)


def test_messages_about_extensions(uncal):
    with FitsImages(uncal, InputError) as file:
        with pytest.raises(InputError, match="no DQ extension; it has SCI, ZEROFRAME, INT_TIMES"):
            file.image("DQ")
        with pytest.raises(InputError, match=r"\[INT_TIMES\]: not an image"):
            file.image("INT_TIMES")
        with pytest.raises(InputError, match=r"\[PRIMARY\]: not an image"):
            file.image("PRIMARY")


def test_nothing_stays_open(uncal):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with FitsImages(uncal) as file:
            file.image("SCI").read(0, 1)
    assert len(os.listdir("/proc/self/fd")) == before
