"""DATASUM and CHECKSUM of FITS files (standard 4.0, appendix J)."""

import os

import numpy as np

from onramp.kernels import kernel
from onramp.limits import BLOCK, CARD

KEYWORDS = b"CHECKSUM", b"DATASUM "
NO_SUM = "0" * 16
PIECE = 1 << 22  # bytes
_WORD = 0xFFFFFFFF
_PUNCTUATION = frozenset((*range(0x3A, 0x41), *range(0x5B, 0x61)))


@kernel
def store_words(words, flip, stored):
    """
    Fill an array with the big-endian form of words, and return their plain sum.

    Parameters
    ----------
    words : (n,) uint32
    flip : uint32
        Bits to change in each before.
    stored : (n,) uint32

    Returns
    -------
    int
    """
    total = np.uint64(0)
    for n in range(words.size):
        word = words[n] ^ flip
        total += np.uint64(word)
        stored[n] = (
            (word << np.uint32(24))
            | ((word & np.uint32(0xFF00)) << np.uint32(8))
            | ((word >> np.uint32(8)) & np.uint32(0xFF00))
            | (word >> np.uint32(24))
        )
    return total


def sum_of_bytes(content, phase=0) -> int:
    """
    Return the plain sum of the big-endian words that bytes make up.

    Parameters
    ----------
    content : bytes-like
    phase : int
        Place of the first byte in its word; what is missing of the first and last word is zero.
    """
    content = memoryview(content).cast("B")
    if phase or len(content) % 4:
        content = bytes(phase) + bytes(content) + bytes(-(phase + len(content)) % 4)
    return int(np.add.reduce(np.frombuffer(content, ">u4"), dtype=np.uint64))


def fold(total: int) -> int:
    """Return the ones' complement sum of 32 bits that belongs to a plain sum."""
    while total > _WORD:
        total = (total & _WORD) + (total >> 32)
    return total


def sum_of_part(file: int, offset: int, size: int) -> int:
    """
    Return the plain sum of a part of an open file that begins with a whole word.

    Raises
    ------
    EOFError
        If the file ends before.
    """
    total = 0
    buffer = np.empty(min(PIECE, size), np.uint8)
    end = offset + size
    while offset < end:
        piece = buffer[: min(PIECE, end - offset)]
        filled = 0
        while filled < len(piece):
            count = os.preadv(file, [piece[filled:].data], offset + filled)
            if count == 0:
                raise EOFError
            filled += count
        total += sum_of_bytes(piece)
        offset += len(piece)
    return total


def encode(value: int) -> str:
    """Return a sum of 32 bits as the 16 letters and digits that add up to it."""
    letters = bytearray(16)
    for place in range(4):
        quotient, remainder = divmod(value >> (24 - 8 * place) & 255, 4)
        four = [quotient + 48 + remainder, *[quotient + 48] * 3]
        while not _PUNCTUATION.isdisjoint(four):
            for n in (0, 2):
                if not _PUNCTUATION.isdisjoint(four[n : n + 2]):
                    four[n] += 1
                    four[n + 1] -= 1
        letters[place::4] = four
    return (letters[-1:] + letters[:-1]).decode("ascii")


def seal(header: bytes, data_sum: int) -> bytes:
    """
    Return a header with CHECKSUM and DATASUM as its last cards.

    Parameters
    ----------
    header : bytes
        Whole cards up to END, and padding. Sums that it has already are left out.
    data_sum : int
        Plain sum of the data's words.
    """
    cards = [header[n : n + CARD] for n in range(0, len(header), CARD)]
    cards = cards[: cards.index(b"END".ljust(CARD))]
    cards = [card for card in cards if card[:8] not in KEYWORDS]
    datasum = _card("DATASUM", str(fold(data_sum)), "data unit checksum")
    unsealed = _padded(cards, _card("CHECKSUM", NO_SUM, "HDU checksum"), datasum)
    checksum = encode(fold(sum_of_bytes(unsealed) + data_sum) ^ _WORD)
    return _padded(cards, _card("CHECKSUM", checksum, "HDU checksum"), datasum)


def sums_of(header: bytes) -> tuple[str, str]:
    """Return DATASUM and CHECKSUM as a sealed header has them."""
    found = {}
    for n in range(0, len(header), CARD):
        if header[n : n + 8] in KEYWORDS:
            text = header[n + 10 : n + CARD].decode("ascii", "replace")
            found[header[n : n + 8]] = text.split("'")[1].strip()
    return found[b"DATASUM "], found[b"CHECKSUM"]


def header_end(content: bytes) -> int:
    """Return the length of the header that an HDU begins with."""
    for n in range(0, len(content), CARD):
        if content[n : n + CARD].rstrip() == b"END":
            return -(-(n + CARD) // BLOCK) * BLOCK
    raise ValueError("the header has no END")


def _card(keyword, text, comment):
    quoted = f"'{text:<8}'"
    return f"{keyword:<8}= {quoted:<20} / {comment}".ljust(CARD).encode("ascii")


def _padded(cards, *more):
    content = b"".join([*cards, *more, b"END".ljust(CARD)])
    return content.ljust(-(-len(content) // BLOCK) * BLOCK)
