import functools

import numpy as np
import pytest
from onramp.interleaving import FRAME_READS, ROW_READS, SCIENCE
from onramp.steps import irs2_correction as correction
from onramp.steps import irs2_fourier as fourier


def sequence(reads):
    """Reads in the order of the clock, double precision."""
    return reads.T.ravel().astype(np.float64)


def naive_guess(values):
    """Weigh what is there within 15 ticks by a half wave."""
    known = values != 0
    filled = values.copy()
    half_wave = np.sin(np.pi * np.arange(1, 32) / 32)
    for place in np.flatnonzero(~known):
        around = (place + np.arange(-15, 16)) % values.size
        weight = half_wave @ known[around]
        filled[place] = half_wave @ values[around] / weight if weight > 0 else 0.0
    return filled


@functools.cache
def naive_filter():
    """One up to frequency 30268, then a cosine fall of 5000; the same down from the highest."""
    frequency = np.abs(np.fft.fftfreq(FRAME_READS, 1 / FRAME_READS))
    weight = np.zeros(FRAME_READS)
    for distance in (frequency, FRAME_READS / 2 - 1 - frequency):
        beyond = np.clip((distance - 30268) / 5000, 0, 1)
        weight += (1 + np.cos(np.pi * beyond)) / 2
    return weight


def naive_gaps(values, fixed, weight):
    filled = values.copy()
    for _ in range(3):
        smooth = np.fft.ifft(np.fft.fft(filled) * weight).real
        filled = np.where(fixed, values, smooth)
    return filled


def some_reads(rng, ticks):
    reads = np.zeros((ROW_READS, SCIENCE), np.float32)
    reads[ticks] = rng.normal(0, 8, (len(ticks), SCIENCE)) + rng.normal(0, 3, SCIENCE)
    return reads


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def test_places_are_a_permutation():
    series = np.arange(FRAME_READS, dtype=np.float32).reshape(ROW_READS, SCIENCE)
    rows = np.full((fourier.SHORT, fourier.LONG), -1, np.float32)
    ticks = np.arange(ROW_READS)
    fourier._arrange(series, ticks, ticks, fourier.places(), rows)
    assert np.array_equal(np.sort(rows.ravel()), np.arange(FRAME_READS))
    back = np.empty_like(series)
    fourier._collect(rows, ticks, ticks, fourier.places(), back, False)
    assert np.array_equal(back, series)
    assert np.array_equal(fourier.reads_of(rows, ticks[::-1], True), series[::-1, ::-1])


def test_transform_is_the_plain_one(rng):
    present = np.sort(rng.choice(ROW_READS, 300, replace=False))
    reads = some_reads(rng, present)
    spectrum = fourier.forward(fourier.arranged(reads[present], present))
    expected = np.fft.fft(sequence(reads)) / fourier.LONG
    frequency = np.arange(FRAME_READS)
    frequency = frequency[frequency % fourier.LONG < fourier.FREQUENCIES]
    found = spectrum[frequency % fourier.SHORT, frequency % fourier.LONG]
    assert np.abs(found - expected[frequency]).max() < 1e-6 * np.abs(expected).max()


def test_weights_act_as_on_a_complex_transform_of_which_the_real_part_is_kept(rng):
    ticks = np.arange(ROW_READS)
    first, second = some_reads(rng, ticks), some_reads(rng, ticks)
    parts = rng.normal(size=(2 * FRAME_READS, 8)).astype(np.float32)
    table = np.zeros((fourier.SHORT, fourier.FREQUENCIES, 16), np.float32)
    for start, stop in ((0, 1_000_000), (1_000_000, FRAME_READS)):
        fourier.add_weights(parts[2 * start : 2 * stop], start, table)
    weights = fourier.sort_weights(table)
    wanted = rng.permutation(ticks)[:400]
    other = fourier.forward(fourier.arranged(second, ticks))
    rows = fourier.weigh(fourier.arranged(first, ticks), weights, (5, 2), other)
    found = fourier.reads_of(rows, wanted)
    full = parts[::2] + 1j * parts[1::2]
    spectra = [np.fft.fft(sequence(reads)) for reads in (first, second)]
    expected = np.fft.ifft(spectra[0] * full[:, 5] + spectra[1] * full[:, 2]).real
    expected = expected.reshape(SCIENCE, ROW_READS)[:, wanted]
    assert np.abs(found.T - expected).max() < 1e-5 * expected.std()


