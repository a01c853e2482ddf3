"""Processes of our own, begun and ended with little effort: they take one exposure or a few."""

import gc
import importlib
import os
import sys
from types import ModuleType

FEW_SEARCHES = 200_000  # new objects between them; libraries make many, all to stay
POOLS = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"
UNITS = "astropy.units"
WANTED = "Quantity", "UnitBase"
"""Names of classes that importing astropy.io.fits asks of astropy.units."""


def begin():
    """
    Search for garbage more rarely than Python does, and keep libraries from what costs for nothing.

    Work is divided by bands of rows. Libraries of linear algebra start a thread for each core when
    they are loaded, and let it wait for work at full speed. Half of the import of astropy.io.fits
    is that of units.
    """
    gc.set_threshold(FEW_SEARCHES)
    os.environ.update(dict.fromkeys(POOLS, "1"))
    import_fits()


def import_fits(wanted=WANTED):
    """
    Import astropy.io.fits without astropy.units.

    Of these astropy.utils.data asks two classes, for the sizes of downloads; it gets others. Who
    imports astropy.units afterwards gets all of it. If astropy asks for more, as another version
    may, it is imported as usual.

    Parameters
    ----------
    wanted : sequence of str, optional
        Names of the classes.
    """
    if UNITS in sys.modules:
        return
    before = set(sys.modules)
    stand_in = ModuleType(UNITS)
    vars(stand_in).update({name: type(name, (), {}) for name in wanted})
    sys.modules[UNITS] = stand_in
    try:
        importlib.import_module("astropy.io.fits")
    except (ImportError, AttributeError):
        for name in set(sys.modules) - before:
            if name.split(".")[0] == "astropy":
                del sys.modules[name]
    finally:
        sys.modules.pop(UNITS, None)
    settle(importlib.import_module("astropy.io.fits").conf)


def settle(settings):
    """Look up some of astropy's settings once: else it does so for each card of each header."""
    for name in list(settings):
        setattr(type(settings), name, getattr(settings, name))


def end():
    """Spare the end of the process a search for garbage; nothing is gained by it."""
    gc.freeze()
