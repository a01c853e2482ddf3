import os
import pickle
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from onramp import kernel_cache
from onramp.errors import KernelCacheError
from onramp.kernel_cache import CheckedCacheFile, _check_folder

PROGRAM = """
import sys
from onramp.kernels import kernel

@kernel
def double(x):
    return 2.0 * x

assert double(21.0) == 42.0
print(sum(double.stats.cache_hits.values()), sum(double.stats.cache_misses.values()))
"""


@pytest.fixture
def run(tmp_path):
    """Run a program with one kernel; return its hits and misses of the cache."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    (tmp_path / "cache").mkdir()

    def run():
        done = subprocess.run(
            [sys.executable, program], capture_output=True, text=True, check=False,
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return tuple(map(int, done.stdout.split()))

    return run


def cached(folder, pattern):
    (found,) = folder.rglob(pattern)
    return found


def test_a_kernel_is_compiled_once(run):
    assert run() == (0, 1)
    assert run() == (1, 0)


@pytest.mark.parametrize("pattern", ["*.nbi", "*.nbc"])
@pytest.mark.parametrize("damage", ["empty", "cut", "garbage", "flip", "plain", "gone"])
def test_a_damaged_cache_is_made_anew(run, tmp_path, pattern, damage):
    run()
    path = cached(tmp_path / "cache", pattern)
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
    assert run() == (0, 1)
    assert run() == (1, 0)


def test_a_planted_pickle_is_not_loaded(tmp_path):
    class Planted:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    file = CheckedCacheFile(str(tmp_path), "x", "stamp")
    (tmp_path / "x.nbi").write_bytes(pickle.dumps(Planted()))
    assert file.load("key") is None
    assert not (tmp_path / "ran").exists()


def test_what_is_kept_comes_back(tmp_path):
    file = CheckedCacheFile(str(tmp_path), "x", "stamp")
    file.save("key", np.arange(3).tolist())
    assert file.load("key") == [0, 1, 2]
    assert file.load("other") is None
    assert CheckedCacheFile(str(tmp_path), "x", "another").load("key") is None
    assert not list(tmp_path.glob("*.tmp.*"))


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

    monkeypatch.setattr(CheckedCacheFile, "save", full)
    monkeypatch.setattr(kernel_cache, "_check_folder", lambda *_: None)

    from onramp.kernels import kernel

    @kernel
    def triple(x):
        return 3.0 * x

    assert triple(2.0) == 6.0
    assert "No space left on device" in caplog.text


def test_no_folder_at_all_costs_time_only(monkeypatch, caplog):
    def nowhere(*_):
        raise RuntimeError("cannot cache function 'f': no locator available for file 'x'")

    monkeypatch.setattr(kernel_cache, "CheckedCache", nowhere)
    kernel_cache._warn_once.cache_clear()
    from onramp.kernels import kernel

    @kernel
    def quadruple(x):
        return 4.0 * x

    assert quadruple(2.0) == 8.0
    assert "set NUMBA_CACHE_DIR" in caplog.text
