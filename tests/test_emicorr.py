"""Waves of interference: naive twins, recovery of what was put in, and bands that do not matter."""

import numpy as np
import pytest
from onramp.miri_step_parameters import EmiCorr
from onramp.steps import emicorr, emicorr_joint, emicorr_sequential

SUB64 = emicorr.Clock.of("FASTR1", 1, 28, 8512, 64)
FREQUENCY = 390.625


def wave(samples=64):
    phase = (np.arange(samples) + 0.5) / samples
    return np.sin(2 * np.pi * phase) + 0.3 * np.cos(4 * np.pi * phase)


def naive_times(clock, shape):
    """Return when each sample is read, one after the other."""
    nints, ngroups, ny, nx = shape
    times = np.zeros(shape)
    now = 0.0
    for i in range(nints):
        for g in range(ngroups):
            for y in range(ny):
                for x in range(nx):
                    times[i, g, y, x] = now + y * clock.row + (x // 4) * clock.pixel
            now += clock.frame
        now += clock.reset
    return times


def quiet_ramps(rng, shape):
    """Return ramps without interference: bias, slopes, noise."""
    _, ngroups, ny, nx = shape
    slope = rng.uniform(5, 20, (ny, nx))
    ramps = rng.normal(10000, 50, (ny, nx)) + slope * np.arange(ngroups)[:, None, None]
    return (ramps + rng.normal(0, 2, shape)).astype(np.float32)


def value(shape, phase):
    """Evaluate the interval's polynomial."""
    n, t = divmod(phase * (len(shape) - 1) + 0.5, 1.0)
    return sum(c * t**power for power, c in enumerate(shape[int(n)]))


def test_the_spline_passes_through_the_wave_and_is_smooth():
    given = wave(20)
    shape = emicorr.wave_shape(given)
    centres = (np.arange(20) + 0.5) / 20
    assert shape.shape == (21, 4)
    np.testing.assert_allclose([value(shape, p) for p in centres], given, atol=1e-12)
    for n in range(20):  # value, slope and bend at the end of an interval are the next one's
        c0, c1, c2, c3 = shape[n]
        end = [c0 + c1 + c2 + c3, c1 + 2 * c2 + 3 * c3, c2 + 3 * c3]
        np.testing.assert_allclose(end, shape[n + 1, :3], atol=1e-12)
    np.testing.assert_allclose(shape[0, 3], shape[1, 3], atol=1e-12)
    np.testing.assert_allclose(shape[-1, 3], shape[-2, 3], atol=1e-12)


@pytest.mark.parametrize("samples", [2, 3, 4])
def test_the_spline_of_few_samples(samples):
    shape = emicorr.wave_shape(np.arange(samples, dtype=float) ** 2)
    found = [value(shape, (n + 0.5) / samples) for n in range(samples)]
    np.testing.assert_allclose(found, np.arange(samples) ** 2.0, atol=1e-12)


def test_a_wave_is_subtracted_where_its_phase_is():
    shape = 2, 3, 64, 72
    period = emicorr.period_of(FREQUENCY)
    curve = emicorr.wave_shape(wave())
    starts = np.array([0.2, 0.7])
    smooth = emicorr.Smooth(curve, SUB64, period, np.array([4.0, 2.0]), starts)
    data = np.zeros(shape, np.float32)
    smooth.subtract(data, 0)
    one_integration = SUB64._replace(reset=0.0)
    times = naive_times(one_integration, (1, *shape[1:]))[0]
    for i, amplitude in enumerate((4.0, 2.0)):
        for g, y, x in ((0, 0, 0), (1, 5, 7), (2, 63, 71)):
            expected = -amplitude * value(curve, (times[g, y, x] / period + starts[i]) % 1)
            assert data[i, g, y, x] == pytest.approx(expected, rel=1e-6)


def test_bands_and_columns_of_a_wave_are_those_of_the_frame():
    rng = np.random.default_rng(2)
    data = quiet_ramps(rng, (2, 4, 64, 72))
    curve = emicorr.wave_shape(wave())
    waves = (
        emicorr.Smooth(curve, SUB64, 256.0, np.array([4.0, 2.0]), np.array([0.2, 0.7])),
        emicorr.Table(rng.normal(0, 3, 256), SUB64, 256.0, 17, 4),
    )
    for one in waves:
        whole = data.copy()
        one.subtract(whole, 0)
        part = data[1:, :, 10:21, 24:40].copy()
        one.subtract(part, 10, 6, 1)
        np.testing.assert_array_equal(part, whole[1:, :, 10:21, 24:40])
        assert not np.array_equal(whole, data)


def test_spread_is_the_standard_deviation():
    data = quiet_ramps(np.random.default_rng(3), (2, 7, 5, 6))
    np.testing.assert_array_equal(emicorr_joint.spread(data), np.std(data, axis=1))


@pytest.mark.parametrize("size", [1, 2, 3, 1001, 99_999, 100_000])
def test_median_is_numpys(size):
    rng = np.random.default_rng(size)
    for values in (
        rng.lognormal(3, 1, size),
        np.sort(rng.normal(0, 1, size)),
        rng.integers(0, 5, size),
        np.where(np.arange(size) % max(1, size // emicorr_joint.SAMPLE), 1.0, 9.0),
    ):
        single = values.astype(np.float32)
        found = emicorr_joint.median(single.reshape(1, -1))
        assert found.dtype == np.median(single).dtype
        assert found == np.median(single)
        single[size // 2] = np.nan
        assert np.isnan(emicorr_joint.median(single))


def test_nothing_is_larger_than_the_bound_of_a_wave():
    rng = np.random.default_rng(5)
    clock = emicorr.Clock(1, 28, 2000.3, 0, 0)
    curve = emicorr.wave_shape(rng.normal(0, 1, 9))
    smooth = emicorr.Smooth(curve, clock, 53.7, np.array([2.0, -3.0]), np.array([0.1, 0.9]))
    table = emicorr.Table(rng.normal(0, 1, 54), clock, 53.7, -1, 50)
    for wave in (smooth, table):
        data = np.zeros((2, 50, 20, 24), np.float32)
        wave.subtract(data, 0)
        assert wave.largest / 5 < np.abs(data).max() <= wave.largest * (1 + 1e-6)


def naive_chisq(sums, curve, step, delay, phase):
    """Fit lines and the wave at one phase by least squares, all cells together."""
    nphases, ngroups, nints = sums.signal.shape
    a = b = 0.0
    times = np.arange(ngroups)
    for i in range(nints):
        for n in range(nphases):
            shift = phase + delay * i
            z = np.array(
                [value(curve, ((n + 0.5) / nphases + g * step + shift) % 1) for g in times]
            )
            z -= np.polyval(np.polyfit(times, z, 1), times)
            a += sums.pixels[n, i] * z @ z
            b += -2 * z @ sums.signal[n, :, i]
    return a, b


def joint(data, clock, period, separately=False, band=64):
    """Find the wave of an exposure in memory."""
    nints, ngroups, ny, _ = data.shape
    spread = emicorr_joint.spread(data)
    quiet = spread < 2 * np.median(spread)
    sums = emicorr_joint.Sums.none(64, ngroups, nints)
    for first in range(0, ny, band):
        rows = slice(first, first + band)
        part = np.ascontiguousarray(quiet[:, rows])
        sums.add(np.ascontiguousarray(data[:, :, rows]), part, clock, period, first)
    curve = emicorr.wave_shape(wave())
    return sums, emicorr_joint.fit(sums, curve, clock, period, separately)


@pytest.mark.parametrize("separately", [False, True])
def test_joint_fit_recovers_amplitude_and_phase(separately):
    rng = np.random.default_rng(4)
    shape = 2, 8, 64, 72
    period = emicorr.period_of(FREQUENCY)
    curve = emicorr.wave_shape(wave())
    delay = (SUB64.frame / period) % 1 * shape[1] + SUB64.reset / period
    starts = (0.3 + np.arange(2) * delay) % 1
    smooth = emicorr.Smooth(curve, SUB64, period, np.array([-5.0, -5.0]), starts)
    data = quiet_ramps(rng, shape)
    clean = data.copy()
    smooth.subtract(data, 0)  # a negative amplitude: adds the wave
    sums, (amplitudes, phases) = joint(data, SUB64, period, separately)
    np.testing.assert_allclose(amplitudes, 5.0, atol=0.1)
    np.testing.assert_allclose(phases % 1, starts, atol=0.005)
    found = emicorr.Smooth(curve, SUB64, period, amplitudes, phases)
    found.subtract(data, 0)
    assert np.abs(data - clean).max() < 0.3
    step = (SUB64.frame / period) % 1
    delay = step * shape[1] + SUB64.reset / period
    a, b = naive_chisq(sums, curve, step, delay, phases[0])
    if not separately:
        assert amplitudes[0] == pytest.approx(-b / (2 * a), rel=2e-3)


def test_joint_fit_does_not_depend_on_the_bands():
    data = quiet_ramps(np.random.default_rng(5), (2, 5, 64, 72))
    whole, bands = (joint(data, SUB64, 256.0, band=band)[1] for band in (64, 7))
    np.testing.assert_array_equal(whole[0], bands[0])
    np.testing.assert_array_equal(whole[1], bands[1])


def test_a_wave_that_is_the_same_in_all_groups_is_left():
    clock = SUB64._replace(frame=2560.0)
    data = quiet_ramps(np.random.default_rng(6), (1, 5, 64, 72))
    _, (amplitudes, _) = joint(data, clock, 256.0)
    assert amplitudes[0] == 0.0


def test_of_equal_fits_the_positive_one_is_taken():
    phases = np.arange(8) / 8
    chisq = -np.array([1.0, 5.0, 9.0, 5.0, 1.0, 5.0, 9.0 * (1 + 1e-14), 5.0])
    amplitudes = np.array([1.0, 1, 1, 1, -1, -1, -1, -1])
    assert emicorr_joint._vertex(phases, amplitudes, chisq) == pytest.approx(0.25)
    assert emicorr_joint._vertex(phases, -amplitudes, chisq) == pytest.approx(0.75)


def test_parabolas_end_at_phase_0():
    phases = np.arange(8) / 8
    chisq = np.cos(2 * np.pi * (phases + 0.5))
    vertex = emicorr_joint._vertex(phases, np.ones(8), chisq)
    curvature, slope, _ = np.polyfit([0.875, 0.0, 0.125], chisq[[7, 0, 1]], 2)
    assert vertex == pytest.approx(-slope / (2 * curvature))
    assert abs(vertex) > 0.1


def sequential(data, period, reference=None, bins=None, scale=True):
    """Find the wave of an exposure in memory."""
    nbins = emicorr_sequential.bins_of(bins, period)
    edges = emicorr_sequential.edges_of(nbins)
    noise, numbers = [], []
    for i, ramps in enumerate(data):
        left = emicorr_sequential.noise_of(ramps)
        emicorr_sequential.repair(left)
        left -= np.median(left, axis=(1, 2))[:, None, None]
        where = np.empty(left.shape, np.int32)
        start = i * (SUB64.frame * data.shape[1] + SUB64.reset)
        emicorr_sequential.bin_numbers(left, start, SUB64[:3], -1, period, edges, where)
        noise.append(left)
        numbers.append(where)
    found = emicorr_sequential.clipped_means(np.ravel(noise), np.ravel(numbers), nbins)
    values = emicorr_sequential.table_of(found, reference, period, scale)
    return np.array(numbers), emicorr.Table(values, SUB64, period, -1, data.shape[1])


@pytest.mark.parametrize("reference", [None, wave()], ids=["found", "shifted"])
def test_sequential_fit_removes_the_wave(reference):
    data = quiet_ramps(np.random.default_rng(7), (2, 12, 64, 72))
    clean = data.copy()
    curve = emicorr.wave_shape(wave())
    delay = (SUB64.frame / 256.0) % 1 * 12 + SUB64.reset / 256.0
    starts = (0.3 + np.arange(2) * delay) % 1
    emicorr.Smooth(curve, SUB64, 256.0, np.array([-5.0, -5.0]), starts).subtract(data, 0)
    added = np.std(data - clean)
    sequential(data, 256.0, reference)[1].subtract(data, 0)
    assert np.std(data - clean) < 0.15 * added


def test_bins_are_those_of_the_times():
    data = quiet_ramps(np.random.default_rng(8), (2, 5, 64, 72))
    period = 457.6
    numbers, _ = sequential(data, period, bins=40)
    phase = (naive_times(SUB64, data.shape)[..., ::4] / period) % 1
    edges = emicorr_sequential.edges_of(40)
    expected = np.searchsorted(edges, phase, side="left") - 1
    np.testing.assert_array_equal(numbers, expected)
    assert (expected == -1).any()  # a phase of 0 is in no bin


def test_clipped_means_leave_outliers_out():
    rng = np.random.default_rng(9)
    bins = rng.integers(-1, 5, 4000).astype(np.int32)
    values = (rng.normal(0, 1, 4000) + 10 * bins).astype(np.float32)
    values[::200] += 500
    means = emicorr_sequential.clipped_means(values, bins, 6)
    np.testing.assert_allclose(means[:5], 10 * np.arange(5), atol=0.2)
    assert np.isnan(means[5])


def test_an_empty_bin_leaves_nothing_to_subtract():
    found = np.array([1.0, np.nan, 2.0])
    for reference in (None, wave()):
        assert not emicorr_sequential.table_of(found, reference, 9.5, False).any()


@pytest.mark.parametrize(
    ("given", "cycles", "expected"),
    [(None, 3, 1), (None, None, 7), (None, 500, 8), (20, 3, 7), (20, 4, 20), (2, 3, 2)],
)
def test_integrations_in_which_the_wave_is_looked_for(given, cycles, expected):
    parameters = EmiCorr(nints_to_phase=given, use_n_cycles=cycles)
    used = emicorr_sequential.integrations_used(parameters, 256.0, SUB64, 2, 7)
    assert used == expected


def test_the_last_quad_of_full_rows_is_late():
    assert emicorr_sequential.late_quad(1, 1032) == 257
    assert emicorr_sequential.late_quad(1, 72) == -1


def test_clocks():
    assert emicorr.Clock.of("FASTR1", 1, 28, 8512, 64) == (1, 28, 8512, 8512, 8512)
    assert emicorr.Clock.of("FAST", 1, 28, 8512, 64).reset == 0
    assert emicorr.subarray_case("FULL", "SLOWR1") == "FULL_SLOW"
    assert emicorr.speed_of("FASTGRPAVG") is None


def test_frequencies_are_read_from_text():
    assert EmiCorr(onthefly_corr_freq="390.625, 10.04").onthefly_corr_freq == (390.625, 10.04)


@pytest.mark.parametrize("delay", [0.0, 0.5, 0.25, 1 / 3, 0.002 * 7, 0.7123, -0.4])
@pytest.mark.parametrize("integration", [0, 1, 7, 199])
def test_next_trial_is_that_of_a_search_of_all(delay, integration):
    trials = np.arange(500) * 1.0 / 500
    rng = np.random.default_rng(integration)
    for phases in (trials, rng.uniform(-0.5, 1.5, 50)):
        ahead = np.abs((trials - phases[:, np.newaxis] - delay * integration) % 1)
        found = emicorr_joint._nearest(trials, phases, delay * integration)
        assert np.array_equal(found, np.argmin(ahead, axis=1))
