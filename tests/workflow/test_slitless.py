"""Slitless spectra in the workflow: their rule, failures, table, picture and page."""

import json
import shutil

import pandas as pd
import pytest
from onramp.wfss.simulation import simulate_grism

from .conftest import NAMES, Project, copy_project

GRISM = "jw00011001001_03101_00001_nis"
BROKEN = "jw00011001001_03101_00002_nis"


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """Folder with a small grism exposure, what belongs to it and its references."""
    folder = tmp_path_factory.mktemp("field")
    simulate_grism("niriss", folder, 11, 12)
    return folder


@pytest.fixture(scope="module")
def corrected(field, inputs, tmp_path_factory):
    """A run in which one grism exposure is corrected and one cannot be; and what it printed."""
    folder = tmp_path_factory.mktemp("slitless") / "project"
    shutil.copytree(inputs, folder)
    copy_project(folder)
    shutil.copytree(field, folder / "cutouts")
    for path in field.iterdir():
        if path.suffix in (".fits", ".asdf") and ("photom" in path.name or "range" in path.name):
            shutil.copy2(path, folder / "references")
    whole = folder / f"cutouts/{GRISM}_srctype.fits"
    (folder / f"cutouts/{BROKEN}_srctype.fits").write_bytes(whole.read_bytes()[:-3000])
    project = Project(folder)
    project.configure(wfss_contam={"exposures": "cutouts"}, quicklook=True)
    return project, *project.run("--", "slitless")


def test_one_that_fails_costs_no_other(corrected):
    project, status, printed = corrected
    assert status == 1
    folder = project.results / "wfss_contam"
    assert (folder / f"{GRISM}_wfss_contam.fits").exists()
    assert not (folder / f"{BROKEN}_wfss_contam.fits").exists()
    crash = (folder / f"{BROKEN}_pipecrash.txt").read_text()
    assert "Traceback" in crash
    assert json.loads(crash.splitlines()[1].removeprefix("reason: ")) in printed
    assert f"[2/2] wfss_contam/{BROKEN}: failed" in printed or f"wfss_contam/{GRISM}: " in printed


def test_the_table_tells_of_both(corrected):
    project, _, printed = corrected
    table = pd.read_csv(project.results / "summary.tsv", sep="\t").set_index("exposure")
    assert list(table.index) == [f"wfss_contam/{BROKEN}", f"wfss_contam/{GRISM}"]
    assert list(table["state"]) == ["failed", "done"]
    assert table["corrected"].iloc[1] == 20
    assert "exposures: 1 failed, 1 done" in printed


def test_the_page_holds_picture_references_and_parameters(corrected):
    project, _, _ = corrected
    text = (project.results / "report.html").read_text()
    start = text.index('type="application/json">') + len('type="application/json">')
    data = json.loads(text[start : text.index("</script>", start)])
    rows = {row["state"]: row for row in data["exposures"]}
    failed, done = rows["failed"], rows["done"]
    assert failed["reason"]
    assert done["picture"].startswith("data:image/webp")
    assert done["spectra"][0] == 20
    assert {data["references"][n][0] for n in done["references"]} == {"photom", "wavelengthrange"}
    assert ["wfss_contam", "wl_oversample", 2, 2] in data["parameters"]


def test_mended_it_is_done_and_the_other_is_left_alone(corrected, tmp_path):
    shutil.copytree(corrected[0].folder, tmp_path / "project", symlinks=True)
    project = Project(tmp_path / "project")
    folder = project.results / "wfss_contam"
    before = (folder / f"{GRISM}_wfss_contam.fits").stat().st_mtime_ns
    shutil.copy2(
        project.folder / f"cutouts/{GRISM}_srctype.fits",
        project.folder / f"cutouts/{BROKEN}_srctype.fits",
    )
    status, printed = project.run()
    assert status == 0, printed
    assert (folder / f"{GRISM}_wfss_contam.fits").stat().st_mtime_ns == before
    assert not (folder / f"{BROKEN}_pipecrash.txt").exists()
    table = pd.read_csv(project.results / "summary.tsv", sep="\t")
    assert {*table["exposure"]} == NAMES | {f"wfss_contam/{name}" for name in (GRISM, BROKEN)}
    assert set(table["state"]) == {"done"}
    assert "Nothing to be done" in project.run()[1]
    assert "Nothing to be done" in project.run("--", "slitless")[1]
    again = pd.read_csv(project.results / "summary.tsv", sep="\t")
    assert len(again) == 4


def test_a_picture_that_cannot_be_drawn_costs_nothing(corrected, tmp_path):
    shutil.copytree(corrected[0].folder, tmp_path / "project", symlinks=True)
    project = Project(tmp_path / "project")
    path = project.folder / "scripts/onramp/wfss/picture.py"
    path.write_text(
        path.read_text().replace(
            "    data = cutout.sci", "    raise ValueError('dry')\n    data = cutout.sci"
        )
    )
    (project.folder / f"cutouts/{BROKEN}_srctype.fits").unlink()
    status, printed = project.run("--forcerun", "wfss_contam", "--", "slitless")
    assert status == 0, printed
    assert f"onramp: {GRISM}: no picture; its log says why" in printed
    assert "dry" in (project.results / f"logs/wfss_contam/{GRISM}.log").read_text()
    assert not (project.results / f"quicklook/wfss_contam/{GRISM}.png").exists()
