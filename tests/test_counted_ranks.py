import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onramp.steps.counted_ranks import CountedValues

FLOATS = st.floats(width=32, allow_nan=False)
FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


def counted(values, parts=3):
    return CountedValues(lambda: iter(np.array_split(np.array(values, np.float32), parts)))


@given(st.lists(FLOATS, min_size=1, max_size=30), st.data())
@settings(max_examples=60, deadline=None)
def test_ranks_are_those_of_sorted_values(values, data):
    found, ordered = counted(values), np.sort(np.array(values, np.float32))
    rank = data.draw(st.integers(0, len(values) - 1))
    assert found.value_at(rank) == ordered[rank]
    limit = data.draw(st.one_of(st.sampled_from(values), FLOATS, st.floats(allow_nan=False)))
    assert found.number_below(limit) == np.sum(ordered.astype(np.float64) < limit)
    assert found.number_below(limit, included=True) == np.sum(ordered.astype(np.float64) <= limit)


@given(st.lists(FINITE, min_size=1, max_size=30), st.floats(0, 100))
@settings(max_examples=60, deadline=None)
def test_percentiles_are_those_of_numpy(values, percent):
    with np.errstate(over="ignore", invalid="ignore"):
        expected = np.percentile(np.array(values, np.float32), [percent])[0]
        np.testing.assert_equal(counted(values).percentile(percent), expected + 0.0)


@pytest.mark.parametrize("n", [1, 2, 7, 100_003])
def test_medians_of_a_window(n):
    values = np.random.default_rng(n).normal(0, 3, n).astype(np.float32)
    values[::5] = np.round(values[::5])
    found, ordered = counted(values), np.sort(values)
    assert found.size == n
    assert found.median(0, n) == np.median(values)
    assert found.median(n // 3, n) == np.median(ordered[n // 3 :])


def test_of_nothing_there_are_none():
    assert counted([]).size == 0
