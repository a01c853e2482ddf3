import warnings

import numpy as np
import pytest
from astropy.stats import SigmaClip, sigma_clipped_stats
from astropy.utils.exceptions import AstropyUserWarning
from onramp.steps import background_clipping as clipping
from onramp.steps import flicker_fourier, flicker_noise
from onramp.steps.background_model import fill_unknown, model_background
from onramp.steps.flicker_noise import FlickerRules, clean, scene_mask
from onramp.steps.histogram_fit import fit_gaussian
from onramp.steps.value_order import order
from photutils.background import Background2D, MedianBackground


def an_image(rng, shape=(30, 40)):
    image = rng.normal(5, 2, shape)
    image[rng.random(shape) < 0.1] += 40
    return image.astype(np.float32)


def ordered(values):
    return order(values[np.newaxis], np.ones((1, values.size), bool))


def naive_limits(values, below, above, lower_half):
    """Clip as astropy does; the lower half and its mirror image stand for all if asked."""
    values = values.astype(np.float64)
    _, centre, spread = sigma_clipped_stats(values, sigma=3.0)
    if lower_half:
        low = values[values <= centre]
        _, centre, spread = sigma_clipped_stats(np.concatenate([low, 2 * centre - low]), sigma=3.0)
    return centre - below * spread, centre + above * spread


@pytest.mark.parametrize("seed", range(5), ids="seed{}".format)
@pytest.mark.parametrize("size", [1, 2, 3, 50, 1001, 30_000])
def test_limits_are_those_of_repeated_clipping(seed, size):
    rng = np.random.default_rng(seed)
    values = an_image(rng, (size,))
    expected = naive_limits(values, 3, 2, False)
    np.testing.assert_allclose(clipping.background_limits(ordered(values), 3, 2), expected, 1e-9)
    expected = naive_limits(values, 2, 2, True)
    found = clipping.lower_half_limits(ordered(values), 2)
    np.testing.assert_allclose(found, expected, 1e-9, 1e-9)


def test_values_of_one_kind_have_no_spread():
    for size in (9, 3000):
        values = np.full(size, 4, np.float32)
        assert clipping.background_limits(ordered(values), 3, 2) == (4, 4)
        assert clipping.lower_half_limits(ordered(values), 2) == (4, 4)


def naive_clean(image, mask, rules):
    """Take medians off the lines of an image less its median background."""
    image = image.astype(np.float32)
    mask = mask & ~np.isnan(image)
    background = np.float32(0)
    if rules.background_method == "median":
        low, high = naive_limits(image[mask], 3, 3, True)
        mask &= (image >= low) & (image <= high)
        background = np.median(image[mask])
        low, high = naive_limits((image - background)[mask], rules.n_sigma, rules.n_sigma, True)
        mask &= (image - background >= low) & (image - background <= high)
    lines, used = (image, mask) if rules.axis == 2 else (image.T, mask.T)
    cleaned = lines - background
    for line, good in zip(cleaned, used):
        if good.any():
            line -= np.median(line[good])
    cleaned += background
    return cleaned if rules.axis == 2 else cleaned.T


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("method", ["median", None])
def test_agrees_with_naive(axis, method):
    rng = np.random.default_rng(axis)
    image = an_image(rng)
    image[3, 4] = np.nan
    mask = rng.random(image.shape) < 0.8
    mask[7] = False
    rules = FlickerRules(axis=axis, background_method=method)
    expected = naive_clean(image, mask, rules)
    cleaned, _ = clean(image, mask.copy(), rules)
    np.testing.assert_array_equal(cleaned, expected)
    assert np.isnan(cleaned[3, 4])


def test_stripes_go_and_the_level_stays():
    rng = np.random.default_rng(4)
    image = rng.normal(100, 1, (200, 300)).astype(np.float32)
    stripes = rng.uniform(-1, 1, (200, 1)).astype(np.float32)
    cleaned, background = clean(image + stripes, np.ones(image.shape, bool), FlickerRules(axis=2))
    assert np.std(cleaned.mean(axis=1)) < 0.15
    assert abs(background - 100) < 1.5
    assert abs(cleaned.mean() - 100) < 1.5


def test_each_amplifier_has_its_own_stripes():
    rng = np.random.default_rng(5)
    image = rng.normal(0, 1, (4, 2048)).astype(np.float32)
    image += np.repeat(rng.normal(0, 5, (4, 4)), 512, axis=1).astype(np.float32)
    rules = FlickerRules(axis=2, by_channel=True, background_method=None)
    cleaned, _ = clean(image, np.ones(image.shape, bool), rules)
    assert np.abs(np.median(cleaned.reshape(4, 4, 512), axis=2)).max() < 1e-6


def test_without_background_there_is_nothing():
    image = np.full((3, 4), np.nan, np.float32)
    assert clean(image, np.ones((3, 4), bool), FlickerRules(axis=2)) is None


