"""The HDUs of a product of many extensions: where they are, and the keywords that are needed."""

import math
import os
import re
from typing import NamedTuple

import numpy as np

from onramp.errors import InputError
from onramp.fitsheaders import BLOCK, CARD
from onramp.fitsrows import fill

MOST_BLOCKS = 400
_CARD = re.compile(rb"([A-Z0-9_-]{1,8}) *= *(?:(-?\d{1,18}) *(?:/|$)|'([^']*)')")
_VALUE = b"= "
_END = b"END".ljust(CARD)
_TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}


class Hdu(NamedTuple):
    """An HDU as it lies in its file."""

    name: str
    version: int
    cards: dict
    """Values by keyword: whole numbers and texts only."""
    header: bytes
    start: int
    """First byte of the data."""
    size: int
    """Bytes of data, without what fills the last block."""

    @property
    def shape(self):
        """Of an image, slowest axis first."""
        naxis = self.cards["NAXIS"]
        return tuple(self.cards[f"NAXIS{n}"] for n in range(naxis, 0, -1))


class FitsFile:
    """
    A FITS file that is read part by part.

    Parameters
    ----------
    path : path

    Raises
    ------
    InputError
        If it is none, or shorter than its headers say.
    """

    def __init__(self, path):
        self.path = path
        try:
            self._file = os.open(path, os.O_RDONLY)
        except OSError as problem:
            raise InputError(f"{path}: cannot be read: {problem.strerror}") from problem
        try:
            self.hdus = self._scan()
        except OSError as problem:
            self.close()
            raise InputError(f"{path}: cannot be read: {problem.strerror}") from problem
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the file."""
        os.close(self._file)

    def _scan(self):
        length, offset, found = os.fstat(self._file).st_size, 0, []
        while offset < length or not found:
            header = self._header(offset)
            cards = _cards(header)
            size = self._size(cards, offset)
            start = offset + len(header)
            offset = start + -(-size // BLOCK) * BLOCK
            if offset > length:
                raise InputError(
                    f"{self.path}: truncated at {length} of {offset} bytes; fetch it again"
                )
            name = cards.get("EXTNAME", "" if found else "PRIMARY")
            found.append(Hdu(str(name), cards.get("EXTVER", 1), cards, header, start, size))
        return found

    def _header(self, offset):
        header = b""
        while len(header) < MOST_BLOCKS * BLOCK:
            block = os.pread(self._file, BLOCK, offset + len(header))
            if not header and not block.startswith(b"XTENSION=" if offset else b"SIMPLE  ="):
                break
            if len(block) < BLOCK:
                break
            header += block
            if any(block.startswith(_END, n) for n in range(0, BLOCK, CARD)):
                return header
        raise InputError(f"{self.path}: has no FITS header at byte {offset}; fetch it again")

    def _size(self, cards, offset):
        try:
            axes = [cards[f"NAXIS{n}"] for n in range(1, cards["NAXIS"] + 1)]
            bits = abs(cards["BITPIX"])
            elements = math.prod(axes) if axes else 0
            return bits // 8 * cards.get("GCOUNT", 1) * (cards.get("PCOUNT", 0) + elements)
        except TypeError:
            raise InputError(
                f"{self.path}: the header at byte {offset} does not tell its size; fetch it again"
            ) from None
        except KeyError as problem:
            raise InputError(
                f"{self.path}: the header at byte {offset} has no {problem.args[0]}; fetch it again"
            ) from None

    def raw(self, hdu):
        """Return an HDU's data, without what fills the last block."""
        content = os.pread(self._file, hdu.size, hdu.start)
        while len(content) < hdu.size:
            more = os.pread(self._file, hdu.size - len(content), hdu.start + len(content))
            if not more:
                raise self._became_shorter()
            content += more
        return content

    def _became_shorter(self):
        return InputError(f"{self.path}: became shorter while it was read")

    def image(self, hdu):
        """
        Return an image in this machine's byte order, unsigned where BZERO says so.

        Raises
        ------
        InputError
            If it is none, or compressed.
        """
        if hdu.header.startswith(b"XTENSION= 'BINTABLE'") or hdu.cards["BITPIX"] not in _TYPES:
            raise InputError(
                f"{self.path}[{hdu.name}]: is no image; if it is compressed, use funpack"
            )
        kind = np.dtype(_TYPES[hdu.cards["BITPIX"]])
        values = np.empty(hdu.shape, kind.newbyteorder("="))
        if not fill(self._file, values, hdu.start):
            raise self._became_shorter()
        if not kind.isnative:
            values.byteswap(inplace=True)
        if hdu.cards.get("BZERO") == 1 << (8 * kind.itemsize - 1):
            values = values.view(f"u{kind.itemsize}")
            values ^= values.dtype.type(hdu.cards["BZERO"])
        return values

    def named(self, name):
        """
        Return the first HDU of a name.

        Raises
        ------
        InputError
            If there is none.
        """
        for hdu in self.hdus:
            if hdu.name == name:
                return hdu
        raise InputError(f"{self.path}: has no extension {name}; give the product of the pipeline")


def _cards(header):
    found = {}
    for n in range(0, len(header), CARD):
        if header[n + 8 : n + 10] != _VALUE:
            continue
        card = _CARD.match(header, n, n + CARD)
        if card:
            name, number, text = card.groups()
            value = text.decode("ascii", "replace").rstrip() if number is None else int(number)
            found[name.decode()] = value
    return found
