from typing import NamedTuple

import numpy as np
import pytest
from onramp.flags import DO_NOT_USE, JUMP_DET, PERSISTENCE, SATURATED
from onramp.steps.covariance import Covariance, read_times, split_first_group
from onramp.steps.likelihood import fit_likelihood
from onramp.steps.ramp_fit import Noise, Slopes

FRAME_TIME = 10.73677
ONE_OMIT, TWO_OMIT = 20.25, 23.8
GAIN, READNOISE = 1.8, 6.0  # [e-/DN], correlated double sampling [DN]
UNEVEN = [np.array(reads) * FRAME_TIME for reads in ([1, 2], [4], [5, 6, 7, 8], [20], [21, 23])]
PATTERNS = {
    "single frames": read_times(1, 0, FRAME_TIME, 8),
    "averaged": read_times(4, 0, FRAME_TIME, 6),
    "averaged with gaps": read_times(8, 3, FRAME_TIME, 5),
    "uneven": UNEVEN,
    "split": split_first_group(read_times(4, 1, FRAME_TIME, 6)),
}


class Fit(NamedTuple):
    """One ramp's naive fit."""

    rate: float
    err: float
    var_poisson: float
    var_rnoise: float
    chisq: float


def naive_covariance(times):
    """Covariance of the differences per rate over gain, and per variance of a read, from reads."""
    n = len(times)
    photon, read = np.zeros((n, n)), np.diag([1 / len(reads) for reads in times])
    for i in range(n):
        for j in range(n):
            photon[i, j] = np.minimum.outer(times[i], times[j]).mean()
    step = np.diff([np.mean(reads) for reads in times])
    difference = (np.eye(n)[1:] - np.eye(n)[:-1]) / step[:, None]
    return difference @ photon @ difference.T, difference @ read @ difference.T


def naive_fit(diffs, use, expected, gain, readnoise, times):
    """Generalised least squares of the differences in use, with the explicit covariance."""
    photon, read = (matrix[np.ix_(use, use)] for matrix in naive_covariance(times))
    photon, read = photon * expected / gain, read * readnoise**2 / 2
    inverse = np.linalg.inv(photon + read)
    weights = inverse.sum(axis=1) / inverse.sum()
    rate = weights @ diffs[use]
    rest = diffs[use] - rate
    variances = weights @ photon @ weights, weights @ read @ weights
    return Fit(rate, inverse.sum() ** -0.5, *variances, rest @ inverse @ rest)


def naive_search(diffs, use, gain, readnoise, times):
    """Leave out the difference, or pair, that lowers chi-squared most, until none is worth it."""
    use = use.copy()
    expected = max(np.median(diffs), 0.0)
    lone = [1 if len(reads) == 1 else 0 for reads in times]
    for _ in range(diffs.size):
        now = naive_fit(diffs, use, expected, gain, readnoise, times)
        best = 0.0, None, now.rate
        for omitted in [*range(diffs.size), *zip(range(diffs.size - 1), range(1, diffs.size))]:
            first, second = omitted if isinstance(omitted, tuple) else (omitted, omitted)
            if not (use[first] and use[second]) or (first < second and lone[second]):
                continue
            left = use.copy()
            left[[first, second]] = False
            fit = naive_fit(diffs, left, expected, gain, readnoise, times)
            threshold = ONE_OMIT if first == second else TWO_OMIT
            best = max(best, (now.chisq - fit.chisq - threshold, (first, second), fit.rate))
        if best[1] is None:
            return use, best[2]
        use[list(best[1])] = False
        if use.sum() <= 3:
            return use, best[2]
    return use, best[2]


def naive_ramp(ramp, flags, pixel, times):
    """Return the fit of a ramp, and its flags with jumps."""
    gain, readnoise, dark = pixel
    diffs = np.diff(ramp) / np.diff([np.mean(reads) for reads in times])
    before = (flags[1:] == 0) & (flags[:-1] == 0)
    flags = flags.copy()
    if np.isnan(diffs).any() or not before.any():
        return Fit(*[np.nan] * 5), flags
    use, rate = naive_search(diffs, before, gain, readnoise, times)
    flags[1:][before & ~use] |= JUMP_DET
    return naive_fit(diffs, use, max(rate, 0.0) + dark, gain, readnoise, times), flags


def naive_mean(fits):
    """Return rate, error and variances of several integrations' fits."""
    rates, _, poisson, rnoise, _ = np.array([fit for fit in fits if not np.isnan(fit.rate)]).T
    mean = np.median(rates)
    for _ in range(2):
        ratio = mean / rates
        scaled = poisson * np.where(ratio > 0, ratio, 0)
        weights = 1 / (scaled + rnoise)
        weights /= weights.sum()
        mean = rates @ weights
    variances = scaled @ weights**2, rnoise @ weights**2
    return mean, np.sqrt(sum(variances)), *variances


