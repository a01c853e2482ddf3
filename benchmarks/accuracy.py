"""
Measure noise, bias, false alarms and completeness by simulation, and write docs/accuracy.md.

Usage: python benchmarks/accuracy.py [--out FOLDER]

The same versions of the libraries give the same page; it takes some minutes on two cores.
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import accuracy_page
from accuracy_figure import draw
from accuracy_ramps import BAND, Pattern
from accuracy_studies import count_alarms, measure_fits, measure_hits
from onramp.cores import granted

ROOT = Path(__file__).resolve().parents[1]
RATES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
RAMPS = [(Pattern(ngroups), rate) for ngroups in (5, 10, 20) for rate in RATES]
OTHERS = [
    (pattern, rate)
    for pattern in (Pattern(5, nints=10), Pattern(10, nframes=4, groupgap=1))
    for rate in (1.0, 10.0, 100.0)
]
ALARM_RATES = (1.0, 10.0, 25.0, 100.0, 1000.0)
ALARMS = [(Pattern(ngroups), rate) for ngroups in (5, 10, 20, 50) for rate in ALARM_RATES]
ALARM_DIFFERENCES = 2e7
HIT_RATES = (1.0, 10.0)
HIT_SIZES = (20, 30, 40, 50, 60, 70, 80, 100, 120, 150, 200, 1000)
HITS = [
    (Pattern(ngroups), rate, size)
    for ngroups in (5, 10, 20, 50)
    for rate in HIT_RATES
    for size in HIT_SIZES
]
FIT_BANDS = 6
HIT_BANDS = 1
MOST_THREADS = 4  # each holds a band of ramps


def bands(pattern, differences):
    """Return how many bands hold so many differences."""
    return round(differences / ((pattern.ngroups - 1) * BAND[0] * BAND[1]))


def measure(workers):
    """
    Run all cases on some threads.

    Returns
    -------
    qualities, alarms, hits : dict
        By read-out pattern and rate, and size of hit.
    """
    cases = [(measure_fits, *case, FIT_BANDS) for case in (*RAMPS, *OTHERS)]
    cases += [(count_alarms, *case, bands(case[0], ALARM_DIFFERENCES)) for case in ALARMS]
    cases += [(measure_hits, *case, HIT_BANDS) for case in HITS]
    with ThreadPoolExecutor(workers) as pool:
        results = [pool.submit(study, *arguments) for study, *arguments in cases]
        values = iter([result.result() for result in results])
    return (
        {case: next(values) for case in (*RAMPS, *OTHERS)},
        {case: next(values) for case in ALARMS},
        {case: next(values) for case in HITS},
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder of the page")
    folder = parser.parse_args().out
    qualities, alarms, hits = measure(min(granted(), MOST_THREADS))
    draw(folder / "accuracy.svg", {case: qualities[case] for case in RAMPS}, hits, HIT_RATES[-1])
    page = accuracy_page.write(qualities, alarms, hits, FIT_BANDS * BAND[0] * BAND[1])
    (folder / "accuracy.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
