import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_ramp_fit import GROUP_TIME, Pixel, a_band, naive_fit, naive_variances, spoil
from onramp.flags import (
    DO_NOT_USE,
    JUMP_DET,
    NO_GAIN_VALUE,
    PERSISTENCE,
    SATURATED,
)
from onramp.steps.gain_scale import rescale
from onramp.steps.ramp_fit import (
    Groups,
    Noise,
    Rules,
    Timing,
    fit_slopes,
    group_noise,
    ignored_groups,
    slope_weights,
)

SUPPRESSING = Rules(suppress_one_group=True)
AS_THEY_ARE = Rules()


def fit(band, rules=SUPPRESSING, zeroframe=None, nframes=1):
    timing = Timing.of(GROUP_TIME * nframes, GROUP_TIME, nframes)
    return fit_slopes(*band, timing, rules, zeroframe)


def assert_agree(slopes, expected, rtol=2e-5):
    values, dq = expected
    assert np.array_equal(slopes.dq, dq)
    actual = slopes.sci, slopes.err, slopes.var_poisson, slopes.var_rnoise
    for name, plane, truth in zip(("sci", "err", "var_poisson", "var_rnoise"), actual, values):
        np.testing.assert_allclose(plane, truth, rtol, 1e-7, err_msg=name)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("starts", [2, (4, 1, 1), (0, 2, 3), (9, 9, 9)])
def test_groups_that_hardly_any_ramp_uses_change_nothing_but_rounding(starts, seed):
    rng = np.random.default_rng(seed)
    band = a_band(rng, (3, 7, 6, 11))
    for flags, start in zip(band[1], np.broadcast_to(starts, 3)):
        flags[:start] = np.where(rng.random(flags[:start].shape) < 0.9, DO_NOT_USE, flags[:start])
    if seed % 2:
        spoil(rng, band)
    timing = Timing.of(GROUP_TIME, GROUP_TIME, 1)
    groups = Groups(7, np.array(starts))
    for plain, known in zip(
        fit_slopes(*band, timing, SUPPRESSING),
        fit_slopes(*band, timing, SUPPRESSING, None, None, groups),
    ):
        assert np.array_equal(plain.dq, known.dq)
        for one, other in zip(plain, known):
            np.testing.assert_allclose(one, other, rtol=1e-6)


def test_ramps_are_whole_from_the_first_group_in_use_on():
    shape, starts = (2, 8, 4, 40), np.array([3, 1])
    rng = np.random.default_rng(3)
    data = np.cumsum(rng.uniform(90, 110, shape), axis=1).astype(np.float32)
    groupdq = np.zeros(shape, np.uint8)
    for flags, start in zip(groupdq, starts):
        flags[:start] = DO_NOT_USE
    noise = Noise(*np.full((3, 4, 40), [[[1.8]], [[9.0]], [[0.0]]], np.float32))
    rest = np.zeros((4, 40), np.uint32), noise, Timing.of(GROUP_TIME, GROUP_TIME, 1), AS_THEY_ARE
    _, found = fit_slopes(data, groupdq, *rest, None, None, Groups(8, starts))
    for i, start in enumerate(starts):
        cut = (np.ascontiguousarray(cube[i : i + 1, start:]) for cube in (data, groupdq))
        _, expected = fit_slopes(*cut, *rest)
        np.testing.assert_array_equal(found.var_rnoise[i], expected.var_rnoise[0])
        np.testing.assert_allclose(found.sci[i], expected.sci[0], rtol=2e-5)


@pytest.mark.parametrize("seed", range(6))
def test_groups_beyond_those_to_be_fitted_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    band = a_band(rng, (2, 6, 5, 9))
    spoil(rng, band)
    timing = Timing.of(GROUP_TIME, GROUP_TIME, 1)
    cut = (np.ascontiguousarray(cube[:, :4]) for cube in band[:2])
    expected = fit_slopes(*cut, *band[2:], timing, SUPPRESSING)
    found = fit_slopes(*band, timing, SUPPRESSING, None, None, Groups(4))
    for one, other in zip(found, expected):
        for values, truth in zip(one, other):
            assert values.tobytes() == truth.tobytes()


SHAPES = [(1, 1, 5, 9), (1, 2, 5, 9), (2, 3, 5, 9), (1, 6, 6, 9), (3, 5, 5, 9), (1, 13, 5, 9)]