def make_ramps(rng, shape, times, rate=3.0, hits=0.0, between_reads=True):
    """Simulate reads and average them: (nints, ngroups, ny, nx) float32 [DN]."""
    nints, _, *frame = shape
    every = np.unique(np.concatenate(times))
    steps = np.diff(every, prepend=0)
    data = np.empty(shape, np.float32)
    for i in range(nints):
        electrons = np.zeros(frame)
        reads = {}
        last = {group[-1] for group in times} if not between_reads else set(every)
        for time, step in zip(every, steps):
            electrons = electrons + rng.poisson(rate * step, frame)
            readout = rng.normal(0, READNOISE * GAIN / np.sqrt(2), frame)
            reads[time] = electrons + readout
            if time in last:
                hit = rng.random(frame) < hits
                electrons = electrons + hit * 10 ** rng.uniform(2, 3.5, frame)
        for g, group in enumerate(times):
            data[i, g] = np.mean([reads[time] for time in group], axis=0) / GAIN
    return data


def make_flags(rng, shape):
    flags = rng.choice([JUMP_DET, DO_NOT_USE, PERSISTENCE, SATURATED], shape).astype(np.uint8)
    flags[rng.random(shape) > 0.03] = 0
    return flags


def make_noise(frame, dark=0.0):
    return Noise(*(np.full(frame, value, np.float32) for value in (GAIN, READNOISE, dark)))


def fit_flags(data, flags, noise, times, **options):
    """Fit and return (rate, rateints, chisq) and the flags with jumps."""
    flags = flags.copy()
    pixeldq = np.zeros(data.shape[2:], np.uint32)
    covariance = Covariance.of(times)
    return *fit_likelihood(data, flags, pixeldq, noise, covariance, **options), flags


def assert_equal_fits(fits, expected):
    """Compare two tuples of slopes, chi-squared and flags bit for bit."""
    for ours, theirs in zip(fits, expected):
        if isinstance(ours, Slopes):
            assert_equal_fits(ours, theirs)
        else:
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_covariance_is_that_of_the_reads(pattern):
    times = PATTERNS[pattern]
    covariance = Covariance.of(times)
    photon, read = naive_covariance(times)
    for matrix, alpha, beta in (
        (photon, covariance.alpha_photon, covariance.beta_photon),
        (read, covariance.alpha_read, covariance.beta_read),
    ):
        tridiagonal = np.diag(alpha) + np.diag(beta, 1) + np.diag(beta, -1)
        np.testing.assert_allclose(tridiagonal, matrix, rtol=1e-9, atol=1e-12 * matrix.max())


@pytest.mark.parametrize("pattern", PATTERNS)
def test_fits_are_the_naive_ones(pattern):
    rng = np.random.default_rng(5)
    times = PATTERNS[pattern]
    shape = 1, len(times), 3, 40
    data = make_ramps(rng, shape, times, rate=rng.choice([0.01, 3.0, 80.0], shape[2:]), hits=0.03)
    flags = make_flags(rng, shape)
    noise = make_noise(shape[2:], dark=0.02)
    rate, rateints, chisq, found = fit_flags(data, flags, noise, times)
    assert (found != flags).any(axis=1).sum() > 10
    usable = ((flags[0, 1:] | flags[0, :-1]) == 0).sum(axis=0)
    decided = (usable > 3) | (usable == 0)  # of two differences, leaving out either helps as much
    assert decided.mean() > 0.7
    for y in range(shape[2]):
        for x in np.flatnonzero(decided[y]):
            pixel = [np.float64(plane[y, x]) for plane in noise]
            fit, expected = naive_ramp(data[0, :, y, x], flags[0, :, y, x], pixel, times)
            np.testing.assert_array_equal(found[0, :, y, x], expected)
            ours = [values[y, x] for values in rate if values.dtype == np.float32] + [chisq[y, x]]
            floor = 1e-5 * np.array([fit.err, fit.err, fit.err**2, fit.err**2, 1.0 + fit.chisq])
            difference = np.abs(np.array(ours) - fit)
            assert (difference <= floor).all() or np.isnan([ours, fit]).all()
    assert_equal_fits(rate, [values[0] for values in rateints])


def test_two_differences_are_left_out_where_a_jump_is_inside_a_group():
    times = read_times(4, 0, FRAME_TIME, 8)
    data = 10.0 * np.array([reads.mean() for reads in times]).reshape(1, 8, 1, 1)
    data = np.tile(data.astype(np.float32), (1, 1, 1, 3))
    data[:, 4] += [[0, 500, 0]]
    data[:, 5:] += [[0, 1000, 1000]]
    *_, flags = fit_flags(data, np.zeros(data.shape, np.uint8), make_noise((1, 3)), times)
    inside, between = [0, 0, 0, 0, 4, 4, 0, 0], [0, 0, 0, 0, 0, 4, 0, 0]
    assert flags[0, :, 0].T.tolist() == [[0] * 8, inside, between]


