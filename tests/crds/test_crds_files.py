"""Fetching from a server: verified, retried, never by two at once."""

import gc
import os
import subprocess
import sys
import threading

import pytest
from onramp import crds_files
from onramp.crds_files import AwaitedError, Files, lock
from onramp.crds_rules import Rules
from onramp.errors import ReferenceFileError

from .cache import environment
from .conftest import PARAMETERS
from .server import Server, serving

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def server(cache):
    with serving(Server(cache, "jwst_0001.pmap")) as made:
        yield made


@pytest.fixture
def pauses(monkeypatch):
    """The pauses before further attempts, which nobody waits for."""
    taken = []
    monkeypatch.setattr(crds_files.time, "sleep", lambda pause: pause and taken.append(pause))
    return taken


@pytest.fixture
def rules(server, connect, tmp_path):
    """Rules fetched into an empty cache."""
    connect(server, tmp_path / "mine")
    return Rules()


@pytest.fixture
def dark(cache):
    return cache.chosen["NIRCAM"]["dark"]["NRCA1"]


def damaged(content):
    return content[:-1] + b"?"


def test_rules_and_files_are_fetched_into_an_empty_cache(rules, server, facts, dark, cache):
    assert rules.connected
    assert rules.context == "jwst_0001.pmap"
    assert rules.choose(facts, ["dark"]) == {"dark": dark}
    path = Files(rules).get(dark)
    assert path.is_relative_to(rules.place)
    assert path.read_bytes() == (cache.references / "nircam" / dark).read_bytes()


def test_each_file_is_fetched_once(rules, server, facts, dark):
    rules.choose(facts, ["dark"])
    files = Files(rules)
    assert files.get(dark) == files.get(dark) == Files(rules).get(dark)
    assert server.asked.count(dark) == 1


@pytest.mark.parametrize("fault", [damaged, lambda content: content[:-100], lambda content: None])
def test_damaged_file_is_fetched_again_after_a_pause(rules, server, facts, dark, pauses, fault):
    rules.choose(facts, ["dark"])
    server.faults[dark] = [fault, fault]
    path = Files(rules).get(dark)
    assert path.read_bytes() == server.files()[dark].read_bytes()
    assert server.asked.count(dark) == 3
    assert pauses == [2, 4]
    gc.collect()  # of the answers that `crds` leaves open


def test_file_that_stays_damaged_is_refused_and_not_left_behind(rules, server, facts, dark, pauses):
    rules.choose(facts, ["dark"])
    server.faults[dark] = [damaged] * 99
    files = Files(rules)
    with pytest.raises(ReferenceFileError, match=r"not fetched from .* in 5 attempts: .*sha1"):
        files.get(dark)
    assert not rules.path(dark).exists()
    assert pauses == [2, 4, 8, 16]
    with pytest.raises(ReferenceFileError, match="in 5 attempts"):
        files.get(dark)
    assert server.asked.count(dark) == 5, "other exposures do not try again"
    gain = next(name for name in server.files() if "_gain_" in name and name.endswith("fits"))
    server.faults[gain] = [damaged] * 99
    with pytest.raises(ReferenceFileError, match="in 1 attempts"):
        files.get(gain)


def test_dry_run_fetches_no_references(rules, server, facts, dark):
    rules.choose(facts, ["dark"])
    files = Files(rules, may_fetch=False)
    for _ in range(2):  # of two exposures, say
        with pytest.raises(AwaitedError):
            files.get(dark)
    assert files.awaited == {dark: server.files()[dark].stat().st_size}
    assert dark not in server.asked


def test_damaged_file_of_the_cache_is_refused(cache, facts, dark):
    path = cache.references / "nircam" / dark
    path.write_bytes(damaged(path.read_bytes()))
    with pytest.raises(ReferenceFileError, match=rf"{dark}: sha1 \w+; CRDS knows \w+; remove it"):
        Files(Rules()).get(dark)
    path.write_bytes(path.read_bytes()[:-2880])
    with pytest.raises(ReferenceFileError, match=rf"{dark}: \d+ bytes; CRDS knows \d+; remove it"):
        Files(Rules()).get(dark)


def test_missing_file_without_a_server(cache, dark):
    (cache.references / "nircam" / dark).unlink()
    with pytest.raises(ReferenceFileError, match=rf"{dark}: missing, and there is no server; fill"):
        Files(Rules()).get(dark)


def test_missing_file_in_a_read_only_cache(rules, facts, dark, monkeypatch):
    rules.choose(facts, ["dark"])
    monkeypatch.setenv("CRDS_READONLY_CACHE", "1")
    with pytest.raises(ReferenceFileError, match=rf"{dark}: missing, and CRDS_READONLY_CACHE"):
        Files(rules).get(dark)


def test_unreachable_server_leaves_a_complete_cache_usable(cache, facts, dark, monkeypatch):
    from onramp.crds_rules import load

    monkeypatch.setenv("CRDS_SERVER_URL", "http://localhost:9")
    load().api.set_crds_server("http://localhost:9")
    rules = Rules()
    assert not rules.connected
    assert rules.choose(facts, ["dark"]) == {"dark": dark}
    assert Files(rules).get(dark).exists()


def test_one_process_at_a_time_fills_the_cache(rules, facts, dark, caplog, monkeypatch):
    rules.choose(facts, ["dark"])
    monkeypatch.setattr(crds_files, "TOLD_SECONDS", 0.05)
    found = []
    with lock(rules):
        other = threading.Thread(target=lambda: found.append(Files(rules).get(dark)))
        other.start()
        other.join(0.5)
        assert not found
        assert "waiting for another process that fills this cache" in caplog.text
    other.join(30)
    assert found == [rules.path(dark)]


def test_command_line_fetches_all_it_needs(server, simulated, tmp_path):
    command = [sys.executable, "-m", "onramp.cli", "detector1", simulated.uncal, "--references",
               "crds", "--output_dir", tmp_path / "out"]  # fmt: skip
    env = environment(server.cache, CRDS_SERVER_URL=server.url, CRDS_PATH=str(tmp_path / "mine"),
                      ONRAMP_CACHE=os.environ["ONRAMP_CACHE"])  # fmt: skip
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"parameters from {PARAMETERS}" in done.stderr
    assert len(list((tmp_path / "out").glob("*_rate.fits"))) == 1
    assert len(set(server.asked)) == len(server.asked)
