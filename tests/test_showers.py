import numpy as np
import pytest
from onramp.flags import DO_NOT_USE, JUMP_DET, PERSISTENCE, REFERENCE_PIXEL, SATURATED
from onramp.parameters import Jump
from onramp.steps import showers
from onramp.steps.shower_emission import smooth
from onramp.steps.shower_statistics import typical_differences
from onramp.steps.showers import (
    Emission,
    ShowerRules,
    enough_differences,
    find_emission,
    find_showers,
    flag_band,
    flag_showers,
)

GROUP_TIME = 2.5
SHAPE = 50, 70
CENTRE = 22, 31
GROUP = 5


def rules_of(**parameters):
    return ShowerRules.of(Jump(**parameters), GROUP_TIME)


def naive_smoothing(ratio, good, rules):
    """Average over the good pixels of a ring; beyond the frame all are good and 0."""
    ny, nx = ratio.shape
    outer = rules.inner_radius + rules.ring_width
    result = np.full(ratio.shape, np.nan)
    reach = int(outer)
    for y, x in np.argwhere(good):
        values = []
        for v in range(y - reach, y + reach + 1):
            for u in range(x - reach, x + reach + 1):
                if not rules.inner_radius <= np.hypot(v - y, u - x) <= outer:
                    continue
                if not (0 <= v < ny and 0 <= u < nx):
                    values.append(0)
                elif good[v, u]:
                    values.append(ratio[v, u])
        if values:
            result[y, x] = np.mean(values)
    return result


def naive_clipped(values):
    """Median and standard deviation of one group's values after five rounds of clipping."""
    finite = values[np.isfinite(values)].astype(float)
    kept = finite
    for _ in range(5):
        if kept.size == 0:
            return np.nan, np.nan
        centre, reach = np.median(kept), 5 * kept.std()
        kept = kept[(kept >= centre - reach) & (kept <= centre + reach)]
    kept = finite[(finite >= centre - reach) & (finite <= centre + reach)]
    return (np.median(kept), kept.std()) if kept.size else (np.nan, np.nan)


@pytest.fixture
def differences():
    rng = np.random.default_rng(1)
    values = rng.normal(10, 5, (40, 3, 11, 17)).astype(np.float32)
    values[rng.random(values.shape) < 0.05] += 200
    values[rng.random(values.shape) < 0.1] = np.nan
    values[:, :, 4, 5] = np.nan
    values[1:, :, 5, 5] = np.nan
    return values


def test_typical_differences(differences):
    readnoise = np.linspace(5, 9, 11 * 17, dtype=np.float32).reshape(11, 17)
    median, sigma = typical_differences(differences, readnoise, 4, clip=False)
    columns = differences.reshape(-1, 11, 17)
    expected = np.full((11, 17), np.nan)
    for y, x in np.ndindex(11, 17):
        if np.isfinite(columns[:, y, x]).any():
            expected[y, x] = np.nanmedian(columns[:, y, x])
    np.testing.assert_allclose(median[0], expected, rtol=1e-6)
    np.testing.assert_allclose(sigma[0], np.sqrt(np.abs(expected) + readnoise**2 / 4), rtol=1e-6)


