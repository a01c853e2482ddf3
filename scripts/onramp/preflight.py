"""What keeps a run from working on a Slurm cluster, found before anything is submitted."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from onramp.errors import OnrampError

COMMANDS = "sbatch", "squeue", "scancel", "sinfo"
LOCAL_SYSTEMS = {"tmpfs", "ramfs", "overlay", "squashfs"}
LOCAL_FOLDERS = [Path(folder) for folder in ("/tmp", "/var/tmp", "/dev/shm")]
LIMITS = (
    ("memory", "mem_mb", "MB", "choose another partition"),
    ("cores", "cores", "cores", "ask for fewer threads"),
    ("time", "minutes", "minutes", "set a smaller batch_seconds or runtime"),
)
PATIENCE = 30


class PreflightError(OnrampError):
    """A run cannot work on the cluster as it is configured."""


class Request(NamedTuple):
    """What a job asks for."""

    job: str
    partition: str | None
    cores: int
    mem_mb: int
    minutes: int


class Node(NamedTuple):
    """What a kind of node offers."""

    partition: str
    is_default: bool
    cores: int
    mem_mb: int
    minutes: float
    """The partition's time limit [minutes]."""


def check(requests: Iterable[Request], folders: Mapping[str, str]) -> None:
    """
    Check that all jobs can be submitted, can run, and see the same files.

    Parameters
    ----------
    requests : iterable of Request
        Every job that is to be submitted.
    folders : dict of str to str
        Folders that every node must see, by the option that names them.

    Raises
    ------
    PreflightError
        If something is certain to fail; one line.
    """
    check_commands()
    nodes = read_nodes(_ask("sinfo", "--noheader", "--format=%R %P %c %m %l"))
    for request in sorted(set(requests), key=str):
        check_request(request, nodes)
    hosts = set(_ask("sinfo", "--noheader", "--format=%n").split())
    if hosts - {socket.gethostname(), socket.gethostname().partition(".")[0]}:
        check_shared(folders)


def check_commands() -> None:
    """Raise PreflightError if Slurm's commands are not here."""
    if missing := [name for name in COMMANDS if not shutil.which(name)]:
        raise PreflightError(
            f"executor: slurm: no command {', '.join(missing)} on this machine; start snakemake "
            "on a login node, or without profiles/slurm"
        )


def _ask(*command):
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise PreflightError(
            f"executor: slurm: {command[0]} gives no answer within {PATIENCE} s; is slurmctld up?"
        ) from None
    if done.returncode:
        reason = " ".join(done.stderr.split()) or f"status {done.returncode}"
        raise PreflightError(f"executor: slurm: {command[0]}: {reason}; is slurmctld up?")
    return done.stdout


def read_nodes(text: str) -> list[Node]:
    """Return the kinds of nodes from lines of partition, its mark, cores, memory and time limit."""
    found = []
    for line in text.splitlines():
        partition, marked, cores, memory, limit = line.split()
        # A plus sign stands for "and more, on other nodes of this kind".
        numbers = int(cores.rstrip("+")), int(memory.rstrip("+"))
        found.append(Node(partition, marked.endswith("*"), *numbers, _minutes(limit)))
    return found


def _minutes(limit):
    """Return a time limit such as 7-12:30:00, 30:00 or infinite in minutes."""
    days, _, rest = limit.rpartition("-")
    try:
        parts = [int(part) for part in rest.split(":")]
    except ValueError:
        return float("inf")
    seconds = 0
    for part in parts:
        seconds = 60 * seconds + part
    return int(days or 0) * 1440 + seconds / 60


def check_request(request: Request, nodes: list[Node]) -> None:
    """Raise PreflightError if no node of its partition can ever run a job."""
    name = request.partition
    if name:
        fitting = [node for node in nodes if node.partition in name.split(",")]
        partitions = ", ".join(sorted({node.partition for node in nodes}))
        if not fitting:
            raise PreflightError(
                f"slurm_partition: no partition '{name}' here; choose of: {partitions}"
            )
    else:
        fitting = [node for node in nodes if node.is_default]
        if not fitting:
            raise PreflightError(
                "slurm_partition: none is set and the cluster has no default; set it in "
                "profiles/slurm/config.yaml"
            )
    where = (
        f"partition '{fitting[0].partition}'" if len({n.partition for n in fitting}) < 2 else name
    )
    for what, field, unit, remedy in LIMITS:
        asked, offered = getattr(request, field), max(getattr(node, field) for node in fitting)
        if asked > offered:
            raise PreflightError(
                f"{request.job}: {what}: asks for {asked} {unit}, {where} has {offered:g} at "
                f"most; {remedy}"
            )
    if not any(n.mem_mb >= request.mem_mb and n.cores >= request.cores for n in fitting):
        raise PreflightError(
            f"{request.job}: no node of {where} has both {request.cores} cores and "
            f"{request.mem_mb} MB; ask for fewer threads or choose another partition"
        )


def check_shared(folders: Mapping[str, str]) -> None:
    """Raise PreflightError if a folder is where other machines cannot see it."""
    systems = file_systems()
    for option, folder in folders.items():
        place = Path(folder).expanduser().resolve()
        above = [place, *place.parents]
        mount = next((path for path in above if path in systems), None)
        # What is mounted below /tmp may be shared; /tmp itself is not.
        local = any(path in above and mount in (path, *path.parents) for path in LOCAL_FOLDERS)
        if local or systems.get(mount) in LOCAL_SYSTEMS:
            raise PreflightError(
                f"{option}: {place} is on this machine alone; move it to a file system that all "
                "nodes share"
            )


def file_systems() -> dict[Path, str]:
    """Return the type of the file system by where it is mounted."""
    found = {}
    try:
        with open("/proc/self/mounts") as file:
            for line in file:
                _, place, kind, *_ = line.split()
                found[Path(place.encode().decode("unicode_escape"))] = kind
    except OSError:
        return {}
    return found


def check_writable(option: str, folder: str) -> None:
    """Raise PreflightError if no file can be made in a folder, by making one."""
    place = Path(folder)
    probe = place / f".probe.{os.getpid()}"
    try:
        place.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as problem:
        raise PreflightError(
            f"{option}: {folder}: cannot be written to: {problem.strerror}; choose another"
        ) from problem
