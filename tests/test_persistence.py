import numpy as np
import pytest
from onramp.flags import PERSISTENCE, SATURATED
from onramp.steps.persistence import flag_persistence, unix_time

FLAG = np.uint8(PERSISTENCE)


def naive_flags(data, groupdq, ends, starts, rules):
    """Follow one pixel after the other through all groups."""
    group_time, length, threshold = rules
    flagged, ends = groupdq.copy(), ends.copy()
    nints, ngroups, ny, nx = data.shape
    for y, x in np.ndindex(ny, nx):
        end = ends[y, x]
        for i in range(nints):
            time, count = starts[i], 0
            for g in range(ngroups):
                time += group_time
                end = 0.0 if end < time else end
                count += bool(groupdq[i, g, y, x] & SATURATED)
                if count == 1:
                    end = time + length
                if data[i, g, y, x] > threshold and end <= 0:
                    end = time + length
                if end > time + length:
                    end = 0.0
                if end > 0:
                    flagged[i, g, y, x] |= PERSISTENCE
        ends[y, x] = end
    return flagged, ends


@pytest.mark.parametrize("threshold", [np.inf, 100.0])
@pytest.mark.parametrize("seed", range(3), ids="seed{}".format)
def test_agrees_with_naive(seed, threshold):
    rng = np.random.default_rng(seed)
    data = rng.normal(0, 60, (3, 5, 4, 6)).astype(np.float32)
    groupdq = np.where(rng.random(data.shape) < 0.05, SATURATED, 0).astype(np.uint8)
    groupdq = np.maximum.accumulate(groupdq, axis=1)
    starts = 1e9 + 60.0 * np.arange(3)
    ends = rng.choice([0.0, 1e9 + 25, 1e9 + 1000], (4, 6))
    rules = 10.0, 30.0, np.float32(threshold)
    expected, expected_ends = naive_flags(data, groupdq, ends, starts, rules)
    flag_persistence(data, groupdq, ends, starts, rules, FLAG)
    assert np.array_equal(groupdq, expected)
    assert np.array_equal(ends, expected_ends)
    assert (groupdq & PERSISTENCE).any()


def test_a_window_lasts_as_long_as_it_is_said():
    data = np.zeros((1, 6, 1, 1), np.float32)
    groupdq = np.zeros(data.shape, np.uint8)
    groupdq[0, 1] = SATURATED
    flag_persistence(
        data, groupdq, np.zeros((1, 1)), np.zeros(1), (10.0, 20.0, np.float32(np.inf)), FLAG
    )
    flagged = (groupdq[0, :, 0, 0] & PERSISTENCE) != 0
    assert flagged.tolist() == [False] + [True] * 5  # one saturated group opens it again and again


def test_unix_time():
    assert unix_time(40588.0) == 86400.0
