"""What may go wrong on a cluster, done to a real one."""

import os
import signal
import time

import pandas as pd
import pytest
from astropy.io import fits
from astropy.io.fits import FITSDiff
from cluster import jobs, run, wait

PLACES = "results", "local"
DIFFERENT = "DATE", "CHECKSUM", "DATASUM"
SUBMITTED = "has been submitted with SLURM jobid"


def assert_complete(project, status, printed):
    assert status == 0, printed
    assert sorted(project.when()) == project.names
    for name in project.names:
        for suffix in ("rate", "rateints"):
            with fits.open(project.results / f"{name}_{suffix}.fits") as file:
                file.verify("exception")
    assert not list(project.results.glob(".*"))
    assert not list(project.results.glob("*_pipecrash.txt"))


def test_one_of_twelve_is_corrupt(twelve):
    bad = twelve.names[4]
    uncal = twelve.folder / f"uncal/{bad}_uncal.fits"
    whole = uncal.read_bytes()
    uncal.write_bytes(whole[: len(whole) // 2])
    status, printed = twelve.run()
    assert status == 1, printed
    assert printed.count(SUBMITTED) == 1, "all in one job"
    assert sorted([*twelve.when(), bad]) == twelve.names
    assert not list(twelve.results.glob(f"{bad}_*.fits"))
    assert "truncated at" in (twelve.results / f"{bad}_pipecrash.txt").read_text()
    assert f"{bad}: failed: uncal/{bad}_uncal.fits[SCI]: truncated" in printed
    table = pd.read_csv(twelve.results / "summary.tsv", sep="\t")
    assert list(table["state"]) == ["failed"] + ["done"] * 11

    uncal.write_bytes(whole)
    anew, printed = twelve.rerun()
    assert anew == {bad}
    assert_complete(twelve, 0, printed)

    twelve.configure(output_dir="local")
    status, printed = twelve.run("--cores", "2")
    assert status == 0, printed
    for name in twelve.names:
        for suffix in ("rate", "rateints"):
            pair = [twelve.folder / place / f"{name}_{suffix}.fits" for place in PLACES]
            difference = FITSDiff(*pair, ignore_keywords=DIFFERENT)
            assert difference.identical, difference.report()


def test_over_memory_is_retried_with_more(project):
    (project.folder / f"heavy-{project.names[1]}").write_text("500")
    status, printed = project.run()
    assert_complete(project, status, printed)
    assert printed.count(SUBMITTED) == 2


def test_memory_that_never_suffices_costs_one_exposure(project):
    bad = project.names[1]
    (project.folder / f"heavy-{bad}").write_text("4000")
    status, printed = project.run()
    assert status == 1, printed
    assert sorted([*project.when(), bad]) == project.names
    assert "ended its job without a word" in (project.results / f"{bad}_pipecrash.txt").read_text()
    assert printed.count(SUBMITTED) == 3


def test_cancelled_job_is_run_again(project):
    slow = project.names[2]
    project.make_slow(slow)
    begun = project.begin()
    when = project.wait_for(slow)
    for job, _, _ in jobs():
        run("scancel", job)
    assert_complete(project, *project.end(begun))
    assert done_before(project, when) == set(project.names[:2])


def done_before(project, when):
    """Return which exposures were processed before a time [ns] and not again."""
    logs = {name: project.results / f"logs/{name}.log" for name in project.names}
    return {name for name, log in logs.items() if log.stat().st_mtime_ns < when}


def test_over_the_time_limit_is_run_again(project):
    slow = project.names[2]
    project.make_slow(slow)
    begun = project.begin("--set-resources", "batch:runtime=1")
    when = project.wait_for(slow)
    assert_complete(project, *project.end(begun, 240))
    assert done_before(project, when) == set(project.names[:2])


def test_controller_that_dies_and_comes_back(project, cluster):
    slow = project.names[2]
    project.make_slow(slow, 8)
    begun = project.begin()
    project.wait_for(slow)
    cluster.kill_controller()
    time.sleep(3)
    cluster.start_controller()
    status, printed = project.end(begun)
    assert_complete(project, status, printed)
    assert printed.count(SUBMITTED) == 1


def test_job_that_the_controller_forgets_is_run_again(project, cluster):
    slow = project.names[2]
    project.make_slow(slow)
    begun = project.begin()
    when = project.wait_for(slow)
    cluster.forget_jobs()
    cluster.start_controller()
    status, printed = project.end(begun)
    assert_complete(project, status, printed)
    assert printed.count(SUBMITTED) == 2
    assert done_before(project, when) == set(project.names[:2])


def test_dead_node(project, cluster):
    slow = project.names[2]
    project.make_slow(slow)
    begun = project.begin()
    when = project.wait_for(slow)
    (_, _, node), = jobs()  # fmt: skip
    cluster.kill_node(node)
    try:
        assert_complete(project, *project.end(begun))
        assert done_before(project, when) == set(project.names[:2])
    finally:
        cluster.start_node(node)
        wait(lambda: cluster.states()[node] == "idle", "idle node")


def test_interrupted_run_goes_on_where_it_was(project):
    slow = project.names[2]
    project.make_slow(slow)
    begun = project.begin()
    when = project.wait_for(slow)
    begun.send_signal(signal.SIGINT)
    status, printed = project.end(begun)
    assert status != 0, printed
    wait(lambda: not jobs(), "end of all jobs", 30)
    assert_complete(project, *project.run())
    assert done_before(project, when) == set(project.names[:2])


def test_killed_run_goes_on_where_it_was(project):
    slow = project.names[2]
    project.make_slow(slow, 5)
    begun = project.begin()
    project.wait_for(slow)
    os.killpg(begun.pid, signal.SIGKILL)
    begun.wait()
    assert jobs(), "the job goes on"
    wait(lambda: not jobs(), "end of all jobs", 60)
    when = time.time_ns()
    assert not project.when(), "nothing has been delivered"
    status, printed = project.run("--unlock")
    assert status == 0, printed
    assert_complete(project, *project.run())
    assert done_before(project, when) == set(project.names)


@pytest.mark.parametrize("options", [{}, {"batch_seconds": 0}])
def test_exposure_is_a_target_of_its_own(project, options):
    project.configure(**options)
    status, printed = project.run(f"results/{project.names[0]}_rate.fits")
    assert status == 0, printed
    assert list(project.when()) == project.names[:1]
