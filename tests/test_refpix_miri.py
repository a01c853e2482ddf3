import numpy as np
import pytest
from onramp.steps import refpix_miri


def naive_mean(values, limit):
    """Clip iteratively about the mean."""
    values = values.astype(np.float64)
    while True:
        kept = values[np.abs(values - values.mean()) <= limit * values.std()]
        if kept.size == values.size:
            return values.mean()
        values = kept


def naive_correction(data, usable, odd_even_rows, limit):
    """Correct frames output by output and row by row, in double precision."""
    nints, ngroups, ny, nx = data.shape
    data = data.astype(np.float64)
    corrected = data.copy()
    columns = [*range(4), *range(nx - 4, nx)]
    for i in range(nints):
        for g in range(1, ngroups):
            difference = data[i, g] - data[i, 0]
            for output in range(4):
                for y in range(ny):
                    rows = slice(y % 2, None, 2) if odd_even_rows else slice(None)
                    sides = [
                        naive_mean(difference[rows, columns[n]][usable[rows, n]], limit)
                        for n in (output, 4 + output)
                    ]
                    corrected[i, g, y, output::4] -= np.mean(sides)
    return corrected


@pytest.fixture
def frames():
    rng = np.random.default_rng(5)
    data = rng.normal(10000, 100, (2, 1, 12, 16)) + rng.normal(0, 5, (2, 4, 12, 16))
    data += rng.normal(0, 20, (2, 4, 2, 4))[:, :, np.arange(12)[:, None] % 2, np.arange(16) % 4]
    data[0, 2, 3, 1] += 500
    return data.astype(np.float32)


def correct(data, usable, odd_even_rows, limit=3.0, band=12):
    lanes = refpix_miri.Lanes(usable, odd_even_rows, limit)
    columns = np.concatenate((data[..., :4], data[..., -4:]), axis=-1)
    offsets = np.zeros((*data.shape[:2], 2, 4), np.float32)
    for i in range(data.shape[0]):
        for g in range(1, data.shape[1]):
            offsets[i, g] = lanes.offsets(columns[i, g] - columns[i, 0])
    parts = []
    for first in range(0, data.shape[2], band):
        part = data[:, :, first : first + band].copy()
        refpix_miri.subtract(part, first, offsets)
        parts.append(part)
    return np.concatenate(parts, axis=2)


@pytest.mark.parametrize("odd_even_rows", [True, False])
def test_offsets_of_each_output_are_removed(frames, odd_even_rows):
    usable = np.ones((12, 8), bool)
    usable[::3, 2] = False
    corrected = correct(frames, usable, odd_even_rows)
    np.testing.assert_allclose(
        corrected, naive_correction(frames, usable, odd_even_rows, 3.0), rtol=3e-7
    )
    np.testing.assert_array_equal(corrected[:, 0], frames[:, 0])


def test_the_height_of_bands_does_not_matter(frames):
    usable = np.ones((12, 8), bool)
    whole = correct(frames, usable, True)
    for band in (1, 5):
        np.testing.assert_array_equal(correct(frames, usable, True, band=band), whole)


def test_an_output_without_reference_pixels_spoils_all(frames):
    usable = np.ones((12, 8), bool)
    usable[::2, 5] = False
    corrected = correct(frames, usable, True)
    np.testing.assert_allclose(corrected, frames, rtol=2e-7)


def test_a_drift_common_to_all_leaves_no_trace(frames):
    usable = np.ones((12, 8), bool)
    drift = np.zeros((2, 4, 1, 1), np.float32)
    drift[:, 1:] = [[[[16.0]], [[32.0]], [[-64.0]]]]
    moved = correct(frames + drift, usable, True)
    np.testing.assert_allclose(moved, correct(frames, usable, True), atol=0.01)
