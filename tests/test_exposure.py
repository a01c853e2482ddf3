import os

import numpy as np
import pytest
from astropy.io import fits
from onramp.errors import InputError
from onramp.exposure import Exposure
from onramp.simulate import simulate


@pytest.fixture(scope="module")
def uncal(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uncal")
    return simulate("nircam_sub", folder, 1, nx=32, ny=24, nints=2, ngroups=3).uncal


@pytest.fixture
def changed(uncal, tmp_path):
    """Write the exposure with other keywords (None: without) or extensions."""

    def change(drop=(), sci=None, **keywords):
        path = tmp_path / uncal.name
        with fits.open(uncal) as hdus:
            for keyword, value in keywords.items():
                keyword = keyword.replace("_OBS", "-OBS")
                if value is None:
                    del hdus[0].header[keyword]
                else:
                    hdus[0].header[keyword] = value
            if sci is not None:
                hdus["SCI"] = fits.ImageHDU(sci, name="SCI")
            kept = fits.HDUList([hdu for hdu in hdus if hdu.name not in drop])
            kept.writeto(path, overwrite=True)
        return path

    return change


def refusal(path):
    """The message with which a file is refused: one line that names the file."""
    with pytest.raises(InputError) as caught:
        Exposure(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


def with_card(path, keyword, text):
    """Overwrite a card of the primary header with any text for its value."""
    content = bytearray(path.read_bytes())
    position = content.index(keyword.ljust(8).encode() + b"= ")
    content[position : position + 80] = f"{keyword:8}= {text:>20}".ljust(80).encode()
    path.write_bytes(content)
    return path


def test_what_the_file_says(uncal):
    header = fits.getheader(uncal)
    with Exposure(uncal) as exposure:
        assert exposure.name == uncal.name.removesuffix("_uncal.fits")
        assert exposure.shape == (2, 3, 24, 32)
        assert (exposure.instrument, exposure.detector) == ("NIRCAM", "NRCB1")
        assert (exposure.exp_type, exposure.readpatt) == ("NRC_IMAGE", "RAPID")
        assert exposure.date_obs == f"{header['DATE-OBS']}T{header['TIME-OBS']}"
        assert (exposure.group_time, exposure.frame_time) == (header["TGROUP"], header["TFRAME"])
        assert (exposure.frame_divisor, exposure.readout) == (1, (3, 1, 0))
        assert exposure.subarray == (1, 1889, 32, 24, 1, -2, "SUB160", 1)
        assert exposure.zeroframe is None
        assert np.array_equal(exposure.sci.read(0, 24), fits.getdata(uncal, "SCI"))
        assert exposure.table("NO_SUCH") is None
        copied = fits.BinTableHDU.fromstring(exposure.table("INT_TIMES"))
        assert np.array_equal(copied.data, fits.getdata(uncal, "INT_TIMES"))
        kept = exposure.sci_keywords()
        assert "BZERO" not in kept
        assert "NAXIS1" not in kept


def test_missing_empty_or_foreign_files(tmp_path):
    path = tmp_path / "a_uncal.fits"
    assert "No such file" in refusal(path)
    path.write_bytes(b"")
    assert "empty" in refusal(path)
    for content in (b"hello", b"\0" * 2880, b"SIMPLE", b"\x89PNG" * 2000):
        path.write_bytes(content)
        assert "FITS file" in refusal(path)
    path.unlink()
    path.mkdir()
    assert "directory" in refusal(path)


def test_truncation_at_every_block(uncal, tmp_path):
    content = uncal.read_bytes()
    path = tmp_path / uncal.name
    lengths = [n for block in range(2880, len(content), 2880) for n in (block - 1, block)]
    assert len(lengths) > 20
    for length in lengths:
        path.write_bytes(content[:length])
        message = refusal(path)
        assert "again" in message or "is this an uncal file?" in message


@pytest.mark.parametrize("name", ["SCI", "ASDF"])
def test_missing_extension(changed, name):
    assert refusal(changed(drop=[name])).startswith(f"[{name}]: extension missing")


KEYWORDS = (
    "INSTRUME DETECTOR EXP_TYPE NINTS NGROUPS NFRAMES GROUPGAP TGROUP TFRAME SUBARRAY SUBSTRT1 "
    "SUBSTRT2 SUBSIZE1 SUBSIZE2 FASTAXIS SLOWAXIS DATE_OBS TIME_OBS"
)


@pytest.mark.parametrize("keyword", KEYWORDS.split())
def test_missing_keyword(changed, keyword):
    message = refusal(changed(**{keyword: None}))
    assert f"{keyword.replace('_OBS', '-OBS')} missing" in message


@pytest.mark.parametrize(
    "sci",
    [
        np.zeros((3, 24, 32), np.uint16),
        np.zeros((2, 3, 24, 32), np.int16),
        np.zeros((2, 3, 24, 32), np.float32),
        np.zeros((1, 2, 3, 24, 32), np.uint16),
        np.zeros((24, 32), np.uint16),
    ],
    ids=lambda a: f"{a.dtype}{a.shape}",
)
def test_wrong_dimensions_or_type(changed, sci):
    message = refusal(changed(sci=sci))
    assert message.startswith("[SCI]: ")
    assert "expected 4-dimensional uint16" in message


@pytest.mark.parametrize(
    ("keyword", "value", "says"),
    [
        ("NGROUPS", 4, "disagrees with the SCI data (2, 3, 24, 32)"),
        ("SUBSIZE1", 24, "disagrees"),
        ("SUBSIZE2", 2048, "disagrees"),
        ("INSTRUME", "HST", "known: NIRCAM, NIRISS, NIRSPEC, FGS, MIRI"),
        ("DETECTOR", "NRS1", "NRCALONG"),
        ("EXP_TYPE", "FGS_ACQ1", "guide-star"),
        ("EXP_TYPE", "FGS_ID-IMAGE", "guide-star"),
        ("READPATT", "NRSIRS2RAPID", "IRS2 frames are (3200, 2048)"),
        ("MSTR_RD1", 2, "means stripes, but MSTR_SK1 is missing"),
        ("SSTR_NST", 1, "means stripes, but MSTR_RD1 is missing"),
        ("SUBSTRT1", 0, "outside the 2048 pixel detector"),
        ("SUBSTRT1", 2018, "outside"),
        ("SUBSTRT2", 2026, "outside"),
        ("FASTAXIS", 2, "expected one of 1 and one of 2"),
        ("SLOWAXIS", 3, "expected one of 1 and one of 2"),
        ("NFRAMES", 0, "not positive"),
        ("GROUPGAP", -1, "negative"),
        ("TGROUP", 0.0, "not positive"),
        ("TFRAME", -2.0, "not positive"),
        ("TFRAME", 1e-300, "below"),
        ("TGROUP", 1e300, "beyond"),
        ("NFRAMES", 2147483647, "beyond"),
        ("GROUPGAP", 10**15, "beyond"),
        ("FRMDIVSR", 10**9, "beyond"),
        ("NOUTPUTS", -(10**9), "beyond"),
        ("DRPFRMS1", 10**9, "beyond"),
        ("DRPFRMS1", "none", "not an integer"),
        ("GAINFACT", "two", "not a number"),
        ("EFFINTTM", "long", "not a number"),
        ("EXPSTART", "abc", "not a number"),
        ("NSAMPLES", 1.5, "not an integer"),
        ("GAINFACT", 1e300, "beyond"),
        ("DATE_OBS", "yesterday", "no date"),
        ("TIME_OBS", "noon", "no date"),
        ("NGROUPS", "ten", "NGROUPS='ten' is not an integer"),
        ("NGROUPS", "NaN", "not an integer"),
        ("NGROUPS", 3.5, "not an integer"),
        ("NGROUPS", True, "not an integer"),
        ("NINTS", "two", "not an integer"),
        ("INTSTART", "one", "not an integer"),
        ("NOUTPUTS", "four", "not an integer"),
        ("FRMDIVSR", "x", "not an integer"),
        ("FASTAXIS", "x", "not an integer"),
        ("SUBSTRT1", "", "not an integer"),
        ("TGROUP", "10 s", "not a number"),
        ("TFRAME", True, "not a number"),
        ("DETECTOR", 5, "DETECTOR=5 is not a text"),
        ("SUBARRAY", 64, "not a text"),
    ],
)
def test_refused_keywords(changed, keyword, value, says):
    message = refusal(changed(**{keyword: value}))
    assert keyword.replace("_OBS", "-OBS") in message
    assert says in message
    assert ";" in message


@pytest.mark.parametrize("keyword", ["NGROUPS", "TGROUP", "FASTAXIS", "NOUTPUTS", "DETECTOR"])
@pytest.mark.parametrize("text", ["NaN", "INF", "1 2", "'open"])
def test_values_that_are_no_fits(changed, keyword, text):
    message = refusal(with_card(changed(), keyword, text))
    assert keyword in message
    assert "not a valid FITS value" in message or "is not a" in message


@pytest.mark.parametrize("keyword", ["NGROUPS", "TGROUP", "DETECTOR", "DATE-OBS"])
def test_undefined_values(changed, keyword):
    assert f"{keyword}=None is not a" in refusal(with_card(changed(), keyword, ""))


def test_undefined_optional_values_are_as_good_as_missing(changed):
    path = changed()
    for keyword in ("NOUTPUTS", "FRMDIVSR", "INTSTART"):
        with_card(path, keyword, "")
    with Exposure(path) as exposure:
        assert exposure.subarray.noutputs == 0
        assert exposure.frame_divisor is None


def test_segments_count_their_own_integrations(changed):
    with Exposure(changed(NINTS=10, INTSTART=5, INTEND=6)) as exposure:
        assert exposure.shape[0] == 2
    for segment in ({"INTSTART": 5, "INTEND": 7}, {"INTSTART": None}, {"INTEND": None}):
        assert "NINTS=10 disagrees" in refusal(changed(NINTS=10, **segment))
    with Exposure(changed(INTSTART=None, INTEND=None)) as exposure:
        assert exposure.shape[0] == 2


def test_zero_frame(tmp_path):
    exposure = simulate("nircam_full", tmp_path, 1, nx=32, ny=24, ngroups=3, zero_frame=True)
    with Exposure(exposure.uncal) as opened:
        expected = fits.getdata(exposure.uncal, "ZEROFRAME")
        assert np.array_equal(opened.zeroframe.read(0, 24), expected)
    path = tmp_path / "bad_uncal.fits"
    with fits.open(exposure.uncal) as hdus:
        hdus["ZEROFRAME"].data = expected[:, :-1]
        hdus.writeto(path)
    with Exposure(path) as opened, pytest.raises(InputError, match=r"ZEROFRAME.*\(1, 24, 32\)"):
        _ = opened.zeroframe


def test_the_file_is_closed_again(changed):
    path = changed(NGROUPS=4)
    refusal(path)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        refusal(path)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("name", ["caf\xe9", "\x1b[31mred", "two\nlines", ""])
def test_names_that_no_header_can_hold(uncal, tmp_path, name):
    path = tmp_path / f"{name}_uncal.fits"
    path.write_bytes(uncal.read_bytes())
    with pytest.raises(InputError, match="no header can hold this file's name") as caught:
        Exposure(path)
    assert str(caught.value).isprintable()