def test_light_and_missing_rates_are_masked():
    rng = np.random.default_rng(6)
    rate = rng.normal(1, 0.1, (50, 60)).astype(np.float32)
    rate[10:13, 20] = 30
    rate[4, 5], rate[6, 7] = np.nan, 0
    for by_histogram in (False, True):
        mask = scene_mask(rate, 2.0, by_histogram)
        assert not mask[10:13, 20].any()
        assert not mask[4, 5]
        assert not mask[6, 7]
        assert 0.95 < mask.mean() < 0.99
    assert scene_mask(rate, 0.0, False).sum() == rate.size - 2


def test_a_histogram_shows_the_gaussian():
    values = np.random.default_rng(7).normal(3, 0.5, 200_000).astype(np.float32)
    mean, width = fit_gaussian(np.sort(values), 3.1, 0.6)
    assert abs(mean - 3) < 0.01
    assert abs(width - 0.5) < 0.01
    assert fit_gaussian(values, 3.0, 0.0) is None


def test_the_model_follows_a_smooth_background():
    rng = np.random.default_rng(8)
    y, x = np.mgrid[:320, :384]
    background = 10 + np.sin(x / 120) + y / 150
    image = (background + rng.normal(0, 0.1, background.shape)).astype(np.float32)
    mask = rng.random(image.shape) > 0.03
    image[~mask] = 1000
    model = model_background(image, mask)
    assert np.abs(model - background)[96:-96, 96:-96].max() < 0.2
    assert np.ptp(model_background(np.full((64, 64), 2, np.float32), np.ones((64, 64), bool))) == 0


@pytest.mark.parametrize("shape", [(48, 256), (256, 64), (96, 160), (192, 192)])
@pytest.mark.parametrize("hole", [0, 40, 70])
def test_the_model_is_that_of_photutils(shape, hole):
    """Few boxes in a row, and boxes without data, of which some are equally far from others."""
    rng = np.random.default_rng(12)
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = (rng.normal(10, 1, shape) + 0.02 * x + 0.01 * y).astype(np.float32)
    mask = rng.random(shape) > 0.03
    mask[: hole // 2, 10 : 10 + hole] = False
    mask[-(hole // 3) - 1 :, -hole - 1 :] = False
    box = [max(n for n in range(1, 33) if size % n == 0) for size in shape]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyUserWarning)
        expected = Background2D(
            image, box, mask=~mask, filter_size=(5, 5), sigma_clip=SigmaClip(3.0, maxiters=5),
            bkg_estimator=MedianBackground(),
        ).background  # fmt: skip
    np.testing.assert_array_equal(model_background(image, mask), expected)


def test_without_known_boxes_there_is_no_model():
    mask = np.zeros((64, 64), bool)
    mask[::2] = True
    assert model_background(np.ones((64, 64), np.float32), mask) is None


def test_unknown_boxes_are_filled_from_those_around():
    rng = np.random.default_rng(9)
    image = rng.normal(5, 0.1, (96, 96)).astype(np.float32)
    mask = np.ones(image.shape, bool)
    mask[32:64, 32:64] = False
    assert np.abs(model_background(image, mask) - 5).max() < 0.05


def test_unknown_pixels_of_a_flat_are_filled():
    flat = np.random.default_rng(10).normal(1, 0.01, (64, 64)).astype(np.float32)
    flat[3, 4], flat[5, 6] = 0, np.nan
    filled = fill_unknown(flat.copy(), (flat != 0) & ~np.isnan(flat))
    assert abs(filled[3, 4] - 1) < 0.02
    assert abs(filled[5, 6] - 1) < 0.02
    known = (flat != 0) & ~np.isnan(flat)
    np.testing.assert_array_equal(filled[known], flat[known])


@pytest.mark.parametrize("detector", ["NRS1", "NRS2"])
def test_slow_waves_of_a_subarray_go(detector):
    rng = np.random.default_rng(11)
    time = np.arange(64) * (256 + 12)
    wave = 6 * np.sin(2 * np.pi * 150 * 1e-5 * (time[:, None] + np.arange(256)))
    lines = (wave + rng.normal(0, 0.5, wave.shape)).astype(np.float32)
    image = lines[:: 1 if detector == "NRS1" else -1].T
    mask = rng.random(image.shape) < 0.7
    passband = 1061, 1211, 49943, 49957
    cleaned = flicker_fourier.clean(np.ascontiguousarray(image), mask, detector, passband)
    assert np.std(cleaned) < 0.2 * np.std(image)


def test_without_background_the_fourier_fit_fails():
    image = np.zeros((32, 64), np.float32)
    with pytest.raises(np.linalg.LinAlgError, match="no pixel"):
        flicker_fourier.clean(image, np.zeros(image.shape, bool), "NRS1", (1, 2, 3, 4))


def test_integrations_are_scaled_by_their_median():
    fluxes = np.array([1.0, 2.0, 4.0])
    assert flicker_noise.relative_fluxes(fluxes).tolist() == [0.5, 1.0, 2.0]
    fluxes[0] = np.nan
    assert flicker_noise.relative_fluxes(fluxes).tolist() == pytest.approx([1, 2 / 3, 4 / 3])
    assert flicker_noise.relative_fluxes(np.full(2, np.nan)) is None
    assert flicker_noise.relative_fluxes(np.zeros(2)) is None
