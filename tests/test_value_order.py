import numpy as np
import pytest
from onramp.kernels import kernel
from onramp.steps import background_clipping as clipping
from onramp.steps import value_order
from onramp.steps.value_order import order, shifted

window = kernel(lambda ordered, low, high: value_order.window(ordered, low, high))
value_at = kernel(lambda ordered, rank: value_order.value_at(ordered, rank))


def an_image(kind, rng, shape=(90, 120)):
    image = rng.normal(20, 15, shape)
    if kind == "ties":
        image = np.round(image / 8) * 8
    if kind == "tails":
        image = image**5
    if kind == "one value":
        image[:] = 3
    if kind == "two values":
        image = np.where(rng.random(shape) < 0.02, 7e30, -2e30)
    image = image.astype(np.float32)
    image[rng.random(shape) < 0.02] = np.nan
    image[5, 6], image[7, 8] = np.inf, -np.inf
    return image


@pytest.mark.parametrize("kind", ["noise", "ties", "tails", "one value", "two values"])
@pytest.mark.parametrize("shape", [(90, 120), (3, 5000), (8, 9)])
def test_ranks_and_windows_are_those_of_sorted_values(kind, shape):
    rng = np.random.default_rng(2)
    image = an_image(kind, rng, (max(shape[0], 8), max(shape[1], 9)))
    mask = rng.random(image.shape) < 0.8
    mask[np.isnan(image)] = False
    mask[5, 6] = mask[7, 8] = True
    expected = np.sort(image[mask & np.isfinite(image)])
    for offset in (np.float32(0), np.float32(0.7), np.float32(-3e4)):
        ordered = order(image, mask)
        if offset:
            first, last = window(ordered, *np.quantile(expected, [0.1, 0.95]))
            ordered = shifted(ordered, first, last, offset)
            expected = expected[first:last] - offset
        inside = expected[rng.integers(0, expected.size, 9)].astype(np.float64)
        around = np.nextafter(inside, np.inf), np.nextafter(inside, -np.inf), [-np.inf, np.inf]
        for limit in np.concatenate([inside, *around]):
            first, last = window(ordered, limit, limit)
            assert first == np.searchsorted(expected, limit)
            assert last == np.searchsorted(expected, limit, "right")
        for rank in (0, expected.size // 2, expected.size - 1):
            assert value_at(ordered, rank) == expected[rank]
        np.testing.assert_array_equal(np.sort(ordered.values), expected)
        expected = np.sort(image[mask & np.isfinite(image)])


def test_infinite_values_do_not_count():
    image = np.array([[1, np.inf, 2], [-np.inf, 3, 4]], np.float32)
    assert sorted(order(image, np.ones((2, 3), bool)).values) == [1, 2, 3, 4]


def test_buckets_of_what_lies_far_away_change_nothing():
    rng = np.random.default_rng(3)
    image = rng.normal(0, 1, (200, 300)).astype(np.float32)
    limits = clipping.lower_half_limits(order(image, np.ones(image.shape, bool)), 3)
    far = np.concatenate([image, np.full((20, 300), 6e4, np.float32)])
    with_far = clipping.lower_half_limits(order(far, np.ones(far.shape, bool)), 3)
    np.testing.assert_allclose(with_far, limits, 0.2)
