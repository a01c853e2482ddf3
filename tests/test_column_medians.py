"""Medians of columns: of few values, of many, and where a sample misleads."""

import numpy as np
import pytest
from onramp.kernels import kernel
from onramp.steps.column_medians import MANY, SAMPLE, column_medians, room_for_medians

COLUMNS = 37


@kernel
def find_medians(diffs, count, found):
    column_medians(diffs, count, room_for_medians(*diffs.shape), found)


def medians(diffs, count):
    found = np.full(diffs.shape[1], -1.0)
    find_medians(diffs, count, found)
    return found


def naive(diffs):
    """Return the medians of columns of float32 in double precision."""
    result = np.full(diffs.shape[1], np.nan)
    for k, column in enumerate(diffs.T):
        values = np.sort(column[~np.isnan(column)]).astype(np.float64)
        if values.size:
            result[k] = (values[(values.size - 1) // 2] + values[values.size // 2]) / 2.0
    return result


@pytest.fixture
def draw(rng):
    def drawn(size):
        return rng.normal(100.0, 20.0, (size, COLUMNS)).astype(np.float32)

    return drawn


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("size", [1, 2, 19, MANY - 1, MANY, MANY + 1, 3800])
@pytest.mark.parametrize("lost", [0.0, 0.3, 0.97, 1.0])
def test_medians_are_those_of_sorted_columns(draw, rng, size, lost):
    diffs = draw(size)
    diffs[rng.random(diffs.shape) < lost] = np.nan
    assert np.array_equal(medians(diffs, COLUMNS), naive(diffs), equal_nan=True)


def test_only_the_first_columns_are_looked_at(draw):
    diffs = draw(2 * MANY)
    found = medians(diffs, 5)
    assert np.array_equal(found[:5], naive(diffs[:, :5]))
    assert (found[5:] == -1.0).all()


def values_of_the_sample(diffs):
    """Make the sample unlike the rest: none of its values is near the median."""
    rows = np.arange(SAMPLE) * len(diffs) // SAMPLE
    diffs[rows] += 1000.0


def sample_without_values(diffs):
    diffs[np.arange(SAMPLE) * len(diffs) // SAMPLE] = np.nan


def equal_values(diffs):
    diffs[...] = np.round(diffs / 40.0)


def two_values(diffs):
    diffs[: len(diffs) // 2] = 1.0
    diffs[len(diffs) // 2 :] = 3.0


def infinite_values(diffs):
    diffs[::3] = np.inf
    diffs[1::3] = -np.inf


@pytest.mark.parametrize("size", [MANY, 3801])
@pytest.mark.parametrize(
    "change",
    [values_of_the_sample, sample_without_values, equal_values, two_values, infinite_values],
)
def test_medians_where_a_sample_misleads(draw, size, change):
    diffs = draw(size)
    change(diffs)
    assert np.array_equal(medians(diffs, COLUMNS), naive(diffs), equal_nan=True)
