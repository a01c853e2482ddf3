from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onramp.batches import LEAST_LOCAL, compose, longest, predict_seconds, time_limit
from onramp.configuration import load

costs = st.lists(st.floats(0.01, 100), max_size=60).map(
    lambda found: {f"x{n}": cost for n, cost in enumerate(found)}
)


@given(costs, st.floats(1, 50))
def test_batches_hold_every_exposure_once_and_are_full(costs, seconds):
    batches = compose(costs, seconds)
    assert list(chain(*batches)) == list(costs)
    sizes = [sum(costs[name] for name in batch) for batch in batches]
    assert all(size <= seconds + 1e-9 for size, b in zip(sizes, batches) if len(b) > 1)
    for size, following in zip(sizes, batches[1:]):
        assert size + costs[following[0]] > seconds - 1e-9


def test_few_exposures_are_spread_over_the_cores():
    costs = dict.fromkeys(map(str, range(100)), 1.0)
    assert longest(costs, 300, 5, scheduled=False) == 10
    assert longest(costs, 300, 1000, scheduled=False) == LEAST_LOCAL
    assert longest(costs, 300, 1000, scheduled=True) > LEAST_LOCAL
    assert longest(costs, 8, 5, scheduled=False) == 8


def test_prediction_grows_with_what_is_to_be_done():
    small, large = (1, 5, 64, 64), (1, 10, 2048, 2048)
    likely = load({"steps": {"ramp_fit": {"algorithm": "LIKELY"}}}, "x.yaml").steps
    assert predict_seconds(small) < 0.5 < predict_seconds(large) < 3
    assert predict_seconds(large, likely) > 2 * predict_seconds(large)
    assert predict_seconds(small, picture=True) > predict_seconds(small) + 0.5
    assert time_limit(600) > time_limit(300) > 10


@pytest.mark.parametrize("value", [-1, "many"])
def test_odd_sizes_are_refused(value):
    from onramp.errors import ParameterError

    with pytest.raises(ParameterError, match="batch_seconds"):
        load({"batch_seconds": value}, "x.yaml")
