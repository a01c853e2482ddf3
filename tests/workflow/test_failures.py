"""Exposures that fail, runs that are killed, and what a person sees of them."""

import json
import os
import shutil
import signal
import subprocess
import time

import pandas as pd
from astropy.io import fits

from .conftest import NAMES, NIRCAM, NIRSPEC, environment


def damage(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return content


def test_one_bad_exposure_stops_no_other(project):
    bad, good = NIRCAM, {NIRSPEC}
    uncal = project.folder / f"uncal/{bad}_uncal.fits"
    whole = damage(uncal)
    status, printed = project.run()
    assert status == 1
    assert set(project.when()) == good
    assert not list(project.results.glob(f"{bad}_*.fits"))
    assert not list(project.results.glob(".*"))

    crash = (project.results / f"{bad}_pipecrash.txt").read_text()
    facts = dict(line.split(": ", 1) for line in crash.split("\n\n")[0].splitlines())
    assert json.loads(facts["uncal"])["bytes"] == uncal.stat().st_size
    assert json.loads(facts["uncal"])["DETECTOR"] == "NRCA1"
    assert json.loads(facts["steps"])["jump"]["rejection_threshold"] == 4.0
    assert "Traceback (most recent call last):" in crash
    assert crash.rstrip().splitlines()[-1].startswith("onramp.errors.InputError: ")

    table = pd.read_csv(project.results / "summary.tsv", sep="\t")
    assert list(table["exposure"]) == [bad, NIRSPEC]
    assert list(table["state"]) == ["failed", "done"]
    assert f"{bad}: failed: uncal/{bad}_uncal.fits[SCI]: truncated" in printed
    assert "Traceback" not in printed
    assert "1 failed, 1 done" in printed

    uncal.write_bytes(whole)
    rerun, printed = project.rerun()
    assert rerun == {bad}
    assert not list(project.results.glob("*_pipecrash.txt"))
    assert "2 done" in printed


def test_killed_run_leaves_nothing_that_looks_finished(project):
    with open(project.folder / "printed", "w+") as printed:
        run = subprocess.Popen(
            project.command("--cores", "1"), cwd=project.folder, env=environment(),
            start_new_session=True, stdout=printed, stderr=subprocess.STDOUT,
        )  # fmt: skip
        while run.poll() is None and not list(project.results.glob("*_rate.fits")):
            time.sleep(0.005)
        assert run.poll() is None, (project.folder / "printed").read_text()
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    for product in project.results.glob("*.fits"):
        with fits.open(product) as file:
            file.verify("exception")
            assert all(hdu.data is not None for hdu in file[1:])
    finished = set(project.when())
    assert finished < NAMES
    for name in finished:
        assert (project.results / f"{name}_rateints.fits").exists()

    status, printed = project.run("--unlock")
    assert status == 0, printed
    rerun, _ = project.rerun()
    assert NAMES - finished <= rerun
    assert not list(project.results.glob(".*"))


def test_missing_reference_is_one_line(project):
    for dark in (project.folder / "references").glob("jwst_nirspec_dark_*.fits"):
        dark.unlink()
    status, printed = project.run()
    assert status == 1
    assert set(project.when()) == {NIRCAM}
    assert f"{NIRSPEC}: failed: {NIRSPEC}: no dark reference" in printed


def test_names_and_files_of_a_sheet(project):
    shutil.copytree(project.folder / "uncal", project.folder / "other")
    sheet = f"exposure,uncal\nfirst,uncal/{NIRSPEC}_uncal.fits\nsecond,other/{NIRSPEC}_uncal.fits\n"
    (project.folder / "sheet.csv").write_text(sheet)
    project.configure(exposures="sheet.csv", save_calibrated_ramp=True)
    assert project.rerun()[0] == {"first", "second"}
    for name in ("first", "second"):
        for suffix in ("rate", "rateints", "ramp"):
            product = f"{name}_{suffix}.fits"
            assert fits.getheader(project.results / product)["FILENAME"] == product


def last_line(printed):
    return printed.strip().splitlines()[-1]


def test_mistakes_end_the_run_with_one_line(project):
    project.configure(outputdir="elsewhere")
    status, printed = project.run("--dry-run")
    assert status == 1
    expected = "onramp: mine.yaml: unknown option 'outputdir'; did you mean 'output_dir'?"
    assert last_line(printed) == expected

    project.configure(exposures="nowhere/*.fits")
    status, printed = project.run("--dry-run")
    assert status == 1
    assert last_line(printed).startswith("onramp: nowhere/*.fits: matches no file")


def test_output_folder_that_cannot_be_made(project):
    (project.folder / "results").write_text("in the way")
    status, printed = project.run()
    assert status == 1
    place = f"{project.folder}/results is not a folder"
    assert last_line(printed) == f"onramp: output_dir: results: {place}; choose another"
