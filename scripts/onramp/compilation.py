"""Compile the numerical kernels once on each kind of machine, while other jobs wait."""

import contextlib
import hashlib
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from onramp import kernel_cache
from onramp.errors import InputError
from onramp.glance import glance
from onramp.interleaving import COLUMNS
from onramp.library_digest import kernel_digest
from onramp.product_list import LIKELIHOOD

WARM_UP = "onramp.warm"
WARM_UP_OF_MIRI = "onramp.warm_miri"
WARM_UP_OF_IRS2 = "onramp.warm_irs2"
WARM_UP_OF_OPTIONS = "onramp.warm_options"


def ensure(uncal=None, parameters=None) -> None:
    """
    Compile the kernels into the cache on disk, unless that has been done.

    Of several processes one compiles and the others wait for it. Where no lock or mark can be kept
    each compiles what it needs when it needs it, which costs time and nothing else.

    To be called before a kernel is: on a cluster it says where the cache is.

    Parameters
    ----------
    uncal : str or Path, optional
        Compile what only exposures like it need, too.
    parameters : Detector1Parameters, optional
        Compile what is needed only where they ask for it, too.
    """
    _ensure(WARM_UP)
    for module in _for_exposure(uncal):
        _ensure(module)
    for option in options(parameters) if parameters is not None else ():
        _ensure(WARM_UP_OF_OPTIONS, option)


def options(parameters) -> list[str]:
    """Return what parameters ask for that is off by default, as `onramp.warm_options` names it."""
    asked = {
        "charge_migration": not parameters.charge_migration.skip,
        "snowballs": parameters.jump.expand_large_events,
        "showers": parameters.jump.find_showers,
        "flicker_noise": not parameters.clean_flicker_noise.skip,
        "likelihood": parameters.ramp_fit.algorithm == LIKELIHOOD,
        "optional_results": parameters.ramp_fit.save_opt,
    }
    return [option for option, wanted in asked.items() if wanted]


def _for_exposure(uncal):
    with contextlib.suppress(InputError):  # the job will say what is wrong
        found = glance(uncal) if uncal is not None else None
        if found and found.instrument == "MIRI":
            yield WARM_UP_OF_MIRI
        if found and found.shape[-2] == COLUMNS:
            yield WARM_UP_OF_IRS2


def _ensure(module, *options):
    mark = mark_file(module, *options)
    if _on_cluster():
        os.environ["NUMBA_CACHE_DIR"] = str(mark.parent)
    if _is_whole(mark):
        return
    with contextlib.suppress(OSError), _lock(mark.with_suffix(".lock")):
        if _is_whole(mark):
            return
        command = [sys.executable, "-m", module, *options]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            mark.write_text("\n".join(sorted(kernel_cache.files(mark.parent))))


def is_done() -> bool:
    """Return whether the kernels that every exposure needs are compiled."""
    return _is_whole(mark_file())


def _is_whole(mark):
    """Return whether all that was there when a mark was set is there still."""
    try:
        return kernel_cache.files(mark.parent).issuperset(mark.read_text().splitlines())
    except OSError:
        return False


def mark_file(module=WARM_UP, *options) -> Path:
    """
    Return the file that lists the kernels that are compiled for this kind of machine.

    Another version of the sources removes what it compiles anew, and leaves the list.
    """
    kind = [sys.version, version("numba"), _processor(), *options]
    folder = kernel_cache.cache_root()
    if _on_cluster():
        # One folder for each kind of node, so that those of a kind that is gone can be removed.
        machine = f"machine-{_digest(*kind)}"
        folder = folder if folder.name == machine else folder / machine
    if folder.parent != kernel_cache.LIBRARY:
        kind.append(str(kernel_cache.LIBRARY))  # each has its own
    return folder / f"kernels-{_digest(kernel_digest(module), *kind)}.compiled"


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
