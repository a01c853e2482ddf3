import numpy as np
import pytest
from onramp.steps.line_medians import middle_by_counting, subtract_medians


def naive_medians(lines, mask, channels):
    """Take the median of each part of a line that has any pixel in the mask off it."""
    cleaned = lines.copy()
    for line, used in zip(cleaned, mask):
        for part, good in zip(np.split(line, channels), np.split(used, channels)):
            if good.any():
                part -= np.median(part[good])
    return cleaned


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("kind", ["noise", "ties", "steps", "tails"])
def test_agrees_with_naive(kind, channels):
    rng = np.random.default_rng(channels)
    lines = rng.normal(20, 15, (40, 2048))
    if kind == "ties":
        lines = np.round(lines / 8) * 8
    if kind == "steps":
        lines = np.sort(lines)
    if kind == "tails":
        lines = np.sign(lines - 20) * np.exp(np.abs(lines))
    lines = lines.astype(np.float32)
    mask = rng.random(lines.shape) < np.linspace(0, 1, 40)[:, None]
    lines[~mask] = np.nan
    expected = naive_medians(lines, mask, channels)
    subtract_medians(lines, mask, channels)
    np.testing.assert_array_equal(lines, expected)


@pytest.mark.parametrize("count", [1, 2, 7, 8, 127, 129, 130, 1000, 5001])
def test_the_middle_is_that_of_sorted_values(count):
    for seed in range(20):
        values = np.random.default_rng(seed).normal(0, 1, count + 3).astype(np.float32)
        expected = np.sort(values[:count])
        found = middle_by_counting(values, count, np.empty(count + 1, np.float32))
        assert found == (expected[(count - 1) // 2], expected[count // 2])
