"""Which software makes the products: onramp's version and commit, the libraries, the processor."""

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from onramp import __version__

PROJECT = Path(__file__).resolve().parents[2]
LIBRARIES = "numpy", "numba", "astropy"
GIT_SECONDS = 10


class Software(NamedTuple):
    """What makes the products."""

    version: str
    commit: str | None
    """Of the checkout that this is, if it is one."""
    dirty: bool | None
    """Whether the checkout's scripts differ from the commit; None if that is not known."""
    library: str
    """Digest of the modules that process an exposure."""
    versions: dict[str, str]
    """Of Python and the libraries."""

    @property
    def revision(self) -> str:
        """The commit and whether it was changed, as products tell it."""
        mark = {True: "-dirty", False: "", None: "-unchecked"}[self.dirty]
        return f"{self.commit}{mark}" if self.commit else "N/A"


def software(pipeline="detector1") -> Software:
    """Return what makes this process's products, of one pipeline."""
    return _software(pipeline == "wfss_contam")


@cache
def _software(slitless):
    from onramp.library_digest import library_digest

    commit, dirty = checkout(PROJECT)
    versions = {"python": platform.python_version()}
    further = ("asdf", "gwcs", "scipy", "stdatamodels") if slitless else ()
    versions |= {name: _version(name) for name in (*LIBRARIES, *further)}
    digest = library_digest("onramp.wfss.job" if slitless else "onramp.exposure_job")
    return Software(__version__, commit, dirty, digest, versions)


def _version(name):
    loaded = sys.modules.get(name)
    if loaded is not None:
        return loaded.__version__
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def checkout(project) -> tuple[str | None, bool | None]:
    """
    Return a git checkout's commit and whether its scripts were changed since.

    Without git the commit is read from the repository's files, and changes are not known.

    Returns
    -------
    commit : str or None
        None if the folder is no checkout.
    dirty : bool or None
    """
    project = Path(project)
    if not (project / ".git").exists():
        return None, None
    command = ["git", "-C", str(project), "status", "--porcelain=v2", "--branch", "--", "scripts"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=GIT_SECONDS,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError, ValueError):
        return _commit(project), None
    lines = done.stdout.splitlines()
    commit = [line.split()[2] for line in lines if line.startswith("# branch.oid ")]
    changed = [line for line in lines if not line.startswith("#")]
    return (commit[0], bool(changed)) if commit and _is_commit(commit[0]) else (None, None)


def _commit(project):
    """Return the commit that a checkout's files name, or None."""
    try:
        folder = project / ".git"
        if folder.is_file():  # a linked worktree
            folder = project / folder.read_text().removeprefix("gitdir:").strip()
        head = (folder / "HEAD").read_text().strip()
        if not head.startswith("ref:"):
            return head if _is_commit(head) else None
        name = head.removeprefix("ref:").strip()
        common = folder / "commondir"
        common = folder / common.read_text().strip() if common.exists() else folder
        loose = common / name
        found = loose.read_text() if loose.exists() else _packed(common, name)
    except (OSError, ValueError):
        return None
    return found.strip() if _is_commit(found.strip()) else None


def _packed(folder, name):
    for line in (folder / "packed-refs").read_text().splitlines():
        commit, _, ref = line.partition(" ")
        if ref == name:
            return commit
    return ""


def _is_commit(text):
    return len(text) in (40, 64) and set(text) <= set("0123456789abcdef")


def processor() -> str:
    """Return the name of this machine's processor."""
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
