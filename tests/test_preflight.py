import subprocess
from pathlib import Path

import pytest
from onramp import preflight
from onramp.preflight import PreflightError, Request

SINFO = """\
main main* 8 16000 1-00:00:00
main main* 16+ 8000+ 1-00:00:00
long long 4 4000 infinite
"""
FINE = Request("batch", "main", 1, 1000, 30)


@pytest.fixture
def nodes():
    return preflight.read_nodes(SINFO)


def test_nodes_are_understood(nodes):
    assert [node.partition for node in nodes] == ["main", "main", "long"]
    assert [node.is_default for node in nodes] == [True, True, False]
    assert (nodes[1].cores, nodes[1].mem_mb, nodes[1].minutes) == (16, 8000, 1440)
    assert nodes[2].minutes == float("inf")
    (short,) = preflight.read_nodes("a a 1 1 1:30:00\n")
    assert short.minutes == 90


@pytest.mark.parametrize(
    "request_", [FINE, FINE._replace(partition=None), FINE._replace(partition="main,long")]
)
def test_what_fits_is_let_through(nodes, request_):
    preflight.check_request(request_, nodes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"partition": "mian"}, "no partition 'mian' here; choose of: long, main"),
        ({"mem_mb": 16001}, "memory: asks for 16001 MB, partition 'main' has 16000 at most"),
        ({"cores": 17}, "cores: asks for 17 cores, partition 'main' has 16 at most"),
        ({"minutes": 1441}, "time: asks for 1441 minutes, partition 'main' has 1440 at most"),
        ({"cores": 16, "mem_mb": 9000}, "has both 16 cores and 9000 MB"),
    ],
)
def test_what_fits_no_node_is_refused(nodes, changes, words):
    with pytest.raises(PreflightError, match=r"^[^\n]+$") as refused:
        preflight.check_request(FINE._replace(**changes), nodes)
    assert words in str(refused.value)


def test_without_a_default_partition_one_must_be_set(nodes):
    with pytest.raises(PreflightError, match="the cluster has no default"):
        preflight.check_request(FINE._replace(partition=None), nodes[2:])


def test_no_slurm_here(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PreflightError, match="no command sbatch, squeue, scancel, sinfo"):
        preflight.check([FINE], {})


@pytest.mark.parametrize(
    ("place", "problem"),
    [("/tmp/x", True), ("/shared/x", False), ("/tmp/shared/x", False), ("/ram/x", True)],
)
def test_folders_that_other_nodes_cannot_see(monkeypatch, place, problem):
    mounts = {"/": "ext4", "/shared": "nfs4", "/tmp/shared": "nfs4", "/ram": "tmpfs"}
    systems = {Path(mount): kind for mount, kind in mounts.items()}
    monkeypatch.setattr(preflight, "file_systems", lambda: systems)
    if problem:
        with pytest.raises(PreflightError, match=f"output_dir: {place} is on this machine alone"):
            preflight.check_shared({"output_dir": place})
    else:
        preflight.check_shared({"output_dir": place})


@pytest.mark.parametrize(("hosts", "refused"), [("n1\nn2\n", True), ("here\n", False)])
def test_folders_matter_if_there_are_other_machines(monkeypatch, hosts, refused):
    def run(command, **_):
        return subprocess.CompletedProcess(command, 0, hosts if "%n" in command[-1] else SINFO, "")

    monkeypatch.setattr(preflight, "check_commands", lambda: None)
    monkeypatch.setattr(preflight.subprocess, "run", run)
    monkeypatch.setattr(preflight.socket, "gethostname", lambda: "here.example.org")
    if refused:
        with pytest.raises(PreflightError, match="is on this machine alone"):
            preflight.check([FINE], {"output_dir": "/dev/shm/x"})
    else:
        preflight.check([FINE], {"output_dir": "/dev/shm/x"})


def test_controller_that_does_not_answer(monkeypatch):
    def run(command, **_):
        return subprocess.CompletedProcess(command, 1, "", "Unable to contact\nslurm controller")

    monkeypatch.setattr(preflight, "check_commands", lambda: None)
    monkeypatch.setattr(preflight.subprocess, "run", run)
    with pytest.raises(PreflightError, match="sinfo: Unable to contact slurm controller; is slurm"):
        preflight.check([FINE], {})


def test_folder_that_cannot_be_written(tmp_path):
    preflight.check_writable("output_dir", str(tmp_path / "new"))
    assert not list((tmp_path / "new").iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(PreflightError, match=r"output_dir: .*file/x: cannot be written to"):
        preflight.check_writable("output_dir", str(tmp_path / "file/x"))
