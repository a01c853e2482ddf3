import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onramp.kernels import (
    median_in_place,
    middle_in_place,
    pairwise_sum,
    sort_columns,
    sorting_network,
)

HERE = Path(__file__).parent
KERNEL_TESTS = {
    "jump": "seed0 or seed1",
    "ramp_fit": "naive",
    "saturation": "seed0 or seed1",
    "linearity": "seed0 or seed1",
    "ipc": "seed0 or seed1",
    "refpix": "clipped_mean or (seed0 and (bottom or corner))",
    "likelihood": "inside_a_group or quality or hopeless or negative",
    "snowballs": "regions or drawing or ellipses",
    "showers": "smoothing",
    "jump_census": "same_as_naive",
    "optional_results": "agrees_with_naive and 4 and 5",
    "value_order": "shape0 and noise or infinite",
    "line_medians": "middle and 129 or naive and ties",
}


@pytest.mark.parametrize("size", [*range(20), 31, 32, 33, 100, 128])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_networks_sort(size, dtype):
    rng = np.random.default_rng(size)
    block = rng.normal(0, 1, (size, 50)).astype(dtype)
    block[rng.random(block.shape) < 0.2] = 0.5
    block[rng.random(block.shape) < 0.05] = np.inf
    expected = np.sort(block, axis=0)
    sort_columns(block, sorting_network(size))
    assert np.array_equal(block, expected)


@pytest.mark.parametrize("size", range(1, 11))
def test_networks_sort_every_pattern_of_zeros_and_ones(size):
    """By the zero-one principle such a network sorts everything."""
    patterns = (np.arange(2**size) >> np.arange(size)[:, None]) & 1
    block = patterns.astype(np.float32)
    sort_columns(block, sorting_network(size))
    assert (np.diff(block, axis=0) >= 0).all()


FINITE = st.floats(-1e6, 1e6, width=32)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(values=arrays(np.float32, st.integers(1, 150), elements=FINITE))
def test_median(values):
    expected = np.median(values.astype(float))
    assert median_in_place(values.copy(), values.size) == expected


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    values=arrays(np.float64, st.integers(1, 40), elements=st.sampled_from([-1, 0, 1, 2, np.inf])),
    spare=st.integers(0, 5),
)
def test_middle_of_ties_and_infinities(values, spare):
    ordered = np.sort(values)
    lower, upper = ordered[(values.size - 1) // 2], ordered[values.size // 2]
    padded = np.concatenate((values, np.full(spare, -9.0)))
    assert middle_in_place(padded, values.size) == (lower, upper)
    assert np.array_equal(np.sort(padded[: values.size]), ordered)


def test_median_of_nothing():
    assert np.isnan(median_in_place(np.ones(3), 0))


@pytest.mark.parametrize("module", KERNEL_TESTS)
def test_kernels_without_compilation(module):
    """A small part of the kernels' tests, interpreted; numpy warns of NaN where numba does not."""
    command = [
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
        "-W", "ignore::RuntimeWarning", "-k", KERNEL_TESTS[module], str(HERE / f"test_{module}.py"),
    ]  # fmt: skip
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    result = subprocess.run(
        command, env=environment, cwd=HERE.parent, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout[-3000:]
    assert " passed" in result.stdout


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 7, 8, 9, 127, 128, 129, 255, 1000, 4096, 5001])
def test_pairwise_sum_rounds_as_numpy_does(dtype, size):
    values = np.random.default_rng(size).normal(1e4, 30, size).astype(dtype)
    assert pairwise_sum(values, size) == np.add.reduce(values)