def test_typical_differences_clipped_across_integrations(differences):
    readnoise = np.ones((11, 17), np.float32)
    median, sigma = typical_differences(differences, readnoise, 1, clip=True)
    for g, y, x in np.ndindex(3, 11, 17):
        centre, spread = naive_clipped(differences[:, g, y, x])
        assert median[g, y, x] == pytest.approx(centre, rel=1e-6, nan_ok=True)
        assert sigma[g, y, x] == pytest.approx(spread, rel=1e-5, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize(
    ("inner", "width", "npixels"), [(1, 2.6, 36), (0, 1.5, 9), (2.2, 4, 108), (1, 1.5, 20)]
)
def test_smoothing_over_a_ring(inner, width, npixels):
    radii = {"extend_inner_radius": inner, "extend_outer_radius": width}
    rules = rules_of(extend_snr_threshold=0.7, **radii)
    assert len(rules.ring) == npixels
    rng = np.random.default_rng(2)
    good = rng.random((2, 15, 23)) < 0.6
    ratio = np.where(good, rng.exponential(1, good.shape), 0).astype(np.float32)
    bright = smooth(ratio, good, rules)
    expected = [naive_smoothing(*plane, rules) > rules.threshold for plane in zip(ratio, good)]
    np.testing.assert_array_equal(bright, expected)
    assert 0.05 < np.mean(expected) < 0.55


def test_pixels_without_good_neighbours_do_not_count():
    good = np.zeros((1, 15, 15), bool)
    good[0, 7, 7] = True
    ratio = np.where(good, np.float32(100), np.float32(0))
    assert not smooth(ratio, good, rules_of()).any()


class Ramps:
    """One integration of ten groups with a shower of about 10 pixels' radius in one of them."""

    def __init__(self, amplitude=12.0):
        rng = np.random.default_rng(3)
        steps = rng.normal(1, 2, (2, 10, *SHAPE))
        down, across = np.indices(SHAPE) - np.array(CENTRE)[:, None, None]
        self.shower = np.hypot(down, across) < 9
        steps[0, GROUP, self.shower] += amplitude
        self.data = np.cumsum(steps, axis=1).astype(np.float32)
        self.groupdq = np.zeros(self.data.shape, np.uint8)
        self.pixeldq = np.zeros(SHAPE, np.uint32)
        self.readnoise = np.full(SHAPE, 2, np.float32)

    def flag(self, nframes=1, **parameters):
        """Return the number of showers."""
        rules = rules_of(**parameters)
        arrays = self.data, self.groupdq, self.pixeldq, self.readnoise
        return flag_showers(*arrays, rules, nframes)

    @property
    def flagged(self):
        return (self.groupdq & JUMP_DET) != 0


@pytest.fixture
def ramps():
    return Ramps()


def test_shower_is_flagged_in_its_group_and_the_next(ramps):
    assert ramps.flag(time_masked_after_shower=5) == 1
    flagged = ramps.flagged
    np.testing.assert_array_equal(flagged.any(axis=(2, 3))[0].nonzero()[0], [5, 6, 7])
    assert not flagged[1].any()
    assert flagged[0, GROUP][ramps.shower].mean() > 0.99
    np.testing.assert_array_equal(flagged[0, 6], flagged[0, GROUP])


def test_nothing_in_noise():
    ramps = Ramps(amplitude=0)
    assert ramps.flag() == 0
    assert not ramps.groupdq.any()


def test_later_groups_end_with_the_integration(ramps):
    ramps.flag(time_masked_after_shower=1000)
    np.testing.assert_array_equal(ramps.flagged.any(axis=(2, 3))[0].nonzero()[0], np.arange(5, 10))


def test_saturation_ends_the_flags(ramps):
    ramps.groupdq[0, 6, 22, 31] = SATURATED
    ramps.flag(time_masked_after_shower=7.5)
    assert ramps.groupdq[0, 5:9, 22, 31].tolist() == [JUMP_DET, SATURATED, 0, 0]


@pytest.mark.parametrize(
    ("name", "found", "missed"),
    [
        ("extend_snr_threshold", 2.0, 40.0),
        ("extend_min_area", 200, 500),
    ],
)
def test_faint_or_small_showers_are_left(ramps, name, found, missed):
    assert ramps.flag(**{name: found}) == 1
    assert ramps.flag(**{name: missed}) == 0


def test_wide_rings_find_wider_showers(ramps):
    ramps.flag()
    narrow = ramps.flagged[0, GROUP].sum()
    ramps.groupdq[:] = 0
    ramps.flag(extend_inner_radius=3, extend_outer_radius=5)
    assert ramps.flagged[0, GROUP].sum() > narrow
    ramps.groupdq[:] = 0
    ramps.flag(extend_outer_radius=1.0)
    assert ramps.flagged[0, GROUP].sum() < narrow


def test_expansion(ramps):
    ramps.flag(extend_ellipse_expand_ratio=1.0)
    plain = ramps.flagged[0, GROUP].sum()
    ramps.groupdq[:] = 0
    ramps.flag(extend_ellipse_expand_ratio=1.5)
    assert ramps.flagged[0, GROUP].sum() == pytest.approx(2.25 * plain, rel=0.1)


def test_largest_shower(ramps):
    ramps.flag(max_extended_radius=4)
    assert ramps.flagged[0, GROUP].sum() == 45


@pytest.mark.parametrize(
    ("parameters", "kept"),
    [
        ({}, True),
        ({"max_shower_amplitude": 0.01}, True),
        ({"max_shower_amplitude": 0.01, "honour_max_shower_amplitude": True}, False),
        ({"max_shower_amplitude": 9, "honour_max_shower_amplitude": True}, True),
    ],
)
def test_showers_that_change_the_slope_too_much_are_left(ramps, parameters, kept):
    assert ramps.flag(**parameters) == 1
    assert (ramps.flagged[0, GROUP][ramps.shower].mean() > 0.9) == kept


def test_amplitude_is_of_a_group():
    assert rules_of(max_shower_amplitude=4).amplitude == 6 * GROUP_TIME
    honoured = rules_of(max_shower_amplitude=4, honour_max_shower_amplitude=True)
    assert honoured.amplitude == 4 * GROUP_TIME


def test_bright_showers_are_left_by_default():
    ramps = Ramps(amplitude=9 * 6 * GROUP_TIME * 1.5)
    assert ramps.flag() == 1
    assert ramps.flagged[0, GROUP][ramps.shower].mean() < 0.01


def test_ramps_without_a_good_difference_left_are_spared(ramps):
    ramps.groupdq[0, 7:, 22, 31] = DO_NOT_USE
    ramps.groupdq[0, :5, 22, 31] = DO_NOT_USE
    ramps.flag(time_masked_after_shower=0)
    assert ramps.groupdq[0, GROUP, 22, 31] == 0


@pytest.mark.parametrize(("ngroups", "count"), [(12, 1), (11, 0)])
def test_few_differences_are_not_searched(ramps, ngroups, count):
    earlier = np.repeat(ramps.data[:1, :1], ngroups - 10, axis=1)
    ramps.data = np.concatenate([earlier, ramps.data[:1]], axis=1)
    ramps.groupdq = np.zeros(ramps.data.shape, np.uint8)
    ramps.groupdq[0, 0] = DO_NOT_USE
    assert ramps.flag() == count


def test_number_of_differences():
    unusable = np.zeros((1, 12), bool)
    unusable[0, 0] = True
    assert enough_differences(unusable)
    unusable[0, 1] = True
    assert not enough_differences(unusable)


def test_reference_pixels_are_neither_searched_nor_flagged(ramps):
    ramps.pixeldq[:, 20:33] = REFERENCE_PIXEL
    ramps.flag(extend_min_area=30)
    assert not ramps.flagged[..., 20:33].any()
    assert ramps.flagged[0, GROUP, :, 33:].any()


def test_groups_up_to_the_first_usable_one_are_not_searched(ramps):
    ramps.groupdq[0, :5] = DO_NOT_USE | PERSISTENCE
    assert ramps.flag() == 0
    ramps.groupdq[0, 4, 0, 0] = 0
    assert ramps.flag() == 1


@pytest.mark.parametrize("flags", [1, 2, 4, 5, 3, 33, 34, 36])
def test_flagged_pixels_are_not_searched(ramps, flags):
    ramps.groupdq[0, GROUP, ramps.shower] = flags
    assert ramps.flag() == 0
    ramps.groupdq[0, GROUP] = 0
    ramps.pixeldq[ramps.shower] = DO_NOT_USE
    assert ramps.flag() == 0


@pytest.mark.parametrize(
    ("flags", "count"), [(1, 0), (2, 0), (4, 0), (3, 0), (5, 0), (6, 1), (36, 1), (32, 1)]
)
def test_groups_lost_to_the_difference(ramps, flags, count):
    """As in the reference, only certain values of the flags spoil the difference to the next."""
    ramps.groupdq[0, GROUP - 1, ramps.shower] = flags
    assert ramps.flag() == count


def test_clipping_across_integrations(ramps):
    rng = np.random.default_rng(5)
    steps = rng.normal(1, 2, (30, 10, *SHAPE))
    steps[:, 3] += 40
    steps[7, GROUP, ramps.shower] += 20
    ramps.data = np.cumsum(steps, axis=1).astype(np.float32)
    ramps.groupdq = np.zeros(ramps.data.shape, np.uint8)
    assert ramps.flag() > 20
    ramps.groupdq[:] = 0
    assert ramps.flag(minimum_sigclip_groups=30) == 1
    assert np.unique(np.argwhere(ramps.flagged)[:, 0]).tolist() == [7]


@pytest.mark.parametrize("height", [7, 16, 33])
def test_bands_of_any_height(ramps, monkeypatch, height):
    ramps.flag()
    expected = ramps.groupdq.copy()
    assert expected.any()
    ramps.groupdq[:] = 0
    monkeypatch.setattr(showers, "BAND_ROWS", height)
    ramps.flag()
    np.testing.assert_array_equal(ramps.groupdq, expected)


def test_emission_of_bands_joins():
    runs = [np.array([[0, 0, 1, 2], [3, 1, 5, 9]]), np.array([[0, 4, 1, 2]])]
    usable = np.array([[True, False]]), np.array([[False, False]])
    joined = Emission.joined([Emission(*band) for band in zip(runs, usable)])
    assert joined.runs.tolist() == [[0, 0, 1, 2], [0, 4, 1, 2], [3, 1, 5, 9]]
    assert joined.usable.tolist() == [[True, False]]


def test_no_emission_no_showers(ramps):
    before = ramps.groupdq.copy()
    nothing = Emission(np.empty((0, 4), np.int32), np.ones((2, 10), bool))
    assert find_showers(nothing, rules_of()) == []
    flag_band(ramps.data, ramps.groupdq, ramps.pixeldq, [], rules_of(), SHAPE[0], 0)
    np.testing.assert_array_equal(ramps.groupdq, before)


def test_arrays_must_belong_together(ramps):
    arrays = ramps.data, ramps.groupdq, ramps.pixeldq[1:], ramps.readnoise
    with pytest.raises(ValueError, match=r"pixeldq \(49, 70\) and readnoise \(50, 70\)"):
        find_emission(*arrays, rules_of(), 1, np.s_[:], 0)
