"""Bands of detector rows: how high they are, how threads share them, and the time steps take."""

import ctypes
import functools
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from onramp.later import short_turns

BAND_BYTES = 6_000_000
LARGEST_BYTES = 16 * BAND_BYTES  # of a band that is to be worth reading
MOST_BYTES = 10 * LARGEST_BYTES  # of a band of the fewest rows, if a single one is not larger
HEIGHTS = 8, 128  # smallest and largest band [rows]
WORTH_READING = 4096  # pixels of a plane; bands of short rows have as many, within bounds


class Band(NamedTuple):
    """Rows [first, last) and the rows around them that a step looks at."""

    first: int
    last: int
    outer_first: int
    outer_last: int

    @property
    def rows(self) -> slice:
        """The band's own rows in the frame."""
        return slice(self.first, self.last)

    @property
    def inner(self) -> slice:
        """The band's own rows among those around it."""
        return slice(self.first - self.outer_first, self.last - self.outer_first)


def band_height(shape, threads=1, rows=None):
    """
    Return how many rows to take at once.

    Parameters
    ----------
    shape : (int, int, int, int)
        nints, ngroups, ny, nx.
    threads : int
        Bands in memory at the same time.
    rows : int, optional
        A given height.
    """
    nints, ngroups, ny, nx = shape
    per_row = nints * ngroups * nx * (2 + 4 + 1) + nints * nx * 20
    least, most = HEIGHTS
    least = max(least, min(WORTH_READING // nx, LARGEST_BYTES // per_row))
    least = max(1, min(least, MOST_BYTES // per_row))
    height = rows or int(np.clip(BAND_BYTES // per_row, least, most))
    return max(1, min(height, -(-ny // threads)))


def split(ny, height, halo=0) -> list[Band]:
    """Return the bands of a frame of `ny` rows, each with `halo` rows around it."""
    return [
        Band(first, min(first + height, ny), max(0, first - halo), min(ny, first + height + halo))
        for first in range(0, ny, height)
    ]


TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8  # of mallopt(3)
MOST_IN_HEAP = 32 << 20  # bytes of an array; older versions of the library refuse more


@functools.cache
def keep_freed_memory():
    """
    Have the C library keep what one band has freed for the next one.

    Else it gives every large array back to the system, and clearing new pages takes longer than
    the work on them; and threads have heaps of their own, which cannot use what others have freed.
    Only the GNU library can be told.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, MOST_IN_HEAP)
        mallopt(MMAP_THRESHOLD, LARGEST_BYTES)
        mallopt(TRIM_THRESHOLD, 2 * LARGEST_BYTES)
        mallopt(ARENA_MAX, 1)


def give_back_freed_memory():
    """Have the C library give back all that is free, between parts that need unlike arrays."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)


def in_threads(work, bands, threads):
    """
    Return what `work` returns of each band, in order; begin no other one if one fails.

    Threads take the next band each, the caller's among them: it is at work while others start.
    """
    keep_freed_memory()
    bands = list(bands)
    results, turns, failed = [None] * len(bands), iter(range(len(bands))), threading.Event()

    def take():
        for n in turns:
            if failed.is_set():
                return
            try:
                results[n] = work(bands[n])
            except BaseException:
                failed.set()
                raise

    if threads == 1:
        take()
        return results
    with short_turns(), ThreadPoolExecutor(threads - 1) as pool:
        tasks = [pool.submit(take) for _ in range(threads - 1)]
        try:
            take()
            for task in tasks:
                task.result()
        finally:
            failed.set()
    return results


class Stopwatch:
    """Seconds spent in each step, over all threads."""

    def __init__(self):
        self.seconds = defaultdict(float)
        self._lock = threading.Lock()

    @staticmethod
    def now():
        """Return the time to measure from."""
        return time.perf_counter()

    def add(self, step, since):
        """Add the time since `since` to a step; return the time now."""
        now = time.perf_counter()
        with self._lock:
            self.seconds[step] += now - since
        return now
