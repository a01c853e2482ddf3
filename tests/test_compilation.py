import multiprocessing
import os
import subprocess
import sys
import time

import pytest
from onramp import compilation, kernel_cache
from onramp.simulate import simulate


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """A file to which each warm-up adds a line, in place of compiling anything."""
    calls = tmp_path / "calls"
    calls.touch()

    def run(command, **_):
        assert command[1] == "-m"
        time.sleep(0.2)
        with open(calls, "a") as file:
            file.write(f"{command[2]}\n")
        return subprocess.CompletedProcess(command, int((tmp_path / "broken").exists()))

    monkeypatch.setattr(subprocess, "run", run)
    marks = tmp_path / "cache"
    monkeypatch.setattr(compilation, "mark_file", lambda module: marks / f"{module}.compiled")
    return calls


def test_of_many_processes_one_compiles(calls):
    processes = [multiprocessing.get_context("fork").Process(target=compilation.ensure)
                 for _ in range(4)]  # fmt: skip
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert calls.read_text() == "onramp.warm\n"


def test_failed_warm_up_is_tried_again(calls, tmp_path):
    (tmp_path / "broken").touch()
    compilation.ensure()
    compilation.ensure()
    assert calls.read_text() == "onramp.warm\nonramp.warm\n"


def test_only_miri_compiles_its_kernels(calls, tmp_path):
    near = simulate("nircam_sub", tmp_path, 1, nx=16, ny=16, ngroups=2, nints=1).uncal
    middle = simulate("miri_sub64", tmp_path, 1, nx=16, ny=16, ngroups=2, nints=1).uncal
    compilation.ensure(near)
    assert calls.read_text() == "onramp.warm\n"
    for _ in range(2):
        compilation.ensure(middle)
    assert calls.read_text() == "onramp.warm\nonramp.warm_miri\n"
    compilation.ensure(tmp_path / "missing_uncal.fits")


def test_folder_that_cannot_be_written_is_no_error(calls, tmp_path):
    (tmp_path / "cache").touch()
    compilation.ensure()
    assert calls.read_text() == ""


@pytest.fixture
def node(monkeypatch):
    """A node of a cluster."""
    monkeypatch.setattr(os, "environ", {**os.environ, "SLURM_JOB_ID": "1"})
    os.environ.pop("NUMBA_CACHE_DIR", None)


def test_kinds_of_nodes_share_no_cache(monkeypatch, node):
    here = compilation.mark_file()
    monkeypatch.setattr(compilation, "_processor", lambda: "another")
    assert compilation.mark_file().parent != here.parent
    assert compilation.mark_file().parent.parent == here.parent.parent


def test_cache_that_the_user_names_is_divided_once(monkeypatch, tmp_path, node):
    os.environ["NUMBA_CACHE_DIR"] = str(tmp_path)
    cache = compilation.mark_file().parent
    assert cache.parent == tmp_path
    os.environ["NUMBA_CACHE_DIR"] = str(cache)
    assert compilation.mark_file().parent == cache


def test_jobs_are_told_where_the_cache_is(calls, tmp_path, node):
    compilation.ensure()
    assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path / "cache")


def test_mark_depends_on_kernels_and_machine(monkeypatch):
    mark = compilation.mark_file()
    assert compilation.mark_file() == mark
    monkeypatch.setattr(compilation, "_processor", lambda: "another")
    assert compilation.mark_file() != mark
    monkeypatch.undo()
    monkeypatch.setattr(compilation, "kernel_digest", lambda _: "another")
    assert compilation.mark_file() != mark


def test_mark_is_where_the_kernels_are(monkeypatch, tmp_path):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(kernel_cache, "LIBRARY", tmp_path)
    assert compilation.mark_file().parent == tmp_path / "__pycache__"
    (tmp_path / "__pycache__").mkdir()
    beside = compilation.mark_file()
    assert beside.parent == tmp_path / "__pycache__"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "named"))
    named = compilation.mark_file()
    assert named.parent == tmp_path / "named"
    monkeypatch.setattr(kernel_cache, "LIBRARY", tmp_path / "another")
    assert compilation.mark_file() != named, "another checkout's kernels lie elsewhere"


def test_each_warm_up_has_its_mark():
    assert compilation.mark_file() != compilation.mark_file("onramp.warm_miri")


JOB = """
import sys
from onramp import compilation
from onramp.detector1 import process_exposure
from onramp.parameters import parse_steps

uncal, references, output = sys.argv[1:]
compilation.ensure(uncal)
process_exposure(uncal, output, parse_steps({}, "test"), references, {})
print(*sys.modules)
"""


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory):
    """Environment with a cache in which no other test has left kernels."""
    return {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path_factory.mktemp("cache"))}


@pytest.mark.parametrize("mode", ["nircam_sub", "niriss_soss", "nirspec_irs2", "miri_sub64"])
def test_jobs_need_no_numba_once_all_is_compiled(tmp_path, own_cache, mode):
    """IRS2 has kernels of its own, which compile when they are first used."""
    interleaved = mode == "nirspec_irs2"
    size = {"nx": 16, "ny": 16} if mode in ("nircam_sub", "miri_sub64") else {}
    made = simulate(mode, tmp_path, 1, ngroups=4, nints=1 if interleaved else 2, **size)
    command = [sys.executable, "-c", JOB, made.uncal, made.references["gain"].parent, tmp_path]
    for _ in range(2 if interleaved else 1):
        done = subprocess.run(command, capture_output=True, text=True, env=own_cache)
        assert done.returncode == 0, done.stderr
    modules = done.stdout.split()
    assert "numba.core.runtime._nrt_python" in modules
    assert not {"numba", "scipy", "pandas"} & set(modules)
