"""Exposures that share a job on this machine: each is still its own target, failure and rerun."""

import os
import shutil
import signal
import subprocess

import pytest
from astropy.io.fits import FITSDiff
from onramp.verify import verify

from .conftest import NAMES, NIRCAM, NIRSPEC, environment

MAIN = '    """Process the exposure of a rule."""\n'


@pytest.fixture
def batched(project):
    """A project that has not been run and puts all exposures into one job."""
    project.configure(batch_seconds=100)
    return project


def jobs(printed):
    """Return how many jobs of each rule a dry run would start."""
    table = printed.split("-------\n", 1)[1].split("\n\n", 1)[0]
    return {line.split()[0]: int(line.split()[1]) for line in table.splitlines()}


def trouble(project, body):
    """Let calibration begin with something else."""
    script = project.folder / "scripts/detector1.py"
    text = script.read_text()
    assert MAIN in text
    script.write_text(text.replace(MAIN, f"{MAIN}    {body}\n"))


def test_products_are_those_of_single_jobs(batched, first_run):
    assert jobs(batched.run("--dry-run", "--quiet", "host")[1])["batch"] == 1
    (batched.results / ".batches/staged/detector1/x.1.taken").mkdir(parents=True)  # of a kill
    assert batched.rerun()[0] == NAMES
    for name in NAMES:
        for suffix in ("rate", "rateints"):
            product = f"{name}_{suffix}.fits"
            pair = [project.results / product for project in (first_run[0], batched)]
            difference = FITSDiff(*pair, ignore_keywords=["DATE", "CHECKSUM", "DATASUM"])
            assert difference.identical, difference.report()
        assert f"{name}: detector1 done" in (batched.results / f"logs/{name}.log").read_text()
    assert not list(batched.results.glob(".*"))
    assert batched.rerun()[0] == set()


def test_batches_deliver_what_steps_save(batched):
    flicker = {"skip": False, "save_mask": True, "save_noise": True}
    fit = {"algorithm": "LIKELY", "save_opt": True}
    batched.configure(batch_seconds=100, steps={"clean_flicker_noise": flicker, "ramp_fit": fit})
    assert batched.rerun()[0] == NAMES
    for name in NAMES:
        for suffix in ("mask", "flicker_noise", "likely_chisq"):
            assert (batched.results / f"{name}_{suffix}.fits").exists()
    found = verify(batched.results)
    assert not found.findings
    assert found.products == 10


def test_batches_on_and_off_rerun_nothing(finished):
    finished.configure(batch_seconds=100)
    assert finished.plan() == set()
    finished.configure(batch_seconds=100, quicklook=True)
    assert finished.rerun()[0] == set()
    assert len(list(finished.results.glob("quicklook/*.png"))) == 2
    finished.configure(batch_seconds=0, quicklook=True)
    assert finished.plan() == set()


