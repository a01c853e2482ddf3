"""Files that appear complete or not at all."""

import contextlib
import fcntl
import os
from pathlib import Path


@contextlib.contextmanager
def replacing(path):
    """
    Lend a hidden name beside a file's own; what is there takes its name if nothing was raised.

    Parameters
    ----------
    path : str or Path
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def folder_lock(folder):
    """Keep a folder from other processes that ask for it, where there are locks."""
    file = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
