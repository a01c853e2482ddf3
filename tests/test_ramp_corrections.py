"""The cases in which the fit may do better than the reference, and what lost charge does to it."""

import numpy as np
import pytest
from onramp.flags import CHARGELOSS, DO_NOT_USE, JUMP_DET, PERSISTENCE, SATURATED
from onramp.parameters import RampFit
from onramp.steps.ramp_fit import Noise, Rules, Timing, fit_slopes

GROUP_TIME = 10.0
LOST = CHARGELOSS | DO_NOT_USE


def fit(ramps, flags=0, gain=2.0, readnoise=10.0, dark=0.0, **rules):
    """Fit one pixel: ramps and flags (nints, ngroups)."""
    data = np.atleast_2d(np.array(ramps, np.float32))[:, :, np.newaxis, np.newaxis]
    groupdq = np.zeros(data.shape, np.uint8)
    groupdq[:, :, 0, 0] |= np.array(flags, np.uint8)
    planes = (np.full((1, 1), value, np.float32) for value in (gain, readnoise, dark))
    timing = Timing.of(GROUP_TIME, GROUP_TIME, 1)
    pixeldq = np.zeros((1, 1), np.uint32)
    return fit_slopes(data, groupdq, pixeldq, Noise(*planes), timing, Rules(**rules))


def read_variance(*lengths, gain=2.0, readnoise=10.0):
    """Of segments together."""
    cubes = sum(n**3 - n for n in lengths)
    return 12 * (readnoise / gain / GROUP_TIME) ** 2 / cubes


def assert_dead(slopes, at=...):
    assert np.isnan(slopes.sci[at]).all()
    assert (slopes.dq[at] & DO_NOT_USE != 0).all()
    for plane in (slopes.err, slopes.var_poisson, slopes.var_rnoise):
        assert not plane[at].any()


@pytest.mark.parametrize("flags", [[4, 4, 4, 4], [4, 1, 4, 1], [5, 2, 64, 1]], ids=str)
def test_a_ramp_without_a_group_to_fit(flags):
    flags = [4, *flags]
    ramp = [0, 10, 400, 410, 420]
    for slopes in fit(ramp, flags):
        assert slopes.sci.item() == 0
        assert not slopes.dq.item() & DO_NOT_USE
    for slopes in fit(ramp, flags, flag_all_jump_ramps=True):
        assert_dead(slopes)
        assert slopes.dq.item() & JUMP_DET


def test_a_ramp_without_a_group_to_fit_spares_the_other_integrations():
    ramps = [[0, 10, 20, 30], [0, 100, 200, 300]]
    flags = [[0, 0, 0, 0], [4, 4, 4, 4]]
    rate, rateints = fit(ramps, flags, flag_all_jump_ramps=True)
    assert_dead(rateints, 1)
    assert rate.sci.item() == pytest.approx(1.0)
    assert rate.dq.item() == JUMP_DET
    assert rateints.dq[0].item() == 0


def test_an_unflagged_nan_is_left_out():
    ramp = 1000.0 + 10.0 * np.arange(8)
    ramp[3] = np.nan
    assert abs(fit(ramp)[0].sci.item() - 1.0) > 0.5
    for slopes in fit(ramp, reject_unflagged_nan=True):
        assert slopes.sci.item() == pytest.approx(1.0)
        assert slopes.dq.item() == 0
        assert slopes.var_rnoise.item() == pytest.approx(read_variance(3, 4), rel=1e-5)


def test_ramps_of_nan_are_dead():
    rate, rateints = fit([[np.nan] * 4, [0, 10, 20, 30]], reject_unflagged_nan=True)
    assert_dead(rateints, 0)
    assert rate.sci.item() == pytest.approx(1.0)
    assert_dead(fit([np.nan] * 4, reject_unflagged_nan=True)[0])