@pytest.mark.parametrize("seed", range(18), ids="seed{}".format)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_agrees_with_naive(shape, seed):
    rng = np.random.default_rng([seed, *shape])
    nframes = int(rng.choice([1, 4]))
    band = a_band(rng, shape, nframes)
    if seed:
        spoil(rng, band)
    rules = Rules(suppress_one_group=bool(seed % 2))
    if seed > 9:
        rules = Rules(*(bool(value) for value in rng.random(len(Rules._fields)) < 0.5))
    zeroframe = None
    if seed % 3:
        zeroframe = rng.uniform(10, 100, (shape[0], *shape[2:])).astype(np.float32)
        zeroframe[rng.random(zeroframe.shape) < 0.3] = 0
    timing = Timing.of(GROUP_TIME * nframes, GROUP_TIME, nframes)
    rate, rateints = naive_fit(band, timing, rules, zeroframe)
    results = fit(band, rules, zeroframe, nframes)
    assert_agree(results[0], rate)
    assert_agree(results[1], rateints)


def test_ramps_longer_than_the_sorting_network():
    rng = np.random.default_rng(2)
    band = spoil(rng, a_band(rng, (1, 140, 2, 4)))
    rate, rateints = naive_fit(band, Timing.of(GROUP_TIME, GROUP_TIME, 1), SUPPRESSING)
    results = fit(band)
    assert_agree(results[0], rate, 1e-4)
    assert_agree(results[1], rateints, 1e-4)


def test_clean_and_careful_paths_agree():
    """PERSISTENCE spoils nothing but sends a ramp down the careful path."""
    rng = np.random.default_rng(3)
    band = a_band(rng, (3, 8, 20, 20))
    careful = band[0], band[1] | np.uint8(PERSISTENCE), *band[2:]
    for clean, slow in zip(fit(band), fit(careful)):
        assert np.array_equal(clean.dq | PERSISTENCE, slow.dq)
        for field in ("sci", "err", "var_poisson", "var_rnoise"):
            np.testing.assert_allclose(getattr(clean, field), getattr(slow, field), 1e-6)


@pytest.mark.parametrize("rate", [0.0, 2.0, 200.0])
@pytest.mark.parametrize("flagged", [False, True])
def test_slopes_are_unbiased_and_errors_right(rate, flagged):
    """Chi-squared over 1e5 pixels."""
    rng = np.random.default_rng(11)
    side = 320
    gain = np.full((side, side), 2.0, np.float32)
    band = a_band(rng, (1, 8, side, side), rates=rate, gain=gain)
    if flagged:
        band[0][0, 4:] += 700
        band[1][0, 4] |= np.uint8(JUMP_DET)
    result, rateints = fit(band)
    assert not result.dq.any() or flagged
    assert np.isfinite(result.sci).all()
    error = np.sqrt(rate / (2.0 * 7 * GROUP_TIME) + result.var_rnoise)
    pull = (result.sci - rate) / error
    assert abs(pull.mean()) < 0.05
    # ramp weights by class are near, not at, the optimum the variance formula describes
    assert 0.95 < np.mean(pull**2) < 1.2
    assert np.mean(result.err) == pytest.approx(np.mean(error), rel=0.15)
    np.testing.assert_allclose(rateints.sci[0], result.sci, 1e-6)


def test_read_noise_variance_is_that_of_an_unweighted_line():
    rng = np.random.default_rng(12)
    band = a_band(rng, (1, 10, 320, 320), rates=0.0)
    result, _ = fit(band)
    assert np.mean(result.sci**2 / result.var_rnoise) == pytest.approx(1.0, abs=0.02)
    assert abs(np.mean(result.sci / np.sqrt(result.var_rnoise))) < 0.02


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), pedestal=st.integers(-1000, 1000))
def test_a_pedestal_changes_nothing(seed, pedestal):
    rng = np.random.default_rng(seed)
    band = a_band(rng, (2, 6, 4, 5))
    band[1][rng.random(band[1].shape) < 0.2] = JUMP_DET
    band[1][:, 0] = 0
    np.round(band[0], out=band[0])
    raised = band[0] + np.float32(pedestal), *band[1:]
    # a ramp without two neighbouring good groups is a single sample: there the pedestal counts
    good = band[1] == 0
    linked = (good[:, 1:] & (good[:, :-1] | (band[1][:, :-1] == JUMP_DET))).any(axis=1)
    for here, there in zip(fit(band), fit(raised)):
        assert np.array_equal(here.dq, there.dq)
        use = linked if here.sci.ndim == 3 else linked.all(axis=0)
        scale = np.abs(pedestal) / GROUP_TIME
        np.testing.assert_allclose(there.sci[use], here.sci[use], 1e-5, 1e-6 * scale + 1e-6)
        np.testing.assert_allclose(there.var_rnoise[use], here.var_rnoise[use], 1e-6)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), power=st.integers(-3, 3))
