"""
Headers of a FITS file, and where their data lie, read strictly: nothing in a file is trusted.

What is ambiguous, out of order or beyond printable ASCII is refused, so that no two readers can
understand a file differently, and no count in a header makes a reader loop or allocate.
"""

import math
import os
from collections import Counter
from typing import NamedTuple

from astropy.io import fits

from onramp.limits import BLOCK, CARD

MOST_BLOCKS = 400
MOST_AXES = 9
MOST_COLUMNS = 999
ELEMENT_BITS = 8, 16, 32, 64, -32, -64
ARCHIVES = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"PK\x03\x04": "zip", b"\xfd7zXZ": "xz",
            b"\x1f\x9d": "compress"}  # fmt: skip
ONCE = frozenset({"PCOUNT", "GCOUNT", "EXTNAME", "BZERO", "BSCALE", "BLANK", "ZIMAGE", "TFIELDS"})
"""Keywords that must not stand in a header twice, beside those of the size of the data."""

_PRINTABLE = bytes(range(0x20, 0x7F))


class Unit(NamedTuple):
    """A header and its data."""

    name: str
    """EXTNAME, or PRIMARY."""
    header: fits.Header
    start: int
    """First byte of the data."""
    size: int
    """Bytes of data without what fills the last block."""


class DamagedHeaderError(Exception):
    """A header is not what FITS asks for; says where and how."""


def read_units(file: int) -> list[Unit]:
    """
    Read all headers of an open file.

    Parameters
    ----------
    file : int
        Descriptor.

    Raises
    ------
    DamagedHeaderError
        If a header is damaged, the file is compressed, or ends before its data.
    """
    length = os.fstat(file).st_size
    units, start = [], 0
    while start < length or not units:
        header, start = read_header(file, start)
        name = header.get("EXTNAME", "PRIMARY")
        if not isinstance(name, str):
            raise DamagedHeaderError(f": EXTNAME={name} is not a text; mend the header")
        size = _data_size(header, name)
        padded = -(-size // BLOCK) * BLOCK
        if start + padded > length:
            raise DamagedHeaderError(
                f"[{name}]: truncated at {length} of {start + padded} bytes; fetch it again"
            )
        if header.get("ZIMAGE"):
            raise DamagedHeaderError(
                f"[{name}]: compressed images are not read; uncompress the file"
            )
        units.append(Unit(name, header, start, size))
        start += padded
    return units


def read_header(file: int, start: int) -> tuple[fits.Header, int]:
    """
    Read the header at an offset; return it and where its data begin.

    Raises
    ------
    DamagedHeaderError
        If it is none, or damaged.
    """
    content = _header_bytes(file, start)
    if content.translate(None, _PRINTABLE):
        raise DamagedHeaderError(
            ": characters in a header that FITS does not allow; fetch it again"
        )
    end = _end(content)
    if content[end + 3 :].strip():
        raise DamagedHeaderError(": damaged header, its END is not the end; fetch it again")
    keywords = [content[n : n + 8].decode().rstrip() for n in range(0, end, CARD)]
    header = fits.Header.fromstring(content[:end])
    _check_cards(header, keywords)
    _check_order(header, keywords)
    return header, start + len(content)


def _header_bytes(file, start):
    content = b""
    while _end(content) is None:
        block = os.pread(file, BLOCK, start + len(content))
        if not content:
            _check_begin(block, start)
        if len(block) < BLOCK or len(content) > MOST_BLOCKS * BLOCK:
            raise DamagedHeaderError(": truncated or damaged, a header has no end; fetch it again")
        content += block
    return content


def _check_begin(block, start):
    if block.startswith(b"XTENSION=" if start else b"SIMPLE  ="):
        return
    if start:
        raise DamagedHeaderError(
            f": truncated or damaged, no extension begins at byte {start}; fetch it again"
        )
    if not block:
        raise DamagedHeaderError(": empty file; fetch it again")
    for magic, kind in ARCHIVES.items():
        if block.startswith(magic):
            raise DamagedHeaderError(f": compressed with {kind}; uncompress the file")
    raise DamagedHeaderError(": not a FITS file, or damaged; fetch it again")


def _end(content):
    """Return where END stands in the last block of a header, or None."""
    for n in range(max(0, len(content) - BLOCK), len(content), CARD):
        if content[n : n + CARD].rstrip() == b"END":
            return n
    return None


def _check_cards(header, keywords):
    for n, card in enumerate(header.cards):
        try:
            card.value  # noqa: B018
        except (fits.VerifyError, ValueError):
            keyword = keywords[n] if len(keywords) == len(header) else "a card"
            raise DamagedHeaderError(
                f": {keyword} is not a valid FITS value; mend the header"
            ) from None


def _check_order(header, keywords):
    """Check that the keywords that tell the size of the data stand where they must, and once."""
    naxis = _count(header, "NAXIS", 0, MOST_AXES)
    first = [keywords[0], "BITPIX", "NAXIS", *(f"NAXIS{n}" for n in range(1, naxis + 1))]
    if keywords[: len(first)] != first:
        raise DamagedHeaderError(
            f": damaged header, it begins with {', '.join(keywords[: len(first)])} instead of "
            f"{', '.join(first)}; fetch it again"
        )
    _count(header, "TFIELDS", 0, MOST_COLUMNS, default=0)
    seen = Counter(keywords)
    for keyword in (*first, *ONCE):
        if seen[keyword] > 1:
            raise DamagedHeaderError(
                f": damaged header, {keyword} stands in it {seen[keyword]} times; fetch it again"
            )


def _data_size(header, name):
    if header.get("SIMPLE", True) is not True or header.get("GROUPS", False) is not False:
        raise DamagedHeaderError(f"[{name}]: SIMPLE and GROUPS say it is no standard FITS file; "
                                 "fetch it again")  # fmt: skip
    bits = _count(header, "BITPIX", -64, 64)
    if bits not in ELEMENT_BITS:
        raise DamagedHeaderError(f"[{name}]: BITPIX={bits} is not FITS; fetch it again")
    axes = [_count(header, f"NAXIS{n}", 0) for n in range(1, header["NAXIS"] + 1)]
    elements = math.prod(axes) if axes else 0
    if "XTENSION" not in header:
        return abs(bits) // 8 * elements
    heap = _count(header, "PCOUNT", 0)
    groups = _count(header, "GCOUNT", 1, 1)
    return abs(bits) // 8 * groups * (heap + elements)


def _count(header, keyword, least, most=math.inf, default=None):
    value = header.get(keyword, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise DamagedHeaderError(f": {keyword}={value} is not possible; fetch it again")
    return value
