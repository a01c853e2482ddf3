"""Noise, bias, false alarms and completeness, against theory and against docs/accuracy.md."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from onramp.steps.ramp_fit import slope_weights

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from accuracy_page import per_million  # noqa: E402
from accuracy_ramps import (  # noqa: E402
    READ_NOISE,
    Pattern,
    best_fit,
    covariance,
    jumps,
    likelihood,
    optimum,
    simulate,
    straight_line,
    two_point,
)
from accuracy_studies import Alarms, count_alarms, measure_fits, measure_hits, size_found  # noqa: E402

SIGMAS = 5.0
AVERAGED = Pattern(6, nframes=4, groupgap=1)


@pytest.fixture
def rng():
    return np.random.default_rng(31)


@pytest.fixture(scope="module")
def page():
    """Cells of the page's tables by the column names of their header."""
    rows, header = [], None
    for line in (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8").splitlines():
        if not line.startswith("| "):
            header = None
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if header is None:
            header = cells
        elif cells[0] != "---":
            rows.append(dict(zip(header, cells, strict=True)))
    return rows


def find(page, column, ngroups, rate):
    """Return the row of a table that has a column, for one number of groups and flux."""
    (row,) = [
        row
        for row in page
        if column in row
        and row.get("groups") == str(ngroups)
        and row["flux [e⁻/read]"] == f"{rate:g}"
    ]
    return row


@pytest.mark.parametrize(("rate", "noise"), [(0.1, 0.3955), (100.0, 2.373), (1000.0, 7.290)])
def test_optimum_of_20_groups(rate, noise):
    assert optimum(Pattern(20), rate) == pytest.approx(noise, abs=0.5 * 10 ** -len(str(noise)[2:]))


@pytest.mark.parametrize(("rate", "factor"), [(100.0, 1.048), (1000.0, 1.067)])
def test_unweighted_line_of_20_groups(rate, factor):
    pattern = Pattern(20)
    assert straight_line(pattern, rate) / optimum(pattern, rate) == pytest.approx(factor, abs=5e-4)


@pytest.mark.parametrize("ngroups", [4, 9, 20])
def test_limits_of_the_optimum(ngroups):
    """Read noise alone: an unweighted line; photons alone: the end points."""
    pattern = Pattern(ngroups)
    line = math.sqrt(12.0 * READ_NOISE**2 / (ngroups**3 - ngroups))
    assert optimum(pattern, 0.0) == pytest.approx(line)
    assert straight_line(pattern, 0.0) == pytest.approx(line)
    assert optimum(pattern, 1e9) == pytest.approx(math.sqrt(1e9 / (ngroups - 1)), rel=1e-5)


@pytest.mark.parametrize("pattern", [Pattern(6), AVERAGED], ids=["single reads", "averaged reads"])
def test_simulated_differences_have_the_covariance(rng, pattern):
    data, _ = simulate(rng, pattern, 40.0)
    differences = np.diff(data[0].astype(float), axis=0).reshape(pattern.ngroups - 1, -1)
    expected = covariance(pattern, 40.0)
    npixels = differences.shape[1]
    of_means = np.sqrt(np.diag(expected) / npixels)
    assert np.all(abs(differences.mean(axis=1) - 40.0 * pattern.group_time) < SIGMAS * of_means)
    variances = np.diag(expected)
    error = np.sqrt((np.outer(variances, variances) + expected**2) / npixels)
    assert np.all(abs(np.cov(differences) - expected) < SIGMAS * error)


@pytest.mark.parametrize("pattern", [Pattern(20), AVERAGED], ids=["single reads", "averaged reads"])
def test_best_fit_has_the_noise_of_the_optimum(rng, pattern):
    data, _ = simulate(rng, pattern, 30.0)
    rates = best_fit(data, pattern, 30.0)
    noise = optimum(pattern, 30.0)
    assert abs(rates.mean() - 30.0) < SIGMAS * noise / math.sqrt(rates.size)
    assert rates.std() == pytest.approx(noise, rel=SIGMAS / math.sqrt(2 * rates.size))


def weighted_line(pattern, rate, signal_class):
    """Noise of OLS_C with the weights of one class, from the covariance."""
    of_groups = slope_weights(pattern.ngroups)[signal_class, pattern.ngroups]
    of_differences = np.cumsum(of_groups[::-1])[-2::-1]
    return math.sqrt(of_differences @ covariance(pattern, rate) @ of_differences)


@pytest.mark.parametrize(("rate", "signal_class"), [(0.1, 0), (100.0, 3), (1000.0, 5)])
def test_least_squares_of_20_groups_has_the_noise_of_its_weights(rate, signal_class):
    """At these fluxes the signal-to-noise is far from the edges of its class."""
    pattern = Pattern(20)
    quality = measure_fits(pattern, rate, 1)["OLS_C"]
    expected = weighted_line(pattern, rate, signal_class) / optimum(pattern, rate)
    assert abs(quality.ratio - expected) < SIGMAS * quality.ratio_error + 1e-6
    assert abs(quality.bias) < SIGMAS * quality.bias_error + 1e-6


@pytest.mark.parametrize("ngroups", [5, 20])
@pytest.mark.parametrize("rate", [0.1, 10.0, 1000.0])
def test_likelihood_is_as_good_as_the_best_linear_fit(ngroups, rate):
    quality = measure_fits(Pattern(ngroups), rate, 1)["LIKELY"]
    assert abs(quality.ratio - 1.0) < 0.002 + SIGMAS * quality.ratio_error
    assert abs(quality.bias) < 0.0005 + SIGMAS * quality.bias_error
    # a covariance with the fitted rate in place of the true one leaves up to half a per cent
    assert abs(quality.chisq - 1.0) < 0.006 + SIGMAS * quality.chisq_error
    if rate > 1.0:
        assert quality.pull == pytest.approx(1.0, abs=0.01 + SIGMAS / math.sqrt(2 * 65536))


@pytest.mark.parametrize(("ngroups", "rate"), [(5, 10.0), (10, 10.0), (20, 100.0)])
def test_page_holds_what_the_fits_do(page, ngroups, rate):
    row = find(page, "best noise [e⁻/s]", ngroups, rate)
    quality = measure_fits(Pattern(ngroups), rate, 1)
    assert float(row["best noise [e⁻/s]"]) == pytest.approx(
        optimum(Pattern(ngroups), rate), rel=1e-3
    )
    for name in ("OLS_C", "LIKELY"):
        fit = quality[name]
        assert abs(float(row[f"{name} noise"]) - fit.ratio) < SIGMAS * fit.ratio_error + 1e-4
        assert abs(float(row[f"{name} bias"]) - fit.bias) < SIGMAS * fit.bias_error + 1e-4
        assert float(row[f"{name} pull"]) == pytest.approx(
            fit.pull, abs=SIGMAS / math.sqrt(2 * 65536) + 1e-3
        )


def test_mean_of_integrations_is_low_for_faint_pixels():
    """As the page warns; the plain mean of the integrations is not."""
    pattern = Pattern(5, nints=10)
    quality = measure_fits(pattern, 1.0, 1)
    assert quality["LIKELY"].bias < -SIGMAS * quality["LIKELY"].bias_error - 0.02
    assert abs(quality["LIKELY, each"].bias) < 0.0005 + SIGMAS * quality["LIKELY, each"].bias_error


@pytest.mark.parametrize("ngroups", [5, 10, 20, 50])
def test_false_alarms(page, ngroups):
    alarms = count_alarms(Pattern(ngroups), 25.0, 4)
    row = find(page, "two-point, 4 σ", ngroups, 25.0)
    for column, count in zip(("two-point, 4 σ", "two-point, 5 σ", "LIKELY"), alarms):
        rate = float(row[column].split(" ± ")[0]) * 1e-6
        expected = rate * alarms.differences
        # two differences of a ramp may be flagged together, so counts scatter more than Poisson's
        assert abs(count - expected) < SIGMAS * math.sqrt(2.0 * max(expected, 1.0))
    assert alarms.likelihood < alarms.two_point_4


def test_thresholds_of_the_likelihood_mean_one_probability():
    one, two = math.erfc(4.5 / math.sqrt(2.0)), math.exp(-23.8 / 2.0)
    assert one == pytest.approx(6.8e-6, rel=0.01)
    assert two == pytest.approx(one, rel=0.01)


@pytest.mark.parametrize("seed", range(2))
def test_averaged_reads_keep_the_level_of_false_alarms(seed):
    """A hit inside a group of averaged reads spoils two differences: the other threshold counts."""
    pattern = Pattern(20, nframes=4, groupgap=1)
    data, _ = simulate(np.random.default_rng(seed), pattern, 25.0)
    flagged = jumps(likelihood(data, pattern).flags).any(axis=(0, 1)).sum()
    expected = 6.8e-6 * (19 + 18) * data[0, 0].size
    assert flagged < expected + SIGMAS * math.sqrt(expected)
    assert flagged > 0


@pytest.mark.parametrize(("ngroups", "better"), [(5, "two-point"), (20, "LIKELY"), (50, "LIKELY")])
def test_who_finds_hits_of_50_electrons(ngroups, better):
    hits = measure_hits(Pattern(ngroups), 10.0, 50.0, 1)
    (other,) = {"two-point", "LIKELY"} - {better}
    error = math.sqrt(0.5 / 65536)
    assert hits[better].found - hits[other].found > SIGMAS * error


@pytest.mark.parametrize("rate", [1.0, 100.0])
def test_large_hits_leave_nothing_in_the_rate(rate):
    hits = measure_hits(Pattern(20), rate, 1000.0, 1)
    assert hits["no search"].bias > 5.0
    for name in ("two-point", "LIKELY"):
        assert hits[name].found == 1.0
        assert abs(hits[name].bias) < 0.02 + SIGMAS * hits[name].scatter / 256
    assert hits["LIKELY"].scatter < hits["no search"].scatter


def test_likelihood_alone_overlooks_hits_where_the_median_is_not_positive():
    """As the page warns; the jump step before it finds them."""
    pattern = Pattern(5)
    data, groups = simulate(np.random.default_rng(8), pattern, 1.0, 1000.0)
    searched = np.median(np.diff(data[0], axis=0), axis=0) > 0.0
    alone = np.take_along_axis(jumps(likelihood(data, pattern).flags), groups - 1, axis=1)[0, 0]
    both = jumps(likelihood(data, pattern, two_point(data, pattern)).flags)
    assert np.array_equal(alone, searched)
    assert np.take_along_axis(both, groups - 1, axis=1).all()


@pytest.mark.parametrize("threshold", [4.0, 6.0])
def test_half_of_the_hits_at_the_threshold_are_found(threshold):
    """In a long ramp median and noise are known, and the two-point method has no other error."""
    pattern, rate = Pattern(40), 10.0
    sigma = math.sqrt(2.0 * READ_NOISE**2 + rate)
    data, groups = simulate(np.random.default_rng(5), pattern, rate, threshold * sigma)
    found = jumps(two_point(data, pattern, threshold))
    fraction = np.take_along_axis(found, groups - 1, axis=1).mean()
    assert fraction == pytest.approx(0.5, abs=0.03)


def test_size_found_lies_between_the_sizes_tried():
    assert size_found([10, 20, 30], [0.1, 0.4, 0.8], 0.5) == pytest.approx(22.5)
    assert math.isnan(size_found([10, 20], [0.1, 0.4], 0.5))
    assert math.isnan(size_found([10, 20], [0.6, 0.9], 0.5))


def test_counting_errors_in_words():
    alarms = Alarms(400, 0, 4, 10_000_000)
    assert per_million(alarms.two_point_4, alarms.differences) == "40.0 ± 2.0"
    assert per_million(alarms.two_point_5, alarms.differences) == "0"
    assert per_million(alarms.likelihood, alarms.differences) == "0.40 ± 0.20"
