"""A job that is killed at any moment leaves nothing that looks whole and is not."""

import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from children import CALLS, CallCounter, kill_before, kill_halfway, run
from conftest import size

BOTH = {"rate", "rateints"}


def leftovers(folder):
    return [path.name for path in folder.glob(".*")] if folder.exists() else []


def test_random_moments(healthy, tmp_path):
    """In a process that has loaded everything: the moments are those of the work itself."""
    folder = tmp_path / "results"
    longest = max(run(lambda: healthy.process(folder)).seconds for _ in range(3))
    rng = np.random.default_rng(20260601)
    seen = {0: 0, 1: 0, 2: 0}
    parts = 0
    for number in range(size(40, 140)):
        if number % 2:
            shutil.rmtree(folder)  # without, the products of the round before are overwritten
        delay = rng.uniform(0.0, 1.1 * longest)
        ended = run(lambda: healthy.process(folder), kill_after=delay)
        assert ended.status in (0, -signal.SIGKILL), f"moment {number}: {ended.said}"
        made = healthy.check(folder) if folder.exists() else set()
        seen[len(made)] += 1
        parts += bool(leftovers(folder))
        assert run(lambda: healthy.process(folder)).status == 0
        assert healthy.check(folder) == BOTH
        assert leftovers(folder) == []
    assert seen[0]
    assert parts, "no moment met a file being written"


@pytest.mark.parametrize("action", [kill_before, kill_halfway])
def test_every_call_of_the_system(healthy, tmp_path, action):
    """Deaths before and within each call that touches a file, one by one."""
    folder = tmp_path / "results"
    folder.mkdir()
    count = _count_calls(healthy, tmp_path)
    assert count > 20
    for number in range(count):
        ended = run(lambda: healthy.process(folder), lambda n=number: CallCounter(n, action))
        assert ended.status == -signal.SIGKILL, f"call {number}: {ended}"
        healthy.check(folder)
        shutil.rmtree(folder)
        folder.mkdir()
    assert run(lambda: healthy.process(folder)).status == 0
    assert healthy.check(folder) == BOTH


def _count_calls(healthy, tmp_path):
    def work():
        counter = CallCounter()
        healthy.process(tmp_path / "counted")
        (tmp_path / "count").write_text(str(counter.count))

    assert run(work).status == 0
    assert CALLS
    return int((tmp_path / "count").read_text())


def test_whole_processes(healthy, tmp_path):
    """From the start of the interpreter to its end."""
    folder = tmp_path / "results"
    command = [sys.executable, "-m", "onramp.cli", "detector1", str(healthy.uncal), "--quiet",
               "--references", str(healthy.references), "--output_dir", str(folder)]  # fmt: skip
    begun = time.perf_counter()
    subprocess.run(command, check=True)
    longest = time.perf_counter() - begun
    rng = np.random.default_rng(20260602)
    for _ in range(size(3, 20)):
        shutil.rmtree(folder, ignore_errors=True)
        process = subprocess.Popen(command, start_new_session=True)
        time.sleep(rng.uniform(0.0, longest))
        process.kill()
        process.wait()
        if folder.exists():
            healthy.check(folder)
        subprocess.run(command, check=True)
        assert healthy.check(folder) == BOTH
        assert leftovers(folder) == []
