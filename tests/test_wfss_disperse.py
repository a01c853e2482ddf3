import math

import numpy as np
import pytest
from onramp.wfss import disperse, sampling
from onramp.wfss.disperse import Pixels, Samples

FRAME = 60, 90
GRID = np.linspace(0, 1, 40)


def naive_share(image, x, y, value):
    """Share a unit square with its lower left corner at x, y, pixel by pixel."""
    for i in range(math.floor(y), math.floor(y) + 2):
        for j in range(math.floor(x), math.floor(x) + 2):
            if 0 <= i < image.shape[0] and 0 <= j < image.shape[1]:
                overlap_y = max(0, min(y + 1, i + 1) - max(y, i))
                overlap_x = max(0, min(x + 1, j + 1) - max(x, j))
                image[i, j] += value * overlap_x * overlap_y


def naive_search(coefficients, wave):
    """Find t as the reference does, with numpy's own argmin and gradient."""
    residual = (np.polynomial.polynomial.polyval(GRID, coefficients) - wave) ** 2
    n = int(np.argmin(residual))
    if n == 0:
        return 0.0
    if n == GRID.size - 1:
        return 1.0
    gradient = np.gradient(residual)
    if gradient[n] == 0:
        return GRID[n]
    left = n - 1 if gradient[n] < 0 else n
    slope = (gradient[left + 1] - gradient[left]) / (GRID[left + 1] - GRID[left])
    return GRID[left] - gradient[left] / slope


def naive_t(samples, coefficients, wave):
    if samples.inverse == disperse.SHARED:
        return wave
    if samples.inverse == disperse.SEARCHED:
        return naive_search(coefficients, wave)
    shifted = coefficients - np.eye(1, coefficients.size)[0] * wave
    roots = np.polynomial.polynomial.polyroots(shifted)
    real = roots[np.abs(roots.imag) < 1e-9].real
    linear = (wave - coefficients[0]) / coefficients[1]
    return real[np.argmin(np.abs(real - linear))]


def naive_spread(samples, pixels, frame):
    images = np.zeros((samples.weights.shape[0], *frame))
    polyval = np.polynomial.polynomial.polyval
    for n in range(pixels.flux.size):
        for k, wave in enumerate(samples.parameters):
            t = naive_t(samples, pixels.wavelength[n], wave)
            x, y = polyval(t, pixels.x[n]), polyval(t, pixels.y[n])
            for b, weights in enumerate(samples.weights):
                naive_share(images[b], x, y, pixels.flux[n] * weights[k])
    return images


def make(rng, inverse, degree=2, npixels=7, nwave=31, spread=1.0):
    coefficients = np.array([[2.0, 1.5, 0.2, -0.05][: degree + 1]] * npixels)
    coefficients += rng.normal(0, 0.003, coefficients.shape)
    parameters = (
        np.linspace(0, 1, nwave) if inverse == disperse.SHARED else np.linspace(2.05, 3.3, nwave)
    )
    weights = np.stack([rng.uniform(0.5, 2, nwave), rng.normal(0, 1, nwave)])
    weights[:, :2] = 0
    corners = rng.uniform((0, 10), (25 * spread, 30), (npixels, 2))
    x, y = (
        np.column_stack([corner, np.tile(bend, (npixels, 1))])
        for corner, bend in zip(corners.T, ([40.0, -3.0], [5.0, 1.0]))
    )
    samples = Samples(inverse, parameters, GRID, weights)
    return samples, Pixels(rng.lognormal(0, 1, npixels), x, y, coefficients)


def whole(pixels):
    """Return all pixels as those of one source."""
    return np.array([[0, pixels.flux.size]])


def spread(samples, pixels, images, corner=(0, 0)):
    """Add the light of one source to images; return how many samples they do not hold."""
    (x, y), (_, ny, nx) = corner, images.shape
    missed = np.zeros(1, np.int64)
    disperse.spread(
        samples, pixels, whole(pixels), np.array([[x, x + nx, y, y + ny]]),
        np.array([0, images.size]), images.reshape(-1), FRAME, missed,
    )  # fmt: skip
    return missed[0]


def bounds(samples, pixels, stride):
    """Return the bounds of one source."""
    found = np.array([[np.inf, -np.inf, np.inf, -np.inf]])
    disperse.widen_bounds(samples, pixels, whole(pixels), stride, found)
    return found[0]


@pytest.mark.parametrize("inverse", [disperse.SHARED, disperse.SOLVED, disperse.SEARCHED])
@pytest.mark.parametrize("degree", [1, 2, 3])
def test_spread_is_the_naive_sum(inverse, degree):
    samples, pixels = make(np.random.default_rng(degree), inverse, degree)
    images = np.zeros((2, *FRAME))
    assert spread(samples, pixels, images) == 0
    expected = naive_spread(samples, pixels, FRAME)
    np.testing.assert_allclose(images, expected, atol=1e-11 * np.abs(expected).max())


