"""Full disks, failing disks, and folders and files that may not be touched."""

import os
import resource
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from children import DEVICE, NO_SPACE, QUOTA, REFUSED, CallCounter, run

BOTH = {"rate", "rateints"}
NOBODY = 65534
WRITES = "pwrite", "posix_fallocate", "fsync", "replace"


def refused(ended, *words):
    """Check that a child ended with one line that holds some words."""
    assert ended.status == REFUSED, ended
    assert "\n" not in ended.said
    for word in words:
        assert str(word) in ended.said


def products(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("failure", [NO_SPACE, QUOTA, DEVICE], ids=["space", "quota", "device"])
def test_every_write_fails_once(healthy, tmp_path, failure):
    folder = tmp_path / "results"
    folder.mkdir()
    number = 0
    while True:
        ended = run(
            lambda: healthy.process(folder),
            lambda n=number: CallCounter(n, failure, WRITES),
        )
        if ended.status == 0:
            break
        refused(ended, f"{folder}/{healthy.name}_", "free space or choose another output_dir")
        healthy.check(folder)
        assert not list(folder.glob(".*"))
        shutil.rmtree(folder)
        folder.mkdir()
        number += 1
    assert number > 10
    assert healthy.check(folder) == BOTH


def test_file_size_limit(healthy, tmp_path):
    """As with a full disk: files cannot grow beyond any of some sizes."""
    for limit in (0, 1, 2880, 20_000, 40_000, 60_000):
        folder = tmp_path / str(limit)

        def prepare(limit=limit):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        ended = run(lambda: healthy.process(folder), prepare)  # noqa: B023
        refused(ended, folder, "free space")
        assert not list(folder.glob(".*"))
        assert not list(folder.glob("*rateints*"))
        assert run(lambda: healthy.process(folder)).status == 0  # noqa: B023
        assert healthy.check(folder) == BOTH


@contextmanager
def small_disk(folder, kilobytes):
    """Mount a file system of a few kilobytes."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", folder],
        capture_output=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip("needs root that may mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("kilobytes", range(4, 130, 12))
def test_full_disk(healthy, tmp_path, kilobytes):
    with small_disk(tmp_path, kilobytes):
        ended = run(lambda: healthy.process(tmp_path))
        if ended.status == 0:
            assert kilobytes > 60
        else:
            refused(ended, tmp_path, "No space left on device; free space")
            assert products(tmp_path) == []
        subprocess.run(["mount", "-o", "remount,size=1m", tmp_path], check=True)
        assert run(lambda: healthy.process(tmp_path)).status == 0
        assert healthy.check(tmp_path) == BOTH


@pytest.fixture
def public(healthy):
    """A folder of copies that anybody may reach."""
    folder = Path(tempfile.mkdtemp(prefix="onramp-faults-"))
    try:
        shutil.copytree(healthy.inputs, folder, dirs_exist_ok=True)
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        (folder / "results").mkdir()
        (folder / "results").chmod(0o777)
        yield folder
    finally:
        for path in folder.rglob("*"):
            if path.is_dir():
                path.chmod(0o755)
        shutil.rmtree(folder)


def drop_rights():
    """Be somebody whom permissions concern."""
    os.environ["ONRAMP_CACHE"] = "/nonexistent/cache"
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def try_as_nobody(healthy, public):
    others = {
        "uncal": public / "uncal" / healthy.uncal.name,
        "references": public / "references",
    }
    return run(lambda: healthy.process(public / "results", **others), drop_rights)


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(healthy, public):
    assert try_as_nobody(healthy, public).status == 0
    assert healthy.check(public / "results") == BOTH


@pytest.mark.parametrize(
    ("what", "mode", "words"),
    [
        ("results", 0o555, "not writable"),
        ("results", 0o000, "not writable"),
        ("uncal", 0o000, "Permission denied"),
        ("uncal/*nrca4_uncal.fits", 0o000, "Permission denied"),
        ("references/jwst_nircam_dark_*.fits", 0o000, "cannot be read"),
        ("references", 0o000, "references"),
    ],
)
def test_permissions(healthy, public, what, mode, words):
    (path,) = public.glob(what)
    path.chmod(mode)
    refused(try_as_nobody(healthy, public), words)
    path.chmod(0o777)
    assert products(public / "results") == []
    assert try_as_nobody(healthy, public).status == 0
    assert healthy.check(public / "results") == BOTH


def test_a_product_that_is_read_only_is_replaced(healthy, public):
    assert try_as_nobody(healthy, public).status == 0
    for path in (public / "results").iterdir():
        path.chmod(0o444)
    assert try_as_nobody(healthy, public).status == 0
    assert healthy.check(public / "results") == BOTH


def test_a_folder_in_place_of_a_product(healthy, tmp_path):
    (tmp_path / f"{healthy.name}_rate.fits").mkdir()
    refused(run(lambda: healthy.process(tmp_path)), "_rate.fits", "cannot be written")
    assert not list(tmp_path.glob(".*"))
