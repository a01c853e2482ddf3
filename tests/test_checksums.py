import os
import warnings

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from onramp import checksums
from onramp.products import BLOCK, Extension, ProductFile, RawExtension

LARGEST = 0xFFFFFFFF


def naive_sum(content):
    """Add words with end-around carry, one by one."""
    total = 0
    content = content + bytes(-len(content) % 4)
    for n in range(0, len(content), 4):
        total += int.from_bytes(content[n : n + 4], "big")
        total = (total & LARGEST) + (total >> 32)
    return total


def block_of(content):
    return np.frombuffer(content.ljust(-(-len(content) // BLOCK) * BLOCK, b"\0"), np.uint8)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_sum_is_the_naive_one(content):
    assert checksums.fold(checksums.sum_of_bytes(content)) == naive_sum(content)


@settings(deadline=None)
@given(st.binary(max_size=64), st.integers(0, 3))
def test_parts_that_begin_within_a_word(content, phase):
    total = checksums.sum_of_bytes(content[:phase]) + checksums.sum_of_bytes(content[phase:], phase)
    assert checksums.fold(total) == naive_sum(content)


@pytest.mark.parametrize("value", [0, 1, LARGEST, LARGEST - 1])
@pytest.mark.parametrize("count", [0, 1, 2, 720])
def test_extreme_words(value, count):
    content = np.full(count, value, ">u4").tobytes()
    assert checksums.fold(checksums.sum_of_bytes(content)) == naive_sum(content)


@settings(deadline=None)
@given(st.lists(st.integers(0, LARGEST), max_size=50), st.sampled_from([0, 1 << 31]))
def test_words_as_they_are_stored(values, flip):
    words = np.array(values, np.uint32)
    stored = np.zeros_like(words)
    total = checksums.store_words(words, np.uint32(flip), stored)
    content = (words ^ np.uint32(flip)).astype(">u4").tobytes()
    assert stored.tobytes() == content
    assert checksums.fold(total) == naive_sum(content)


@settings(deadline=None)
@given(st.integers(0, LARGEST))
def test_encoding_is_that_of_astropy(value):
    expected = fits.PrimaryHDU()._char_encode(value)
    assert checksums.encode(value) == expected
    assert checksums.encode(value).isalnum()


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=6000))
def test_sum_of_a_block_is_that_of_astropy(content):
    block = block_of(content)
    expected = int(fits.PrimaryHDU()._compute_checksum(block))
    assert checksums.fold(checksums.sum_of_bytes(block)) == expected


@pytest.mark.parametrize("piece", [4, 12, 1 << 22])
def test_sum_of_part_of_a_file(tmp_path, monkeypatch, piece):
    monkeypatch.setattr(checksums, "PIECE", piece)
    content = np.random.default_rng(1).bytes(400)
    (tmp_path / "part").write_bytes(content)
    file = os.open(tmp_path / "part", os.O_RDONLY)
    try:
        for offset, size in ((0, 400), (8, 40), (8, 0), (100, 300)):
            total = checksums.fold(checksums.sum_of_part(file, offset, size))
            assert total == naive_sum(content[offset : offset + size])
        with pytest.raises(EOFError):
            checksums.sum_of_part(file, 200, 204)
    finally:
        os.close(file)


def cube(rng, dtype, shape):
    if np.dtype(dtype).kind == "f":
        array = rng.normal(0, 1e9, shape).astype(dtype)
        array.flat[0], array.flat[-1] = np.nan, -np.inf
        return array
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def product_of(path, arrays, raw=()):
    header = fits.PrimaryHDU().header
    header["CHECKSUM"] = "stale"
    extensions = [Extension(name, a.shape, a.dtype) for name, a in arrays.items()]
    return ProductFile(path, header, [*extensions, *raw])


@pytest.mark.parametrize("shape", [(7, 5), (2, 9, 3), (2, 3, 17, 11), (1, 1), (3, 8, 16)])
@pytest.mark.parametrize("rows", [1, 4, 64])
def test_astropy_accepts_every_hdu_of_a_product(tmp_path, shape, rows):
    rng = np.random.default_rng(rows)
    types = {"SCI": np.float32, "DQ": np.uint32, "GROUPDQ": np.uint8, "RAW": np.uint16}
    arrays = {name: cube(rng, dtype, shape) for name, dtype in types.items()}
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2])], name="GROUP")
    table.header["DATASUM"] = "12345"
    table.writeto(tmp_path / "table.fits")
    raw = RawExtension("GROUP", (tmp_path / "table.fits").read_bytes()[BLOCK:])
    product = product_of(tmp_path / "x.fits", arrays, [raw])
    for name, array in arrays.items():
        for first in reversed(range(0, shape[-2], rows)):
            product.write_rows(name, first, array[..., first : first + rows, :])
    product.header["COUNT"] = 1
    product.finish()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(tmp_path / "x.fits", checksum=True) as hdus:
            for hdu, sums in zip(hdus, product.sums, strict=True):
                assert hdu.verify_datasum() == 1
                assert hdu.verify_checksum() == 1
                assert sums == (hdu.name, hdu._datasum, hdu._checksum)
                assert list(hdu.header).count("CHECKSUM") == 1
                assert list(hdu.header).count("DATASUM") == 1
            np.testing.assert_array_equal(hdus["DQ"].data, arrays["DQ"])


def test_bands_that_are_written_again_count_once(tmp_path):
    array = np.random.default_rng(1).normal(size=(12, 5)).astype(np.float32)
    product = product_of(tmp_path / "x.fits", {"SCI": array})
    for rows in (4, 4, 3):  # the same bands, then others that overlap them
        for first in range(0, 12, rows):
            product.write_rows("SCI", first, array[first : first + rows] * rows)
    product.finish()
    with fits.open(tmp_path / "x.fits", checksum=True) as hdus:
        assert hdus["SCI"].verify_datasum() == 1
        np.testing.assert_array_equal(hdus["SCI"].data, array * 3)
