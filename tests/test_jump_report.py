import json
import math

import numpy as np
import pytest
from astropy.io import fits
from onramp import jump_report
from onramp.jump_report import (
    chi_squared_probability,
    header_cards,
    make_report,
    median_size,
    report_as_dict,
    report_lines,
)
from onramp.placement import Placement
from onramp.simulate import simulate
from onramp.steps import jump
from onramp.steps.jump_census import (
    CLEARLY,
    EVENT_SIZES,
    EVENTS,
    FLAGGED,
    SEARCHED,
    SIZE_EDGES,
    JumpCensus,
    take_census,
)
from onramp.steps.outputs import Outputs

PIXEL = 18e-4**2  # cm2


def a_census(events, searched=2_000_000, noutputs=4):
    """Counts of an exposure with as many events in each group after the first."""
    census = JumpCensus.empty(len(events) + 1, noutputs)
    census.by_group[SEARCHED, 1:] = searched
    census.by_group[EVENTS, 1:] = events
    for kind, factor in ((FLAGGED, 5), (CLEARLY, 3)):
        census.by_group[kind, 1:] = factor * np.array(events)
    total = census.by_group.sum(axis=1)
    census.by_amplifier[:] = total[:, None] // noutputs
    census.sizes[EVENT_SIZES, 10] = total[EVENTS]
    return census


def test_rate_and_its_error():
    report = make_report(a_census([400, 420, 380]), "NIRSPEC", 10.0)
    exposure = 3 * 2_000_000 * 10.0 * PIXEL
    assert report.exposure == pytest.approx(exposure)
    assert report.rate == pytest.approx(1200 / exposure)
    assert report.error == pytest.approx(math.sqrt(1200) / exposure)
    assert report.flagged_rate == pytest.approx(5 * report.rate)
    assert report.samples_per_event == 3
    assert report.by_group.rate[1:] == pytest.approx(np.array([1200, 1260, 1140]) / exposure)
    assert np.isnan(report.by_group.rate[0])
    assert report.by_amplifier.rate == pytest.approx([report.rate] * 4)
    chi_squared = 2 * 20**2 / 400
    assert report.by_group.probability == pytest.approx(math.exp(-chi_squared / 2))
    assert report.by_amplifier.probability == 1
    assert report.remarks == ()


def test_pixels_of_miri_are_larger():
    near, mid = (make_report(a_census([50]), name, 3.0) for name in ("NIRISS", "MIRI"))
    assert mid.exposure / near.exposure == pytest.approx((25 / 18) ** 2)
    assert mid.expectation.typical_size is None


@pytest.mark.parametrize(
    ("events", "searched", "verdict"),
    [
        (200, 2_000_000, "as expected"),
        (40, 2_000_000, "low"),
        (900, 2_000_000, "high"),
        (410, 2_000_000, "as expected"),
        (110, 2_000_000, "as expected"),
        (0, 2_000_000, "low"),
        (2, 20_000, "too few to tell"),
        (0, 20_000, "too few to tell"),
        (40, 20_000, "high"),
        (0, 0, "not searched"),
    ],
)
def test_verdict(events, searched, verdict):
    report = make_report(a_census([events], searched), "NIRSPEC", 10.0)
    assert report.verdict == verdict


def test_rare_events_are_given_the_error_of_one():
    report = make_report(a_census([0]), "FGS", 10.0)
    assert (report.rate, report.error) == (0, 1 / report.exposure)
    assert math.isnan(report.median_size)
    assert math.isnan(report.samples_per_event)


def test_what_stands_out_is_said():
    report = make_report(a_census([400, 400, 1000, 400, 400]), "NIRCAM", 10.0)
    assert report.remarks == ("group 4 has 2.5 times the median rate (+30 sigma)",)
    assert report.by_group.probability < 1e-20
    census = a_census([4000])
    census.by_amplifier[EVENTS] = 1050, 950, 300, 1700
    remarks = make_report(census, "NIRCAM", 10.0).remarks
    assert [remark.split()[:2] for remark in remarks] == [["amplifier", "3"], ["amplifier", "4"]]
    census.by_amplifier[EVENTS] = 1150, 1000, 850, 1000
    assert make_report(census, "NIRCAM", 10.0).remarks == ()


def test_first_difference_sees_hits_for_longer_if_frames_are_averaged():
    report = make_report(a_census([270, 200, 200]), "NIRCAM", 20.0, averaging_time=7.0)
    assert report.by_group.rate[1:] == pytest.approx([report.rate] * 3)


def test_median_size():
    histogram = np.zeros(SIZE_EDGES.size + 1, int)
    assert math.isnan(median_size(histogram))
    histogram[5] = 10
    assert median_size(histogram) == pytest.approx(math.sqrt(SIZE_EDGES[4] * SIZE_EDGES[5]))
    histogram[7] = 10
    assert median_size(histogram) == pytest.approx(SIZE_EDGES[5])
    histogram[-1] = 100
    assert median_size(histogram) == SIZE_EDGES[-1]
    histogram[0] = 1000
    assert median_size(histogram) == SIZE_EDGES[0]


def test_median_size_of_many():
    sizes = np.random.default_rng(1).lognormal(np.log(3000), 1.0, 20000)
    histogram = np.bincount(np.searchsorted(SIZE_EDGES, sizes), minlength=SIZE_EDGES.size + 1)
    assert median_size(histogram) == pytest.approx(np.median(sizes), rel=0.02)


