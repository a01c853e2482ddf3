"""
Products as FITS files that appear complete or not at all, or as arrays in memory.

Both take bands of rows in any order from several threads. A file is written under another name
beside its final one and renamed when it is complete and synced.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from astropy.io import fits

from onramp import checksums
from onramp.checksums import BLOCK
from onramp.pending_file import PendingFile, write_all
from onramp.system_calls import reserve

_UNSIGNED_OFFSET = {np.dtype(np.uint16): 1 << 15, np.dtype(np.uint32): 1 << 31}


class Extension(NamedTuple):
    """An image extension to be filled."""

    name: str
    shape: tuple
    dtype: np.dtype
    header: fits.Header | None = None
    """Keywords beside those that describe the array."""


class HduSums(NamedTuple):
    """What a completed file's HDU says of its contents."""

    name: str
    datasum: str
    checksum: str


class RawExtension(NamedTuple):
    """An extension copied as it is: header and data, padded to whole blocks."""

    name: str
    content: bytes


def empty_extension(name, keywords):
    """Return an extension without an array, for its keywords."""
    header = fits.ImageHDU(header=keywords, name=name).header
    header["EXTVER"] = (1, "extension value")
    return RawExtension(name, _header_bytes(header))


class Product:
    """
    A product in memory.

    Parameters
    ----------
    primary : fits.Header
    extensions : list of Extension or RawExtension
    """

    def __init__(self, primary, extensions):
        self.header = primary
        self.arrays = {
            e.name: np.zeros(e.shape, e.dtype) for e in extensions if isinstance(e, Extension)
        }

    @property
    def names(self):
        """The names of the extensions that are filled by `write_rows`."""
        return self.arrays.keys()

    def write_rows(self, name, first_row, band):
        """
        Store a band.

        Parameters
        ----------
        name : str
            Extension.
        first_row : int
        band : (..., nrows, nx) array
        """
        self.arrays[name][..., first_row : first_row + band.shape[-2], :] = band

    def complete(self):
        """Nothing is left to do in memory."""

    finish = complete

    def discard(self):
        """Forget the arrays."""
        self.arrays.clear()

    def __getattr__(self, name):
        arrays = self.__dict__.get("arrays", {})
        if name.upper() in arrays:
            return arrays[name.upper()]
        raise AttributeError(f"the product has no extension '{name}'; it has {', '.join(arrays)}")


