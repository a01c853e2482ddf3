"""Processes of our own, begun and ended with little effort: they take one exposure or a few."""

import gc
import os

FEW_SEARCHES = 200_000  # new objects between them; libraries make many, all to stay
POOLS = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"


def begin():
    """
    Search for garbage more rarely than Python does, and keep libraries from threads of their own.

    Work is divided by bands of rows. Libraries of linear algebra start a thread for each core when
    they are loaded, and let it wait for work at full speed.
    """
    gc.set_threshold(FEW_SEARCHES)
    os.environ.update(dict.fromkeys(POOLS, "1"))


def end():
    """Spare the end of the process a search for garbage; nothing is gained by it."""
    gc.freeze()
