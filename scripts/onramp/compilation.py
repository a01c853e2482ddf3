"""Compile the numerical kernels once on each kind of machine, while other jobs wait."""

import contextlib
import hashlib
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from onramp.library_digest import library_digest
from onramp.reference_digest import cache_folder

WARM_UP = "onramp.warm"


def ensure() -> None:
    """
    Compile the kernels into the cache on disk, unless that has been done.

    Of several processes one compiles and the others wait for it. Where no lock or mark can be kept
    each compiles what it needs when it needs it, which costs time and nothing else.
    """
    mark = mark_file()
    if mark.exists():
        return
    with contextlib.suppress(OSError), _lock(mark.with_suffix(".lock")):
        if mark.exists():
            return
        command = [sys.executable, "-m", WARM_UP]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            mark.touch()


def mark_file() -> Path:
    """Return the file that tells that the present kernels are compiled for this kind of machine."""
    kind = [library_digest(WARM_UP), sys.version, version("numba"), _processor()]
    name = hashlib.sha256("\n".join(kind).encode()).hexdigest()[:16]
    folder = Path(__file__).parent / "__pycache__"
    if not os.access(folder, os.W_OK):
        folder = cache_folder()
    return folder / f"kernels-{name}.compiled"


def _processor():
    try:
        with open("/proc/cpuinfo") as file:
            return "".join(sorted({line for line in file if line.startswith(("model n", "flags"))}))
    except OSError:
        return platform.processor()


@contextlib.contextmanager
def _lock(path):
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