def test_integrations_are_averaged():
    rng = np.random.default_rng(6)
    times = PATTERNS["averaged"]
    shape = 4, len(times), 2, 20
    data = make_ramps(rng, shape, times, rate=rng.choice([0.01, 3.0], shape[2:]), hits=0.02)
    data[1, 2, 0, :3] = np.nan
    noise = make_noise(shape[2:])
    rate, rateints, chisq, _ = fit_flags(data, make_flags(rng, shape), noise, times)
    for y in range(shape[2]):
        for x in range(shape[3]):
            each = [values[:, y, x].astype(float) for values in rateints if values.dtype == "f4"]
            fits = [Fit(*values, 0.0) for values in zip(*each)]
            ours = [values[y, x] for values in rate if values.dtype == np.float32]
            np.testing.assert_allclose(ours, naive_mean(fits), rtol=2e-5, atol=1e-7)
    assert np.isnan(chisq[0, :3]).all()
    assert not np.isnan(chisq[1]).any()


def test_the_data_quality_of_rates():
    times = PATTERNS["single frames"]
    shape = 2, len(times), 1, 5
    data = make_ramps(np.random.default_rng(1), shape, times)
    flags = np.zeros(shape, np.uint8)
    flags[0, :, 0, 1] = DO_NOT_USE
    flags[:, :, 0, 2] = SATURATED
    flags[0, 5:, 0, 3] = SATURATED
    flags[1, 3, 0, 4] = JUMP_DET | PERSISTENCE
    pixeldq = np.full((1, 5), 1 << 11, np.uint32)
    noise, covariance = make_noise((1, 5)), Covariance.of(times)
    rate, rateints, _ = fit_likelihood(data, flags, pixeldq, noise, covariance)
    hot, useless = 1 << 11, SATURATED | DO_NOT_USE
    expected = [[0, DO_NOT_USE, useless, SATURATED, 0], [0, 0, useless, 0, JUMP_DET]]
    assert rateints.dq[:, 0].tolist() == [[hot | bits for bits in row] for row in expected]
    assert rate.dq[0].tolist() == [hot | bits for bits in (0, 0, useless, SATURATED, JUMP_DET)]


@pytest.mark.parametrize("spoilt", ["sample", "gain zero", "gain", "read noise", "flags", "dark"])
def test_hopeless_ramps_are_nan_and_have_no_jumps(spoilt):
    times = PATTERNS["averaged"]
    shape = 1, len(times), 1, 4
    data = make_ramps(np.random.default_rng(1), shape, times)
    data[0, 3:, 0, 1] += 5000
    flags = np.zeros(shape, np.uint8)
    noise = make_noise((1, 4))
    if spoilt == "sample":
        data[0, 2, 0, 1] = np.nan
    elif spoilt == "flags":
        flags[0, ::2, 0, 1] = DO_NOT_USE
    else:
        plane = {"read noise": noise.readnoise, "dark": noise.dark_current}.get(spoilt, noise.gain)
        plane[0, 1] = 0.0 if spoilt == "gain zero" else np.nan
    rate, _, chisq, found = fit_flags(data, flags, noise, times)
    hopeless = [values[0, 1] for values in (*rate, chisq) if values.dtype == np.float32]
    assert np.isnan(hopeless).all()
    assert np.isfinite(np.delete(rate.sci, 1)).all()
    assert spoilt == "dark" or np.array_equal(found, flags)


def test_a_negative_gain_spoils_the_covariance_only_with_photon_noise():
    times = PATTERNS["single frames"]
    data = make_ramps(np.random.default_rng(1), (1, 8, 1, 2), times, rate=np.array([[0.0, 50.0]]))
    data[..., 0] -= np.arange(8).reshape(8, 1)
    noise = make_noise((1, 2))
    noise.gain[:] = -GAIN
    rate, *_ = fit_flags(data, np.zeros(data.shape, np.uint8), noise, times)
    assert np.isnan(rate.sci[0]).tolist() == [False, True]


def test_a_zero_frame_is_a_group_of_its_own():
    rng = np.random.default_rng(2)
    times = read_times(4, 0, FRAME_TIME, 6)
    split = split_first_group(times)
    expanded = make_ramps(rng, (2, 7, 2, 30), split, hits=0.02)
    zeroframe = expanded[:, 0].copy()
    data = expanded[:, 1:].copy()
    data[:, 0] = (zeroframe + 3 * data[:, 0]) / 4
    expanded[:, 1] = (data[:, 0] * 4 - zeroframe) / 3
    flags = make_flags(rng, data.shape)
    noise = make_noise((2, 30))
    *fits, found = fit_flags(data, flags, noise, split, zeroframe=zeroframe)
    doubled = np.concatenate([flags[:, :1], flags], axis=1)
    *expected, expected_flags = fit_flags(expanded, doubled, noise, split)
    assert_equal_fits([*fits, found], [*expected, expected_flags[:, 1:]])
    assert (found[:, 0] & ~flags[:, 0]).any()


