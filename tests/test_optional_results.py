import numpy as np
import pytest
from onramp.flags import CHARGELOSS, DO_NOT_USE, JUMP_DET, PERSISTENCE, SATURATED
from onramp.steps.optional_results import (
    OptionalResults,
    count_optional,
    first_read,
    optional_results,
)
from onramp.steps.ramp_fit import Noise, Rules, Timing, fit_slopes

GROUP_TIME = 10.0
FRAME_TIME = 2.5
TIMING = Timing.of(GROUP_TIME, FRAME_TIME, 3)
MIDDLE = 0.5
AS_THEY_ARE = Rules()
NOT_BY_SEGMENT = "pedestal", "crmag"
LIMITS = (5, 0.0), (10, 0.4), (20, 1.0), (50, 3.0), (100, 6.0), (np.inf, 10.0)


def naive_state(ramp, flags, frame, rules):
    """The flags that count, and what is in the first group's place: (flags, sample or None)."""
    flags = flags.astype(int)
    if rules.reject_unflagged_nan:
        flags[np.isnan(ramp)] |= DO_NOT_USE
    lone = (flags & ~PERSISTENCE == 0).sum() == 1
    if rules.trimmed:
        flags[0] &= ~JUMP_DET
    if rules.suppress_one_group:
        return (flags | DO_NOT_USE if lone else flags), None
    if not (flags == 0).any() and frame:
        flags[0] = 0
        return flags, frame
    return flags, None


def naive_segments(flags):
    """Stretches of good groups with a pure jump before them, and how many are counted."""
    if flags[0] & SATURATED:
        return [], 0
    good = [flag & ~PERSISTENCE == 0 for flag in flags]
    edges = np.flatnonzero(np.diff([False, *good, False]))
    found = [
        (first - (first > 0 and flags[first - 1] & ~PERSISTENCE == JUMP_DET), last)
        for first, last in zip(edges[::2], edges[1::2])
    ]
    longer = [(first, last) for first, last in found if last - first > 1]
    return (longer, len(longer)) if longer else (found[:1], len(found))


def naive_line(ramp, first, last, gain, readnoise):
    """Slope per group, its error, intercept, its error: by the normal equations' inverse."""
    samples = ramp[first:last]
    n = last - first
    if n == 1:
        return samples[0], 0.0, 0.0, 0.0
    if n == 2:
        noise = np.sqrt(2) * readnoise
        step = samples[1] - samples[0]
        return step, noise, samples[0] - step * first, noise
    if not 0 < abs(readnoise) < np.inf:
        return (np.nan,) * 4
    signal = (samples[-1] - samples[0]) * gain
    total = readnoise**2 + signal
    snr = 0.0 if total <= 0 or gain == 0 else signal / np.sqrt(total)
    power = next((power for limit, power in LIMITS if snr < limit), 10.0)
    distance = np.abs(np.linspace(-1, 1, n)).astype(np.float32)
    weight = np.power(distance, np.float32(power)).astype(float) / readnoise**2
    design = np.stack([np.ones(n), np.arange(first, last)], axis=1)
    covariance = np.linalg.inv(design.T @ (weight[:, None] * design))
    intercept, slope = covariance @ design.T @ (weight * np.nan_to_num(samples))
    errors = np.sqrt(np.diag(covariance))
    return slope, errors[1], intercept, errors[0]


def naive_rate(ramp, state, alone):
    """Median count rate of one ramp [DN/s]."""
    if ramp.size == 1:
        return ramp[0] / TIMING.one_group
    if alone:
        return np.nan_to_num(ramp[0] / alone)
    usable = (state & DO_NOT_USE) == 0
    paired = usable[1:] & usable[:-1] & ((state[1:] & JUMP_DET) == 0)
    rates = np.diff(ramp)[paired] / GROUP_TIME
    rates = rates[~np.isnan(rates)]
    rate = np.median(rates) if rates.size else np.where(usable[0], ramp[0] / GROUP_TIME, 0)
    return np.nan_to_num(rate)


