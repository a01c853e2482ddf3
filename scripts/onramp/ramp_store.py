"""Samples of a whole exposure kept on disk, written and read by bands of rows or by planes."""

import os
import tempfile

import numpy as np

from onramp.errors import OutputError
from onramp.system_calls import reserve

SAMPLE = np.dtype(np.float32)


class RampStore:
    """
    A scratch file of samples without a name, gone when it is closed.

    The system holds as much of it in memory as is to spare; what this process holds is a band or
    a plane. Threads may read and write rows at once.

    Parameters
    ----------
    shape : (int, ..., int, int)
        The last two axes are rows and columns.
    folder : str or Path, optional
        Where there is room; by default the system's folder for temporary files.

    Raises
    ------
    OutputError
        If there is no room.
    """

    def __init__(self, shape, folder=None):
        self.shape = tuple(shape)
        self._folder = folder or tempfile.gettempdir()
        self._row = self.shape[-1] * SAMPLE.itemsize
        self._plane = self.shape[-2] * self._row
        try:
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
            reserve(self._file.fileno(), max(1, self._size))
        except OSError as error:
            raise self._problem(error) from error

    @property
    def _size(self):
        return int(np.prod(self.shape[:-2])) * self._plane

    def _problem(self, error):
        return OutputError(
            f"{self._folder}: no scratch file of {self._size / 1e6:.0f} MB for whole frames: "
            f"{error.strerror}; free space, or choose another output_dir"
        )

    def close(self):
        """Give the disk space back."""
        self._file.close()

    def copy(self):
        """Return a store of its own with the same samples."""
        copied = RampStore(self.shape, self._folder)
        for place in self._planes():
            copied.write_plane(place, self.read_plane(place))
        return copied

    def _planes(self):
        return np.ndindex(self.shape[:-2])

    def _offset(self, place, row):
        number = np.ravel_multi_index(place, self.shape[:-2]) if place else 0
        return int(number) * self._plane + row * self._row

    def write_rows(self, first, band):
        """Keep a band (..., nrows, nx) float32 that begins at row `first`."""
        for place in self._planes():
            self._write(band[place], self._offset(place, first))

    def read_rows(self, first, last):
        """Return rows [first, last), (..., last - first, nx) float32."""
        band = np.empty((*self.shape[:-2], last - first, self.shape[-1]), SAMPLE)
        for place in self._planes():
            self._read(band[place], self._offset(place, first))
        return band

    def write_plane(self, place, plane):
        """Keep a plane (ny, nx) float32; `place` counts along the axes before the last two."""
        self._write(plane, self._offset(place, 0))

    def read_plane(self, place):
        """Return a plane, (ny, nx) float32."""
        plane = np.empty(self.shape[-2:], SAMPLE)
        self._read(plane, self._offset(place, 0))
        return plane

    def _write(self, rows, offset):
        content = memoryview(np.ascontiguousarray(rows, SAMPLE)).cast("B")
        try:
            while content:
                written = os.pwrite(self._file.fileno(), content, offset)
                content, offset = content[written:], offset + written
        except OSError as error:
            raise self._problem(error) from error

    def _read(self, rows, offset):
        room = memoryview(rows).cast("B")
        while room:
            count = os.preadv(self._file.fileno(), [room], offset)
            if not count:
                raise EOFError(f"row beyond the {self.shape} samples that are kept")
            room, offset = room[count:], offset + count
