"""Pictures: drawn by the job that makes the products, or alone where they are missing."""

import pytest

from .conftest import NAMES, NIRCAM, NIRSPEC
from .test_batches import jobs

FAILURES = {
    "raises": ("raise ValueError('no ink')", "no ink"),
    "dies": ("__import__('os').abort()", "ended with status -6"),
}


def pictures(project):
    """Return when each picture was drawn [ns], by exposure; all have to be whole."""
    found = list((project.results / "quicklook").glob("*"))
    assert all(path.read_bytes().endswith(b"IEND\xaeB`\x82") for path in found)
    return {path.stem: path.stat().st_mtime_ns for path in found}


def damage(project, statement):
    """Let drawing fail; return what mends it."""
    path = project.folder / "scripts/onramp/quicklook.py"
    whole = path.read_text()
    start = "    with fits.open(rate) as product,"
    assert start in whole
    path.write_text(whole.replace(start, f"    {statement}\n{start}"))
    return lambda: path.write_text(whole)


@pytest.fixture(params=[0, 100], ids=["single", "batch"])
def drawing(project, request):
    project.configure(batch_seconds=request.param, quicklook=True)
    return project


def plan(project, *arguments):
    return jobs(project.run("--dry-run", "--quiet", "host", *arguments)[1])


def test_one_job_makes_products_and_picture(drawing):
    planned = plan(drawing)
    assert "quicklook" not in planned
    assert planned["detector1"] == 2
    assert drawing.rerun()[0] == NAMES
    drawn = pictures(drawing)
    assert set(drawn) == NAMES
    assert drawing.rerun()[0] == set()
    assert pictures(drawing) == drawn
    assert not list(drawing.results.glob("logs/*_quicklook.log"))


def test_missing_and_cut_pictures_are_drawn_alone(drawing):
    drawing.rerun()
    drawn = pictures(drawing)
    (drawing.results / f"quicklook/{NIRCAM}.png").unlink()
    cut = drawing.results / f"quicklook/{NIRSPEC}.png"
    cut.write_bytes(cut.read_bytes()[:-5])
    assert drawing.rerun()[0] == set()
    anew = pictures(drawing)
    assert set(anew) == NAMES
    assert all(anew[name] > drawn[name] for name in NAMES)
    assert plan(drawing, "--forcerun", "quicklook")["quicklook"] == 2
    assert "Nothing to be done" in drawing.run()[1]


@pytest.mark.parametrize("failure", FAILURES)
def test_picture_that_cannot_be_drawn_costs_nothing_else(drawing, failure):
    statement, word = FAILURES[failure]
    mend = damage(drawing, statement)
    anew, printed = drawing.rerun()
    assert anew == NAMES
    assert f"onramp: {NIRCAM}: no picture; its log says why" in printed
    assert word in (drawing.results / f"logs/{NIRCAM}.log").read_text()
    assert not pictures(drawing)
    assert "2 of 2 missing" in printed
    mend()
    assert drawing.rerun()[0] == set()
    assert set(pictures(drawing)) == NAMES


def test_picture_of_products_that_are_gone_is_gone(drawing):
    drawing.rerun()
    batch = {"batch_seconds": 100} if plan(drawing, "--forceall").get("batch") else {}
    uncal = drawing.folder / f"uncal/{NIRCAM}_uncal.fits"
    uncal.write_bytes(uncal.read_bytes()[:-100])
    assert drawing.run()[0] == 1
    assert set(pictures(drawing)) == {NIRSPEC}
    drawing.configure(quicklook=False, steps={"jump": {"rejection_threshold": 5.0}}, **batch)
    drawing.run()
    assert pictures(drawing) == {}


def test_switching_pictures_reruns_no_calibration(drawing):
    drawing.rerun()
    options = {"batch_seconds": 100} if plan(drawing, "--forceall").get("batch") else {}
    drawing.configure(quicklook=False, **options)
    assert "Nothing to be done" in drawing.run("--dry-run", "--quiet", "host")[1]
    drawing.configure(quicklook=True, **options)
    assert "Nothing to be done" in drawing.run("--dry-run", "--quiet", "host")[1]
