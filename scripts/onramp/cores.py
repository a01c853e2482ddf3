"""How many threads a step may take: `maximum_cores` against the cores granted to this process."""

import os
from numbers import Integral
from pathlib import Path

from onramp.errors import ParameterError

_FRACTIONS = {"quarter": 4, "half": 2, "all": 1}


def granted() -> int:
    """
    Return the cores granted to this process, never those of the host.

    The smallest of the scheduler's affinity, the control group's quota and a Slurm job's cores.
    """
    limits = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()]
    limits.append(_control_group_quota())
    slurm = os.environ.get("SLURM_CPUS_PER_TASK") or os.environ.get("SLURM_CPUS_ON_NODE", "")
    limits.append(int(slurm) if slurm.isdigit() else None)
    return max(1, min(limit for limit in limits if limit))


def checked(cores) -> int:
    """
    Return a number of cores that a caller gives, those granted to this process for None.

    Raises
    ------
    ParameterError
        If it is no whole number of at least 1.
    """
    if cores is None:
        return granted()
    if isinstance(cores, bool) or not isinstance(cores, Integral) or cores < 1:
        raise ParameterError(f"cores={cores!r}: give a whole number of at least 1")
    return int(cores)


def _control_group_quota():
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, int(quota) // int(period))
    except (OSError, ValueError):
        return None


def threads(maximum_cores: str, cores: int) -> int:
    """
    Return the threads that a step takes.

    Parameters
    ----------
    maximum_cores : str
        none, quarter, half, all, or a number as a string. Fractions round down, to 1 at least.
    cores : int
        Cores granted to the job; more are never taken.
    """
    if maximum_cores == "none":
        return 1
    if maximum_cores in _FRACTIONS:
        return max(1, cores // _FRACTIONS[maximum_cores])
    return max(1, min(int(maximum_cores), cores))


def remark(step: str, maximum_cores: str, cores: int) -> str | None:
    """Return what to tell the user about an odd `maximum_cores`, if anything."""
    if not maximum_cores.isdigit():
        return None
    if int(maximum_cores) > cores:
        plural = "s are" if cores > 1 else " is"
        return (
            f"steps.{step}.maximum_cores={maximum_cores}: only {cores} core{plural} granted; "
            f"{cores} {'are' if cores > 1 else 'is'} used"
        )
    if int(maximum_cores) == 1:
        return f"steps.{step}.maximum_cores=1: one thread is used, as with none"
    return None
