import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onramp.steps.ipc import correct


def naive_convolve(plane, kernel):
    """Convolve (ny, nx) with one (ky, kx) or one for each pixel; zero beyond the edges."""
    ny, nx = plane.shape
    ky, kx = kernel.shape[:2]
    result = np.zeros(plane.shape)
    for y, x, j, k in np.ndindex(ny, nx, ky, kx):
        v, u = y - j + ky // 2, x - k + kx // 2
        if 0 <= v < ny and 0 <= u < nx:
            share = kernel[j, k] if kernel.ndim == 2 else kernel[j, k, y, x]
            result[y, x] += float(share) * float(plane[v, u])
    return result


def a_kernel(rng, shape, ny, nx, each):
    kernel = rng.uniform(-0.02, 0.01, (*shape, ny, nx) if each else shape)
    kernel[shape[0] // 2, shape[1] // 2] += 1
    return kernel.astype(np.float32)


@pytest.mark.parametrize("seed", range(3), ids="seed{}".format)
@pytest.mark.parametrize("shape", [(3, 3), (5, 3)])
@pytest.mark.parametrize("each", [False, True])
def test_agrees_with_naive(seed, shape, each):
    rng = np.random.default_rng(seed)
    data = rng.normal(1000, 300, (2, 2, 9, 11)).astype(np.float32)
    kernel = a_kernel(rng, shape, 9, 11, each)
    light = (slice(1, 9), slice(4, 10)) if seed else (slice(0, 9), slice(0, 11))
    expected = data.astype(float)
    for i, g in np.ndindex(2, 2):
        part = kernel[(..., *light)] if each else kernel
        expected[i, g][light] = naive_convolve(data[i, g][light], part)
    correct(data, kernel, light)
    np.testing.assert_allclose(data, expected, 1e-5)


def test_nan_reaches_the_neighbours_only():
    data = np.ones((1, 1, 7, 7), np.float32)
    data[0, 0, 3, 3] = np.nan
    correct(data, np.full((3, 3), 0.1, np.float32), (slice(0, 7), slice(0, 7)))
    assert np.argwhere(np.isnan(data[0, 0])).min() == 2
    assert np.isnan(data).sum() == 9


def test_a_band_without_light_is_left_alone():
    data = np.ones((1, 1, 4, 4), np.float32)
    correct(data, np.full((3, 3), 0.5, np.float32), (slice(4, 4), slice(0, 4)))
    assert (data == 1).all()


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 999), power=st.integers(-4, 4))
def test_scaling_scales(seed, power):
    rng = np.random.default_rng(seed)
    data = rng.normal(0, 100, (1, 1, 6, 6)).astype(np.float32)
    kernel = a_kernel(rng, (3, 3), 6, 6, False)
    scaled = data * np.float32(2.0**power)
    for band in (data, scaled):
        correct(band, kernel, (slice(0, 6), slice(0, 6)))
    assert np.array_equal(scaled, data * np.float32(2.0**power))


def test_a_kernel_of_sum_one_keeps_the_charge_of_inner_pixels():
    data = np.zeros((1, 1, 9, 9), np.float32)
    data[0, 0, 4, 4] = 1000
    kernel = np.array([[0, 0.01, 0], [0.02, 0.95, 0.005], [0, 0.015, 0]], np.float32)
    correct(data, kernel, (slice(0, 9), slice(0, 9)))
    assert data.sum() == pytest.approx(1000, rel=1e-6)
    assert data[0, 0, 3:6, 3:6] == pytest.approx(1000 * kernel)
