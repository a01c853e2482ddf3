import os

import pytest
from onramp import cores


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Set the affinity, the control group's file and Slurm's variables."""

    def pretend(affinity, quota=None, **slurm):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(affinity)), raising=False)
        (tmp_path / "own").write_text("0::/user/job\n")
        (tmp_path / "user/job").mkdir(parents=True)
        if quota is not None:
            (tmp_path / "user/job/cpu.max").write_text(quota)
        monkeypatch.setattr(cores, "OWN_GROUPS", tmp_path / "own")
        monkeypatch.setattr(cores, "CONTROL_GROUPS", tmp_path)
        for name in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in slurm.items():
            monkeypatch.setenv(name, value)

    return pretend


@pytest.mark.parametrize(
    ("affinity", "quota", "slurm", "expected"),
    [
        (8, None, {}, 8),
        (8, "max 100000\n", {}, 8),
        (8, "300000 100000\n", {}, 3),
        (8, "50000 100000\n", {}, 1),
        (8, "rubbish", {}, 8),
        (8, None, {"SLURM_CPUS_PER_TASK": "2", "SLURM_CPUS_ON_NODE": "6"}, 2),
        (8, None, {"SLURM_CPUS_ON_NODE": "6"}, 6),
        (8, None, {"SLURM_CPUS_PER_TASK": "64"}, 8),
        (8, None, {"SLURM_CPUS_PER_TASK": "few"}, 8),
        (8, "400000 100000", {"SLURM_CPUS_PER_TASK": "5"}, 4),
    ],
)
def test_granted_is_the_smallest_limit(machine, affinity, quota, slurm, expected):
    machine(affinity, quota, **slurm)
    assert cores.granted() == expected


@pytest.mark.parametrize("place", ["", "user", "user/job"])
def test_quotas_of_all_groups_around_count(machine, tmp_path, place):
    machine(8)
    (tmp_path / place / "cpu.max").write_text("200000 100000")
    assert cores.granted() == 2
    (tmp_path / "user/job/cpu.max").write_text("max 100000")
    assert cores.granted() == (8 if place == "user/job" else 2)


def test_quotas_of_the_first_version(machine, tmp_path):
    machine(8)
    (tmp_path / "own").write_text("5:memory:/user\n4:cpu,cpuacct:/user/job\n0::/elsewhere\n")
    group = tmp_path / "cpu,cpuacct/user"
    (group / "job").mkdir(parents=True)
    for folder, quota in ((group, 300_000), (group / "job", -1)):
        (folder / "cpu.cfs_quota_us").write_text(f"{quota}\n")
        (folder / "cpu.cfs_period_us").write_text("100000\n")
    assert cores.granted() == 3


@pytest.mark.parametrize(
    ("maximum", "granted", "expected"),
    [
        ("none", 16, 1), ("quarter", 16, 4), ("quarter", 3, 1), ("half", 5, 2), ("half", 1, 1),
        ("all", 7, 7), ("1", 8, 1), ("4", 8, 4), ("64", 8, 8),
    ],
)  # fmt: skip
def test_threads(maximum, granted, expected):
    assert cores.threads(maximum, granted) == expected


def test_remarks():
    assert "only 4 cores are granted" in cores.remark("jump", "16", 4)
    assert "as with none" in cores.remark("jump", "1", 4)
    for quiet in ("2", "4", "all", "none"):
        assert cores.remark("jump", quiet, 4) is None