def naive_pixel(ramps, flags, frames, pixel, rules):
    """The results of each integration: segments' values, pedestal, jumps, segments counted."""
    gain, readnoise, dark = pixel
    ramps = ramps.astype(float)
    ramps[(flags & SATURATED) != 0] = np.nan
    sizes = [
        [now - before for before, now, flag in zip(ramp, ramp[1:], these[1:]) if flag & JUMP_DET]
        for ramp, these in zip(ramps, flags)
    ]
    states, alone = [], []
    for ramp, these, frame in zip(ramps, flags, frames):
        state, sample = naive_state(ramp, these, frame, rules)
        single = (state == 0).sum() == 1 and state[0] == 0
        if sample is not None:
            ramp[0] = sample
            alone.append(FRAME_TIME)
        elif single and not rules.suppress_one_group:
            alone.append(TIMING.one_group)
        else:
            alone.append(None)
        states.append(state)
    median = np.mean([naive_rate(*these) for these in zip(ramps, states, alone)])
    median = median if median > 0 else 0.0
    for ramp, state, time_alone, jumps in zip(ramps, states, alone, sizes):
        bounds, counted = naive_segments(state)
        segments = []
        for first, last in bounds:
            n = last - first
            time = time_alone if n == 1 and time_alone else GROUP_TIME
            slope, sigma, intercept, its_sigma = naive_line(ramp, first, last, gain, readnoise)
            var_p = (median + dark) / (time * gain * max(n - 1, 1))
            var_r = 12 * (readnoise / time / gain) ** 2 / (n**3 - n if n > 1 else 6)
            segments.append((slope / time, sigma, var_p, var_r, intercept, its_sigma, 1 / var_r))
        mean = 0.0
        if segments:
            values = np.array(segments)
            mean = np.sum(values[:, 0] / values[:, 3]) / np.sum(1 / values[:, 3])
        yield segments, ramp[0] - mean * MIDDLE, jumps, counted


def naive_results(data, groupdq, noise, rules, zeroframe, rateints):
    """Results of a band with as many segments and jumps as its fullest ramp has."""
    nints, ngroups, ny, nx = data.shape
    rules = rules._replace(suppress_one_group=rules.suppress_one_group and ngroups > 1)
    found = {}
    for y, x in np.ndindex(ny, nx):
        frames = [None] * nints if zeroframe is None else zeroframe[:, y, x].tolist()
        constants = noise.gain[y, x], noise.readnoise[y, x], noise.dark_current[y, x]
        pixel = tuple(float(value) for value in constants)
        ramps = naive_pixel(data[:, :, y, x], groupdq[:, :, y, x], frames, pixel, rules)
        found |= {(i, y, x): ramp for i, ramp in enumerate(ramps)}
    counts = max(ramp[3] for ramp in found.values()), max(len(ramp[2]) for ramp in found.values())
    results = OptionalResults.empty(nints, *counts, (ny, nx))
    by_segment = [plane for name, plane in results._asdict().items() if name not in NOT_BY_SEGMENT]
    for (i, y, x), (segments, pedestal, jumps, _) in found.items():
        for n, values in enumerate(segments):
            for plane, value in zip(by_segment, values):
                plane[i, n, y, x] = value
        if not np.isnan(rateints.sci[i, y, x]):
            results.pedestal[i, y, x] = np.nan_to_num(pedestal)
        results.crmag[i, : len(jumps), y, x] = jumps
    return results


def a_band(rng, shape):
    """Data [DN], groupdq and Noise."""
    ny, nx = shape[2:]
    rate = 10 ** rng.uniform(-0.5, 3, (ny, nx))
    data = np.cumsum(rng.poisson(rate * GROUP_TIME, shape), axis=1) + rng.normal(0, 6, shape)
    bits = rng.choice([1, 2, 4, 4, 4, 5, 32, 36, CHARGELOSS | 1], shape)
    groupdq = np.where(rng.random(shape) < rng.choice([0.0, 0.1, 0.5]), bits, 0).astype(np.uint8)
    planes = (rng.uniform(*limits, (ny, nx)) for limits in ((1.5, 2), (5, 12), (0, 0.1)))
    return data.astype(np.float32), groupdq, Noise(*(plane.astype(np.float32) for plane in planes))