def test_light_beyond_the_frame_is_lost_and_the_rest_is_kept():
    samples, pixels = make(np.random.default_rng(1), disperse.SHARED, npixels=20, spread=3.5)
    images = np.zeros((2, *FRAME))
    assert spread(samples, pixels, images) == 0
    np.testing.assert_allclose(images, naive_spread(samples, pixels, FRAME), atol=1e-12)
    assert images[0].sum() < pixels.flux.sum() * samples.weights[0].sum()


def test_all_light_is_kept_within_the_frame():
    samples, pixels = make(np.random.default_rng(2), disperse.SOLVED)
    images = np.zeros((2, *FRAME))
    spread(samples, pixels, images)
    total = pixels.flux.sum() * samples.weights.sum(axis=1)
    np.testing.assert_allclose(images.sum(axis=(1, 2)), total, rtol=1e-12)


def test_what_a_window_does_not_hold_is_counted():
    samples, pixels = make(np.random.default_rng(3), disperse.SHARED)
    images = np.zeros((1, 10, 10))
    flat = samples._replace(weights=samples.weights[:1])
    assert spread(flat, pixels, images, (20, 15)) > 0


@pytest.mark.parametrize("inverse", [disperse.SHARED, disperse.SOLVED, disperse.SEARCHED])
def test_bounds_hold_every_touched_pixel(inverse):
    samples, pixels = make(np.random.default_rng(4), inverse)
    samples = samples._replace(weights=np.ones_like(samples.weights))
    rows, columns = np.nonzero(naive_spread(samples, pixels, FRAME)[0])
    windows = np.array([[FRAME[1], 0, FRAME[0], 0]])
    disperse.widen_touched(samples, pixels, whole(pixels), FRAME, windows)
    found = tuple(windows[0])
    assert found == (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1)
    x_low, x_high, y_low, y_high = bounds(samples, pixels, 1)
    assert (int(x_low), int(x_high) + 2, int(y_low), int(y_high) + 2) == found


def test_a_wavelength_without_a_place_is_told():
    samples, pixels = make(np.random.default_rng(5), disperse.SOLVED)
    bent = pixels._replace(wavelength=np.tile([2.0, 1.0, -0.4], (pixels.flux.size, 1)))
    assert np.isnan(bounds(samples, bent, 4)).all()


def test_sources_of_a_batch_are_those_one_by_one():
    samples, pixels = make(np.random.default_rng(6), disperse.SOLVED, npixels=12)
    pixels.x[7:9, 0] += 500.0
    ranges = np.array([[0, 3], [3, 3], [3, 7], [7, 9], [9, 12]])
    together = np.tile([np.inf, -np.inf], (len(ranges), 2))
    disperse.widen_bounds(samples, pixels, ranges, 4, together)
    alone = [bounds(samples, Pixels(*(v[n:end] for v in pixels)), 4) for n, end in ranges]
    np.testing.assert_array_equal(together, alone)
    windows = np.tile([5, 60, 8, 50], (len(ranges), 1))
    windows[3] = 0
    sizes = 2 * np.diff(windows[:, :2]) * np.diff(windows[:, 2:])
    places = np.append(0, np.cumsum(sizes))
    light, missed = np.zeros(places[-1]), np.zeros(len(ranges), np.int64)
    disperse.spread(samples, pixels, ranges, windows, places, light, FRAME, missed)
    for n, (first, end) in enumerate(ranges):
        if n == 3:
            assert missed[n] == 0
            continue
        images = np.zeros((2, 42, 55))
        source = Pixels(*(values[first:end] for values in pixels))
        assert spread(samples, source, images, (5, 8)) == missed[n]
        np.testing.assert_array_equal(light[places[n] : places[n + 1]].reshape(2, 42, 55), images)


def test_search_errs_at_the_ends_and_solving_does_not():
    waves = np.linspace(2.0, 3.7, 200)
    coefficients = np.array([[2.0, 1.5, 0.2]])
    exact = np.array(
        [naive_t(Samples(disperse.SOLVED, waves, GRID, waves), coefficients[0], w) for w in waves]
    )
    searched = np.array([naive_search(coefficients[0], w) for w in waves])
    assert np.abs(np.polynomial.polynomial.polyval(exact, coefficients[0]) - waves).max() < 1e-12
    assert np.abs(searched - exact).max() > 0.005


def test_wavelengths_are_as_fine_as_asked():
    span = sampling.OrderRange(1, 1.0, 2.0, None)
    assert sampling.wavelengths(span, 100.0, 2).size == 200
    assert sampling.wavelengths(span, -100.0, 2).size == 200
    assert sampling.wavelengths(span, 0.3, 2).size == sampling.FEWEST
