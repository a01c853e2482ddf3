"""What a FITS file's HDUs hold and say of themselves, read once from beginning to end."""

import os
import re
from typing import NamedTuple

from onramp.checksums import BLOCK, CARD, fold, sum_of_bytes, sum_of_part

MOST_BLOCKS = 10_000
_VALID = 0, 0xFFFFFFFF
_INTEGER = re.compile(rb"(BITPIX|NAXIS\d*|PCOUNT|GCOUNT) *= *(-?\d{1,18}) *(?:/|$)")
_TEXT = re.compile(rb"(EXTNAME|DATASUM|CHECKSUM) *= *'([^']*)'")


class DamagedError(Exception):
    """A file is no whole FITS file; the message says what is wrong, without its name."""


class Hdu(NamedTuple):
    """An HDU as it is."""

    name: str
    datasum: str
    """Computed from the data."""
    told_datasum: str | None
    told_checksum: str | None
    adds_up: bool
    """Whether header and data agree with CHECKSUM."""
    header: bytes
    offset: int
    """Of the data."""
    size: int
    """Of the data without padding [byte]."""


def read_hdus(file: int) -> list[Hdu]:
    """
    Read an open FITS file.

    Raises
    ------
    DamagedError
        If it is none, or shorter or longer than its headers say.
    """
    length = os.fstat(file).st_size
    found, offset = [], 0
    while offset < length or not found:
        header = _read_header(file, offset)
        if not header.startswith(b"XTENSION=" if found else b"SIMPLE  ="):
            place = f"ends in {length - offset} bytes that are" if found else "is"
            raise DamagedError(f"{place} no FITS")
        integers, texts = _facts(header)
        size = _data_size(integers)
        offset += len(header)
        padded = -(-size // BLOCK) * BLOCK
        name = texts.get("EXTNAME", "PRIMARY" if not found else "")
        if offset + padded > length:
            raise DamagedError(f"[{name}]: truncated at {length} of {offset + padded} bytes")
        try:
            total = sum_of_part(file, offset, padded)
        except EOFError:
            raise DamagedError(f"[{name}]: became shorter while it was read") from None
        adds_up = fold(total + sum_of_bytes(header)) in _VALID
        told = texts.get("DATASUM"), texts.get("CHECKSUM")
        found.append(Hdu(name, str(fold(total)), *told, adds_up, header, offset, size))
        offset += padded
    return found


def _read_header(file, offset):
    header = b""
    while len(header) < MOST_BLOCKS * BLOCK:
        block = os.pread(file, BLOCK, offset + len(header))
        if len(block) < BLOCK:
            raise DamagedError(
                f"truncated in a header at {offset + len(header) + len(block)} bytes"
            )
        header += block
        if any(block[n : n + CARD].rstrip() == b"END" for n in range(0, BLOCK, CARD)):
            return header
        if not header.isascii():
            break
    raise DamagedError(f"has no header at byte {offset}")


def _facts(header):
    integers, texts = {}, {}
    for n in range(0, len(header), CARD):
        card = header[n : n + CARD]
        found = _INTEGER.match(card)
        if found:
            integers[found[1].decode()] = int(found[2])
            continue
        found = _TEXT.match(card)
        if found:
            texts[found[1].decode()] = found[2].decode("ascii", "replace").strip()
    return integers, texts


def _data_size(integers):
    axes = integers.get("NAXIS", -1)
    lengths = [integers.get(f"NAXIS{n}", -1) for n in range(1, axes + 1)] if axes < 1000 else [-1]
    if axes < 0 or min(lengths, default=0) < 0 or "BITPIX" not in integers:
        raise DamagedError("has a header without the size of its data")
    if not axes:
        return 0
    count = 1
    for length in lengths:
        count *= length
    count = integers.get("GCOUNT", 1) * (integers.get("PCOUNT", 0) + count)
    return max(0, abs(integers["BITPIX"]) // 8 * count)
