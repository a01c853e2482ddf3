import warnings

import numpy as np
import pytest
from onramp.steps import soss_background

SHAPE = 12, 1100
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]]
STEPPED = (1 + X / 2000 + (X >= 700 + Y)).astype(np.float32)
LEVEL = np.full(SHAPE, 2, np.float32)


def rates(template=STEPPED, scales=(0.5, 0.2), light=0.3, seed=1):
    """Return three integrations with bright sources in more than half of their pixels."""
    rng = np.random.default_rng(seed)
    scale = np.where(X < 700 + Y, *scales)
    found = np.float32(template * scale + rng.normal(0, 0.01, (3, *SHAPE)))
    found += np.float32(light * rng.exponential(9, (3, *SHAPE)) * (rng.random((3, *SHAPE)) < 0.6))
    found[rng.random(found.shape) < 0.02] = np.nan
    return found


def fit(cube, templates, usable=None):
    usable = np.ones(SHAPE, bool) if usable is None else usable
    return soss_background.fit(lambda: iter(cube), usable, np.array(templates))


def naive_fit(cube, templates, usable):
    """As in the description, with everything held at once."""
    known = np.isfinite(cube) & usable
    light = np.percentile(cube[known], 35.0)
    found = []
    for number, template in enumerate(templates):
        left = soss_background.left_of_step(template)
        scales, rms = [], []
        for side in (left, ~left & (X <= 950)):
            chosen = known & side & (cube < light)
            models = np.broadcast_to(template, cube.shape)[chosen]
            with np.errstate(divide="ignore", invalid="ignore"):
                ratios = cube[chosen] / models
            finite = np.isfinite(ratios)
            low, high = np.percentile(ratios[finite], [25.0, 50.0])
            scale = np.median(ratios[(ratios > low) & (ratios < high)])
            scales.append(float(scale))
            rms.append(np.sqrt(np.mean((cube[chosen] - models * float(scale))[finite] ** 2)))
        found.append((sum(rms), number, scales))
    return min(found)


@pytest.mark.parametrize("seed", range(4))
def test_is_that_of_all_values_at_once(seed):
    usable = np.random.default_rng(seed).random(SHAPE) < 0.9
    template = STEPPED.copy()
    template[3, 50:60], template[4, 800:810] = 0, np.nan
    cube, templates = rates(seed=seed), [LEVEL, template, LEVEL * STEPPED]
    _, number, scales = naive_fit(cube, templates, usable)
    found = fit(cube, templates, usable)
    assert found.scales == tuple(scales)
    np.testing.assert_array_equal(found.template, templates[number])


def test_the_template_that_is_there_is_found_and_subtracted():
    cube = rates(light=0.0)
    other = STEPPED * np.where((X + Y) % 2, 1, 1.5).astype(np.float32)
    found = fit(cube, [other, STEPPED, other])
    assert found.scales == pytest.approx((0.5, 0.2), rel=0.03)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rest = found.subtracted(cube[0])
    assert np.abs(np.nanmedian(rest)) < 0.02
    assert rest.dtype == np.float32
    assert np.isnan(cube[0]).sum() == np.isnan(rest).sum()


def test_sources_right_of_the_fit_do_not_matter():
    cube = rates(light=0.0)
    brighter = cube.copy()
    brighter[:, :, 951:] += 1e4
    brighter[:, :, 1000:] = np.nan
    found = fit(brighter, [STEPPED])
    assert found.scales == pytest.approx((0.5, 0.2), rel=0.03)


def test_the_step_is_where_a_template_rises_most():
    left = soss_background.left_of_step(STEPPED)
    assert np.abs(left.sum(axis=1) - (700 + np.arange(SHAPE[0]))).max() <= 2


@pytest.mark.parametrize("template", [np.zeros(SHAPE, np.float32), np.full(SHAPE, np.nan)])
def test_what_scales_nothing_is_no_background(template):
    assert fit(rates(), [np.float32(template)]) is None


def test_unknown_rates_have_none():
    assert fit(np.full((2, *SHAPE), np.nan, np.float32), [STEPPED]) is None
