"""Jumps that make neighbours suspect: judged by limits of medians as by the medians themselves."""

import numpy as np
import pytest
from naive_jumps import (
    BRANCHES,
    THRESHOLDS,
    a_band,
    a_detection,
    everything,
    naive_differences,
    naive_jumps,
    naive_median,
    naive_sigma,
    run,
    spoil,
)
from onramp.flags import JUMP_DET
from onramp.steps.jump import ITERATIVE, SIGMA_CLIP, SINGLE_PASS, search

SEARCHES = {
    "iterative": (ITERATIVE, True, (2, 6, 3, 5)),
    "single_pass": (SINGLE_PASS, True, (1, 12, 3, 5)),
    "across_integrations": (SIGMA_CLIP, True, (25, 4, 3, 5)),
    "all_together": (SIGMA_CLIP, False, (9, 5, 3, 5)),
}


@pytest.mark.parametrize("seed", range(8), ids="seed{}".format)
@pytest.mark.parametrize("name", BRANCHES)
def test_medians_are_between_the_limits_of_the_search(name, seed):
    branch, across, shape = BRANCHES[name]
    rng = np.random.default_rng([seed, len(name)])
    band = a_band(rng, shape)
    if seed:
        spoil(rng, band)
    _, limits = search(*band, a_detection(branch, across), everything(band))
    assert limits.shape == (2, *shape[2:])
    for y, x in np.ndindex(shape[2:]):
        with np.errstate(invalid="ignore"):
            median = naive_median(naive_differences(*band[:3])[:, :, y, x])
        low, high = limits[:, y, x]
        assert np.isnan(median) or low <= median <= high


def test_limits_are_close_where_ramps_are_clipped():
    """Else the medians of all pixels would have to be looked for."""
    band = a_band(np.random.default_rng(3), (100, 4, 3, 5))
    _, (low, high) = search(*band, a_detection(SIGMA_CLIP), everything(band))
    assert (high > low).all()
    assert (high - low < 0.5 * np.sqrt(high + (band[3] * band[2]) ** 2)).all()


@pytest.mark.parametrize("seed", range(6), ids="seed{}".format)
@pytest.mark.parametrize("name", SEARCHES)
def test_a_jump_as_large_as_the_threshold_is_none_of_middling_size(name, seed):
    """Nothing but the median itself can tell so; the next number below makes it one."""
    branch, across, shape = SEARCHES[name]
    band = a_band(np.random.default_rng([seed, 77]), shape, hits=0.1)
    data, groupdq, gain, readnoise = band
    diffs = naive_differences(data, groupdq, gain)
    alone, _ = run(band, a_detection(branch, across, neighbours=False))
    checked = 0
    for i, g, y, x in np.argwhere(alone[:, 1:] & JUMP_DET)[:6]:
        median = naive_median(diffs[:, :, y, x])
        sigma = naive_sigma(median, ((readnoise * gain) ** 2)[y, x], 1)
        ratio = float(np.abs(diffs[i, g, y, x] - median) / sigma)
        for above in (ratio, np.nextafter(ratio, 0.0), np.nextafter(ratio, np.inf)):
            for below in (ratio, np.nextafter(ratio, np.inf), np.inf):
                thresholds = THRESHOLDS._replace(neighbours_above=above, neighbours_below=below)
                detection = a_detection(branch, across, thresholds=thresholds)
                assert np.array_equal(run(band, detection)[0], naive_jumps(*band, detection)[0])
                checked += 1
    assert checked


@pytest.mark.parametrize("above", [-1.0, 0.0])
@pytest.mark.parametrize("name", SEARCHES)
def test_thresholds_of_nothing_and_less(name, above):
    branch, across, shape = SEARCHES[name]
    band = a_band(np.random.default_rng(5), shape)
    thresholds = THRESHOLDS._replace(neighbours_above=above)
    detection = a_detection(branch, across, thresholds=thresholds)
    assert np.array_equal(run(band, detection)[0], naive_jumps(*band, detection)[0])
    detection = a_detection(branch, across, thresholds=thresholds._replace(neighbours_below=-1.0))
    assert np.array_equal(run(band, detection)[0], naive_jumps(*band, detection)[0])
