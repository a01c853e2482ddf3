import numpy as np
import pytest
from astropy.stats import sigma_clipped_stats
from onramp.steps.clipped_moments import clipped_moments


@pytest.mark.parametrize("limit", [1.0, 2.0, 3.0])
def test_clipped_moments_are_those_of_astropy(limit):
    rng = np.random.default_rng(3)
    for _ in range(50):
        values = rng.normal(size=rng.integers(1, 70)) ** 3
        mean, _, spread = sigma_clipped_stats(values, sigma=limit)
        assert clipped_moments(values, limit) == pytest.approx((mean, spread))


def test_nothing_to_clip():
    assert np.isnan(clipped_moments(np.empty(0), 3.0)).all()
