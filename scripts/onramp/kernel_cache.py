"""
The cache of compiled kernels: what is damaged in it is compiled anew, and nobody else may fill it.

Whoever can write machine code to its folder can run it as the user, so the folder must belong to
the user, to root or to the owner of the library; and a file that is cut or altered would end the
job, or run as it is, so each ends in a checksum.

A file is named after what was compiled: the kernel, the types of its arguments, the processor, the
versions of what compiles, and a digest of all sources that the code can depend on. So there is no
index that processes could take from each other, and nothing stale.
"""

import contextlib
import functools
import glob
import hashlib
import json
import logging
import os
import stat
import sys
import zlib
from importlib.metadata import version
from pathlib import Path

import numpy as np

from onramp.errors import KernelCacheError
from onramp.library_digest import kernel_digest
from onramp.machine_code import MachineCode, processor
from onramp.reference_digest import cache_folder
from onramp.replacing import replacing

log = logging.getLogger("onramp")

MARK = b"onramp crc32 "
CHECKSUM_BYTES = 4
ENDING = ".kernel"
LIBRARY = Path(__file__).parent
VARIABLE = "NUMBA_CACHE_DIR"
WITHOUT_EFFECT = {VARIABLE, "NUMBA_NUM_THREADS", "NUMBA_DISABLE_INTEL_SVML"}


def find(function, types) -> MachineCode | None:
    """
    Return what was kept of a kernel for some types of arguments; None if nothing was.

    Raises
    ------
    KernelCacheError
        If others could write to the folder.
    """
    folder = cache_of_library()
    if not folder.is_dir():
        return None
    _check_folder(str(folder), function.__code__.co_filename)
    return CheckedFiles(folder, *_names(function)).load(_key_of(types))


def keep(function, types, code: MachineCode) -> None:
    """Keep a compiled kernel; where that fails (a full disk) it runs all the same."""
    folder = cache_of_library()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_folder(str(folder), function.__code__.co_filename)
        CheckedFiles(folder, *_names(function)).save(_key_of(types), code)
    except OSError as problem:
        _warn_once(
            f"{folder}: compiled kernels cannot be kept, and each job compiles its own: "
            f"{problem.strerror}; set {VARIABLE} to a folder of yours"
        )


def cache_root() -> Path:
    """Return the folder for compiled kernels that is asked for, else beside them or the user's."""
    if VARIABLE in os.environ:
        return Path(os.environ[VARIABLE])
    beside = LIBRARY / "__pycache__"
    writable = os.access(beside if beside.exists() else LIBRARY, os.W_OK)
    return beside if writable else cache_folder()


def cache_of_library(root=None) -> Path:
    """Return the folder for the compiled kernels of this library; each has its own in a root."""
    root = root or cache_root()
    return root if root.parent == LIBRARY else root / f"onramp-{_short(str(LIBRARY))}"


def files(root=None) -> set[str]:
    """Return the names of the compiled kernels that are kept."""
    folder = cache_of_library(root)
    found = os.listdir(folder) if folder.is_dir() else ()
    return {name for name in found if name.endswith(ENDING)}


class CheckedFiles:
    """
    The files of one kernel: one for each combination of types, with a checksum at its end.

    Parameters
    ----------
    folder : str or Path
    base : str
        What their names begin with.
    stamp : str
        What else their content depends on; files of another one are removed when one is saved.
    """

    def __init__(self, folder, base, stamp):
        self.folder, self.base, self.stamp = Path(folder), base, stamp

    def load(self, key) -> MachineCode | None:
        """Return what was saved with a key; None if nothing was, or if it is damaged."""
        try:
            head, _, object_file = _unsealed(self._path(key)).partition(b"\n")
        except OSError:
            return None
        known, *symbols = json.loads(head)
        return MachineCode(object_file, *symbols) if known == key else None

    def save(self, key, code: MachineCode):
        """Save compiled code; of processes that save the same at once, one prevails."""
        head = json.dumps([key, code.wrapper, code.environment]).encode()
        with replacing(self._path(key)) as part:
            part.write_bytes(sealed(head + b"\n" + code.object_file))
        for path in self.folder.glob(f"{glob.escape(self.base)}.*{ENDING}"):
            if not path.name.startswith(f"{self.base}.{self.stamp}."):
                with contextlib.suppress(OSError):
                    path.unlink()

    def _path(self, key):
        return self.folder / f"{self.base}.{self.stamp}.{_short(key)}{ENDING}"


def _key_of(types):
    """Return what tells a kernel's files apart that are all of use: types, and what they run on."""
    return f"{_key(types)} {_surroundings()}"


def _key(types):
    """Return the types of arguments as a text that means the same in each process."""
    if isinstance(types, tuple):
        return f"({', '.join(map(_key, types))})"
    if isinstance(types, type):
        return f"{types.__module__}.{types.__qualname__}"
    return str(types.descr) if isinstance(types, np.dtype) else str(types)


def _names(function):
    """Return what names of a kernel's files begin with, and a stamp of all it depends on."""
    place = function.__code__
    base = f"{Path(place.co_filename).stem}.{function.__qualname__}-{place.co_firstlineno}"
    return base, _short(_sources(place.co_filename), version("numba"), version("llvmlite"))


@functools.cache
def _sources(path):
    """Return a digest of all sources that kernels of a file can depend on."""
    path = Path(path)
    if not path.is_relative_to(LIBRARY):
        return f"{kernel_digest()} {_short(path.read_text())}"
    if path.parent == LIBRARY / "steps":
        return kernel_digest()
    return kernel_digest(".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts))


@functools.cache
def _surroundings():
    """Return the interpreter, the processor and numba's options: machines may share a folder."""
    options = sorted(
        (name, value)
        for name, value in os.environ.items()
        if name.startswith("NUMBA_") and name not in WITHOUT_EFFECT
    )
    return f"{sys.version} {processor()} {options}"


def _short(*texts):
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def sealed(content: bytes) -> bytes:
    """Return a file's content with its checksum."""
    return content + MARK + zlib.crc32(content).to_bytes(CHECKSUM_BYTES)


def _unsealed(path):
    """Return the content of a file; OSError if it is missing or damaged."""
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
            f"{VARIABLE} to a folder that only you can write to"
        )


@functools.cache
def _warn_once(message):
    log.warning(message)
