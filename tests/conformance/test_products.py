"""Every product of every case agrees with the reference's, pixel by pixel, key by key."""

import numpy as np
import pytest
from astropy.io import fits
from comparison import compare_data, compare_headers
from every_case import ALL_CASES
from real_data import DATA, REAL_CASES, at_hand


def parameter(case):
    absent = case in REAL_CASES and not at_hand()
    marks = pytest.mark.skip(reason=f"{DATA} is not there") if absent else ()
    return pytest.param(case, id=case.name, marks=marks)


every_case = pytest.mark.parametrize(
    "case", [parameter(case) for case in ALL_CASES], scope="module"
)
"""The scope has all tests of a case follow each other."""


def pairs(run):
    """Return both pipelines' products side by side, by name."""
    ours, theirs = run.products("onramp"), run.products("reference")
    return {name: (ours[name], theirs[name]) for name in theirs if name in ours}


@every_case
def test_products_are_those_of_the_reference(case, runs):
    run = runs[case.name]
    assert case.crash in run.reference_problem
    assert case.refusal in run.onramp_problem
    assert bool(run.reference_problem) == bool(case.crash)
    assert bool(run.onramp_problem) == bool(case.refusal)
    if not case.crash and not case.refusal:
        assert run.products("onramp").keys() == run.products("reference").keys()


@every_case
def test_data_agree(case, runs, record_property):
    problems = []
    for product, (ours, theirs) in pairs(runs[case.name]).items():
        for agreement in compare_data(product, ours, theirs, case.rounding):
            record_property("agreement", (case.name, *agreement))
            if agreement.problem:
                problems.append(f"{agreement.product}[{agreement.extension}]: {agreement.problem}")
    assert not problems, "\n".join(problems)


@every_case
def test_headers_agree(case, runs):
    run = runs[case.name]
    problems = [
        f"{name}: {problem}"
        for name, (ours, theirs) in pairs(run).items()
        if name not in case.headers_apart
        for problem in compare_headers(ours, theirs, run.uncal)
    ]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("case", [parameter(case) for case in REAL_CASES[:1]])
def test_flight_pixels_have_the_known_number_of_nan(case, runs):
    rate = fits.getdata(runs.of([case.name])[case.name].products("onramp")["rate"])
    assert rate.size == 16384
    assert np.isnan(rate).sum() == 50
