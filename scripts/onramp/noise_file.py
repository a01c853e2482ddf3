"""
What the pixels of an exposure read of the electronics' noise, on disk while the exposure passes.

It is as large as the exposure. The file has no name, and is gone when the process ends.
"""

import os
import tempfile

import numpy as np

from onramp.errors import OutputError
from onramp.fitsrows import fill


class NoiseFile:
    """
    Planes of float32, written by blocks of rows and read by rows; several threads may do both.

    Parameters
    ----------
    shape : (int, int, int, int)
        nints, ngroups, ny, nx.
    folder : path or None
        Where the file is; None: the system's temporary folder.

    Raises
    ------
    OutputError
        If there is no room.
    """

    def __init__(self, shape, folder):
        self._shape, self._folder = shape, folder
        try:
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        except OSError as problem:
            self._refuse(problem)

    def close(self):
        """Give up what is in the file."""
        self._file.close()

    def write(self, integration, group, first, rows):
        """Write rows (n, nx) float32 of a plane from row `first` on."""
        offset = self._offset(integration, group, first)
        view = np.ascontiguousarray(rows).reshape(-1).view(np.uint8).data
        try:
            while len(view):
                count = os.pwrite(self._file.fileno(), view, offset)
                view, offset = view[count:], offset + count
        except OSError as problem:
            self._refuse(problem)

    def read(self, integration, first, last):
        """Read rows [first, last) of all groups of an integration, (ngroups, n, nx) float32."""
        rows = np.empty((self._shape[1], last - first, self._shape[3]), np.float32)
        for group, plane in enumerate(rows):
            if not fill(self._file.fileno(), plane, self._offset(integration, group, first)):
                raise ValueError(f"rows {first} to {last} of group {group} have not been written")
        return rows

    def _offset(self, integration, group, row):
        _, ngroups, ny, nx = self._shape
        return ((integration * ngroups + group) * ny + row) * nx * 4

    def _refuse(self, problem):
        raise OutputError(
            f"{self._folder or tempfile.gettempdir()}: no room for what is kept of IRS2 frames: "
            f"{problem.strerror}; choose another output_dir"
        ) from problem
