"""
Bands of rows from the images of a FITS file, read by offset and safe for threads.

Headers are read once; data are read where and when they are wanted, never whole.
"""

import os
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits

from onramp.errors import OnrampError
from onramp.fitsheaders import BLOCK, DamagedHeaderError, read_units
from onramp.kernels import kernel

TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
"""What images hold, by BITPIX."""
_UNSIGNED = {16: (1 << 15, np.uint16), 32: (1 << 31, np.uint32)}


def fill(file, target, offset) -> bool:
    """Fill a contiguous array from a place in an open file; tell whether there was enough."""
    view = target.reshape(-1).view(np.uint8).data
    while len(view):
        count = os.preadv(file, [view], offset)
        if count == 0:
            return False
        view = view[count:]
        offset += count
    return True


@kernel
def convert_words(words, floats):
    """
    Convert unsigned 16-bit words as FITS files have them.

    Parameters
    ----------
    words : (n,) uint16
        With bytes swapped, and less 2^15.
    floats : (n,) float32
        To be filled.
    """
    for n in range(words.size):
        word = np.uint32(words[n])
        floats[n] = np.float32(np.int32(((word >> 8) | (word << 8)) & 0xFFFF ^ 0x8000))


class ImageRows:
    """
    One image extension.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype
        Native type of what `read` returns.
    header : astropy.io.fits.Header
    """

    def __init__(self, file, path, header, offset, error):
        self.header = header
        self._file, self._path, self._offset, self._error = file, path, offset, error
        self.name = header.get("EXTNAME", "PRIMARY")
        bits = header["BITPIX"]
        axes = [header[f"NAXIS{n}"] for n in range(header["NAXIS"], 0, -1)]
        self.shape = tuple(axes)
        self._stored = np.dtype(TYPES[bits])
        self.dtype = self._stored.newbyteorder("=")
        self._flip = None
        zero, scale = header.get("BZERO", 0), header.get("BSCALE", 1)
        if bits in _UNSIGNED and zero == _UNSIGNED[bits][0]:
            self._flip = self.dtype.type(-zero if bits == 16 else -(1 << 31))
            self.dtype = np.dtype(_UNSIGNED[bits][1])
        elif zero != 0:
            raise error(f"{path}[{self.name}]: BZERO={zero} is not understood; expected none")
        if scale != 1 or "BLANK" in header:
            raise error(
                f"{path}[{self.name}]: scaled or blanked images (BSCALE, BLANK) are not understood"
            )

    def read(self, first, last, leading=None, columns=slice(None)):
        """
        Read rows.

        Parameters
        ----------
        first, last : int
            First and past-the-last row.
        leading : tuple of slice, optional
            What to take of each axis before the last two; by default all.
        columns : slice or (n,) int array, optional

        Returns
        -------
        (..., last - first, ncolumns) array
            A copy in native byte order.
        """
        stored = self.stored(first, last, leading)[..., columns]
        if not stored.flags.c_contiguous:
            return self.native(stored)
        flat = stored.reshape(-1)  # its bytes are swapped in place, which takes no new memory
        native = flat.view(flat.dtype.newbyteorder("="))
        np.copyto(native, flat)
        return self._in_type(native.reshape(stored.shape))

    def read_floats(self, first, last, leading=None):
        """Read rows as float32; as `read`, but that unsigned words take one passage."""
        if self.dtype != np.uint16:
            return self.read(first, last, leading).astype(np.float32)
        stored = self.stored(first, last, leading)
        floats = np.empty(stored.shape, np.float32)
        words = stored.reshape(-1).view(stored.dtype.newbyteorder("=")).view(self.dtype)
        convert_words(words, floats.reshape(-1))
        return floats

    def stored(self, first, last, leading=None):
        """Read rows as the file has them, to be given to `native`; see `read`."""
        *outer, ny, nx = self.shape
        leading = tuple(leading or ()) + (slice(None),) * (len(outer) - len(leading or ()))
        ranges = [range(n)[part] for n, part in zip(outer, leading)]
        planes = np.zeros(1, np.int64)
        for length, chosen in zip(outer, ranges):
            planes = (planes[:, None] * length + np.asarray(chosen)).ravel()
        stored = np.empty((planes.size, last - first, nx), self._stored)
        row = nx * self._stored.itemsize
        if last - first == ny and planes.size and planes[-1] - planes[0] == planes.size - 1:
            self._fill(stored, self._offset + int(planes[0]) * ny * row)
        else:
            self._fill_planes(stored, self._offset + first * row + planes * ny * row)
        return stored.reshape(*(len(r) for r in ranges), last - first, nx)

    def _fill_planes(self, stored, offsets):
        """Fill some planes; a loop without detours, for there may be very many small ones."""
        size = stored[:1].nbytes
        view, file = stored.reshape(-1).view(np.uint8).data, self._file
        for n, offset in enumerate(offsets.tolist()):
            part = view[n * size : (n + 1) * size]
            if os.preadv(file, [part], offset) != size:
                self._fill(stored[n], offset)

    def _fill(self, target, offset):
        if not fill(self._file, target, offset):
            raise self._error(f"{self._path}[{self.name}]: truncated; fetch the file again")

    def native(self, stored):
        """Return samples as stored in native byte order and type, a copy."""
        return self._in_type(stored.astype(stored.dtype.newbyteorder("=")))

    def _in_type(self, native):
        """Return samples in native byte order in their type; takes the memory of those given."""
        native = np.ascontiguousarray(native)
        if self._flip is not None:
            np.bitwise_xor(native, self._flip, out=native)
        return native.view(self.dtype)