def test_guesses(rng):
    reads = some_reads(rng, np.sort([*correction.SCIENCE_TICKS, *correction.REFERENCE_TICKS]))
    reads[100, rng.choice(SCIENCE, 40, replace=False)] = 0
    reads[[0, 1, 700, 711], [0, 2047, 2047, 3]] = 0
    reads[:, 900:903] = 0
    expected = naive_guess(sequence(reads))
    correction.guess_missing(reads)
    assert np.allclose(sequence(reads), expected, rtol=1e-5, atol=1e-6)


def test_nothing_is_guessed_from_nothing():
    reads = np.zeros((ROW_READS, SCIENCE), np.float32)
    correction.guess_missing(reads)
    assert not reads.any()


def test_gaps_are_filled_and_science_ticks_kept(rng):
    reads = some_reads(rng, np.arange(ROW_READS))
    fixed = np.zeros(reads.shape, bool)
    fixed[correction.SCIENCE_TICKS] = True
    given = reads.copy()
    rows = correction.fill_gaps(reads, correction.smoothing_weights())
    reads = fourier.reads_of(rows, correction.ALL_TICKS)
    expected = naive_gaps(sequence(given), fixed.T.ravel(), naive_filter())
    assert np.array_equal(reads[correction.SCIENCE_TICKS], given[correction.SCIENCE_TICKS])
    assert np.abs(sequence(reads) - expected).max() < 1e-4


def test_noise_of_a_sector(rng):
    reads = some_reads(rng, correction.REFERENCE_TICKS)
    output = some_reads(rng, np.arange(ROW_READS))
    frequency = np.abs(np.fft.fftfreq(FRAME_READS, 1 / FRAME_READS))
    alpha, beta = (share / (1 + (frequency / 20000) ** 2) for share in (0.3, 0.7))
    parts = np.zeros((2 * FRAME_READS, 8), np.float32)
    parts[::2, 0], parts[::2, 4] = alpha, beta
    table = np.zeros((fourier.SHORT, fourier.FREQUENCIES, 16), np.float32)
    fourier.add_weights(parts, 0, table)
    weights = fourier.sort_weights(table)
    spectrum = fourier.forward(fourier.arranged(output, correction.ALL_TICKS))
    wanted = correction.SCIENCE_TICKS
    noise = fourier.reads_of(correction.noise_of(reads, 0, weights, spectrum), wanted)
    spread = np.zeros_like(reads)
    for block in range(32):
        a, b, c, d = reads[22 * block + 9 : 22 * block + 13]
        spread[22 * block + 7 : 22 * block + 15] = a, c, a, c, b, d, b, d
    expected = np.fft.ifft(
        np.fft.fft(sequence(spread)) * beta + np.fft.fft(sequence(output)) * alpha
    ).real.reshape(SCIENCE, ROW_READS)
    assert np.abs(noise.T - expected[:, wanted]).max() < 1e-5


def test_a_line_is_found_and_taken_off(rng):
    rows = np.array(correction.EDGE_ROWS)
    ticks = rows[:, None] * ROW_READS + np.arange(ROW_READS) - correction.MIDDLE
    edges = (3.0 + 2e-6 * ticks + rng.normal(0, 1e-3, ticks.shape)).astype(np.float32)
    missing = rng.random(ticks.shape) < 0.2
    edges[missing] = 0
    line = correction.fit_line(edges)
    slope, intercept = np.polyfit(ticks[~missing], edges[~missing].astype(float), 1)
    assert line.slope == pytest.approx(slope, rel=1e-4)
    assert line.intercept == pytest.approx(intercept, rel=1e-5)
    reads = np.ones((ROW_READS, SCIENCE), np.float32)
    reads[3, 5] = 0
    correction.remove_line(reads, np.array([3, 700]), line)
    assert reads[3, 5] == 0
    assert (reads[4] == 1).all()
    time = 2000 * ROW_READS + 700 - correction.MIDDLE
    assert reads[700, 2000] == pytest.approx(1 - line.intercept - line.slope * time, rel=1e-5)


def test_no_line_without_reads():
    assert correction.fit_line(np.zeros((8, ROW_READS), np.float32)) == (0, 0)
