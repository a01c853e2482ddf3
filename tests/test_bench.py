"""The benchmark's own side on few pixels: what it times is right, and it still runs."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from onramp.detector1 import process_exposure
from onramp.flags import DO_NOT_USE, JUMP_DET, SATURATED
from onramp.parameters import Detector1Parameters

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
MODULES = "agreement", "bench", "large_exposure", "ramps", "step_cases", "steps_onramp", "whole"
CASES = "full_frame", "time_series", "snowballs", "likelihood"


@pytest.fixture(scope="module")
def benchmarks():
    """The benchmark's modules by name."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return {name: importlib.import_module(name) for name in MODULES}
    finally:
        sys.path.remove(str(BENCHMARKS))


def tiny(benchmarks, name):
    """A case on few pixels, and its ramps."""
    case = benchmarks["step_cases"].small(benchmarks["step_cases"].CASES[name])
    return case, benchmarks["ramps"].draw(case.field)


@pytest.mark.parametrize("name", CASES)
def test_steps_are_timed_and_find_what_was_drawn(benchmarks, name):
    case, arrays = tiny(benchmarks, name)
    given = {name: values.copy() for name, values in arrays.items()}
    results, took = benchmarks["steps_onramp"].measure(case, arrays)
    assert all(np.array_equal(values, given[name]) for name, values in arrays.items())
    assert results.arrays().keys() >= {"groupdq"}
    assert took["cpu"] > 0
    assert took["stream"] > 0
    assert took["peak_mb"] >= took["before_mb"] > 10
    assert took["seconds"].keys() >= {"rows", *case.steps}
    if case.threads:
        assert took["threads"]["same_bits"]
    if "jump" in case.steps:
        found = np.mean((results.groupdq & JUMP_DET) != 0)
        assert case.field.hits / 3 < found < (30 if case.snowballs else 10) * case.field.hits
    if "fit" in case.steps:
        good = (arrays["pixeldq"] == 0) & ((results.rate.dq & DO_NOT_USE) == 0)
        sky = np.median(results.rate.sci[good] * arrays["gain"][good])
        assert sky == pytest.approx(case.field.sky, rel=0.3)


def test_snowballs_are_flagged_after_jumps(benchmarks):
    case, arrays = tiny(benchmarks, "snowballs")
    flagged = []
    for snowballs in (False, True):
        passage = benchmarks["steps_onramp"].Passage(case._replace(snowballs=snowballs), arrays)
        results = passage.results()
        passage.run(results)
        flagged.append(np.count_nonzero(results.groupdq & JUMP_DET))
    assert flagged[1] > 1.2 * flagged[0]


def test_bands_do_not_matter(benchmarks, monkeypatch):
    case, arrays = tiny(benchmarks, "full_frame")
    passage = benchmarks["steps_onramp"].Passage(case, arrays)
    whole, low = passage.results(), passage.results()
    passage.run(whole)
    monkeypatch.setattr("onramp.bands.band_height", lambda *_: 3)
    assert len(passage.parts()) == 14
    passage.run(low, threads=2)
    for name, values in whole.arrays().items():
        assert values.tobytes() == low.arrays()[name].tobytes(), name


def test_drawn_ramps_hold_what_makes_them_hard(benchmarks):
    case, arrays = tiny(benchmarks, "time_series")
    flagged = (arrays["groupdq"] != 0).any(axis=1)
    assert np.mean(flagged) == pytest.approx(case.field.flagged, abs=0.02)
    assert 0.005 < np.mean(arrays["pixeldq"] != 0) < 0.03
    _, arrays = tiny(benchmarks, "full_frame")
    assert ((arrays["groupdq"] & SATURATED) != 0).any()


def test_disagreement_is_seen(benchmarks):
    problem = benchmarks["agreement"].problem
    rates = np.linspace(1, 2, 50, dtype=np.float32)
    flags = np.arange(50, dtype=np.uint8)
    assert not problem(rates, rates.copy())
    assert not problem(flags, flags.copy())
    assert problem(flags, flags[::-1]) == "50 flags differ"
    assert "is not" in problem(rates, rates[:3])
    for wrong in (np.nan, 1.0003):
        other = rates.copy()
        other[7] *= wrong
        assert problem(other, rates)


def test_repeated_integrations_are_processed(benchmarks, tmp_path):
    whole = benchmarks["whole"]
    case = whole.LargeCase((6, 4, 24, 32), {"ystart": 2025, "subarray": "GENERIC"}, 2, 6)
    exposure = benchmarks["large_exposure"].make(case, 6, tmp_path)
    with fits.open(exposure.uncal) as uncal:
        assert uncal["SCI"].data.shape == case.shape
        assert np.array_equal(uncal["SCI"].data[:2], uncal["SCI"].data[4:])
        assert len(uncal["INT_TIMES"].data) == uncal[0].header["NINTS"] == 6
    process_exposure(
        exposure.uncal, tmp_path / "onramp", Detector1Parameters(), None, exposure.references
    )
    command = whole.onramp_command(tmp_path)
    assert str(exposure.uncal) in command
    (rateints,) = (tmp_path / "onramp").glob("*_rateints.fits")
    assert fits.getdata(rateints, "SCI").shape == (6, 24, 32)


def test_every_case_has_a_row(benchmarks):
    bench, steps, whole = (benchmarks[name] for name in ("bench", "step_cases", "whole"))
    options = bench.parse([])
    assert options.rounds == 5
    assert options.cases == [*steps.CASES, *bench.SLITLESS, *whole.WHOLE, *whole.LARGE]
    assert bench.parse(["--steps"]).cases == [*steps.CASES, *bench.SLITLESS]
    assert whole.sample_ns(bench.Cost(2.0, 100.0), (1, 10, 1000, 1000), 1.0) == pytest.approx(100)
    assert whole.sample_ns(bench.Cost(2.0, 100.0), (1, 10, 100, 100), 1.0) is None
    took = {"cpu": 2.0, "peak_mb": 100.0, "stream": 0.1}
    threads = {"passage": (2.0, 1.1), "computing": (0.1, 0.052), "same_bits": False}
    found = {"reference": [{"cpu": 50.0, "peak_mb": 1e3}], "onramp": [{**took, "threads": threads}]}
    row = bench._step_row("full_frame", found, [])
    assert row.ratio == pytest.approx(25)
    assert row.two_threads == pytest.approx(0.55)
    assert row.two_computing == pytest.approx(0.52)
    assert "two threads" in row.problems[0]
    assert row.record()["onramp"]["cpu"] == 2
    table = [*bench.head().splitlines(), bench.line(row.cells())]
    assert {text.count("|") for text in table} == {len(row.cells()) + 1}