class ProductFile(PendingFile):
    """
    A product on disk, filled band by band, with DATASUM and CHECKSUM in every HDU.

    Parameters
    ----------
    path : Path
        Final name; what killed processes left under another is removed.
    primary : fits.Header
        Values may change until `finish`, the number of cards may not.
    extensions : list of Extension or RawExtension

    Raises
    ------
    OutputError
        If the file cannot be made or the disk is full.
    """

    def __init__(self, path, primary, extensions):
        super().__init__(path)
        self.header = primary
        self._extensions = {}
        self._headers = []
        self._band_sums = {}
        self.sums = []
        with self._opened():
            self.size = self._lay_out(extensions)
            reserve(self._file, self.size)

    def _lay_out(self, extensions):
        self._primary_size = len(checksums.seal(_header_bytes(self.header), 0))
        offset = self._primary_size
        for extension in extensions:
            if isinstance(extension, RawExtension):
                offset += self._copy(extension, offset)
                continue
            header = checksums.seal(_header_bytes(_image_header(extension)), 0)
            self._headers.append((extension.name, offset, header))
            offset += len(header)
            self._extensions[extension.name] = offset, extension
            self._band_sums[extension.name] = {}
            offset += _padded(_data_size(extension))
        return offset

    def _copy(self, extension, offset):
        """Write an extension that is copied as it is; return its size."""
        end = checksums.header_end(extension.content)
        data = extension.content[end:]
        header = checksums.seal(extension.content[:end], checksums.sum_of_bytes(data))
        self._headers.append((extension.name, offset, header))
        write_all(self._file, data, offset + len(header))
        return len(header) + len(data)

    @property
    def names(self):
        """The names of the extensions that are filled by `write_rows`."""
        return self._extensions.keys()

    def write_rows(self, name, first_row, band):
        """Store a band; see `Product.write_rows`."""
        offset, extension = self._extensions[name]
        ny, nx = extension.shape[-2:]
        dtype = np.dtype(extension.dtype)
        nrows = band.shape[-2]
        total = 0
        with self._explained():
            for n, plane in enumerate(band.reshape(-1, nrows, nx)):
                start = ((n * ny) + first_row) * nx * dtype.itemsize
                stored, plane_sum = _stored(plane, dtype, start % 4)
                write_all(self._file, stored, offset + start)
                total += plane_sum
        self._band_sums[name][first_row] = nrows, total

    def complete(self):
        """Write the headers in their last state and sync; the file has no name of its own yet."""
        if self._file is None:
            return
        primary = checksums.seal(_header_bytes(self.header), 0)
        if len(primary) != self._primary_size:
            raise AssertionError("the primary header grew after the file was laid out")
        with self._explained():
            for name, offset, header in [("PRIMARY", 0, primary), *self._headers]:
                if name in self._extensions:
                    header = checksums.seal(header, self._data_sum(name))
                self.sums.append(HduSums(name, *checksums.sums_of(header)))
                write_all(self._file, header, offset)
        self._close()

    def _data_sum(self, name):
        """Return the sum of an extension's data, from its bands unless they overlap."""
        bands = sorted(self._band_sums[name].items())
        if all(first + nrows <= after for (first, (nrows, _)), (after, _) in pairwise(bands)):
            return sum(total for _, (_, total) in bands)
        offset, extension = self._extensions[name]
        return checksums.sum_of_part(self._file, offset, _padded(_data_size(extension)))

    def finish(self):
        """Complete the file and give it its name."""
        try:
            self.complete()
        except BaseException:
            self.discard()
            raise
        super().finish()


def _header_bytes(header):
    return header.tostring(sep="", endcard=True, padding=True).encode("ascii")


def _image_header(extension):
    dtype = np.dtype(extension.dtype)
    bits = {np.dtype(np.uint8): 8, np.dtype(np.float32): -32}
    bits |= {np.dtype(np.uint16): 16, np.dtype(np.uint32): 32}
    header = fits.Header()
    header["XTENSION"] = ("IMAGE", "Image extension")
    header["BITPIX"] = (bits[dtype], "array data type")
    header["NAXIS"] = (len(extension.shape), "number of array dimensions")
    for n, length in enumerate(reversed(extension.shape), start=1):
        header[f"NAXIS{n}"] = length
    header["PCOUNT"] = (0, "number of parameters")
    header["GCOUNT"] = (1, "number of groups")
    if dtype in _UNSIGNED_OFFSET:
        header["BSCALE"] = 1
        header["BZERO"] = _UNSIGNED_OFFSET[dtype]
    header["EXTNAME"] = (extension.name, "extension name")
    if extension.header is not None:
        header.extend(extension.header, bottom=True)
    header["EXTVER"] = (1, "extension value")
    return header


def _data_size(extension):
    return int(np.prod(extension.shape)) * np.dtype(extension.dtype).itemsize


def _padded(size):
    return -(-size // BLOCK) * BLOCK


def _stored(plane, dtype, phase):
    """Return a plane's bytes as a file has them, and the sum of its words."""
    plane = np.require(plane, dtype, ["C", "W"])
    if dtype.itemsize == 4:
        words, stored = plane.reshape(-1).view(np.uint32), np.empty(plane.size, np.uint32)
        total = checksums.store_words(words, np.uint32(_UNSIGNED_OFFSET.get(dtype, 0)), stored)
        return stored.data.cast("B"), total
    if dtype in _UNSIGNED_OFFSET:
        plane = plane ^ dtype.type(_UNSIGNED_OFFSET[dtype])
    swapped = plane.astype(dtype.newbyteorder(">"), copy=False) if dtype.itemsize > 1 else plane
    content = swapped.data.cast("B")
    return content, checksums.sum_of_bytes(content, phase)