@pytest.mark.parametrize("census", [a_census([400, 400]), JumpCensus.empty(5, 1), a_census([0, 0])])
def test_everything_can_be_written(census):
    report = make_report(census, "NIRISS", 10.0)
    plain = report_as_dict(report)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    cards = header_cards(report)
    header = fits.Header(cards)
    blank = fits.Header(header_cards(make_report(JumpCensus.empty(*sizes_of(census)), "NIRISS", 1)))
    assert list(header) == list(blank)
    assert len(header.tostring()) == len(blank.tostring())
    for keyword, value, comment in cards:
        assert len(keyword) <= 8
        assert header.comments[keyword] == comment
        if value is not None:
            assert fits.Header.fromstring(header.tostring())[keyword] == value
    assert report_lines(report)[0].startswith("jumps: ")
    if not report.exposure:
        assert report_lines(report) == ["jumps: not searched"]
        assert (plain["rate"], plain["verdict"]) == (None, "not searched")


def sizes_of(census):
    return census.by_group.shape[1], census.by_amplifier.shape[1]


def test_log_says_rate_error_and_expectation():
    line, remark = report_lines(make_report(a_census([400, 400, 1000]), "NIRSPEC", 10.0))
    assert line.startswith("jumps: 9.26 +- 0.22 events/cm2/s (1800 in 194 cm2 s), high (1.8 to 6)")
    assert "46.3 flagged samples/cm2/s" in line
    assert remark == "jumps: group 4 has 2.5 times the median rate (+30 sigma)"


def test_every_instrument_has_an_expectation():
    assert set(jump_report.EXPECTED) == {"NIRCAM", "NIRISS", "NIRSPEC", "FGS", "MIRI"}
    for expectation in jump_report.EXPECTED.values():
        assert 0 < expectation.low < expectation.high
        assert expectation.source


THRESHOLDS = jump.Thresholds(4.0, 6.0, 5.0, 10.0, 1000.0, 0.0, 0, 0.0, 0)


def census_of_hits(rng, rate, nframes, shape, frame_time=5.0, groupgap=1):
    """Detect the hits of a Poisson field in ramps that average frames; return their census."""
    ngroups, ny, nx = shape
    step = nframes + groupgap
    frames = ngroups * step
    signal = np.zeros((frames, ny, nx), np.float32)
    hits = rng.poisson(rate * PIXEL * ny * nx * frames * frame_time)
    for frame, y, x in zip(rng.integers(0, frames, hits), rng.integers(0, ny, hits),
                           rng.integers(0, nx, hits)):  # fmt: skip
        charge = rng.lognormal(np.log(5000), 0.5)
        signal[frame:, y, x] += charge
        signal[frame:, y, max(x - 1, 0)] += 0.2 * charge
    signal += rng.normal(0, 10, signal.shape)
    groups = signal.reshape(ngroups, step, ny, nx)[:, :nframes].mean(axis=1)[None]
    groupdq = np.zeros(groups.shape, np.uint8)
    gain = np.ones((ny, nx), np.float32)
    variance = 2 * 100 * gain
    detection = jump.Detection(jump.ITERATIVE, THRESHOLDS, False, True, nframes)
    everything = slice(0, ny)
    jump.detect_jumps(groups, groupdq, gain, np.sqrt(variance), detection, everything)
    outputs = Outputs.of(Placement(1, 1, nx, ny, 1, 2, "X", 4))
    dq = np.zeros((ny, nx), np.uint32)
    census = take_census(groups, groupdq, dq, gain, variance, nframes, outputs, everything)
    return make_report(census, "NIRCAM", step * frame_time, (nframes - 1) * frame_time)


@pytest.mark.parametrize("nframes", [1, 4])
def test_rate_of_a_poisson_field_is_found_within_its_error(nframes):
    rng = np.random.default_rng(nframes)
    reports = [census_of_hits(rng, 40.0, nframes, (8, 96, 96)) for _ in range(12)]
    deviations = np.array([(report.rate - 40.0) / report.error for report in reports])
    assert abs(deviations.mean()) < 4 / math.sqrt(len(reports))
    assert 0.3 < deviations.std() < 1.9
    if nframes == 1:
        assert abs(np.mean([report.samples_per_event for report in reports]) - 2) < 0.1
    first = np.array([report.by_group.events[1] for report in reports]).sum()
    others = np.array([report.by_group.events[2:] for report in reports]).mean(axis=1).sum()
    longer = 1 + (nframes - 1) / (nframes + 1)
    assert first / others == pytest.approx(longer, rel=0.15)


def test_the_simulator_s_modes_are_instruments_we_know(tmp_path):
    made = simulate("nirspec_bots", tmp_path, 1, nints=1)
    assert fits.getheader(made.uncal)["INSTRUME"] in jump_report.EXPECTED


@pytest.mark.parametrize("dof", [1600, 4001])
@pytest.mark.parametrize("share", [0.0, 0.9, 1.0, 1.1])
def test_probability_of_chi_squared_of_very_many(share, dof):
    wilson_hilferty = (share ** (1 / 3) - 1 + 2 / (9 * dof)) / math.sqrt(2 / (9 * dof))
    expected = math.erfc(wilson_hilferty / math.sqrt(2)) / 2
    assert chi_squared_probability(share * dof, dof) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("dof", [1, 2, 3, 4, 9, 30])
@pytest.mark.parametrize("chi_squared", [0.3, 5.0, 80.0])
def test_probability_of_chi_squared(chi_squared, dof):
    values = np.linspace(np.sqrt(chi_squared), 40.0, 400_001)
    density = values ** (dof - 1) * np.exp(-(values**2) / 2)
    norm = 2 ** (dof / 2 - 1) * math.gamma(dof / 2)
    expected = np.trapezoid(density, values) / norm
    assert chi_squared_probability(chi_squared, dof) == pytest.approx(expected, rel=1e-6)
