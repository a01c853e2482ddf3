import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
from onramp import kernel_cache
from onramp.errors import KernelCacheError
from onramp.kernel_cache import CheckedFiles, _check_folder
from onramp.machine_code import MachineCode

PROGRAM = """
import sys
from onramp.kernels import kernel

@kernel
def double(x):
    return 2.0 * x

assert double(21.0) == 42.0
print("compiled" if "numba" in sys.modules else "loaded")
"""


@pytest.fixture
def run(tmp_path):
    """Run a program with one kernel; return how it came by its code."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    (tmp_path / "cache").mkdir()

    def run():
        done = subprocess.run(
            [sys.executable, program], capture_output=True, text=True, check=False,
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def cached(folder, pattern):
    (found,) = folder.rglob(pattern)
    return found


def test_a_kernel_is_compiled_once(run):
    assert run() == "compiled"
    assert run() == "loaded"


@pytest.mark.parametrize("damage", ["empty", "cut", "garbage", "flip", "plain", "gone"])
def test_a_damaged_cache_is_made_anew(run, tmp_path, damage):
    run()
    path = cached(tmp_path / "cache", "*.kernel")
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        flipped = bytearray(content)
        flipped[len(flipped) // 2] ^= 4
        path.write_bytes(
            {"empty": b"", "cut": content[: len(content) // 2], "garbage": b"garbage" * 100,
             "flip": bytes(flipped), "plain": content[:-17]}[damage]
        )  # fmt: skip
    assert run() == "compiled"
    assert run() == "loaded"


def code(content):
    return MachineCode(content, "wrapper", "environment")


def test_what_is_kept_comes_back(tmp_path):
    files = CheckedFiles(tmp_path, "x", "stamp")
    files.save("key", code(b"a\nb\0"))
    files.save("other key", code(b"other"))
    CheckedFiles(tmp_path, "xx", "stamp").save("key", code(b"of another kernel"))
    assert files.load("key") == code(b"a\nb\0")
    assert files.load("unknown") is None
    assert len(list(tmp_path.iterdir())) == 3


def test_what_is_stale_is_removed(tmp_path):
    files = CheckedFiles(tmp_path, "x", "stamp")
    files.save("key", code(b"old"))
    anew = CheckedFiles(tmp_path, "x", "another")
    assert anew.load("key") is None
    anew.save("key", code(b"new"))
    assert anew.load("key") == code(b"new")
    assert len(list(tmp_path.iterdir())) == 1


def test_machines_that_share_a_folder_keep_each_others_kernels(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    machines = "one", "another"
    for load in (False, True):
        for machine in machines:
            monkeypatch.setattr(kernel_cache, "processor", lambda machine=machine: machine)
            kernel_cache._surroundings.cache_clear()
            if not load:
                kernel_cache.keep(cached, (int,), code(machine.encode()))
            assert kernel_cache.find(cached, (int,)) == code(machine.encode())
    kernel_cache._surroundings.cache_clear()


def test_name_that_two_keys_share_is_no_match(tmp_path, monkeypatch):
    monkeypatch.setattr(kernel_cache, "_short", lambda *_: "same")
    files = CheckedFiles(tmp_path, "x", "stamp")
    files.save("key", code(b"mine"))
    assert files.load("other") is None


TYPES = "int32", "int64", "float32", "float64", "complex64", "complex128"
CONCURRENT = f"""
import os, sys, time
import numpy as np
from onramp.kernels import kernel

@kernel
def double(x):
    return x + x

types = sys.argv[1].split(",")
open("ready-" + sys.argv[1], "w")
while len([name for name in os.listdir() if name.startswith("ready-")]) < {len(TYPES)}:
    time.sleep(0.001)
for name in types:
    assert double(np.array([3], name)[0]) == 6, name
print("compiled" if "numba" in sys.modules else "loaded")
"""


def test_processes_that_compile_at_once_lose_nothing(tmp_path):
    (tmp_path / "program.py").write_text(CONCURRENT)
    options = {
        "cwd": tmp_path, "env": {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        "stdout": subprocess.PIPE, "text": True,
    }  # fmt: skip
    command = [sys.executable, "program.py"]
    processes = [subprocess.Popen([*command, name], **options) for name in TYPES]
    assert [process.communicate()[0] for process in processes] == ["compiled\n"] * len(TYPES)
    done = subprocess.run([*command, ",".join(TYPES)], check=True, **options)
    assert done.stdout == "loaded\n"


OUTER = """
from onramp.kernels import kernel
from onramp.steps.inner import add

@kernel
def double_sum(x):
    return 2.0 * add(x)
"""
INNER = """
from onramp.kernels import inner_kernel

@inner_kernel
def add(x):
    return x + 1.0
"""
USE = """
import sys
from onramp.steps.outer import double_sum
print(double_sum(1.0), "compiled" if "numba" in sys.modules else "loaded")
"""


@pytest.mark.parametrize("named", [False, True], ids=["beside the library", "named folder"])
def test_change_of_another_file_leaves_no_stale_kernel(tmp_path, named):
    shutil.copytree(
        kernel_cache.LIBRARY, tmp_path / "onramp", ignore=shutil.ignore_patterns("__pycache__")
    )
    steps = tmp_path / "onramp/steps"
    (steps / "outer.py").write_text(OUTER)
    (steps / "inner.py").write_text(INNER)
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    env.pop("NUMBA_CACHE_DIR", None)
    if named:
        env["NUMBA_CACHE_DIR"] = str(tmp_path / "cache")

    def run():
        command = [sys.executable, "-c", USE]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout

    assert run() == "4.0 compiled\n"
    assert run() == "4.0 loaded\n"
    before = (steps / "inner.py").stat()
    (steps / "inner.py").write_text(INNER.replace("1.0", "2.0"))
    os.utime(steps / "inner.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert run() == "6.0 compiled\n"
    assert run() == "6.0 loaded\n"


def test_a_folder_of_somebody_else_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "above" / "cache"
    folder.mkdir(parents=True)
    _check_folder(str(folder), __file__)
    _check_folder.cache_clear()
    folder.chmod(0o777)
    with pytest.raises(KernelCacheError, match="NUMBA_CACHE_DIR"):
        _check_folder(str(folder), __file__)
    folder.chmod(0o755)
    folder.parent.chmod(0o777)
    with pytest.raises(KernelCacheError):
        _check_folder(str(folder), __file__)
    folder.parent.chmod(0o1777)
    _check_folder(str(folder), __file__)
    _check_folder.cache_clear()
    real = os.stat
    owned = {str(folder): 12345}
    monkeypatch.setattr(
        kernel_cache.os, "stat",
        lambda path: SimpleNamespace(
            st_uid=owned.get(str(path), real(path).st_uid), st_mode=real(path).st_mode
        ),
    )  # fmt: skip
    with pytest.raises(KernelCacheError):
        _check_folder(str(folder), __file__)
    _check_folder.cache_clear()


def test_a_full_disk_costs_time_only(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(CheckedFiles, "save", full)
    kernel_cache._warn_once.cache_clear()
    from onramp.kernels import kernel

    @kernel
    def triple(x):
        return 3.0 * x

    assert triple(2.0) == 6.0
    assert "No space left on device" in caplog.text


def test_no_folder_at_all_costs_time_only(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    kernel_cache._warn_once.cache_clear()
    from onramp.kernels import kernel

    @kernel
    def quadruple(x):
        return 4.0 * x

    assert quadruple(2.0) == 8.0
    assert "set NUMBA_CACHE_DIR" in caplog.text
