"""What a process takes, measured from outside; this module and its callers stay without numpy.

A process's peak memory begins with that of the process it was started from: bench.py keeps small.
"""

import os
import statistics
import subprocess
from typing import NamedTuple


class Cost(NamedTuple):
    """What a process took."""

    cpu: float
    """User and system [s]."""
    peak_mb: float


def cost(command, **options):
    """Run a command to its end; return its Cost."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, **options)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"bench: {' '.join(map(str, command))} failed ({process.returncode})")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def output(command):
    """Run a command to its end; return what it printed."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(map(str, command))} failed ({done.returncode})")
    return done.stdout


def middle(costs):
    """Return the median cost."""
    return Cost(
        statistics.median(c.cpu for c in costs), statistics.median(c.peak_mb for c in costs)
    )
