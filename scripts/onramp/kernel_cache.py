"""
The cache of compiled kernels: what is damaged in it is compiled anew, and nobody else may fill it.

Numba's cache is pickled code, so a file that is cut or altered would end the job or run as it is,
and whoever can write to its folder can run code as the user. Here each file ends in a checksum, and
the folder must belong to the user, to root or to the owner of the library.
"""

import functools
import io
import logging
import os
import pickle
import stat
import zlib
from contextlib import contextmanager
from pathlib import Path

from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache
from numba.core.runtime import rtsys

from onramp.errors import KernelCacheError

log = logging.getLogger("onramp")

MARK = b"onramp crc32 "
CHECKSUM_BYTES = 4


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
        plain = self._cache_file
        self._cache_file = CheckedCacheFile(
            self._cache_path, self._impl.filename_base, plain._source_stamp
        )

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


class CheckedCacheFile(IndexDataCacheFile):
    """Numba's files of one kernel, each with a checksum at its end."""

    @contextmanager
    def _open_for_write(self, filepath):
        with super()._open_for_write(filepath) as file:
            content = io.BytesIO()
            yield content
            file.write(sealed(content.getvalue()))

    def _load_index(self):
        try:
            content = io.BytesIO(_unsealed(self._index_path))
        except OSError:
            return {}
        if pickle.load(content) != self._version:
            return {}
        stamp, overloads = pickle.load(content)
        return overloads if stamp == self._source_stamp else {}

    def _load_data(self, name):
        return pickle.loads(_unsealed(self._data_path(name)))


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
