import bz2
import gzip
import lzma
import os

import numpy as np
import pytest
from astropy.io import fits
from onramp.errors import InputError
from onramp.fitsheaders import DamagedHeaderError, read_header, read_units
from onramp.fitsrows import FitsImages

CARD = 80


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "x_uncal.fits"
    column = fits.Column("time", "D", array=np.arange(5.0))
    hdus = [
        fits.PrimaryHDU(header=fits.Header({"DETECTOR": "NRCA1", "NUMBER": 5})),
        fits.ImageHDU(np.arange(1500, dtype=np.int16).reshape(30, 50), name="SCI"),
        fits.BinTableHDU.from_columns([column], name="TIMES"),
    ]
    fits.HDUList(hdus).writeto(path)
    return path


def units(path):
    file = os.open(path, os.O_RDONLY)
    try:
        return read_units(file)
    finally:
        os.close(file)


def with_card(path, keyword, text, extension=b"SIMPLE"):
    """Overwrite a card after the beginning of a header."""
    content = bytearray(path.read_bytes())
    at = content.index(keyword.ljust(8).encode(), content.index(extension))
    content[at : at + CARD] = text.ljust(CARD)
    path.write_bytes(content)
    return path


def test_units_are_those_of_astropy(path):
    with fits.open(path) as file:
        for unit, hdu in zip(units(path), file, strict=True):
            info = hdu.fileinfo()
            assert (unit.name, unit.start) == (hdu.name, info["datLoc"])
            assert unit.size == hdu.size
            assert unit.header == hdu.header


@pytest.mark.parametrize(
    ("keyword", "text", "says"),
    [
        ("BITPIX", b"BITPIX  =                   15", "BITPIX=15"),
        ("BITPIX", b"BITPIX  =                   T", "BITPIX=True"),
        ("NAXIS", b"NAXIS   = 9999999999999999999999999999", "NAXIS=9999"),
        ("NAXIS", b"NAXIS   =                   -1", "NAXIS=-1"),
        ("NAXIS1", b"NAXIS1  =        9999999999999", "truncated at"),
        ("NAXIS1", b"NAXIS1  =                   -5", "NAXIS1=-5"),
        ("NAXIS1", b"NAXIS1  =                  5.0", "NAXIS1=5.0"),
        ("NAXIS2", b"NAXIS1  =                   50", "damaged header"),
        ("PCOUNT", b"PCOUNT  =                   -8", "PCOUNT=-8"),
        ("PCOUNT", b"COMMENT", "PCOUNT=None"),
        ("GCOUNT", b"GCOUNT  =                    2", "GCOUNT=2"),
        ("GCOUNT", b"COMMENT", "GCOUNT=None"),
        ("EXTNAME", b"EXTNAME =                    7", "EXTNAME=7"),
        ("EXTNAME", b"EXTNAME =                  NaN", "EXTNAME is not a valid FITS value"),
        ("EXTNAME", b"EXTNAME = 'S\x1b[31m'", "characters"),
        ("EXTNAME", b"TFIELDS =           2000000000", "TFIELDS=2000000000"),
        ("END", b"END    x", "characters in a header"),
        ("XTENSION", b"XTENSIOM= 'IMAGE   '", "no extension begins at byte 2880"),
    ],
)
def test_damaged_headers(path, keyword, text, says):
    with pytest.raises(InputError) as caught:
        FitsImages(with_card(path, keyword, text, b"XTENSION= 'IMAGE"), InputError)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert says in message
    assert message.isprintable()


def test_keywords_that_stand_twice(path):
    with_card(path, "EXTNAME", b"BZERO   =                32768", b"XTENSION= 'IMAGE")
    content = path.read_bytes()
    end = content.index(b"END".ljust(CARD), content.index(b"XTENSION= 'IMAGE"))
    again = b"BZERO   =                    0".ljust(CARD) + b"END".ljust(CARD)
    path.write_bytes(content[:end] + again + content[end + len(again) :])
    with pytest.raises(DamagedHeaderError, match="BZERO stands in it 2 times"):
        units(path)


@pytest.mark.parametrize(
    ("compress", "kind"),
    [
        (lambda content: gzip.compress(content, 0), "gzip"),
        (lambda content: gzip.compress(content, 0) + bytes(5760), "gzip"),
        (bz2.compress, "bzip2"),
        (lzma.compress, "xz"),
        (lambda content: b"PK\x03\x04" + content, "zip"),
    ],
)
def test_compressed_files_are_refused(path, compress, kind):
    """Astropy reads through them, so offsets in its headers would point at other bytes."""
    path.write_bytes(compress(path.read_bytes()))
    with pytest.raises(InputError, match=rf"compressed with {kind}; uncompress the file"):
        FitsImages(path, InputError)


@pytest.mark.parametrize("more", [bytes(2880), b" " * 2880, b"x", b"XTENSION= " + bytes(2870)])
def test_what_follows_the_last_extension_is_refused(path, more):
    path.write_bytes(path.read_bytes() + more)
    with pytest.raises(DamagedHeaderError):
        units(path)


def test_a_header_without_an_end_is_not_read_for_ever(tmp_path):
    path = tmp_path / "long.fits"
    path.write_bytes(b"SIMPLE  =                    T".ljust(CARD))
    os.truncate(path, 50_000_000)
    file = os.open(path, os.O_RDONLY)
    with pytest.raises(DamagedHeaderError, match="no end"):
        read_header(file, 0)
    os.close(file)


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("TFORM1", b"TFORM1  = '1QD(9)  '"),
        ("TFORM1", b"TFORM1  = '99999999D'"),
        ("NAXIS2", b"NAXIS2  =                  3"),
        ("NAXIS1", b"NAXIS1  =                  4"),
        ("NAXIS", b"NAXIS   =                  1"),
    ],
)
def test_damaged_tables_are_refused(path, keyword, text):
    path = with_card(path, keyword, text, b"XTENSION= 'BINTABLE")
    with FitsImages(path, InputError) as file:
        if keyword == "NAXIS2":  # fewer rows are a table too
            assert file.table("TIMES")["time"].tolist() == [0, 1, 2]
            return
        with pytest.raises(InputError, match=r"x_uncal\.fits\[TIMES\]: no table, or a damaged one"):
            file.table("TIMES")


def test_an_image_is_no_table(path):
    with (
        FitsImages(path, InputError) as file,
        pytest.raises(InputError, match=r"\[SCI\]: no table"),
    ):
        file.table("SCI")
