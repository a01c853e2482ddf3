import numpy as np
import pytest
from astropy.stats import sigma_clipped_stats
from onramp.steps.background_model import model_background
from onramp.steps.flicker_choice import LIMITS, Choice, Traits, _quietened, choose, decide, traits

MEDIAN, MODEL = "median", "model"
CALM = Traits(masked=0.05, offset=0.0, slope=0.0, slope_ratio=1.0, scatter=0.0)


@pytest.mark.parametrize(
    ("instrument", "changes", "expected"),
    [
        ("NIRISS", {}, (MEDIAN, False)),
        ("NIRISS", {"slope": 2e-5}, (MODEL, False)),
        ("NIRISS", {"slope": 2e-5, "slope_ratio": 6.0}, (MEDIAN, False)),
        ("NIRISS", {"slope": 2e-4, "slope_ratio": 6.0}, (MODEL, False)),
        ("NIRISS", {"offset": 0.08, "slope": 2e-4}, (MEDIAN, True)),
        ("NIRISS", {"offset": 0.01, "scatter": 0.03}, (MEDIAN, True)),
        ("NIRISS", {"offset": 0.01, "scatter": 0.01}, (MEDIAN, False)),
        ("NIRISS", {"scatter": 0.03}, (MEDIAN, False)),
        ("NIRISS", {"masked": 0.08, "slope": 2e-5, "slope_ratio": 9.0}, (MODEL, False)),
        ("NIRISS", {"masked": 0.08, "offset": 0.08, "slope": 2e-5}, (MEDIAN, False)),
        ("NIRISS", {"masked": 0.08, "offset": 0.08, "slope": 2e-4}, (MODEL, False)),
        ("NIRCAM", {"masked": 0.08, "offset": 0.08}, (MEDIAN, True)),
        ("NIRCAM", {"slope": 2e-5, "slope_ratio": 9.0}, (MODEL, False)),
        ("NIRCAM", {"slope": np.nan, "slope_ratio": np.nan}, (MEDIAN, False)),
    ],
)
def test_decisions(instrument, changes, expected):
    assert decide(CALM._replace(**changes), LIMITS[instrument]) == Choice(*expected)


@pytest.mark.parametrize("instrument", ["NIRCAM", "NIRISS"])
def test_traits_of_a_plane(instrument):
    y, x = np.mgrid[:200, :300]
    found = traits((2 + 3e-4 * x - 1e-4 * y).astype(np.float32), 0.1, instrument)
    assert found.masked == 0.1
    assert found.offset == 0
    assert found.slope == pytest.approx(3e-4, rel=1e-3)
    assert found.slope_ratio == pytest.approx(3, rel=1e-3)
    assert found.scatter < 1e-6


@pytest.mark.parametrize(("instrument", "axis"), [("NIRCAM", 1), ("NIRISS", 0)])
def test_channels_of_a_full_frame(instrument, axis):
    image = np.zeros((2048, 2048), np.float32)
    levels = np.repeat([0.0, 0.1, 0.4, 0.3], 512).astype(np.float32)
    image += levels if axis == 1 else levels[:, np.newaxis]
    assert traits(image, 0.0, instrument).offset == pytest.approx(0.3, rel=1e-5)
    assert traits(image.T, 0.0, instrument).offset == 0


def test_top_of_niriss_alone_tells_its_scatter():
    image = np.zeros((240, 240), np.float32)
    image[200:220, ::2] = 1
    assert traits(image, 0.0, "NIRISS").scatter == pytest.approx(0.5, rel=1e-3)
    assert traits(image, 0.0, "NIRCAM").scatter == 0


def test_sources_and_flicker_noise_do_not_matter():
    rng = np.random.default_rng(31)
    y, x = np.mgrid[:256, :256]
    level = 1 + 2e-3 * x + 1.5e-3 * y
    rate = level + rng.normal(0, 0.05, (256, 1)) + rng.normal(0, 0.05, level.shape)
    rate[rng.random(level.shape) < 0.02] += 50
    rate[rng.random(level.shape) < 0.02] = np.nan
    assert choose(rate.astype(np.float32), 2, "NIRCAM") == Choice(MODEL, False)
    rate -= 1.5e-3 * y
    assert choose(rate.astype(np.float32), 2, "NIRCAM") == Choice(MODEL, False)


def naive_quietened(rate):
    """Clip, take off the level, the medians of rows, and what is no background, with astropy."""
    mask = ~np.isnan(rate)

    def clip(image, values, below, above):
        _, centre, spread = sigma_clipped_stats(values, sigma=3)
        np.logical_and(mask, image >= centre - below * spread, out=mask)
        np.logical_and(mask, image <= centre + above * spread, out=mask)

    def clip_by_lower_half(image, below, above):
        _, centre, _ = sigma_clipped_stats(image[mask], sigma=3)
        half = image[mask & (image <= centre)]
        clip(image, np.concatenate([half, 2 * centre - half]), below, above)

    clip(rate, rate[mask], 3, 2)
    clip_by_lower_half(rate, 3, 3)
    level = np.median(rate[mask])
    image = rate - level
    clip_by_lower_half(image, 3, 2)
    for row, known in zip(image, mask):
        row -= np.median(row[known])
    image += level
    clip_by_lower_half(image, 3, 3)
    return np.where(mask, image, model_background(image.astype(np.float32), mask)), mask


def test_quietened_image_is_that_of_the_description():
    rng = np.random.default_rng(37)
    rate = rng.normal(2, 0.05, (128, 128)) + rng.normal(0, 0.3, (128, 1))
    rate[rng.random(rate.shape) < 0.04] += rng.exponential(2)
    rate[rng.random(rate.shape) < 0.02] = np.nan
    rate = rate.astype(np.float32)
    expected, background = naive_quietened(rate.astype(np.float64))
    image, mask = _quietened(rate, 2)
    np.testing.assert_array_equal(mask, background)
    np.testing.assert_allclose(image, expected, rtol=1e-5)


def test_nothing_is_chosen_without_a_rate():
    assert choose(np.full((32, 32), np.nan, np.float32), 2, "NIRCAM") is None