def test_bad_exposure_costs_only_itself(batched):
    uncal = batched.folder / f"uncal/{NIRCAM}_uncal.fits"
    whole = uncal.read_bytes()
    uncal.write_bytes(whole[: len(whole) // 2])
    status, printed = batched.run()
    assert status == 1
    assert set(batched.when()) == {NIRSPEC}
    assert f"{NIRCAM}: failed: uncal/{NIRCAM}_uncal.fits[SCI]: truncated" in printed
    assert "1 failed, 1 done" in printed
    crash = (batched.results / f"{NIRCAM}_pipecrash.txt").read_text()
    assert crash.rstrip().splitlines()[-1].startswith("onramp.errors.InputError: ")
    assert batched.run()[0] == 1, "tried again"
    uncal.write_bytes(whole)
    assert batched.rerun()[0] == {NIRCAM}
    assert not list(batched.results.glob("*_pipecrash.txt"))


def test_exposure_that_kills_its_process_costs_only_itself(batched):
    trouble(batched, f"if {NIRCAM!r} in snakemake.log[0]: import os; os.abort()")
    status, printed = batched.run()
    assert status == 1
    assert set(batched.when()) == {NIRSPEC}
    assert f"{NIRCAM}: failed: uncal/{NIRCAM}_uncal.fits: ended its job without a word" in printed


def test_one_exposure_of_a_batch_can_be_asked_for(batched):
    status, printed = batched.run("--keep-going", f"results/{NIRSPEC}_rate.fits")
    assert status == 0, printed
    assert set(batched.when()) == {NIRSPEC}
    assert not (batched.results / f"logs/{NIRCAM}.log").exists()


def test_what_was_done_before_a_kill_is_not_done_again(batched):
    mark = "import os, signal; open('begun', 'a').write(snakemake.wildcards.exposure + ' ')\n"
    kill = f"    if {NIRSPEC!r} in snakemake.log[0] and not os.path.exists('killed'):\n"
    kill += "        open('killed', 'w'); os.killpg(0, signal.SIGKILL)"
    trouble(batched, mark + kill)
    with open(batched.folder / "printed", "w") as printed:
        run = subprocess.run(
            batched.command(), cwd=batched.folder, env=environment(), start_new_session=True,
            stdout=printed, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    assert run.returncode == -signal.SIGKILL
    assert not batched.when()
    batched.run("--unlock")
    assert batched.rerun()[0] == NAMES
    assert (batched.folder / "begun").read_text().split() == [NIRCAM, NIRSPEC, NIRSPEC]
    assert not list(batched.results.glob(".*"))


def test_changed_parameter_runs_all_in_one_job(finished):
    finished.configure(batch_seconds=100, steps={"jump": {"rejection_threshold": 5.0}})
    printed = finished.run("--dry-run", "--quiet", "host")[1]
    assert jobs(printed) == {"batch": 1, "detector1": 2, "all": 1, "total": 4}


def test_touched_uncal_and_finished_siblings_stay(finished):
    finished.configure(batch_seconds=100)
    (finished.results / f"{NIRCAM}_rate.fits").unlink()
    later = finished.folder / f"uncal/{NIRSPEC}_uncal.fits"
    os.utime(later)
    assert finished.rerun()[0] == {NIRCAM}


@pytest.fixture
def many(project):
    """A project of 21 exposures."""
    folder = project.folder / "uncal"
    for number in range(2, 21):
        name = NIRCAM.replace("_00001_", f"_{number:05d}_")
        shutil.copy(folder / f"{NIRCAM}_uncal.fits", folder / f"{name}_uncal.fits")
    return project


@pytest.mark.parametrize(
    ("options", "together"),
    [([], True), (["--cores", "1"], True), (["--cores", "3"], False), (["--no-hooks"], False),
     (["--workflow-profile", "none"], False), (["--rerun-triggers", "mtime", "input"], False),
     (["--config", "batch_seconds=0"], False), (["--config", "parallelism=steps"], False)],
    ids=lambda value: " ".join(value) or "plain" if isinstance(value, list) else "",
)  # fmt: skip
def test_many_exposures_share_jobs_unasked(many, options, together):
    status, printed = many.run("--dry-run", "--quiet", "host", *options)
    assert status == 0, printed
    found = jobs(printed)
    assert found["detector1"] == 21
    assert ("batch" in found) is together


def test_work_is_dealt_out_to_all_cores(many):
    assert jobs(many.run("--dry-run", "--quiet", "host")[1])["batch"] >= 2


@pytest.mark.parametrize(
    "look", [["--summary"], ["--dag"], ["--rulegraph"], ["--list-params-changes"],
             ["--delete-all-output", "--dry-run"]],
    ids=lambda value: value[0],
)  # fmt: skip
def test_looking_works_with_batches(batched, look):
    status, printed = batched.run(*look)
    assert status == 0, printed
    assert "Traceback" not in printed


def test_mistakes_are_one_line(batched):
    batched.configure(batch_seconds=100, parallelism="steps")
    status, printed = batched.run()
    assert status == 1
    expected = "onramp: batch_seconds=100 does not go with parallelism: steps; set it to 0"
    assert printed.strip().splitlines()[-1] == expected
    batched.configure(batch_seconds=100)
    status, printed = batched.run("--no-hooks")
    assert status == 1
    assert "onramp: --no-hooks does not go with batches; set batch_seconds: 0" in printed
    status, printed = batched.run("--rerun-triggers", "input", "mtime")
    assert status == 1
    assert "onramp: --rerun-triggers input does not go with batches" in printed