def test_scaling_scales(seed, power):
    """Signal and noise in other units of DN, the electrons the same."""
    rng = np.random.default_rng(seed)
    band = spoil(rng, a_band(rng, (2, 6, 4, 5)))
    factor = np.float32(2.0**power)
    noise = Noise(band[3].gain / factor, band[3].readnoise, band[3].dark_current * factor)
    scaled = band[0] * factor, *band[1:3], noise
    for here, there in zip(fit(band), fit(scaled)):
        assert np.array_equal(here.dq, there.dq)
        usable = here.err < 100
        for field, scale in (("sci", factor), ("err", factor), ("var_rnoise", factor**2)):
            expected = getattr(here, field)[usable] * scale
            np.testing.assert_allclose(getattr(there, field)[usable], expected, 1e-5, 1e-9)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), suppress=st.booleans())
def test_the_order_of_integrations_does_not_matter(seed, suppress):
    rng = np.random.default_rng(seed)
    band = spoil(rng, a_band(rng, (4, 5, 4, 5)))
    order = rng.permutation(4)
    turned = band[0][order], band[1][order], *band[2:]
    rules = Rules(suppress)
    (rate, each), (again, each_again) = fit(band, rules), fit(turned, rules)
    assert np.array_equal(rate.dq, again.dq)
    assert np.array_equal(each.dq[order], each_again.dq)
    for field in ("sci", "err", "var_poisson", "var_rnoise"):
        np.testing.assert_allclose(getattr(again, field), getattr(rate, field), 1e-5, 1e-7)
        here, there = getattr(each, field)[order], getattr(each_again, field)
        np.testing.assert_allclose(there, here, 1e-5, 1e-7)


def a_pixel(ramp, flags=None, gain=2.0, readnoise=10.0, pixeldq=0):
    data = np.array(ramp, np.float32).reshape(1, -1, 1, 1)
    groupdq = np.zeros(data.shape, np.uint8)
    groupdq[0, :, 0, 0] = 0 if flags is None else flags
    one = np.ones((1, 1), np.float32)
    noise = Noise(gain * one, readnoise * one, 0 * one)
    return data, groupdq, np.full((1, 1), pixeldq, np.uint32), noise


def values(slopes):
    return tuple(float(field.ravel()[0]) for field in slopes)


def test_first_group_saturated_kills_the_integration():
    rate, rateints = fit(a_pixel([1, 2, 3, 4], [2, 0, 0, 0]))
    for result in (rate, rateints):
        assert np.isnan(result.sci).all()
        assert (result.dq == DO_NOT_USE | SATURATED).all()
        assert not result.err.any()


def test_saturation_later_on_flags_the_rate_and_keeps_the_slope():
    rate, _ = fit(a_pixel([0, 10, 20, 9999], [0, 0, 0, 2]))
    assert rate.dq.item() == SATURATED
    assert rate.sci.item() == pytest.approx(10 / GROUP_TIME)


@pytest.mark.parametrize(
    ("flags", "slope"),
    [
        ([0, 0, 0, 4, 0, 0], 10.0),
        ([0, 0, 0, 5, 0, 0], 10.0),
        ([4, 4, 4, 4, 4, 4], 0.0),
    ],
)
def test_jumps_split_ramps(flags, slope):
    ramp = np.array([0, 10, 20, 530, 540, 550])
    rate, _ = fit(a_pixel(ramp, flags))
    assert rate.sci.item() == pytest.approx(slope / GROUP_TIME)
    assert rate.dq.item() == JUMP_DET


def test_a_segment_starts_on_a_pure_jump_only():
    """Lengths of the segments: 3 and 3, or 3 and 2."""
    ramp = np.array([0, 10, 20, 530, 540, 550])
    long = fit(a_pixel(ramp, [0, 0, 0, 4, 0, 0]))[0].var_rnoise.item()
    short = fit(a_pixel(ramp, [0, 0, 0, 5, 0, 0]))[0].var_rnoise.item()
    unit = (10 / GROUP_TIME / 2) ** 2 * 12
    assert long == pytest.approx(unit / (24 + 24), rel=1e-5)
    assert short == pytest.approx(unit / (24 + 6), rel=1e-5)


def test_one_good_group():
    band = a_pixel([30, 40, 50], [0, 2, 2])
    timing = Timing.of(GROUP_TIME, GROUP_TIME, 1)
    assert fit(band)[0].dq.item() == DO_NOT_USE | SATURATED
    rate = fit(band, AS_THEY_ARE)[0]
    assert rate.sci.item() == pytest.approx(30 / timing.one_group)
    single = fit(a_pixel([30]))[0]
    assert single.sci.item() == pytest.approx(30 / timing.one_group)
    assert single.dq.item() == 0


