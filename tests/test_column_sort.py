import numpy as np
import pytest
from onramp.column_sort import sort_all_columns


@pytest.mark.parametrize("size", [*range(140), 255, 256, 257, 511, 512, 513, 1000])
def test_columns_are_sorted(size):
    rng = np.random.default_rng(size)
    block = rng.normal(0, 1, (size, 21)).astype(np.float32)
    block[rng.random(block.shape) < 0.2] = 0.5
    block[rng.random(block.shape) < 0.05] = np.inf
    expected = np.sort(block, axis=0)
    sort_all_columns(block)
    assert np.array_equal(block, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("ncolumns", [0, 1, 31, 32, 33, 255, 257, 2000])
def test_any_number_of_columns(ncolumns, dtype):
    block = np.random.default_rng(ncolumns).normal(0, 1, (23, ncolumns)).astype(dtype)
    expected = np.sort(block, axis=0)
    sort_all_columns(block)
    assert np.array_equal(block, expected)


@pytest.mark.parametrize("size", range(1, 20))
def test_every_pattern_of_zeros_and_ones_is_sorted(size):
    """By the zero-one principle what sorts these sorts everything."""
    patterns = (np.arange(2**size) >> np.arange(size)[:, None]) & 1
    block = patterns.astype(np.float32)
    sort_all_columns(block)
    assert (np.diff(block, axis=0) >= 0).all()
