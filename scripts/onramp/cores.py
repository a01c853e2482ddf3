"""How many threads a step may take: `maximum_cores` against the cores granted to this process."""

import os
from numbers import Integral
from pathlib import Path

from onramp.errors import ParameterError

CONTROL_GROUPS, OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
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
    """Return the smallest quota of this process's control group and those around it [cores]."""
    try:
        groups = [line.split(":", 2) for line in OWN_GROUPS.read_text().splitlines()]
    except OSError:
        return None
    quotas = []
    for _, controllers, path in (group for group in groups if len(group) == 3):
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = CONTROL_GROUPS / controllers
        for folder in (top, *_folders_to(top, path)):
            quotas.append(_quota(folder))
    return min((quota for quota in quotas if quota), default=None)


def _folders_to(top, path):
    for part in Path(path).parts[1:]:
        top /= part
        yield top


def _quota(folder):
    """Return the quota of a control group of either version [cores], None if there is none."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            names = "cpu.cfs_quota_us", "cpu.cfs_period_us"
            quota, period = ((folder / name).read_text() for name in names)
        return max(1, int(quota) // int(period)) if int(quota) > 0 else None
    except (OSError, ValueError):  # "max": none
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