def run(data, groupdq, noise, rules=AS_THEY_ARE, zeroframe=None):
    """The slopes of the integrations, and the optional results."""
    pixeldq = np.zeros(noise.gain.shape, np.uint32)
    slopes = fit_slopes(data, groupdq, pixeldq, noise, TIMING, rules, zeroframe)
    arguments = data, groupdq, noise, TIMING, rules, slopes[1], MIDDLE, zeroframe
    return slopes[1], optional_results(*arguments)


def a_pixel(ramp, flags=0, gain=2.0, readnoise=10.0):
    data = np.array(ramp, np.float32).reshape(1, -1, 1, 1)
    groupdq = np.zeros(data.shape, np.uint8)
    groupdq[0, :, 0, 0] |= np.array(flags, np.uint8)
    return data, groupdq, Noise(*(np.full((1, 1), v, np.float32) for v in (gain, readnoise, 0)))


SHAPES = [(1, 1, 4, 5), (1, 2, 4, 5), (2, 5, 4, 5), (3, 9, 3, 4)]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_agrees_with_naive(shape, seed):
    rng = np.random.default_rng([seed, *shape])
    data, groupdq, noise = a_band(rng, shape)
    rules = Rules(suppress_one_group=bool(seed % 2), trimmed=seed % 4 > 1)
    zeroframe = None
    if seed % 3:
        zeroframe = rng.uniform(10, 100, (shape[0], *shape[2:])).astype(np.float32)
        zeroframe[rng.random(zeroframe.shape) < 0.3] = 0
    if seed > 8:
        data[rng.random(shape) < 0.1] = np.nan
        rules = rules._replace(reject_unflagged_nan=True)
    rateints, results = run(data, groupdq, noise, rules, zeroframe)
    expected = naive_results(data, groupdq, noise, rules, zeroframe, rateints)
    counts = count_optional(data, groupdq, rules, zeroframe)
    assert counts == (expected.slope.shape[1], expected.crmag.shape[1])
    for name, plane, truth in zip(results._fields, results, expected):
        assert plane.shape == truth.shape, name
        assert plane.dtype == np.float32
        np.testing.assert_allclose(plane, truth, 2e-5, 2e-4, err_msg=name)


def test_segments_make_up_the_slope():
    rng = np.random.default_rng(5)
    data, groupdq, noise = a_band(rng, (2, 12, 10, 10))
    groupdq[:] = np.where(rng.random(groupdq.shape) < 0.2, JUMP_DET, 0)
    groupdq[:, :2] = 0
    rateints, results = run(data, groupdq, noise)
    total = results.weights.sum(axis=1)
    slope = (results.slope * results.weights).sum(axis=1) / total
    np.testing.assert_allclose(slope, rateints.sci, 1e-5)
    np.testing.assert_allclose(1 / total, rateints.var_rnoise, 1e-5)
    used = results.weights > 0
    poisson = np.divide(1, results.var_poisson, where=used, out=np.zeros(used.shape)).sum(axis=1)
    np.testing.assert_allclose(1 / poisson, rateints.var_poisson, 1e-5)


def test_a_line_and_its_errors():
    """Over 1e4 pixels, from group 3 on, with the read noise alone."""
    rng = np.random.default_rng(4)
    shape = 1, 10, 100, 100
    data = 500 + rng.normal(0, 8, shape).astype(np.float32)
    groupdq = np.zeros(shape, np.uint8)
    groupdq[:, :3] = DO_NOT_USE
    plane = np.ones(shape[2:], np.float32)
    _, results = run(data, groupdq, Noise(plane, 8 * plane, 0 * plane))
    unweighted = results.sigslope < 1.6
    assert unweighted.mean() > 0.95
    for values, errors, truth in (
        (results.slope * GROUP_TIME, results.sigslope, 0),
        (results.yint, results.sigyint, 500),
    ):
        pull = ((values - truth) / errors)[unweighted]
        assert abs(pull.mean()) < 0.05
        assert np.mean(pull**2) == pytest.approx(1, abs=0.05)


