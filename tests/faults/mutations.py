"""
Ways to damage a FITS file, chosen by a seed.

A mutation takes a generator and a file's bytes and returns other bytes; `Mutated` tells what was
done and whether the file still means the same.
"""

import io
import re
from typing import NamedTuple

import numpy as np
import whole_files
from astropy.io import fits
from cards import (
    BLOCK,
    CARD,
    CONTROLS,
    STRUCTURE,
    USED,
    VALUES,
    any_header,
    card,
    headers,
    insert,
)


class Mutated(NamedTuple):
    """A damaged file."""

    content: bytes
    done: tuple[str, ...]
    """What was done, in order."""
    same: bool
    """Whether it means the same: it gives the same pixels, and must not be refused."""


def mutate(seed, content, others) -> Mutated:
    """
    Damage a file.

    Parameters
    ----------
    seed : int
    content : bytes
        A whole FITS file.
    others : list of bytes
        Files whose parts may get into it.
    """
    rng = np.random.default_rng(seed)
    count = 1 if rng.random() < 0.75 else int(rng.integers(2, 5))
    done, same = [], True
    for _ in range(count):
        name = str(rng.choice(NAMES, p=WEIGHTS))
        content, detail, keeps = _TRIES[name][0](rng, content, others)
        done.append(f"{name} {detail}".strip())
        same = same and keeps
    return Mutated(bytes(content), tuple(done), same)