class FitsImages:
    """
    A FITS file's headers, and its images by bands of rows.

    Parameters
    ----------
    path : Path
    error : type
        The `OnrampError` to raise.

    Raises
    ------
    OnrampError
        If the file is missing, no FITS file, or shorter than its headers say.
    """

    def __init__(self, path, error=OnrampError):
        self.path = Path(path)
        self._error = error
        self._file = None
        try:
            self._file = os.open(self.path, os.O_RDONLY)
            self._units = read_units(self._file)
        except DamagedHeaderError as problem:
            self.close()
            raise error(f"{path}{problem}") from None
        except OSError as problem:
            self.close()
            raise error(f"{path}: {problem.strerror or 'cannot be read'}") from problem
        self.primary = self._units[0].header
        self.names = [unit.name for unit in self._units]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the file; images can no longer be read."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __contains__(self, name):
        return name in self.names

    def header(self, name):
        """Return an extension's header."""
        return self._unit(name).header

    def image(self, name) -> ImageRows:
        """Return an image extension, ready to be read."""
        _, header, start, _ = self._unit(name)
        image = str(header.get("XTENSION", "IMAGE")).strip() == "IMAGE"
        if not image or header["NAXIS"] < 2 or header.get("PCOUNT", 0):
            raise self._error(f"{self.path}[{name}]: not an image")
        return ImageRows(self._file, self.path, header, start, self._error)

    def table(self, name) -> fits.FITS_rec:
        """
        Return a small table extension, read whole.

        Raises
        ------
        OnrampError
            If it is no table, or damaged.
        """
        unit = self._unit(name)
        content = unit.header.tostring().encode("ascii") + self.data_bytes(name)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                table = fits.BinTableHDU.fromstring(content).data
                for column in table.names:
                    table[column]
            axes = [unit.header[f"NAXIS{n}"] for n in range(1, unit.header["NAXIS"] + 1)]
            if [table.dtype.itemsize, len(table)] != axes:
                raise ValueError("columns and rows disagree")
        except Exception as problem:  # astropy fails in as many ways as a table can be damaged
            raise self._error(
                f"{self.path}[{name}]: no table, or a damaged one; fetch the file again"
            ) from problem
        return table

    def table_rows(self, name, height):
        """
        Yield the rows of a table extension as stored, some at a time.

        Parameters
        ----------
        name : str
        height : int
            Rows to read at once; the array is used again.
        """
        _, header, start, _ = self._unit(name)
        try:
            columns = fits.BinTableHDU.fromstring(header.tostring().encode("ascii")).columns
            rows = np.empty(height, columns.dtype.newbyteorder(">"))
            if header["NAXIS"] != 2 or rows.itemsize != header["NAXIS1"]:
                raise ValueError("columns and rows disagree")
        except (KeyError, ValueError, TypeError, fits.VerifyError) as problem:
            raise self._error(
                f"{self.path}[{name}]: no table, or a damaged one; fetch the file again"
            ) from problem
        for first in range(0, header["NAXIS2"], height):
            part = rows[: header["NAXIS2"] - first]
            if not fill(self._file, part, start + first * rows.itemsize):
                raise self._error(f"{self.path}[{name}]: truncated; fetch the file again")
            yield part

    def data_bytes(self, name) -> bytes:
        """Return an extension's data as they are in the file, in whole blocks."""
        _, _, start, size = self._unit(name)
        content = os.pread(self._file, size, start)
        return content.ljust(-(-len(content) // BLOCK) * BLOCK, b"\0")

    def _unit(self, name):
        if name not in self.names:
            raise self._error(
                f"{self.path}: no {name} extension; it has {', '.join(self.names[1:]) or 'none'}"
            )
        return self._units[self.names.index(name)]
