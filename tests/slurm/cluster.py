"""A Slurm cluster of two virtual nodes on this machine, without systemd and control groups."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = "munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo", "srun"
CONFIGURATION = Path("/etc/slurm/slurm.conf")  # a job step looks nowhere else
CONTROL_GROUPS = Path("/etc/slurm/cgroup.conf")
SIGN = "# Written by the tests of onramp.\n"
MUNGE_SOCKET = Path("/run/munge/munge.socket.2")
NODES = {"n1": 17001, "n2": 17002}
NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=8 Boards=1 "
    "SocketsPerBoard=1 CoresPerSocket=8 ThreadsPerCore=1 RealMemory=16000 State=UNKNOWN\n"
)
TEXT = """\
ClusterName=local
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
MpiDefault=none
SwitchType=switch/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=2,bf_interval=2,sched_min_interval=0,batch_sched_delay=0
ReturnToService=2
SlurmdTimeout=10
MinJobAge=600
KillWait=3
OverTimeLimit=0
PropagateResourceLimits=NONE
AccountingStorageType=accounting_storage/none
StateSaveLocation={base}/state
SlurmdSpoolDir={base}/spool-%n
SlurmctldLogFile={base}/slurmctld.log
SlurmdLogFile={base}/slurmd-%n.log
SlurmctldPidFile={base}/slurmctld.pid
SlurmdPidFile={base}/slurmd-%n.pid
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE DefMemPerCPU=500 DefaultTime=10 State=UP
"""


def obstacle():
    """Return in a few words what keeps a cluster from being started here, or None."""
    if missing := [name for name in PROGRAMS if not shutil.which(name)]:
        return f"not installed: {', '.join(missing)}"
    if os.geteuid():
        return "only root can start Slurm's daemons"
    if CONFIGURATION.exists() and not CONFIGURATION.read_text().startswith(SIGN):
        return f"{CONFIGURATION} belongs to another cluster"
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 6817)) == 0:
            return "a Slurm is running here"
    return None


class Cluster:
    """
    The daemons, started and stopped one by one.

    Parameters
    ----------
    base : Path
        Folder for all that they write.
    """

    def __init__(self, base):
        self.base = Path(base)
        self._own_munge = False

    def start(self):
        """Start all and wait until jobs can run."""
        host = socket.gethostname().split(".")[0]
        nodes = (NODE.format(name=name, host=host, port=port) for name, port in NODES.items())
        head, partition = TEXT.format(base=self.base, host=host).rsplit("PartitionName", 1)
        CONFIGURATION.parent.mkdir(exist_ok=True)
        CONFIGURATION.write_text(f"{SIGN}{head}{''.join(nodes)}PartitionName{partition}")
        CONTROL_GROUPS.write_text(f"{SIGN}CgroupAutomount=no\n")
        for folder in ("state", *(f"spool-{name}" for name in NODES)):
            (self.base / folder).mkdir()
        self._start_munge()
        self.start_controller()
        for name in NODES:
            self.start_node(name)
        wait(lambda: self.states() == dict.fromkeys(NODES, "idle"), "idle nodes", 20)

    def _start_munge(self):
        if MUNGE_SOCKET.exists() and run("munge", "-n").returncode == 0:
            return
        folder = MUNGE_SOCKET.parent
        folder.mkdir(exist_ok=True)
        shutil.chown(folder, "munge", "munge")
        pid_file = folder / "munged.pid"
        # Away from a log of its own, whose folder may be anybody's.
        check("runuser", "-u", "munge", "--", "munged", "--force", f"--pid-file={pid_file}")
        self._own_munge = True

    def start_controller(self):
        """Start slurmctld."""
        check("slurmctld")

    def start_node(self, name):
        """Start a node's slurmd."""
        check("slurmd", "-N", name)

    def kill_controller(self):
        """Kill slurmctld, as a power cut would, as soon as it has written down all jobs."""
        asked = time.time()
        for job, _, _ in jobs():
            check("scontrol", "update", f"JobId={job}", "Comment=seen")
        wait(lambda: self._written_down.stat().st_mtime > asked, "record of jobs")
        kill(self.base / "slurmctld.pid", signal.SIGKILL)

    def forget_jobs(self):
        """Kill slurmctld so that it will know nothing of any job."""
        kill(self.base / "slurmctld.pid", signal.SIGKILL)
        for path in self._written_down, self._written_down.with_suffix(".old"):
            path.unlink(missing_ok=True)

    @property
    def _written_down(self):
        return self.base / "state/job_state"

    def kill_node(self, name):
        """Kill a node's slurmd, with all that runs below it."""
        steps = [pid for pid, command in processes() if "slurmstepd: [" in command]
        for pid in steps:
            if self._on_node(pid, name):
                for child in (*descendants(pid), pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
        kill(self.base / f"slurmd-{name}.pid", signal.SIGKILL)

    def _on_node(self, pid, name):
        """Tell whether a job step's daemon runs on a node: its jobs know the node's name."""
        return any(environment(child).get("SLURMD_NODENAME") == name for child in descendants(pid))

    def states(self):
        """Return each node's state."""
        lines = run("sinfo", "--noheader", "--Node", "--format=%N %T").stdout.split("\n")
        return dict(line.split() for line in lines if line)

    def stop(self):
        """Stop what was started, by the pid files that it wrote."""
        for pid, command in processes():
            if "slurmstepd: [" in command:
                for child in (*descendants(pid), pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
        for name in (*(f"slurmd-{name}" for name in NODES), "slurmctld"):
            kill(self.base / f"{name}.pid", signal.SIGTERM)
        if self._own_munge:
            kill(MUNGE_SOCKET.parent / "munged.pid", signal.SIGTERM)
        for path in (CONFIGURATION, CONTROL_GROUPS):
            path.unlink(missing_ok=True)


def jobs():
    """Return id, state and node of each job that waits or runs."""
    found = run("squeue", "--noheader", "--format=%i %T %N", "--states=PD,R").stdout
    return [[*line.split(), ""][:3] for line in found.splitlines()]


def run(*command):
    """Run a command; return what became of it."""
    return subprocess.run(command, capture_output=True, text=True, check=False)


def check(*command):
    """Run a command that must succeed."""
    done = run(*command)
    assert done.returncode == 0, done.stderr


def wait(condition, what, seconds=60):
    """Wait for a condition; return what it returns."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"no {what} within {seconds} s"
        time.sleep(0.2)
    return found


def kill(pid_file, number):
    """Send a signal to the process of a pid file, if there is one, and wait for its end."""
    try:
        pid = int(pid_file.read_text())
        os.kill(pid, number)
    except (OSError, ValueError):
        return
    wait(lambda: not Path(f"/proc/{pid}/stat").exists() or state(pid) == "Z", "end of a daemon", 20)


def state(pid):
    """Return a process's state, a letter."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def processes():
    """Yield id and command of each process."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            yield int(folder.name), command


def descendants(pid):
    """Return the ids of the processes below one, children before parents."""
    children = run("ps", "--no-headers", "-o", "pid", "--ppid", str(pid)).stdout.split()
    return [p for child in children for p in (*descendants(int(child)), int(child))]


def environment(pid):
    """Return the environment with which a process was started."""
    try:
        entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    except OSError:
        return {}
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)
