import numpy as np
import pytest
from onramp.steps.group_scale import scale_factor
from onramp.steps.superbias import subtract_from_zeroframe, subtract_superbias


def a_superbias(rng):
    superbias = rng.normal(11000, 40, (4, 5)).astype(np.float32)
    superbias[1, 2] = np.nan
    return superbias


def test_superbias_comes_off_every_group_and_nan_is_zero():
    rng = np.random.default_rng(1)
    data = rng.normal(15000, 500, (2, 3, 4, 5)).astype(np.float32)
    superbias = a_superbias(rng)
    expected = data.copy()
    for y, x in np.ndindex(4, 5):
        if not np.isnan(superbias[y, x]):
            expected[:, :, y, x] -= superbias[y, x]
    subtract_superbias(data, superbias)
    assert np.array_equal(data, expected)
    assert np.isfinite(data).all()


def test_unusable_pixels_of_zero_frames_stay_zero():
    rng = np.random.default_rng(2)
    frames = rng.normal(15000, 500, (2, 4, 5)).astype(np.float32)
    frames[0, 1] = 0
    superbias = a_superbias(rng)
    expected = frames - np.nan_to_num(superbias, nan=0.0)
    expected[0, 1] = 0
    subtract_from_zeroframe(frames, superbias)
    assert np.array_equal(frames, expected)


@pytest.mark.parametrize(
    ("nframes", "divisor", "factor"),
    [(5, 8, 1.6), (8, 8, None), (None, 8, None), (5, None, None), (4, 2, 0.5)],
)
def test_scale_factor(nframes, divisor, factor):
    assert scale_factor(nframes, divisor) == factor
