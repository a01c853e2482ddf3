"""
The cache of compiled kernels: what is damaged in it is compiled anew, and nobody else may fill it.

Numba's cache is pickled code, so a file that is cut or altered would end the job or run as it is,
and whoever can write to its folder can run code as the user. Here each file ends in a checksum, and
the folder must belong to the user, to root or to the owner of the library.

Numba numbers a kernel's files by an index, which processes that write at the same moment can take
from each other, and goes by the time of the file that holds the kernel, not of those that hold what
it calls. Here a file is named after what was compiled, and for library kernels after a digest of
all sources that they can depend on, so there is no index and nothing stale.
"""

import contextlib
import functools
import glob
import hashlib
import logging
import os
import pickle
import stat
import zlib
from pathlib import Path

import numba
from numba.core.caching import FunctionCache, NullCache
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

from onramp.errors import KernelCacheError
from onramp.library_digest import kernel_digest
from onramp.replacing import replacing

log = logging.getLogger("onramp")

MARK = b"onramp crc32 "
CHECKSUM_BYTES = 4
ENDING = ".kernel"
LIBRARY = Path(__file__).parent


def use_cache(dispatcher) -> None:
    """
    Let a kernel keep its compiled code on disk; without a word not, where no folder can be written.

    Parameters
    ----------
    dispatcher : numba dispatcher

    Raises
    ------
    KernelCacheError
        If others could write to the folder.
    """
    try:
        dispatcher._cache = CheckedCache(dispatcher.py_func)
    except RuntimeError as problem:
        if "no locator available" not in str(problem):
            raise
        _warn_once("no folder for compiled kernels can be written: each job compiles its own; "
                   "set NUMBA_CACHE_DIR to a folder of yours")  # fmt: skip
        dispatcher._cache = NullCache()


class CheckedCache(FunctionCache):
    """A kernel's cache whose files are checked before they are used."""

    def __init__(self, kernel):
        super().__init__(kernel)
        _check_folder(self._cache_path, kernel.__code__.co_filename)
        stamp = _stamp(kernel, self._impl.locator)
        self._cache_file = CheckedFiles(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, sig, target_context):
        """
        Return a kernel from the cache, or None.

        Numba would first bring along all that it can compile, of which compiled code needs nothing.
        """
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)

    def save_overload(self, sig, data):
        """Keep compiled code; where that fails (a full disk) the kernel runs all the same."""
        try:
            super().save_overload(sig, data)
        except OSError as problem:
            _warn_once(f"{self._cache_path}: compiled kernels cannot be kept: {problem.strerror}")


class CheckedFiles:
    """
    The files of one kernel: one for each signature and processor, with a checksum at its end.

    Parameters
    ----------
    folder : str
    base : str
        What their names begin with: the kernel's name and line, and Python's version.
    stamp : str
        What else their content depends on; files of another one are removed when one is saved.
    """

    def __init__(self, folder, base, stamp):
        self.folder, self.base = Path(folder), base
        self.stamp = _short(stamp, numba.__version__)

    def load(self, key):
        """Return what was saved with a key; None if nothing was, or if it is damaged."""
        try:
            content = _unsealed(self._path(key))
        except OSError:
            return None
        known, data = pickle.loads(content)
        return data if known == repr(key) else None

    def save(self, key, data):
        """Save compiled code; of processes that save the same at once, one prevails."""
        with replacing(self._path(key)) as part:
            part.write_bytes(sealed(dumps((repr(key), data))))
        for path in self.folder.glob(f"{glob.escape(self.base)}.*{ENDING}"):
            if not path.name.startswith(f"{self.base}.{self.stamp}."):
                with contextlib.suppress(OSError):
                    path.unlink()

    def _path(self, key):
        return self.folder / f"{self.base}.{self.stamp}.{_short(repr(key))}{ENDING}"


def _stamp(kernel, locator):
    """Return a text that changes with all that a kernel's code depends on."""
    path = Path(kernel.__code__.co_filename)
    if not path.is_relative_to(LIBRARY):
        return f"{kernel_digest()} {locator.get_source_stamp()}"
    if path.parent == LIBRARY / "steps":
        return kernel_digest()
    return kernel_digest(".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts))


def _short(*texts):
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def sealed(content: bytes) -> bytes:
    """Return a file's content with its checksum."""
    return content + MARK + zlib.crc32(content).to_bytes(CHECKSUM_BYTES)


def _unsealed(path):
    """Return the content of a file; OSError, which numba takes for no file, if it is damaged."""
    whole = Path(path).read_bytes()
    content = whole[: -len(MARK) - CHECKSUM_BYTES]
    if not content or whole != sealed(content):
        raise OSError(f"{path}: damaged")
    return content


@functools.cache
def _check_folder(folder, source):
    trusted = {0, os.geteuid(), os.stat(source).st_uid}
    status = os.stat(folder)
    above = os.stat(os.path.dirname(folder))
    open_above = above.st_mode & stat.S_IWOTH and not above.st_mode & stat.S_ISVTX
    if status.st_uid not in trusted or status.st_mode & stat.S_IWOTH or open_above:
        raise KernelCacheError(
            f"{folder}: others may write compiled kernels here, which would run as you; set "
            "NUMBA_CACHE_DIR to a folder that only you can write to"
        )


@functools.cache
def _warn_once(message):
    log.warning(message)
