"""What surrounds the work on exposures: pictures, batches, deliveries, other nodes."""

import subprocess
import sys

import pytest
from onramp import configuration

from .conftest import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

import onramp_cluster
import onramp_job
import onramp_members
import onramp_picture


def test_a_signal_during_a_picture_ends_the_job(tmp_path, monkeypatch):
    def terminated(*_):
        raise onramp_job.TerminatedError("cancelled")

    monkeypatch.setattr(onramp_picture, "in_child", terminated)
    with pytest.raises(onramp_job.TerminatedError):
        onramp_picture._draw_aside("x", tmp_path / "x.png", "onramp.quicklook")


def test_members_with_names_that_begin_alike_do_not_meet(tmp_path):
    def member(name):
        entry = {"rule": "detector1", "wildcards": {"exposure": name}, "input": {}, "threads": 1}
        return onramp_members.Member(entry, tmp_path / "staged", tmp_path, {})

    with member("a.b")._stage() as longer:
        (longer / "rate.fits").touch()
        with member("a")._stage() as shorter:
            (shorter / "rate.fits").touch()
        assert (longer / "rate.fits").exists()
    staged = tmp_path / "staged/detector1"
    assert sorted(path.name for path in staged.iterdir()) == ["a", "a.b"]
    with pytest.raises(RuntimeError), member("a")._stage() as part:
        raise RuntimeError
    assert not part.exists()
    assert (staged / "a").exists()


def test_a_delivery_that_fails_leaves_nothing_taken(tmp_path):
    staged = tmp_path / "staged/x"
    staged.mkdir(parents=True)
    (staged / "x_rate.fits").touch()
    target = tmp_path / "nowhere/x_rate.fits"
    command = ["sh", ROOT / "scripts/deliver.sh", staged, "", "", target]
    assert subprocess.run(command, capture_output=True).returncode == 1
    assert not list((tmp_path / "staged").iterdir())


def test_folders_that_other_nodes_need(tmp_path, monkeypatch):
    monkeypatch.setenv("CRDS_PATH", "/data/crds")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/data/kernels")
    told = {
        "exposures": str(tmp_path),
        "output_dir": "/data/out",
        "references": {"folder": "/refs"},
    }
    found = onramp_cluster.folders_of_jobs(configuration.load(told, "x"))
    assert found["exposures"] == str(tmp_path)
    assert found["output_dir"] == "/data/out"
    assert found["references.folder"] == "/refs"
    assert found["NUMBA_CACHE_DIR"] == "/data/kernels"
    assert "CRDS_PATH" not in found
    told = {"exposures": f"{tmp_path}/*/x_uncal.fits", "references": {"source": "crds"}}
    found = onramp_cluster.folders_of_jobs(configuration.load(told, "x"))
    assert found["CRDS_PATH"] == "/data/crds"
    assert found["exposures"] == f"{tmp_path}/*"
