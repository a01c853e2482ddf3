"""Reference files of the CRDS cache: fetched one at a time, verified, and never by two at once."""

import contextlib
import logging
import os
import socket
import time
from pathlib import Path

from onramp.crds_rules import TIMEOUT_SECONDS, one_line, quiet
from onramp.errors import ReferenceFileError
from onramp.reference_digest import digest

log = logging.getLogger("onramp")

PAUSES = 2, 4, 8, 16
"""Seconds to wait before each further attempt at a file."""

LOCK_SECONDS = 6 * 3600
TOLD_SECONDS = 2
LOCK = "onramp.lock"


def lock(rules):
    """
    Return a lock on the cache, so that only one process fills it.

    Raises
    ------
    ReferenceFileError
        If the cache cannot be written to.
    """
    return _CacheLock(rules.place)


class _CacheLock(contextlib.AbstractContextManager):
    def __init__(self, place):
        from filelock import FileLock

        self.place = Path(place)
        self._lock = FileLock(self.place / LOCK, mode=0o666)

    def __enter__(self):
        from filelock import Timeout

        try:
            self.place.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire(timeout=TOLD_SECONDS)
            except Timeout:
                log.warning("%s: waiting for another process that fills this cache", self.place)
                self._lock.acquire(timeout=LOCK_SECONDS)
        except Timeout:
            raise ReferenceFileError(
                f"{self.place / LOCK}: held by another process for {LOCK_SECONDS / 3600:g} h"
            ) from None
        except OSError as problem:
            raise ReferenceFileError(
                f"{self.place} (CRDS_PATH): cannot be written to ({problem.strerror}); give a "
                "cache that is complete, or one that can be filled"
            ) from None
        return self

    def __exit__(self, *_):
        self._lock.release()


class Files:
    """
    The reference files of a CRDS cache.

    Parameters
    ----------
    rules : Rules
    may_fetch : bool
        Whether files that are missing may be fetched.
    """

    def __init__(self, rules, may_fetch=True):
        self.rules = rules
        self.may_fetch = may_fetch
        self.awaited = {}
        """Size [byte], or None, of each file that would have to be fetched."""
        self._sound, self._problems, self._pauses = {}, {}, PAUSES

    def get(self, name) -> Path:
        """
        Return a file's path; fetch it if it is missing, and verify it.

        Raises
        ------
        ReferenceFileError
            If the file is missing and cannot be fetched, or is not what the catalogue says.
        """
        if name in self._problems:
            raise ReferenceFileError(self._problems[name])
        if name in self._sound:
            return self._sound[name]
        path = self.rules.path(name)
        try:
            if not path.exists():
                self._fetch(name, path)
            wrong = self._wrong(name, path)
            if wrong:
                raise ReferenceFileError(f"{path}: {wrong}; remove it, and it will be fetched anew")
        except AwaitedError:
            raise
        except ReferenceFileError as problem:
            self._problems[name] = str(problem)
            raise
        return self._sound.setdefault(name, path)

    def _fetch(self, name, path):
        rules = self.rules
        if not self.may_fetch:
            self.awaited[name] = self._size(name)
            raise AwaitedError(name)
        if rules.package.config.get_cache_readonly():
            raise ReferenceFileError(f"{path}: missing, and CRDS_READONLY_CACHE is set; "
                                     "fill the cache, or unset it")  # fmt: skip
        if not rules.connected:
            raise ReferenceFileError(f"{path}: missing, and there is no server; {rules.remedy}")
        with lock(rules):
            if not path.exists():
                self._download(name, path)

    def _download(self, name, path):
        size = self._size(name)
        log.warning("CRDS: fetching %s%s", name, f" ({size / 1e6:.1f} MB)" if size else "")
        for pause in (*self._pauses, None):
            problem = self._attempt(name, path)
            if problem is None:
                return
            if pause is None:
                server, attempts = os.environ.get("CRDS_SERVER_URL"), len(self._pauses) + 1
                self._pauses = ()  # no such patience with the next file
                raise ReferenceFileError(
                    f"{name}: not fetched from {server} in {attempts} attempts: {problem}; try "
                    "again later"
                )
            log.warning("CRDS: %s: %s; again in %d s", name, problem, pause)
            time.sleep(pause)

    def _attempt(self, name, path):
        """Fetch a file once; return what went wrong, with nothing left of it, or None."""
        package, before = self.rules.package, socket.getdefaulttimeout()
        socket.setdefaulttimeout(TIMEOUT_SECONDS)
        try:
            with quiet():
                package.api.dump_references(self.rules.context, [name], raise_exceptions=True)
            problem = self._wrong(name, path) if path.exists() else "the server sent nothing"
        except (OSError, AssertionError, package.errors.CrdsError) as error:
            problem = one_line(error)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            socket.setdefaulttimeout(before)
        if problem:
            path.unlink(missing_ok=True)
        return problem

    def _size(self, name):
        try:
            return int(self.rules.catalogue[name]["size"])
        except (KeyError, TypeError, ValueError):
            return None

    def _wrong(self, name, path):
        """Say how a file differs from what the catalogue knows of it, or None."""
        size, known = self._size(name), self.rules.catalogue.get(name)
        try:
            found = path.stat().st_size
            if size is not None and found != size:
                return f"{found} bytes; CRDS knows {size}"
        except OSError as problem:
            raise ReferenceFileError(f"{path}: {problem.strerror or 'cannot be read'}") from None
        expected = known.get("sha1sum") if isinstance(known, dict) else None
        if expected in (None, "", "none"):
            return None
        actual = digest(path, sha1=True).sha1
        return None if actual == expected else f"sha1 {actual}; CRDS knows {expected}"


class AwaitedError(ReferenceFileError):
    """A file that a dry run does not fetch."""
