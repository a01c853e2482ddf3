"""The page about a run, and Snakemake's report that holds it."""

import json
import shutil

from .conftest import NIRCAM, NIRSPEC


def exposures(page):
    data = page.split('<script id="data" type="application/json">')[1].split("</script>")[0]
    return {row["exposure"]: row for row in json.loads(data)["exposures"]}


def test_report_of_a_run_in_which_one_failed(project):
    project.configure(quicklook=True)
    uncal = project.folder / f"uncal/{NIRCAM}_uncal.fits"
    uncal.write_bytes(uncal.read_bytes()[:9000])
    status, printed = project.run()
    assert status == 1
    assert "results/report.html" in printed
    page = project.results / "report.html"
    found = exposures(page.read_text())
    assert found[NIRCAM]["state"] == "failed"
    assert found[NIRSPEC]["state"] == "done"
    assert found[NIRSPEC]["picture"].startswith("data:image/webp")
    lines = (project.results / "logs/progress.jsonl").read_text().splitlines()
    last = json.loads(lines[-1])
    assert (last["event"], last["done"], last["failed"], last["left"]) == ("end", 1, 1, 0)

    page.unlink()
    status, printed = project.run("--report", "report.html")
    assert status == 0, printed
    assert exposures(page.read_text()) == found
    report = (project.folder / "report.html").read_text()
    assert "data:text/html;" in report
    assert ">report.html</a>" in report.replace("\\u003c", "<").replace("\\u003e", ">")


def test_dry_run_writes_nothing(project):
    project.plan()
    assert not project.results.exists()


def test_nothing_to_do_leaves_the_record_of_the_run(finished):
    record = finished.results / "logs/progress.jsonl"
    before = record.read_text()
    assert before.count('"event": "done"') == 2
    rerun, _ = finished.rerun()
    assert rerun == set()
    assert record.read_text() == before


def test_report_of_results_without_manifests(finished):
    shutil.rmtree(finished.results / "references")
    cut = finished.results / f"{NIRSPEC}_rate.fits"
    content = cut.read_bytes()
    cut.write_bytes(content[:-1])
    status, printed = finished.run("--report", "report.html")
    assert status == 0, printed
    assert set(exposures((finished.results / "report.html").read_text())) == {NIRCAM, NIRSPEC}
    assert cut.read_bytes() == content[:-1], "a report removes nothing"
    assert not (finished.results / "references").exists()