def test_sizes_of_jumps():
    ramp = [0, 10, 110, 120, 520, 530]
    flags = [JUMP_DET, 0, JUMP_DET, 0, JUMP_DET | DO_NOT_USE, JUMP_DET | SATURATED]
    _, results = run(*a_pixel(ramp, flags))
    np.testing.assert_array_equal(results.crmag.ravel(), [100, 400, np.nan])


def test_nothing_to_report():
    _, results = run(*a_pixel([1, 2, 3], SATURATED))
    assert results.slope.shape == (1, 0, 1, 1)
    assert results.crmag.shape == (1, 0, 1, 1)
    assert results.pedestal.item() == 0


def test_single_groups_are_counted_and_the_first_is_fitted():
    flags = [0, DO_NOT_USE, 0, DO_NOT_USE, 0]
    _, results = run(*a_pixel([10, 20, 30, 40, 50], flags))
    assert results.slope.shape[1] == 3
    assert results.slope.ravel().tolist() == [1, 0, 0]


def test_the_pedestal_is_before_the_first_group():
    _, results = run(*a_pixel([107, 117, 127, 137]))
    assert results.pedestal.item() == pytest.approx(107 - MIDDLE)
    assert results.yint.item() == pytest.approx(107)
    _, dead = run(*a_pixel([107, 117, 127, 137], gain=0))
    assert dead.pedestal.item() == 0


def test_dark_current_in_the_units_of_the_rate():
    data, groupdq, noise = a_pixel([0, 10, 20, 30])
    noise = noise._replace(dark_current=noise.dark_current + np.float32(4))
    rateints, results = run(data, groupdq, noise, Rules(convert_dark_current=True))
    assert results.var_poisson.item() == rateints.var_poisson.item()
    assert results.var_poisson.item() == pytest.approx((1 * 2 + 4) / (2**2 * 30))


def test_first_read():
    assert first_read(1, 0, 0) == 1.0
    assert first_read(4, 0, 0) == 0.625
    assert first_read(2, 4, 3) == 0.75


def test_bands_widen_to_one_size():
    rng = np.random.default_rng(7)
    _, results = run(*a_band(rng, (2, 9, 3, 4)))
    _, nsegments, _, _ = results.slope.shape
    wide = results.widened(nsegments + 2, results.crmag.shape[1] + 1)
    assert wide.slope.shape[1] == nsegments + 2
    assert wide.crmag.shape[1] == results.crmag.shape[1] + 1
    for here, there in zip(results, wide):
        np.testing.assert_array_equal(there[:, : here.shape[1]], here)
        assert not there[:, here.shape[1] :].any()


def test_bands_of_any_height_agree():
    rng = np.random.default_rng(9)
    data, groupdq, noise = a_band(rng, (2, 8, 6, 5))
    groupdq[rng.random(groupdq.shape) < 0.2] = JUMP_DET
    _, whole = run(data, groupdq, noise)
    size = whole.slope.shape[1], whole.crmag.shape[1]
    for rows in (slice(0, 1), slice(1, 6)):
        part = np.ascontiguousarray(data[:, :, rows]), np.ascontiguousarray(groupdq[:, :, rows])
        _, results = run(*part, Noise(*(plane[rows] for plane in noise)))
        for here, there in zip(results.widened(*size), whole):
            np.testing.assert_array_equal(here, there[..., rows, :])


def test_shapes_that_differ_are_named():
    data, groupdq, noise = a_pixel([1, 2, 3])
    rateints, _ = run(data, groupdq, noise)
    with pytest.raises(ValueError, match=r"\(1, 2, 1, 1\)"):
        optional_results(data, groupdq[:, :2], noise, TIMING, AS_THEY_ARE, rateints, MIDDLE)
