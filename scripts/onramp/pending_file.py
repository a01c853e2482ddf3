"""Files of products on their way: complete under a hidden name before any takes its own."""

import contextlib
import fcntl
import os
from pathlib import Path

from onramp.errors import OutputError


class PendingFile:
    """
    A file that has a hidden name until `finish`.

    Parameters
    ----------
    path : Path
        Final name; what killed processes left under another is removed.
    """

    def __init__(self, path):
        self.path = Path(path)
        self._part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        self._file = self._lock = None

    @contextlib.contextmanager
    def _opened(self):
        """Open the file, to be filled; remove it if that fails."""
        try:
            with self._explained():
                sweep(self.path)
                self._lock = open_part(self._part)
                self._file = os.dup(self._lock)
                yield
        except BaseException:  # even an interrupt: nobody else knows the file yet
            self.discard()
            raise

    @contextlib.contextmanager
    def _explained(self):
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"{self.path}: cannot be written: {error.strerror}; free space or choose another "
                "output_dir"
            ) from error

    def _close(self):
        """Bring what has been written to the disk."""
        with self._explained():
            os.fsync(self._file)
            os.close(self._file)
            self._file = None

    def finish(self):
        """Give the file its name."""
        try:
            with self._explained():
                os.replace(self._part, self.path)
                _sync_folder(self.path.parent)
        except BaseException:
            self.discard()
            raise
        self._release()

    def discard(self):
        """Remove what has been written; to be called once no thread writes any more."""
        with contextlib.suppress(OSError):  # gone, or its name is too long to be made
            self._part.unlink()
        self._release()

    def _release(self):
        for file in (self._file, self._lock):
            if file is not None:
                os.close(file)
        self._file = self._lock = None


class SmallFile(PendingFile):
    """
    A file beside products.

    Parameters
    ----------
    path : Path
        Final name.
    content : bytes

    Raises
    ------
    OutputError
        If it cannot be written.
    """

    def __init__(self, path, content):
        super().__init__(path)
        with self._opened():
            write_all(self._file, content, 0)
            self._close()


def write_all(file, content, offset):
    """Write bytes to a place of an open file."""
    content = memoryview(content)
    while content:
        written = os.pwrite(file, content, offset)
        content = content[written:]
        offset += written


def sweep(path):
    """Remove what processes that were killed left of a product under a name of its own."""
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(path.parent):
            if entry.name.startswith(f".{path.name}.") and entry.name.endswith(".part"):
                with contextlib.suppress(OSError), open(entry.path, "rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if os.path.samestat(os.fstat(file.fileno()), os.stat(entry.path)):
                        os.unlink(entry.path)


def open_part(path) -> int:
    """
    Make a file to write, locked until its descriptor and all copies of it are closed.

    While it is locked, `sweep` in another process leaves it alone; where there are no locks it does
    so anyway.
    """
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), os.stat(path)):
                return file
        os.close(file)  # swept up before it was locked


def _sync_folder(path):
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
