"""Every product of every case agrees with the reference's, pixel by pixel and keyword by keyword."""

import pytest
from comparison import compare_data, compare_headers
from conftest import ALL_CASES

every_case = pytest.mark.parametrize("case", ALL_CASES, ids=lambda case: case.name)


def pairs(run):
    """Return both pipelines' products side by side, by name."""
    ours, theirs = run.products("onramp"), run.products("reference")
    return {name: (ours[name], theirs[name]) for name in theirs if name in ours}


@every_case
def test_products_are_those_of_the_reference(case, runs):
    run = runs[case.name]
    if case.crash:
        assert case.crash in run.reference_problem
        assert run.onramp_problem is None
        return
    assert not run.reference_problem
    assert run.onramp_problem is None
    assert run.products("onramp").keys() == run.products("reference").keys()


@every_case
def test_data_agree(case, runs, record_property):
    problems = []
    for product, (ours, theirs) in pairs(runs[case.name]).items():
        for agreement in compare_data(product, ours, theirs):
            record_property("agreement", (case.name, *agreement))
            if agreement.problem:
                problems.append(f"{agreement.product}[{agreement.extension}]: {agreement.problem}")
    assert not problems, "\n".join(problems)


@every_case
def test_headers_agree(case, runs):
    run = runs[case.name]
    problems = {
        name: found
        for name, (ours, theirs) in pairs(run).items()
        if (found := compare_headers(ours, theirs, run.uncal))
    }
    assert not problems
