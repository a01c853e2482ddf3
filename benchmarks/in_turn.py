"""What a second thread gives: passes with one thread and with two, in turn."""

import statistics
import time
from functools import partial

import numpy as np
from onramp import bands
from onramp.column_sort import sort_all_columns

PAIRS = 15
BLOCKS = 16  # that threads sort which only compute, of 800 kB each
SORTS = 32  # of each block


def compare_threads(work, same):
    """
    Pass some work, and threads that only compute: more than these a second thread cannot give.

    Parameters
    ----------
    work : callable
        Takes the number of threads.
    same : callable
        Takes what a pass has returned; returns whether all bits are those of any other.

    Returns
    -------
    dict
        "passage" and "computing": wall seconds with one thread and with two, of the fastest passes,
        which nothing else has delayed; "same_bits".
    """
    blocks = [np.zeros((100, 2048), np.float32) for _ in range(BLOCKS)]
    walls, alike = {"passage": ([], []), "computing": ([], [])}, True
    for threads in (1, 2) * PAIRS:
        for name, passage in ("passage", work), ("computing", partial(_compute, blocks)):
            start = time.perf_counter()
            found = passage(threads)
            walls[name][threads - 1].append(time.perf_counter() - start)
            alike &= name == "computing" or same(found)
    fastest = {name: [min(each) for each in pair] for name, pair in walls.items()}
    return {**fastest, "same_bits": bool(alike)}


def two_to_one(pairs):
    """Return the wall time of two threads for one's, the median of some; None if there are none."""
    known = [two / one for one, two in pairs]
    return statistics.median(known) if known else None


def _compute(blocks, threads):
    """Sort values of each thread's own that stay in the core's caches, for some 0.1 s."""

    def work(block):
        for _ in range(SORTS):
            sort_all_columns(block)

    bands.in_threads(work, blocks, threads)