def test_a_pedestal_changes_nothing():
    rng = np.random.default_rng(3)
    times = PATTERNS["single frames"]
    data = np.round(make_ramps(rng, (1, 8, 4, 50), times, hits=0.02))
    flags = make_flags(rng, data.shape)
    noise = make_noise((4, 50))
    expected = fit_flags(data, flags, noise, times)
    assert_equal_fits(fit_flags(data + np.float32(4096), flags, noise, times), expected)


def test_neither_order_nor_bands_nor_layout_matter():
    rng = np.random.default_rng(4)
    times = PATTERNS["averaged"]
    shape = 2, len(times), 5, 300
    data = make_ramps(rng, shape, times, hits=0.02)
    flags = make_flags(rng, shape)
    noise = Noise(
        *(plane * np.float32(rng.uniform(1, 2, plane.shape)) for plane in make_noise(shape[2:]))
    )
    whole = fit_flags(data, flags, noise, times)
    order = rng.permutation(300)
    planes = Noise(*(plane[:, order] for plane in noise))
    shuffled = fit_flags(data[..., order], flags[..., order], planes, times)
    for part, expected in (
        (shuffled, [[values[..., order] for values in whole[0]], None, whole[2][:, order]]),
        (fit_flags(data[:, :, 1:3], flags[:, :, 1:3], Noise(*(p[1:3] for p in noise)), times),
         [[values[..., 1:3, :] for values in whole[0]], None, whole[2][1:3]]),
    ):  # fmt: skip
        assert_equal_fits(part[0], expected[0])
        np.testing.assert_array_equal(part[2], expected[2])


@pytest.mark.parametrize("pattern", ["single frames", "averaged with gaps", "uneven"])
@pytest.mark.parametrize("rate", [0.05, 20.0])
def test_slopes_are_unbiased_and_chisq_is_near_one(pattern, rate):
    times = PATTERNS[pattern]
    shape = 1, len(times), 100, 1000
    data = make_ramps(np.random.default_rng(8), shape, times, rate=rate)
    flags = np.zeros(shape, np.uint8)
    slopes, _, chisq, found = fit_flags(data, flags, make_noise(shape[2:]), times)
    pixels = chisq.size
    scatter = slopes.sci.std()
    assert abs(slopes.sci.mean() - rate / GAIN) < (4 / np.sqrt(pixels) + 0.005) * scatter
    assert abs(scatter / np.sqrt(np.mean(slopes.err**2)) - 1) < 0.03
    degrees = len(times) - 2
    assert abs(chisq.mean() / degrees - 1) < 5 * np.sqrt(2 / degrees / pixels) + 0.01
    differences = pixels * (len(times) - 1)
    assert np.count_nonzero(found) < 2e-5 * differences * 2 + 10


def test_most_hits_are_found():
    times = PATTERNS["single frames"]
    data = make_ramps(np.random.default_rng(9), (1, 8, 20, 500), times, rate=1.0)
    noise = make_noise((20, 500))
    sigma = np.sqrt(1.0 * FRAME_TIME / GAIN**2 + READNOISE**2)
    data[:, 4:] += np.float32(10 * sigma)
    *_, found = fit_flags(data, np.zeros(data.shape, np.uint8), noise, times)
    assert (found[0, 4] == JUMP_DET).mean() > 0.999
    assert (np.delete(found[0], 4, axis=0) != 0).mean() < 1e-3


def test_arguments_are_checked():
    times = read_times(1, 0, FRAME_TIME, 5)
    data, flags = np.zeros((1, 5, 2, 3), np.float32), np.zeros((1, 5, 2, 3), np.uint8)
    pixeldq, noise, covariance = (
        np.zeros((2, 3), np.uint32),
        make_noise((2, 3)),
        Covariance.of(times),
    )
    with pytest.raises(ValueError, match=r"groupdq \(1, 5, 2, 2\).* do not belong"):
        fit_likelihood(data, flags[..., :2], pixeldq, noise, covariance)
    with pytest.raises(ValueError, match="3 groups are too few"):
        fit_likelihood(data[:, :3], flags[:, :3], pixeldq, noise, covariance)
    with pytest.raises(ValueError, match="3 differences, but a covariance of 4"):
        fit_likelihood(data[:, :4], flags[:, :4], pixeldq, noise, covariance)
    with pytest.raises(ValueError, match="at least three groups"):
        Covariance.of(times[:2])
    with pytest.raises(ValueError, match="no zero frame"):
        split_first_group(times)
