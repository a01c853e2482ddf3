import numpy as np
import pytest
from onramp.steps.aperture_flux import aperture_fluxes

SHAPE = 40, 48


def images(place, fluxes=(100.0, 90.0, 110.0), level=3.0):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    source = np.exp(-0.5 * ((x - place[0]) ** 2 + (y - place[1]) ** 2) / 0.8**2)
    source /= source.sum()
    noise = np.random.default_rng(3).normal(0, 0.01, (len(fluxes), *SHAPE))
    return np.float32(level + np.array(fluxes)[:, None, None] * source + noise)


def measured(cube, expected, radius=6.0, unusable=None):
    unusable = np.zeros(SHAPE, bool) if unusable is None else unusable
    return aperture_fluxes(lambda: iter(cube), unusable, expected, radius)


def test_the_aperture_follows_the_source():
    found = measured(images((20.4, 17.7)), (22.0, 19.0))
    assert found == pytest.approx(np.array([100, 90, 110]) + 3 * np.pi * 36, rel=0.01)


def test_an_aperture_is_cut_at_the_edge():
    flat = np.full((1, *SHAPE), 2, np.float32)
    assert measured(flat, (-0.5, -0.5), 3.0) == pytest.approx(2 * np.pi * 9 / 4)


def test_unusable_pixels_do_not_pull_the_centre():
    cube = images((20.0, 18.0))
    spoilt, unusable = cube.copy(), np.zeros(SHAPE, bool)
    spoilt[:, 24, 26] = 1e5
    unusable[24, 26] = True
    spoilt[1, 23, 25] = np.nan
    found = measured(spoilt, (21.0, 19.0), 4.0, unusable)
    assert found == pytest.approx(measured(cube, (21.0, 19.0), 4.0), rel=0.01)


def test_unknown_pixels_of_an_aperture_do_not_count():
    cube = images((20.0, 18.0))
    cube[:, 22, 20] = np.nan
    expected = measured(images((20.0, 18.0)), (20.0, 18.0)) - 3
    assert measured(cube, (20.0, 18.0)) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("place", [(-9.0, 18.0), (60.0, 18.0)])
def test_a_source_outside_has_no_flux(place):
    assert np.isnan(measured(images((20.0, 18.0)), place)).all()


def test_where_no_centre_is_found_the_aperture_is_where_it_was_asked_for():
    cube = images((20.0, 18.0))
    everything = np.ones(SHAPE, bool)
    found = measured(cube, (20.0, 18.0), unusable=everything)
    assert found == pytest.approx(np.array([100, 90, 110]) + 3 * np.pi * 36, rel=0.01)