def sweep(number, content) -> Mutated:
    """Give a keyword of the primary header that is used a value: each by each, by number."""
    keywords = USED.split()
    keyword, value = keywords[number // len(VALUES) % len(keywords)], VALUES[number % len(VALUES)]
    start, end = headers(content)[0]
    cards = [content[n : n + CARD] for n in range(start, end, CARD)]
    cards = [one for one in cards if one[:8].decode().rstrip() != keyword]
    cards += [card(keyword, value)]
    cards += [b" " * CARD] * ((end - start) // CARD - len(cards))
    head = b"".join(cards)
    changed = content[:start] + head + content[end:]
    if len(head) > end - start:
        changed = insert(content, (start, end), cards[-1])
    return Mutated(changed, (f"{keyword}={value}",), False)


SWEEP = len(USED.split()) * len(VALUES)
"""Number of cases of a sweep."""


def _remark(rng, content, _):
    text = "".join(map(chr, rng.integers(32, 127, rng.integers(0, 71))))
    kind = str(rng.choice(["COMMENT", "HISTORY", ""]))
    cards = f"{kind:8}  {text}"[:CARD].ljust(CARD).encode() * int(rng.integers(1, 60))
    return insert(content, any_header(rng, content), cards), kind, True


def _data(content):
    """Return begin, size, span and name of each extension's data, nothing if they are not found."""
    if re.search(rb"NAXIS   = *[0-9]{4}|NAXIS[0-9 ]{3}= *-", content):  # astropy would not end
        return []
    try:
        with fits.open(io.BytesIO(content)) as file:
            infos = [(hdu.fileinfo(), hdu.size, hdu.name) for hdu in file]
    except Exception:
        return []
    return [(info["datLoc"], size, info["datSpan"], name) for info, size, name in infos]


def _pad_data(rng, content, _):
    """Change what fills the last block of an extension, which holds no data."""
    gaps = [(first + size, first + span) for first, size, span, _ in _data(content) if size % BLOCK]
    if not gaps:
        return content, "impossible", True
    first, last = gaps[rng.integers(len(gaps))]
    last = min(last, len(content))
    filling = rng.integers(0, 256, max(0, last - first), np.uint8).tobytes()
    return content[:first] + filling + content[last:], f"{first}-{last}", True


def _value(rng, content, _):
    words = (STRUCTURE if rng.random() < 0.6 else USED).split()
    start, end = any_header(rng, content)
    keyword, value = str(rng.choice(words)), str(rng.choice(VALUES))
    present = [
        n for n in range(start, end, CARD) if content[n : n + 8].decode("latin-1").strip() in words
    ]
    if present and rng.random() < 0.8:
        at = present[rng.integers(len(present))]
        keyword = content[at : at + 8].decode("latin-1")
        changed = content[:at] + card(keyword, value) + content[at + CARD :]
    else:
        changed = insert(content, (start, end), card(keyword, value))
    return changed, f"{keyword.strip()}={value}", False


def _digit(rng, content, _):
    """Change a digit of a number in a card."""
    start, end = any_header(rng, content)
    digits = [m.start() for m in re.finditer(rb"[0-9]", content[start:end]) if m.start() % 80 > 9]
    if not digits:
        return content, "impossible", True
    at = start + digits[rng.integers(len(digits))]
    return content[:at] + b"%d" % rng.integers(10) + content[at + 1 :], str(at), False


def _cards(rng, content, _):
    """Remove, repeat or exchange cards."""
    start, end = any_header(rng, content)
    cards = [content[n : n + CARD] for n in range(start, end, CARD)]
    if len(cards) < 2:
        return content, "impossible", True
    first, second = rng.integers(len(cards), size=2)
    how = str(rng.choice(["remove", "repeat", "exchange"]))
    if how == "remove":
        removed = cards.pop(first)
        cards.append(b" " * CARD)
    elif how == "repeat":
        removed = cards[first]
        cards[second] = removed
    else:
        removed = cards[first]
        cards[first], cards[second] = cards[second], removed
    changed = content[:start] + b"".join(cards) + content[end:]
    return changed, f"{how} {removed[:8].decode('latin-1').strip()}", False


def _odd_card(rng, content, _):
    """Insert a long text, HIERARCH, a value without an end, or characters that FITS forbids."""
    bad = CONTROLS[rng.integers(len(CONTROLS))]
    word = str(rng.choice(USED.split())).encode()
    new = (
        b"HIERARCH onramp a b = 'long keyword'",
        b"LONGTEXT= 'first part&'".ljust(CARD) + b"CONTINUE  'second part&'".ljust(CARD)
        + b"CONTINUE  '' / end",
        b"CONTINUE  'of nothing'",
        word.ljust(8) + b"= 'control" + bad + b"'",
        word.ljust(8) + b"= " + bad,
        bad.ljust(8)[:8] + b"= 1",
        word.lower().ljust(8) + b"= 1",
        b"END" + bad,
        b"COMMENT " + bad,
    )  # fmt: skip
    chosen = int(rng.integers(len(new)))
    cards = new[chosen].ljust(-(-len(new[chosen]) // CARD) * CARD)
    return insert(content, any_header(rng, content), cards), repr(new[chosen]), False


def _head_bytes(rng, content, _):
    start, end = any_header(rng, content)
    changed = bytearray(content)
    for at in rng.integers(start, max(start + 1, end), rng.integers(1, 9)):
        if at < len(changed):
            changed[at] = rng.integers(256)
    return bytes(changed), f"{start}-{end}", False


def _bytes(rng, content, _):
    changed = bytearray(content)
    for at in rng.integers(0, max(1, len(changed)), rng.integers(1, 40)):
        if at < len(changed):
            changed[at] ^= 1 << int(rng.integers(8))
    return bytes(changed), "", False


def _pixels(rng, content, _):
    """Overwrite some of the data of an extension."""
    places = [(first, size, name) for first, size, _, name in _data(content) if size > 0]
    if not places:
        return content, "impossible", True
    start, size, name = places[rng.integers(len(places))]
    first = start + int(rng.integers(size))
    length = int(min(rng.integers(1, 200), start + size - first))
    new = rng.integers(0, 256, length, np.uint8).tobytes()
    return content[:first] + new + content[first + length :], f"{name} {first}+{length}", False


_TRIES = {
    "remark": (_remark, 5),
    "pad_data": (_pad_data, 3),
    "value": (_value, 34),
    "digit": (_digit, 8),
    "cards": (_cards, 8),
    "odd_card": (_odd_card, 8),
    "head_bytes": (_head_bytes, 8),
    "bytes": (_bytes, 4),
    "pixels": (_pixels, 5),
    "cut": (whole_files.cut, 5),
    "lengthen": (whole_files.lengthen, 3),
    "blocks": (whole_files.blocks, 4),
    "extensions": (whole_files.extensions, 3),
    "compress": (whole_files.compress, 2),
}
NAMES = tuple(_TRIES)
WEIGHTS = np.array([weight for _, weight in _TRIES.values()]) / 100
