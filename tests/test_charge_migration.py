import numpy as np
import pytest
from onramp.flags import CHARGELOSS, DO_NOT_USE, JUMP_DET, SATURATED
from onramp.steps.charge_migration import flag_charge_migration

LOST = CHARGELOSS | DO_NOT_USE


def naive_flags(data, groupdq, threshold):
    flagged = groupdq.copy()
    ny, nx = data.shape[2:]
    for i, g, y, x in np.ndindex(data.shape):
        if data[i, g, y, x] > threshold and groupdq[i, g, y, x] != DO_NOT_USE:
            for v, u in ((y, x), (y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if 0 <= v < ny and 0 <= u < nx:
                    flagged[i, g:, v, u] |= LOST
    return flagged


@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (2, 6, 9, 11), (3, 4, 1, 8), (1, 5, 8, 1)])
@pytest.mark.parametrize("seed", range(3), ids="seed{}".format)
def test_agrees_with_naive(shape, seed):
    rng = np.random.default_rng(seed)
    data = rng.normal(0, 100, shape).astype(np.float32)
    data[rng.random(shape) < 0.05] = np.nan
    groupdq = rng.choice([0, 0, DO_NOT_USE, SATURATED, DO_NOT_USE | JUMP_DET], shape)
    groupdq = groupdq.astype(np.uint8)
    expected = naive_flags(data, groupdq, 150)
    flag_charge_migration(data, groupdq, np.float32(150))
    assert np.array_equal(groupdq, expected)
    assert shape[-1] == 1 or (groupdq & CHARGELOSS).any()


def test_what_is_at_the_threshold_or_unusable_starts_nothing():
    data = np.full((1, 3, 2, 2), 100, np.float32)
    groupdq = np.zeros(data.shape, np.uint8)
    flag_charge_migration(data, groupdq, np.float32(100))
    assert not groupdq.any()
    groupdq[:] = DO_NOT_USE
    flag_charge_migration(data, groupdq, np.float32(50))
    assert (groupdq == DO_NOT_USE).all()