def test_zero_frame_replaces_a_saturated_ramp():
    band = a_pixel([30, 40, 50], [2, 2, 2])
    zeroframe = np.full((1, 1, 1), 21.0, np.float32)
    rate, _ = fit(band, AS_THEY_ARE, zeroframe)
    assert rate.sci.item() == pytest.approx(21 / GROUP_TIME)
    assert rate.dq.item() == SATURATED
    assert np.isnan(fit(band, SUPPRESSING, zeroframe)[0].sci).all()
    assert np.isnan(fit(band, AS_THEY_ARE, 0 * zeroframe)[0].sci).all()


@pytest.mark.parametrize("gain", [0.0, -2.0, np.nan])
def test_bad_gain(gain):
    rate, rateints = fit(a_pixel([1, 2, 3, 4], gain=gain))
    for result in (rate, rateints):
        assert np.isnan(result.sci).all()
        assert not result.err.any()
        assert not result.var_poisson.any()
        assert not result.var_rnoise.any()
        assert (result.dq == DO_NOT_USE | NO_GAIN_VALUE).all()


def test_unknown_read_noise_is_nan_without_a_flag():
    rate, _ = fit(a_pixel([1, 2, 3, 4], readnoise=np.nan))
    assert np.isnan(rate.sci.item())
    assert rate.dq.item() == 0


def test_huge_variance_makes_the_slope_zero():
    rate, rateints = fit(a_pixel([0, 10, 20], readnoise=1e6))
    assert (rate.sci.item(), rateints.sci.item(), rateints.err.item()) == (0, 0, 0)


def test_errors_of_rate_and_rateints_combine_differently():
    band = a_pixel([0, 100, 200, 900, 1000, 1100, 1200], [0, 0, 0, 4, 0, 0, 0])
    rate, rateints = fit(band)
    _, err, _, var_p, var_r = values(rate)
    assert err == pytest.approx(np.sqrt(var_p + var_r), rel=1e-6)
    pairs = [naive_variances(100 / GROUP_TIME, Pixel(0, 0, 0, 2, 10, 0, 0), n, GROUP_TIME)
             for n in (3, 4)]  # fmt: skip
    expected = sum(1 / sum(pair) for pair in pairs) ** -0.5
    assert rateints.err.item() == pytest.approx(expected, rel=1e-5)


def test_group_noise_has_no_sign():
    readnoise, gain = np.float32([[-9, 9, np.nan]]), np.float32([[2, 2, 2]])
    noise = group_noise(readnoise, gain, 1)
    assert noise[0, 0] == noise[0, 1] > 0
    assert np.isnan(noise[0, 2])


def test_group_noise_averages_frames():
    readnoise, gain = np.full((1, 1), 8, np.float32), np.full((1, 1), 3, np.float32)
    for nframes in (1, 8):
        expected = 8 * 3 / np.sqrt(2 * nframes)
        assert group_noise(readnoise, gain, nframes).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("first", "last", "ignored"),
    [
        (None, None, []),
        (1, None, [0]),
        (None, 3, [4, 5]),
        (2, 4, [0, 1, 5]),
        (3, 3, []),
        (4, 2, []),
        (-3, 4, [5]),
    ],
)
def test_ignored_groups(first, last, ignored):
    assert np.flatnonzero(ignored_groups(first, last, 6)).tolist() == ignored


@pytest.mark.parametrize("length", [3, 4, 7])
def test_weights_give_the_slope_of_a_line(length):
    weights = slope_weights(7)[:, length]
    line = 3.0 + 5.0 * np.arange(7)
    assert weights @ line == pytest.approx(5.0)
    assert weights[:, :length].sum(axis=1) == pytest.approx(0.0, abs=1e-12)
    assert not weights[:, length:].any()


def test_gain_scale_multiplies():
    rng = np.random.default_rng(5)
    rate, _ = fit(a_band(rng, (1, 5, 3, 4)))
    before = [plane.copy() for plane in rate]
    rescale(rate, 2.5)
    for plane, old, factor in zip(rate, before, (2.5, 2.5, 1, 6.25, 6.25)):
        np.testing.assert_allclose(plane, old * np.float32(factor), 1e-6)


def test_shapes_that_differ_are_named():
    band = a_pixel([1, 2, 3])
    with pytest.raises(ValueError, match=r"\(2, 2\)"):
        fit((*band[:2], np.zeros((2, 2), np.uint32), band[3]))
