"""The HDUs of a product of many extensions: where they are, and the keywords that are needed."""

import functools
import math
import os
import re
from typing import NamedTuple

import numpy as np

from onramp.errors import InputError
from onramp.fitsheaders import BLOCK, CARD
from onramp.fitsrows import TYPES, fill

MOST_BLOCKS = 400
_CARD = re.compile(rb"([A-Z0-9_-]{1,8}) *= *(?:(-?\d{1,18}) *(?:/|$)|'([^']*)')")
_VALUE = b"= "
_END = b"END".ljust(CARD)


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
    def end(self):
        """First byte after the data and what fills their last block."""
        return self.start + -(-self.size // BLOCK) * BLOCK

    @property
    def shape(self):
        """Of an image, slowest axis first."""
        naxis = self.cards["NAXIS"]
        return tuple(self.cards[f"NAXIS{n}"] for n in range(naxis, 0, -1))


class FitsFile:
    """
    A FITS file that is read part by part; InputError where that cannot be done.

    Parameters
    ----------
    path : path
    """

    def __init__(self, path):
        self.path = path
        try:
            self._file = os.open(path, os.O_RDONLY)
        except OSError as problem:
            raise self._unreadable(problem) from problem
        self._length = os.fstat(self._file).st_size

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the file."""
        os.close(self._file)

    @functools.cached_property
    def primary(self):
        """The first HDU."""
        return self._hdu(0)

    @functools.cached_property
    def hdus(self):
        """All HDUs as they follow each other."""
        found = [self.primary]
        while (offset := found[-1].end) < self._length:
            found.append(self._hdu(offset))
        return found

    def _hdu(self, offset):
        header = self._header(offset)
        cards = _cards(header)
        name = cards.get("EXTNAME", "" if offset else "PRIMARY")
        start, size = offset + len(header), self._size(cards, offset)
        hdu = Hdu(str(name), cards.get("EXTVER", 1), cards, header, start, size)
        if hdu.end > self._length:
            raise InputError(
                f"{self.path}: truncated at {self._length} of {hdu.end} bytes; fetch it again"
            )
        return hdu

    def _header(self, offset):
        try:
            header = self._blocks(offset)
        except OSError as problem:
            raise self._unreadable(problem) from problem
        if header is None:
            raise InputError(f"{self.path}: has no FITS header at byte {offset}; fetch it again")
        return header

    def _blocks(self, offset):
        """Read blocks up to that with END; None if that is no header."""
        header = b""
        while len(header) < MOST_BLOCKS * BLOCK:
            block = os.pread(self._file, BLOCK, offset + len(header))
            if not header and not block.startswith(b"XTENSION=" if offset else b"SIMPLE  ="):
                return None
            if len(block) < BLOCK:
                return None
            header += block
            if any(block.startswith(_END, n) for n in range(0, BLOCK, CARD)):
                return header
        return None

    def _unreadable(self, problem):
        return InputError(f"{self.path}: cannot be read: {problem.strerror}")

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
        if hdu.header.startswith(b"XTENSION= 'BINTABLE'") or hdu.cards["BITPIX"] not in TYPES:
            raise InputError(
                f"{self.path}[{hdu.name}]: is no image; if it is compressed, use funpack"
            )
        kind = np.dtype(TYPES[hdu.cards["BITPIX"]])
        stored = np.empty(math.prod(hdu.shape), kind)
        if not fill(self._file, stored, hdu.start):
            raise self._became_shorter()
        values = stored.view(kind.newbyteorder("="))
        np.copyto(values, stored)  # in place; unlike `byteswap` it lets other threads go on
        values = values.reshape(hdu.shape)
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
    for n in range(0, len(header.rstrip()), CARD):
        if header[n + 8 : n + 10] != _VALUE:
            continue
        card = _CARD.match(header, n, n + CARD)
        if card:
            name, number, text = card.groups()
            value = text.decode("ascii", "replace").rstrip() if number is None else int(number)
            found[name.decode()] = value
    return found