def test_a_sample_beside_nan_is_suppressed():
    for suppress, dead in ((True, True), (False, False)):
        rules = {"reject_unflagged_nan": True, "suppress_one_group": suppress}
        rate, _ = fit([10, np.nan, np.nan], **rules)
        assert bool(rate.dq.item() & DO_NOT_USE) is dead
        assert np.isnan(rate.sci.item()) == dead


@pytest.mark.parametrize("flag", [0, PERSISTENCE], ids=["clean", "careful"])
def test_large_variances_are_kept(flag):
    ramp = 2e6 * np.arange(5.0)
    lost = fit(ramp, flag, readnoise=3e5)
    kept = fit(ramp, flag, readnoise=3e5, keep_large_variances=True)
    expected = read_variance(5, readnoise=3e5)
    assert expected > 1e6
    for slopes in lost:
        assert (slopes.sci.item(), slopes.var_rnoise.item()) == (0, 0)
    for slopes in kept:
        assert slopes.sci.item() == pytest.approx(2e5)
        assert slopes.var_rnoise.item() == pytest.approx(expected, rel=1e-5)
        assert slopes.err.item() == pytest.approx(np.sqrt(expected + slopes.var_poisson.item()))


def test_large_poisson_variances_are_kept():
    ramp = 1e9 * np.arange(4.0)
    assert fit(ramp, gain=0.5)[0].var_poisson.item() == 0
    for slopes in fit(ramp, gain=0.5, keep_large_variances=True):
        assert slopes.var_poisson.item() == pytest.approx(1e8 / (0.5 * 30), rel=1e-5)


@pytest.mark.parametrize("readnoise", [np.nan, 0.0])
def test_a_slope_that_is_nan_is_flagged(readnoise):
    ramp = [0, 10, 20, 30]
    for slopes in fit(ramp, readnoise=readnoise):
        assert np.isnan(slopes.sci.item())
        assert slopes.dq.item() == 0
    for slopes in fit(ramp, readnoise=readnoise, flag_nan_rates=True):
        assert np.isnan(slopes.sci.item())
        assert slopes.dq.item() == DO_NOT_USE


def test_only_what_is_nan_is_flagged():
    ramps = [[0, 10, np.nan], [0, 10, 20]]
    flags = [[0, 0, 2], [2, 2, 2]]
    rate, rateints = fit(ramps, flags, flag_nan_rates=True)
    assert rate.dq.item() == SATURATED
    assert rateints.dq.ravel().tolist() == [SATURATED, SATURATED | DO_NOT_USE]


@pytest.mark.parametrize("flag", [0, PERSISTENCE], ids=["clean", "careful"])
def test_dark_current_in_the_units_of_the_rate(flag):
    """(rate * gain + dark) / (gain^2 * time)."""
    ramp = [0, 10, 20, 30]
    assert fit(ramp, flag, dark=4.0)[0].var_poisson.item() == pytest.approx(5 / (2 * 30))
    for slopes in fit(ramp, flag, dark=4.0, convert_dark_current=True):
        assert slopes.var_poisson.item() == pytest.approx((1 * 2 + 4) / (2**2 * 30))


@pytest.mark.parametrize("gain", [0.0, -1.0, np.nan])
def test_dark_current_where_there_is_no_gain(gain):
    for slopes in fit([0, 10, 20], gain=gain, dark=4.0, convert_dark_current=True):
        assert_dead(slopes)


def test_corrections_change_nothing_where_nothing_is_odd():
    rng = np.random.default_rng(6)
    ramps = np.cumsum(rng.poisson(40, (3, 9)), axis=1)
    flags = rng.choice([0, 0, 0, JUMP_DET, SATURATED], (3, 9))
    flags[:, :3] = 0
    names = set(Rules._fields) - {"suppress_one_group", "trimmed"}
    for plain, corrected in zip(fit(ramps, flags), fit(ramps, flags, **dict.fromkeys(names, True))):
        for here, there in zip(plain, corrected):
            assert np.array_equal(here, there)


