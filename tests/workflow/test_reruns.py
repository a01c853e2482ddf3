"""What runs again after a change, and what does not."""

import os
import shutil

import pytest
from astropy.io import fits
from astropy.io.fits import FITSDiff

from .conftest import NAMES, NIRCAM, NIRSPEC


def touch(path):
    os.utime(path, ns=(later := path.stat().st_mtime_ns + 10**12, later))


def test_nothing_runs_when_nothing_changed(finished):
    for path in (finished.folder / "scripts").rglob("*.py"):
        touch(path)
    for path in (finished.folder / "references").iterdir():
        touch(path)
    rerun, printed = finished.rerun()
    assert rerun == set()
    assert "Nothing to be done" in printed


@pytest.mark.parametrize("module", ["onramp/headers.py", "onramp/steps/jump.py", "onramp_job.py"])
def test_changed_module_reruns_what_uses_it(finished, module):
    finished.append(f"scripts/{module}", b"\nCHANGED = True\n")
    assert finished.plan() == NAMES


def test_module_of_other_jobs_does_not_matter(finished):
    for module in ("summary", "quicklook", "configuration", "simulate"):
        finished.append(f"scripts/onramp/{module}.py", b"\nCHANGED = True\n")
    assert finished.plan() == set()


def test_changed_parameter_reruns(finished):
    finished.configure(steps={"jump": {"rejection_threshold": 5.0}})
    assert finished.rerun()[0] == NAMES


def test_sheet_changes_one_exposure_only(finished):
    rows = [f"{NIRCAM}\tuncal/{NIRCAM}_uncal.fits\t", f"{NIRSPEC}\tuncal/{NIRSPEC}_uncal.fits\t6.5"]
    header = "exposure\tuncal\tsteps.jump.rejection_threshold"
    (finished.folder / "sheet.tsv").write_text("\n".join([header, *rows, ""]))
    finished.configure(exposures="sheet.tsv")
    assert finished.plan() == {NIRSPEC}


def test_another_file_of_the_same_name_reruns_its_exposure(finished):
    (finished.folder / "other").mkdir()
    shutil.copy2(finished.folder / f"uncal/{NIRSPEC}_uncal.fits", finished.folder / "other")
    rows = [f"{NIRCAM}\tuncal/{NIRCAM}_uncal.fits", f"{NIRSPEC}\tother/{NIRSPEC}_uncal.fits"]
    (finished.folder / "sheet.tsv").write_text("\n".join(["exposure\tuncal", *rows, ""]))
    finished.configure(exposures="sheet.tsv")
    assert finished.plan() == {NIRSPEC}


def test_threads_do_not_matter(finished):
    steps = {"jump": {"maximum_cores": "all"}, "ramp_fit": {"maximum_cores": "16"}}
    finished.configure(parallelism="steps", steps=steps)
    assert finished.plan() == set()


def test_pictures_run_no_calibration(finished):
    finished.configure(quicklook=True)
    assert finished.rerun()[0] == set()
    for name in NAMES:
        picture = finished.results / "quicklook" / f"{name}.png"
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_changed_uncal_reruns_its_exposure(finished):
    with fits.open(finished.folder / f"uncal/{NIRSPEC}_uncal.fits", mode="update") as file:
        file["SCI"].data[0, 1, 8, 8] += 100
    assert finished.plan() == {NIRSPEC}


def test_changed_reference_reruns_its_detector(finished):
    gain = next((finished.folder / "references").glob("jwst_nircam_gain_*.fits"))
    with fits.open(gain, mode="update") as file:
        file["SCI"].data *= 1.01
    assert finished.plan() == {NIRCAM}


def test_override_reruns(finished):
    finished.configure(references={"override": {"dark": "N/A"}})
    assert finished.rerun()[0] == NAMES
    with fits.open(finished.results / f"{NIRSPEC}_rate.fits") as file:
        assert file[0].header["S_DARK"] == "SKIPPED"


def test_two_runs_give_the_same_products(finished, first_run):
    shutil.rmtree(finished.results)
    assert finished.rerun()[0] == NAMES
    for name in NAMES:
        for suffix in ("rate", "rateints"):
            product = f"{name}_{suffix}.fits"
            difference = FITSDiff(
                first_run[0].results / product, finished.results / product,
                ignore_keywords=["DATE", "CHECKSUM"],
            )  # fmt: skip
            assert difference.identical, difference.report()
