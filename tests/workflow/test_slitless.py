"""Slitless spectra in the workflow: their rule, failures, table, picture and page."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from astropy.io import fits
from onramp.wfss.simulation import simulate_grism

from .conftest import NAMES, Project, copy_project
from .test_crds import CrdsProject

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
    assert f"wfss_contam/{BROKEN}: failed: " in printed
    assert re.search(rf"/2\] wfss_contam/{GRISM}: \d+\.\d s, \d+ MB", printed)


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


def test_changed_references_rerun_and_are_recorded(corrected, tmp_path):
    shutil.copytree(corrected[0].folder, tmp_path / "project", symlinks=True)
    project = Project(tmp_path / "project")
    (project.folder / f"cutouts/{BROKEN}_srctype.fits").unlink()
    for path in (project.folder / "references").iterdir():
        path.touch()
    assert "Nothing to be done" in project.run("--", "slitless")[1]
    (photom,) = (project.folder / "references").glob("*photom*")
    with fits.open(photom, mode="update") as file:
        file[1].data["photmjsr"] *= 1.1
    status, printed = project.run("--", "slitless")
    assert status == 0, printed
    product = project.results / f"wfss_contam/{GRISM}_wfss_contam.fits"
    known = fits.getval(product, "H_PHOTOM")
    assert known == hashlib.sha256(photom.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def from_crds(corrected, tmp_path_factory):
    """A project whose references are those of a CRDS cache."""
    folder = tmp_path_factory.mktemp("crds") / "project"
    shutil.copytree(corrected[0].folder, folder, symlinks=True)
    shutil.rmtree(folder / "results")
    (folder / f"cutouts/{BROKEN}_srctype.fits").unlink()
    project = CrdsProject(folder)
    for kind in ("photom", "wavelengthrange"):
        (path,) = (folder / "references").glob(f"*{kind}*")
        project.cache.add("NIRISS", kind, "NIS", path)
    shutil.rmtree(folder / "references")
    project.cache.write_rules(1)
    project.configure(wfss_contam={"exposures": "cutouts"})
    return project


def test_crds_chooses_the_references(from_crds):
    product = from_crds.results / f"wfss_contam/{GRISM}_wfss_contam.fits"
    assert from_crds.run("--dry-run", "--", "slitless")[0] == 0
    assert not (from_crds.results / "references").exists()
    status, printed = from_crds.run("--", "slitless")
    assert status == 0, printed
    header = fits.getheader(product)
    chosen = from_crds.cache.chosen["NIRISS"]
    assert header["R_PHOTOM"] == chosen["photom"]["NIS"]
    assert header["CRDS_CTX"] == from_crds.manifest(f"wfss_contam/{GRISM}")["context"]
    assert "Nothing to be done" in from_crds.run("--", "slitless")[1]


def test_a_type_that_crds_lacks_is_told_by_its_job(from_crds, tmp_path):
    shutil.copytree(from_crds.folder, tmp_path / "project", symlinks=True)
    project = CrdsProject(tmp_path / "project")
    project.cache.chosen = {"NIRISS": {"photom": from_crds.cache.chosen["NIRISS"]["photom"]}}
    project.cache.write_rules(2)
    project.configure(
        references={"crds_context": "jwst_0002.pmap"}, wfss_contam={"exposures": "cutouts"}
    )
    status, printed = project.run("--", "slitless")
    assert status == 1
    assert "CRDS context jwst_0002.pmap has no wavelengthrange for it" in printed
    assert "exposures: 1 failed" in printed


def test_the_command_asks_crds(from_crds, tmp_path):
    command = [
        Path(sys.executable).with_name("onramp"), "wfss_contam",
        from_crds.folder / f"cutouts/{GRISM}_srctype.fits",
        "--references", "crds", "--output_dir", tmp_path,
    ]  # fmt: skip
    environment = {**from_crds.environment(), "PYTHONPATH": str(from_crds.folder / "scripts")}
    subprocess.run(command, env=environment, check=True)
    header = fits.getheader(tmp_path / f"{GRISM}_wfss_contam.fits")
    assert header["R_WAVRAN"] == from_crds.cache.chosen["NIRISS"]["wavelengthrange"]["NIS"]
    assert header["CRDS_CTX"] == "jwst_0001.pmap"
