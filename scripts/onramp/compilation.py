"""Compile the numerical kernels once on each kind of machine, while other jobs wait."""

import contextlib
import hashlib
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from onramp.errors import InputError
from onramp.glance import glance
from onramp.library_digest import library_digest
from onramp.reference_digest import cache_folder

WARM_UP = "onramp.warm"
WARM_UPS = {"MIRI": "onramp.warm_miri"}
"""What compiles the kernels that only one instrument needs."""


def ensure(uncal=None) -> None:
    """
    Compile the kernels into the cache on disk, unless that has been done.

    Of several processes one compiles and the others wait for it. Where no lock or mark can be kept
    each compiles what it needs when it needs it, which costs time and nothing else.

    To be called before numba is imported: on a cluster it tells numba where the cache is.

    Parameters
    ----------
    uncal : str or Path, optional
        Compile what only its instrument needs, too.
    """
    _ensure(WARM_UP)
    with contextlib.suppress(InputError):  # the job will say what is wrong
        instrument = glance(uncal).instrument if uncal is not None else None
        if instrument in WARM_UPS:
            _ensure(WARM_UPS[instrument])


def _ensure(module):
    mark = mark_file(module)
    if _on_cluster():
        os.environ["NUMBA_CACHE_DIR"] = str(mark.parent)
    if mark.exists():
        return
    with contextlib.suppress(OSError), _lock(mark.with_suffix(".lock")):
        if mark.exists():
            return
        command = [sys.executable, "-m", module]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            mark.touch()


def mark_file(module=WARM_UP) -> Path:
    """Return the file that tells that kernels are compiled for this kind of machine."""
    kind = [sys.version, version("numba"), _processor()]
    folder = _cache()
    if _on_cluster():
        # Nodes of different kinds share no folder: numba numbers a function's compiled files by an
        # index that two nodes can change at once, so that one could be given code for another.
        machine = f"machine-{_digest(*kind)}"
        folder = folder if folder.name == machine else folder / machine
        kind.append(str(Path(__file__).parent))  # numba keeps those of each place apart
    return folder / f"kernels-{_digest(library_digest(module), *kind)}.compiled"


def _cache():
    """Return the folder that holds compiled kernels, for all kinds of machines."""
    if _on_cluster() and "NUMBA_CACHE_DIR" in os.environ:
        return Path(os.environ["NUMBA_CACHE_DIR"])
    folder = Path(__file__).parent / "__pycache__"
    return folder if os.access(folder, os.W_OK) else cache_folder()


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
