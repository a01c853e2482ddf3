"""What not every Unix has, or has in its own way."""

import os
import resource
import sys

BYTES_OF_PEAK = 1 if sys.platform == "darwin" else 1024  # that the system's unit of a peak has


def reserve(file, size):
    """
    Make a file as long as it will be; reserve its room on the disk, where the system can.

    Parameters
    ----------
    file : int
        Descriptor.
    size : int
        Bytes, at least 1.

    Raises
    ------
    OSError
        If there is no room.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:
        os.ftruncate(file, size)


def peak_mb() -> float:
    """Return the most memory that this process has held [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_OF_PEAK / 2**20
