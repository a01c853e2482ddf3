"""Run both pipelines on the cases that are selected, and print how they agree."""

import pytest
from astropy.io import fits
from case import Case
from environment import ROOT, reference_python
from every_case import ALL_CASES
from onramp.own_process import settle
from running import Runs

TABLE = ROOT / "build" / "conformance.tsv"
COLUMNS = "case", "product", "extension", "worst", "fraction", "unequal", "problem"


settle(fits.conf)


@pytest.fixture(scope="session")
def jwst_python():
    return reference_python()


@pytest.fixture(scope="session")
def runs(request, jwst_python, tmp_path_factory):
    """What became of each selected case, by name; see `Runs`."""
    selected = _selected(request.session.items)
    cases = {
        case.name: (case, seed)
        for seed, case in enumerate(ALL_CASES, start=1)
        if case.name in selected
    }
    with Runs(cases, jwst_python, tmp_path_factory.mktemp("cases")) as runs:
        yield runs


def _selected(items):
    """Return the names of the cases that the tests to be run look at."""
    names = set()
    for item in items:
        if item.get_closest_marker("skip"):
            continue
        case = item.callspec.params.get("case") if hasattr(item, "callspec") else None
        if isinstance(case, Case):
            names.add(case.name)
        for marker in item.iter_markers("uses_cases"):
            names.update(marker.args)
    return names


def pytest_terminal_summary(terminalreporter):
    rows = [
        row
        for reports in terminalreporter.stats.values()
        for report in reports
        for key, row in getattr(report, "user_properties", ())
        if key == "agreement"
    ]
    if not rows:
        return
    lines = [COLUMNS, *[_formatted(row) for row in rows]]
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text("".join("\t".join(line) + "\n" for line in lines))
    terminalreporter.section("worst agreement with the reference")
    lines = [COLUMNS[:-1], *[_formatted(row)[:-1] for row in _worst(rows)]]
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths)]
        terminalreporter.write_line("  ".join(cells).rstrip())
    terminalreporter.write_line(f"All extensions: {TABLE}")


def _worst(rows):
    """Keep of each case the extension that agrees least."""
    worst = {}
    for row in rows:
        case, *_, difference, fraction, unequal, problem = row
        badness = bool(problem), unequal, difference, -fraction
        if case not in worst or badness > worst[case][0]:
            worst[case] = badness, row
    return [row for _, row in worst.values()]


def _formatted(row):
    case, product, extension, worst, fraction, unequal, problem = row
    return case, product, extension, f"{worst:.1e}", f"{fraction:.7f}", str(unequal), problem
