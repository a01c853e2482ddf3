"""Compile the numerical kernels once on each kind of machine, while other jobs wait."""

import contextlib
import hashlib
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from onramp.library_digest import kernel_digest
from onramp.reference_digest import cache_folder

WARM_UP = "onramp.warm"
LIBRARY = Path(__file__).parent


def ensure() -> None:
    """
    Compile the kernels into the cache on disk, unless that has been done.

    Of several processes one compiles and the others wait for it. Where no lock or mark can be kept
    each compiles what it needs when it needs it, which costs time and nothing else.

    To be called before numba is imported: on a cluster it tells numba where the cache is.
    """
    mark = mark_file()
    if _on_cluster():
        os.environ["NUMBA_CACHE_DIR"] = str(mark.parent)
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
    kind = [sys.version, version("numba"), _processor()]
    folder = _cache()
    if _on_cluster():
        # One folder for each kind of node, so that those of a kind that is gone can be removed.
        machine = f"machine-{_digest(*kind)}"
        folder = folder if folder.name == machine else folder / machine
    if folder.parent != LIBRARY:
        kind.append(str(LIBRARY))  # numba keeps those of each place apart
    return folder / f"kernels-{_digest(kernel_digest(WARM_UP), *kind)}.compiled"


def _cache():
    """Return the folder that holds compiled kernels, for all kinds of machines."""
    if "NUMBA_CACHE_DIR" in os.environ:
        return Path(os.environ["NUMBA_CACHE_DIR"])
    folder = LIBRARY / "__pycache__"
    writable = os.access(folder if folder.exists() else LIBRARY, os.W_OK)
    return folder if writable else cache_folder()


def _on_cluster():
    return "SLURM_JOB_ID" in os.environ


def _digest(*parts):
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


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
