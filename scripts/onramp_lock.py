"""One run at a time for a folder of products."""

import fcntl
import os
from pathlib import Path

from onramp.errors import OutputError

LOCK = "logs/run.lock"
HELD = {}
"""The folders that this process has, and their locks."""


def may_write(workflow, results) -> bool:
    """Return whether this is a run, with the folder to itself, and not a look at one."""
    running = workflow.is_main_process and workflow.executor_plugin
    if not running or workflow.touch or workflow.dryrun:
        return False
    if workflow.execution_settings.lock and results not in HELD:
        HELD[results] = claim(results)
    return True


def claim(results):
    """
    Take a folder of products for this process until it ends, however it ends.

    Snakemake takes its own lock once it has planned, and planning writes manifests and removes what
    is truncated. Where the file system knows no locks, Snakemake's is the only one.

    Parameters
    ----------
    results : path

    Returns
    -------
    int
        The open lock; None where there can be none.

    Raises
    ------
    OutputError
        If another run has it.
    """
    path = Path(results, LOCK)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:  # what is wrong with the folder is told where products are written
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise OutputError(
            f"{results}: another run is making products here; wait for its end, or choose another "
            "output_dir"
        ) from None
    except OSError:
        os.close(lock)
        return None
    return lock