def test_rules_are_those_of_the_parameters():
    off = Rules.of(RampFit())
    assert off == Rules(suppress_one_group=True)
    names = [name for name in Rules._fields if name != "trimmed"]
    for name in names:
        assert getattr(Rules.of(RampFit(**{name: True})), name) is True
    assert Rules.of(RampFit(), trimmed=True).trimmed is True


def test_lost_charge_counts_for_the_read_noise():
    """The slope from 4 groups, the read-noise variance from all 7, the error as it was."""
    ramp = [0, 10, 20, 30, 35, 36, 36.5]
    plain = fit(ramp, [0] * 4 + [DO_NOT_USE] * 3)
    lost = fit(ramp, [0] * 4 + [LOST] * 3)
    for here, there in zip(plain, lost):
        assert there.sci.item() == pytest.approx(1.0)
        assert there.var_rnoise.item() == pytest.approx(read_variance(7), rel=1e-5)
        assert here.var_rnoise.item() == pytest.approx(read_variance(4), rel=1e-5)
        for name in ("sci", "err", "dq", "var_poisson"):
            assert getattr(here, name) == getattr(there, name)


@pytest.mark.parametrize(
    ("flags", "lengths"),
    [
        ([0, 0, 0, LOST, LOST, SATURATED], [5]),
        ([0, 0, 0, LOST | JUMP_DET, LOST, LOST], [3, 3]),
        ([0, 0, 0, CHARGELOSS, 0, 0], [3, 2]),
        ([LOST, LOST, LOST, LOST, LOST, LOST], [6]),
        ([0, LOST, DO_NOT_USE, DO_NOT_USE, DO_NOT_USE, DO_NOT_USE], [2]),
    ],
    ids=str,
)
def test_lost_charge_among_other_flags(flags, lengths):
    for suppress in (False, True):
        rate, rateints = fit(np.arange(6.0), flags, suppress_one_group=suppress)
        for slopes in (rate, rateints):
            assert slopes.var_rnoise.item() == pytest.approx(read_variance(*lengths), rel=1e-5)


def test_lost_charge_in_one_integration():
    ramps = [[0, 10, 20, 30], [0, 10, 12, 13], [np.nan] * 4]
    flags = [[0] * 4, [0, 0, LOST, LOST], [SATURATED] * 4]
    rate, rateints = fit(ramps, flags)
    expected = [read_variance(4), read_variance(4), 0]
    np.testing.assert_allclose(rateints.var_rnoise.ravel(), expected, 1e-6)
    assert rate.var_rnoise.item() == pytest.approx(read_variance(4, 4), rel=1e-6)


def test_lost_charge_elsewhere_does_not_matter():
    """The reference takes the path of lost charge as soon as an exposure has any."""
    rng = np.random.default_rng(8)
    shape = 3, 7, 4, 5
    data = np.cumsum(rng.poisson(30, shape), axis=1).astype(np.float32)
    groupdq = rng.choice([0, 0, 0, 1, 2, 4], shape).astype(np.uint8)
    plane = np.ones((4, 5), np.float32)
    noise = Noise(2 * plane, 9 * plane, 0 * plane)
    timing = Timing.of(GROUP_TIME, GROUP_TIME, 1)
    pixeldq = np.zeros((4, 5), np.uint32)
    lost = groupdq.copy()
    lost[:, 5:, 0, 0] = LOST
    here, there = (
        fit_slopes(data, flags, pixeldq, noise, timing, Rules()) for flags in (groupdq, lost)
    )
    for plain, other in zip(here, there):
        for a, b in zip(plain, other):
            assert np.array_equal(a[..., 1:, :], b[..., 1:, :], equal_nan=a.dtype.kind == "f")
            assert np.array_equal(a[..., 0, 1:], b[..., 0, 1:], equal_nan=a.dtype.kind == "f")
