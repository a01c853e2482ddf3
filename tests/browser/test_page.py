"""The page about a run, as a browser shows it."""

import time

import pytest
from onramp import report_page

from .conftest import EVIL, write_results

NAMES = "[...document.querySelectorAll('td.name')].map((cell) => cell.textContent)"


def column(page, title):
    """Return the cells of a column as they are shown."""
    heads = page.evaluate("[...document.querySelectorAll('thead th')].map((e) => e.textContent)")
    place = next(n for n, head in enumerate(heads) if head.startswith(title))
    rows = "[...document.querySelectorAll('tr.exposure')]"
    return page.evaluate(f"{rows}.map((row) => row.cells[{place}].textContent)")


def click(page, selector, text=""):
    """Click on the first element of a selector that holds a text."""
    page.evaluate(
        f"[...document.querySelectorAll('{selector}')]"
        f".find((e) => e.textContent.startsWith('{text}')).click()"
    )


def test_failures_come_first_with_their_reason(opened, address):
    page = opened(address)
    assert page.evaluate(NAMES)[:2] == ["zz_bad", "exposure_0"]
    reason = "document.querySelector('tr.exposure').nextElementSibling.textContent"
    assert page.evaluate(reason) == f"bad_uncal.fits: {EVIL}"
    totals = page.evaluate("document.getElementById('totals').innerText")
    assert totals.split()[:4] == ["1", "failed", "12", "done"]


def test_sorting(opened, address):
    page = opened(address)
    click(page, "thead button", "time")
    seconds = [float(text) for text in column(page, "time")[:12]]
    assert seconds == sorted(seconds, reverse=True)
    assert len(set(seconds)) > 5
    click(page, "thead button", "time")
    assert [float(text) for text in column(page, "time")[:12]] == sorted(seconds)
    assert column(page, "time")[12] == "\u2013"
    click(page, "thead button", "exposure")
    assert page.evaluate(NAMES) == [f"exposure_{n}" for n in range(12)] + ["zz_bad"]
    assert page.evaluate("document.querySelector('th[aria-sort]').textContent") == "exposure"


def test_filter_and_states(opened, address):
    page = opened(address)
    page.evaluate(
        "const box = document.getElementById('filter'); box.value = 'nircam done';"
        "box.dispatchEvent(new Event('input'))"
    )
    assert page.evaluate(NAMES) == [f"exposure_{n}" for n in range(1, 12, 2)]
    assert page.evaluate("document.getElementById('count').textContent") == "6 of 13 exposures"
    page.evaluate("box.value = ''; box.dispatchEvent(new Event('input'))")
    click(page, "#states button", "done")
    assert page.evaluate(NAMES) == ["zz_bad"]


@pytest.mark.parametrize(
    ("width", "dark"), [(1396, False), (1394, False), (1100, True), (760, False), (420, True)]
)
def test_nothing_is_wrong_and_nothing_is_fetched(opened, address, width, dark):
    page = opened(address, width=width, dark=dark)
    click(page, "td.name button", "exposure_3")
    page.wait_for("document.querySelector('.wide img').complete")
    assert page.evaluate("document.querySelector('.wide img').naturalWidth") == 60
    page.evaluate("document.querySelectorAll('details').forEach((e) => e.open = true)")
    assert page.evaluate("document.title").startswith("onramp: ")
    assert page.evaluate("document.querySelectorAll('img[src=x]').length") == 0
    assert EVIL in page.evaluate("document.querySelector('.facts').textContent")
    assert page.complaints == []
    assert {request.split(":")[0] for request in page.requests} == {"file", "data"}
    assert [request for request in page.requests if request.startswith("file:")] == [address]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(21, 24, 29)") == dark


def test_pictures_of_the_table_load(opened, address):
    page = opened(address)
    images = "[...document.querySelectorAll('td.picture img')]"
    page.wait_for(f"{images}.slice(0, 5).every((image) => image.complete)")
    assert page.evaluate(f"{images}.length") == 12
    assert page.evaluate(f"{images}.slice(0, 5).every((image) => image.naturalWidth > 0)")


def test_ten_thousand_exposures(opened, tmp_path):
    """Pictures are linked, rows shown in parts, and sorting all of them is quick."""
    folder = tmp_path / "results"
    names = write_results(folder, 10_000, pictures=False)
    (folder / "quicklook/exposure_0.png").write_bytes(b"")
    path = report_page.write(folder, names)
    assert path.stat().st_size < 10e6
    page = opened(path.as_uri())
    assert page.evaluate("document.querySelectorAll('tr.exposure').length") == 200
    assert page.evaluate("rows[1].picture ?? rows[0].picture") == "quicklook/exposure_0.png"
    begun = time.monotonic()
    click(page, "thead button", "memory")
    assert time.monotonic() - begun < 3
    assert column(page, "memory")[0] == "10200"
    click(page, "#more")
    assert page.evaluate("document.querySelectorAll('tr.exposure').length") == 400
