"""The workflow, killed, starved and damaged: a rerun completes, and does nothing twice."""

import base64
import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest
from conftest import size, workflow
from judging import arrays
from test_disk import small_disk

NAMES, NIRCAM, NIRSPEC = workflow.NAMES, workflow.NIRCAM, workflow.NIRSPEC


@pytest.fixture(scope="module")
def expected(finished_project):
    return {name: arrays(finished_project.results, name) for name in NAMES}


def check(project, expected):
    """Check whatever looks like a product; return the exposures that have all of theirs."""
    complete = set()
    for name in NAMES:
        suffixes = [suffix for suffix in ("rate", "rateints")
                    if (project.results / f"{name}_{suffix}.fits").exists()]  # fmt: skip
        found = arrays(project.results, name, suffixes)
        for key, values in found.items():
            np.testing.assert_array_equal(values, expected[name][key], strict=True)
        statistics = project.results / f"{name}_statistics.json"
        if statistics.exists():
            assert json.loads(statistics.read_text())["exposure"] == name
            assert len(suffixes) == 2, "statistics without products"
            complete.add(name)
    return complete


def unfinished(project):
    """Return the exposures that Snakemake had begun and not yet recorded as done."""
    marks = project.folder / ".snakemake/incomplete"
    paths = [base64.urlsafe_b64decode(path.name).decode() for path in marks.glob("*")]
    return {name for name in NAMES for path in paths if os.path.basename(path).startswith(name)}


def recover(project, expected):
    """Run again as a user would; check that it completes and does no more than it must."""
    good = check(project, expected) - unfinished(project) if project.results.exists() else set()
    before = project.when()
    status, printed = project.run()
    if status and "unlock" in printed:
        assert project.run("--unlock")[0] == 0
        status, printed = project.run()
    assert status == 0, printed
    assert check(project, expected) == NAMES
    assert not list(project.results.glob(".*"))
    twice = {name for name in good if project.when()[name] != before[name]}
    assert not twice, f"processed again without need: {twice}"


def kill_after(project, seconds):
    with open(project.folder / "printed", "w") as printed:
        run = subprocess.Popen(
            project.command(), cwd=project.folder, env=workflow.environment(),
            start_new_session=True, stdout=printed, stderr=subprocess.STDOUT,
        )  # fmt: skip
        time.sleep(seconds)
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def test_random_moments(fresh, expected):
    """The whole process group dies, wherever it is."""
    begun = time.perf_counter()
    assert fresh.run()[0] == 0
    longest = time.perf_counter() - begun
    rng = np.random.default_rng(20260603)
    for _ in range(size(3, 40)):
        for name in sorted(NAMES):
            if rng.random() < 0.75:
                for path in fresh.results.glob(f"{name}_*"):
                    path.unlink()
        kill_after(fresh, rng.uniform(0.2, 1.0) * longest)
        recover(fresh, expected)


def flip(path, byte):
    content = bytearray(path.read_bytes())
    content[byte] ^= 1
    path.write_bytes(content)


def test_damaged_products_are_noticed(finished, expected):
    results = finished.results
    rate = results / f"{NIRCAM}_rate.fits"
    whole = rate.read_bytes()
    rate.write_bytes(whole[: len(whole) // 2])
    status, printed = finished.run("--dry-run", "--quiet", "host")
    assert status == 0
    assert f"{rate.name}: shorter than it was made; a run makes it again" in printed
    assert rate.stat().st_size == len(whole) // 2
    assert finished.rerun()[0] == {NIRCAM}
    check(finished, expected)

    (results / f"{NIRSPEC}_rateints.fits").write_bytes(b"")
    (results / f"{NIRCAM}_rate.fits").unlink()
    assert finished.rerun()[0] == NAMES
    check(finished, expected)

    statistics = results / f"{NIRSPEC}_statistics.json"
    statistics.write_text(statistics.read_text()[:100])
    assert finished.rerun()[0] == {NIRSPEC}
    check(finished, expected)
    assert finished.rerun()[0] == set()


DAMAGES = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 3],
    "garbage": lambda content: os.urandom(len(content)),
    "zeros": lambda content: content[:2880] + bytes(len(content) - 2880),
}


def test_damaged_inputs_cost_only_themselves(fresh, expected):
    uncal = (fresh.folder / f"uncal/{NIRCAM}_uncal.fits").read_bytes()
    for name, damage in DAMAGES.items():
        (fresh.folder / f"uncal/{name}_uncal.fits").write_bytes(damage(uncal))
    status, printed = fresh.run()
    assert status == 1
    assert check(fresh, expected) == NAMES
    for name in DAMAGES:
        assert f"{name}: failed: uncal/{name}_uncal.fits" in printed
        assert not list(fresh.results.glob(f"{name}_*.fits"))
        (fresh.folder / f"uncal/{name}_uncal.fits").write_bytes(uncal)
    rerun, _ = fresh.rerun()
    assert rerun == set(DAMAGES)
    for name in DAMAGES:
        made = arrays(fresh.results, name)
        for key, values in made.items():
            np.testing.assert_array_equal(values, expected[NIRCAM][key], strict=True)


def test_damaged_references_cost_only_what_uses_them(fresh, expected):
    dark = next((fresh.folder / "references").glob("jwst_nircam_dark_*.fits"))
    whole = dark.read_bytes()
    dark.write_bytes(whole[:-2880])
    status, printed = fresh.run()
    assert status == 1
    assert check(fresh, expected) == {NIRSPEC}
    assert f"{NIRCAM}: failed: " in printed
    assert dark.name in printed
    dark.write_bytes(whole)
    assert fresh.rerun()[0] == {NIRCAM}
    assert check(fresh, expected) == NAMES


def test_damaged_kernels_are_compiled_anew(fresh, expected):
    kernels = sorted((fresh.folder / "scripts").rglob("jump*.kernel"))
    assert kernels
    for number, path in enumerate(kernels):
        content = path.read_bytes()
        if number % 3 == 2:
            flip(path, len(content) // 2)
        else:
            path.write_bytes((content[: len(content) // 2], b"")[number % 3])
    assert fresh.rerun()[0] == NAMES
    check(fresh, expected)


def test_full_disk(fresh, expected):
    fresh.results.mkdir()
    with small_disk(fresh.results, 60):
        status, printed = fresh.run()
        assert status == 1
        assert "Traceback" not in printed
        assert "No space left on device" in printed
        check(fresh, expected)
        subprocess.run(["mount", "-o", "remount,size=20m", fresh.results], check=True)
        recover(fresh, expected)
