import json
import multiprocessing
import os
import subprocess
import sys
import time

import pytest
from onramp import compilation, kernel_cache
from onramp.parameters import parse_steps
from onramp.simulate import simulate
from onramp.warm_options import OPTIONS


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """A file to which each warm-up adds a line, in place of compiling anything."""
    calls = tmp_path / "calls"
    calls.touch()

    def run(command, **_):
        assert command[1] == "-m"
        time.sleep(0.2)
        with open(calls, "a") as file:
            file.write(f"{' '.join(command[2:])}\n")
        return subprocess.CompletedProcess(command, int((tmp_path / "broken").exists()))

    monkeypatch.setattr(subprocess, "run", run)
    marks = tmp_path / "cache"
    monkeypatch.setattr(
        compilation, "mark_file", lambda *names: marks / f"{'-'.join(names)}.compiled"
    )
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


def test_kernels_that_are_gone_are_compiled_again(calls, tmp_path):
    """Another version of the sources has been at work, and removed some of this one's."""
    folder = kernel_cache.cache_of_library(tmp_path / "cache")
    folder.mkdir(parents=True)
    kernels = [folder / f"{name}{kernel_cache.ENDING}" for name in "ab"]
    for path in kernels:
        path.touch()
    for _ in range(2):
        compilation.ensure()
    assert calls.read_text() == "onramp.warm\n"
    kernels[1].rename(folder / f"c{kernel_cache.ENDING}")
    for _ in range(2):
        compilation.ensure()
    assert calls.read_text() == "onramp.warm\nonramp.warm\n"


@pytest.mark.parametrize(("mode", "module"), [("miri_sub64", "miri"), ("nirspec_irs2", "irs2")])
def test_kernels_of_some_exposures_compile_for_these(calls, tmp_path, mode, module):
    near = simulate("nircam_sub", tmp_path, 1, nx=16, ny=16, ngroups=2, nints=1).uncal
    other = simulate(mode, tmp_path, 1, ngroups=2, nints=1).uncal
    compilation.ensure(near)
    assert calls.read_text() == "onramp.warm\n"
    for _ in range(2):
        compilation.ensure(other)
    assert calls.read_text() == f"onramp.warm\nonramp.warm_{module}\n"
    compilation.ensure(tmp_path / "missing_uncal.fits")


def test_what_is_off_compiles_when_it_is_asked_for(calls):
    compilation.ensure(None, parse_steps({}, "test"))
    assert calls.read_text() == "onramp.warm\n"
    steps = {"jump": {"expand_large_events": True}, "clean_flicker_noise": {"skip": False}}
    for _ in range(2):
        compilation.ensure(None, parse_steps(steps, "test"))
    assert calls.read_text().splitlines()[1:] == [
        "onramp.warm_options snowballs", "onramp.warm_options flicker_noise",
    ]  # fmt: skip


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
    warm_ups = [
        ("onramp.warm",), ("onramp.warm_miri",), ("onramp.warm_irs2",),
        *(("onramp.warm_options", option) for option in OPTIONS),
    ]  # fmt: skip
    assert len({compilation.mark_file(*warm_up) for warm_up in warm_ups}) == len(warm_ups)


JOB = """
import json
import sys
from onramp import compilation
from onramp.parameters import parse_steps

uncal, references, output, steps = sys.argv[1:]
parameters = parse_steps(json.loads(steps), "test")
compilation.ensure(uncal, parameters)
from onramp.detector1 import process_exposure
process_exposure(uncal, output, parameters, references, {})
print(*sys.modules)
"""


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory):
    """Environment with a cache in which no other test has left kernels."""
    return {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path_factory.mktemp("cache"))}


EVENTS = {"jump": {"expand_large_events": True, "find_showers": True}}
LIKELY = {"ramp_fit": {"algorithm": "LIKELY"}, "charge_migration": {"skip": False}}


def cleaning(**parameters):
    return {"clean_flicker_noise": {"skip": False, **parameters}}


@pytest.mark.parametrize(
    ("mode", "steps"),
    [
        ("nircam_sub", {}),
        ("niriss_soss", {}),
        ("nirspec_irs2", {}),
        ("nirspec_full", {}),
        ("miri_sub64", {}),
        ("nircam_sub", cleaning(fit_method="median", background_method="model")),
        ("nirspec_bots", cleaning(fit_method="fft")),
        ("miri_sub64", cleaning(single_mask=False, save_background=True)),
        ("miri_sub64", EVENTS),
        ("nircam_sub", EVENTS | {"ramp_fit": {"save_opt": True}}),
        ("nircam_sub", LIKELY),
    ],
)
def test_jobs_need_no_numba_once_all_is_compiled(tmp_path, own_cache, mode, steps):
    """Arrays of a frame that is read along its columns, too, are as the warm-up has them."""
    size = {"nx": 16, "ny": 16} if mode in ("nircam_sub", "miri_sub64") and not steps else {}
    if mode == "nirspec_full":
        mode = "nirspec_bots"
        size = {"subarray": "FULL", "nx": 2048, "ny": 2048, "xstart": 1, "ystart": 1, "noutputs": 4}
    nints, ngroups = (1, 3) if size.get("nx") == 2048 or mode == "nirspec_irs2" else (2, 5)
    made = simulate(mode, tmp_path, 1, ngroups=ngroups, nints=nints, **size)
    command = [sys.executable, "-c", JOB, made.uncal, made.references["gain"].parent, tmp_path,
               json.dumps(steps)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env=own_cache)
    assert done.returncode == 0, done.stderr
    modules = done.stdout.split()
    assert "numba.core.runtime._nrt_python" in modules
    assert not ({"numba"} if steps else {"numba", "scipy", "pandas"}) & set(modules)
