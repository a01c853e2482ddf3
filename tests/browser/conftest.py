"""A run's page in a real browser."""

import json

import numpy as np
import pytest
from onramp import report_page
from PIL import Image

from . import chromium

EVIL = "<img src=x onerror=\"document.title='broken'\"></script><script>document.title='broken'"


def statistics(n):
    """What the job of the n-th exposure of a run found."""
    rate = 3.0 + n % 7
    return {
        "instrument": "NIRCAM" if n % 2 else "NIRISS", "detector": "NIS", "mode": "NIS_SOSS",
        "subarray": EVIL, "readpatt": "NISRAPID", "nints": 2, "ngroups": 5, "ny": 64, "nx": 64,
        "seconds": 1.0 + (37 * n) % 11, "peak_mb": 200.0 + n, "bad_fraction": 0.001 * n,
        "steps": {"jump": {"state": "COMPLETE", "seconds": 0.5}},
        "references": {"gain": {"name": "jwst_niriss_gain_1.fits", "sha256": 64 * "a"}},
        "jump_report": {
            "verdict": "as expected", "rate": rate, "error": 0.5, "expected": [1.8, 8.0],
            "median_size": 900.0, "events": 40, "flagged_rate": 9.0, "remarks": [],
            "by_group": {"rate": [None, 3.0, 4.0]}, "by_amplifier": {"rate": [rate]},
        },
    }  # fmt: skip


def write_results(folder, count, pictures=True):
    """Write what a run of some exposures leaves behind; return their names, the failed one last."""
    (folder / "quicklook").mkdir(parents=True)
    names = [f"exposure_{n}" for n in range(count)]
    for n, name in enumerate(names):
        (folder / f"{name}_statistics.json").write_text(json.dumps(statistics(n)))
        if pictures:
            pixels = np.random.default_rng(n).integers(0, 255, (40, 60, 3), np.uint8)
            Image.fromarray(pixels).save(folder / f"quicklook/{name}.png")
    facts = {"reason": f"bad_uncal.fits: {EVIL}", "uncal": {"INSTRUME": EVIL}}
    lines = [f"{key}: {json.dumps(value)}" for key, value in facts.items()]
    (folder / "zz_bad_pipecrash.txt").write_text("\n".join([*lines, "", "Traceback"]))
    return [*names, "zz_bad"]


@pytest.fixture(scope="session")
def browser():
    """The browser's path; without one these tests are skipped."""
    if chromium.find() is None:
        pytest.skip("no Chromium on the path: install Debian's package chromium")


@pytest.fixture(scope="session")
def address(tmp_path_factory):
    """The address of the page about twelve exposures that are done and one that failed."""
    folder = tmp_path_factory.mktemp("run") / "results"
    return report_page.write(folder, write_results(folder, 12)).as_uri()


@pytest.fixture
def opened(browser):
    """A function that opens a page, and closes it in the end."""
    pages = []

    def open_page(*arguments, **options):
        pages.append(chromium.Page(*arguments, **options))
        return pages[-1]

    yield open_page
    for page in pages:
        page.close()
