"""
Ways to damage a FITS file, chosen by a seed.

A mutation takes a generator and a file's bytes and returns other bytes; `Mutated` tells what was
done and whether the file still means the same.
"""

import bz2
import gzip
import io
import lzma
import re
import zipfile
from typing import NamedTuple

import numpy as np
from astropy.io import fits

BLOCK, CARD = 2880, 80
STRUCTURE = (
    "SIMPLE XTENSION BITPIX NAXIS NAXIS1 NAXIS2 NAXIS3 NAXIS4 PCOUNT GCOUNT EXTEND GROUPS EXTNAME "
    "EXTVER EXTLEVEL BZERO BSCALE BLANK ZIMAGE ZBITPIX TFIELDS TFORM1 TFORM2 TFORM3 TTYPE1 TTYPE2 "
    "TTYPE3 TZERO1 TZERO2 TSCAL2 TNULL2 TDIM1 THEAP CHECKSUM DATASUM END"
)
USED = (
    "INSTRUME DETECTOR EXP_TYPE READPATT SUBARRAY DATE-OBS TIME-OBS NINTS NGROUPS NFRAMES GROUPGAP "
    "TGROUP TFRAME SUBSTRT1 SUBSTRT2 SUBSIZE1 SUBSIZE2 FASTAXIS SLOWAXIS INTSTART INTEND NOUTPUTS "
    "FRMDIVSR DRPFRMS1 ZEROFRAM GAINFACT MSTR_RD1 SSTR_NST REFTYPE TELESCOP USEAFTER P_DETECT "
    "P_SUBARR P_READPA P_EXP_TY AVDRKCUR FILENAME DATE DATAMODL R_DARK S_JUMP PRIMECRS BUNIT"
)
VALUES = (
    *("0", "-1", "1", "2", "3", "8", "16", "32", "64", "-32", "-64", "999", "2048", "32768"),
    *("2147483647", "2147483648", "-2147483648", "4294967296", "9223372036854775807"),
    *("18446744073709551616", "9" * 40, "1E300", "-1E300", "1E400", "1E-320", "0.5", "2.0", "NAN"),
    *("INF", "-INF", "T", "F", "", "''", "'FULL'", "'N/A'", "'ANY'", "'SCI'", "'IMAGE   '"),
    *("'BINTABLE'", "'TABLE   '", "'A3DTABLE'", "'1PJ(9)'", "'1QD(99)'", "'999999999D'", "'40A'"),
    *("'0J'", "'3X'", "'(2,2)'", "'../../etc/passwd'", "'$\\frac'", "'a&<b>\"c'", "'it''s'"),
    *("'open", "'__import__(''os'')'", "(1.0, 2.0)", "1 2", "0x10", "1_000", "True", "None"),
    *("'2023-02-30'", "'9999-99-99T99'", "'2024-01-01T00:00:00+05:00'", "'%s%n{0}'"),
)
CONTROLS = (b"\x1b[31m", b"\x00", b"\n", b"\r", b"\x07", b"\x7f", b"\x9b", b"\xe9", b"\xff", b"\t")


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
        changed = _insert(content, (start, end), cards[-1])
    return Mutated(changed, (f"{keyword}={value}",), False)


SWEEP = len(USED.split()) * len(VALUES)
"""Number of cases of a sweep."""


def headers(content):
    """Return (start, past the end) of each header that begins at a block, up to its END card."""
    found = []
    for start in range(0, len(content), BLOCK):
        if not content.startswith((b"SIMPLE  =", b"XTENSION="), start):
            continue
        for end in range(start, min(len(content), start + 40 * BLOCK), CARD):
            if content[end : end + CARD].rstrip() == b"END":
                found.append((start, end))
                break
    return found


def card(keyword, value):
    """Return a card's bytes with any text for its value."""
    return f"{keyword[:8]:8}= {value:>20}".encode("latin-1")[:CARD].ljust(CARD)


def _any_header(rng, content):
    places = headers(content)
    return places[rng.integers(len(places))] if places else (0, min(len(content), BLOCK))


def _insert(content, place, new):
    """Insert cards before a header's END, moving what follows by whole blocks if it must."""
    start, end = place
    head = content[start:end] + new + b"END".ljust(CARD)
    head = head.ljust(-(-len(head) // BLOCK) * BLOCK)
    after = start + -(-(end + CARD - start) // BLOCK) * BLOCK
    return content[:start] + head + content[after:]


def _remark(rng, content, _):
    text = "".join(map(chr, rng.integers(32, 127, rng.integers(0, 71))))
    kind = str(rng.choice(["COMMENT", "HISTORY", ""]))
    cards = f"{kind:8}  {text}"[:CARD].ljust(CARD).encode() * int(rng.integers(1, 60))
    return _insert(content, _any_header(rng, content), cards), kind, True


def _pad_data(rng, content, _):
    """Change what fills the last block of an extension, which holds no data."""
    try:
        with fits.open(io.BytesIO(content)) as file:
            infos = [(hdu.fileinfo(), hdu.size) for hdu in file]
    except Exception:
        return content, "impossible", True
    gaps = [(i["datLoc"] + n, i["datLoc"] + i["datSpan"]) for i, n in infos if n % BLOCK]
    if not gaps:
        return content, "impossible", True
    first, last = gaps[rng.integers(len(gaps))]
    last = min(last, len(content))
    filling = rng.integers(0, 256, max(0, last - first), np.uint8).tobytes()
    return content[:first] + filling + content[last:], f"{first}-{last}", True


def _value(rng, content, _):
    words = (STRUCTURE if rng.random() < 0.6 else USED).split()
    start, end = _any_header(rng, content)
    keyword, value = str(rng.choice(words)), str(rng.choice(VALUES))
    present = [
        n for n in range(start, end, CARD) if content[n : n + 8].decode("latin-1").strip() in words
    ]
    if present and rng.random() < 0.8:
        at = present[rng.integers(len(present))]
        keyword = content[at : at + 8].decode("latin-1")
        changed = content[:at] + card(keyword, value) + content[at + CARD :]
    else:
        changed = _insert(content, (start, end), card(keyword, value))
    return changed, f"{keyword.strip()}={value}", False


def _digit(rng, content, _):
    """Change a digit of a number in a card."""
    start, end = _any_header(rng, content)
    digits = [m.start() for m in re.finditer(rb"[0-9]", content[start:end]) if m.start() % 80 > 9]
    if not digits:
        return content, "impossible", True
    at = start + digits[rng.integers(len(digits))]
    return content[:at] + b"%d" % rng.integers(10) + content[at + 1 :], str(at), False


def _cards(rng, content, _):
    """Remove, repeat or exchange cards."""
    start, end = _any_header(rng, content)
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
    return _insert(content, _any_header(rng, content), cards), repr(new[chosen]), False


def _head_bytes(rng, content, _):
    start, end = _any_header(rng, content)
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
    try:
        with fits.open(io.BytesIO(content)) as file:
            places = [(hdu.fileinfo()["datLoc"], hdu.size, hdu.name) for hdu in file if hdu.size]
    except Exception:
        return content, "impossible", True
    if not places:
        return content, "impossible", True
    start, size, name = places[rng.integers(len(places))]
    first = start + int(rng.integers(size))
    length = int(min(rng.integers(1, 200), start + size - first))
    new = rng.integers(0, 256, length, np.uint8).tobytes()
    return content[:first] + new + content[first + length :], f"{name} {first}+{length}", False


def _cut(rng, content, _):
    length = int(rng.integers(len(content) + 1))
    if rng.random() < 0.4:
        length -= length % BLOCK
    return content[:length], str(length), False


def _lengthen(rng, content, _):
    length = int(rng.integers(1, 3 * BLOCK))
    filling = (b"\0", b" ", b"X", None)[rng.integers(4)]
    more = filling * length if filling else rng.integers(0, 256, length, np.uint8).tobytes()
    return content + more, f"{length} of {filling}", False


def _blocks(rng, content, others):
    """Remove, repeat, exchange, blank or replace blocks."""
    blocks = [content[n : n + BLOCK] for n in range(0, len(content), BLOCK)] or [b""]
    first, second = (int(n) for n in rng.integers(len(blocks), size=2))
    how = str(rng.choice(["remove", "repeat", "exchange", "blank", "replace"]))
    if how == "remove":
        del blocks[first]
    elif how == "repeat":
        blocks.insert(second, blocks[first])
    elif how == "exchange":
        blocks[first], blocks[second] = blocks[second], blocks[first]
    elif how == "blank":
        blocks[first] = (b"\0", b" ", b"\xff")[rng.integers(3)] * BLOCK
    else:
        other = others[rng.integers(len(others))]
        at = int(rng.integers(len(other) // BLOCK)) * BLOCK
        blocks[first] = other[at : at + BLOCK]
    return b"".join(blocks), f"{how} {first} {second}", False


def _extensions(rng, content, others):
    """Reorder, repeat, drop or borrow whole extensions."""
    parts = _parts(content)
    if len(parts) < 3:
        return content, "impossible", True
    how = str(rng.choice(["shuffle", "repeat", "drop", "borrow", "repeat last"]))
    primary, *rest = parts
    first = int(rng.integers(len(rest)))
    if how == "shuffle":
        rng.shuffle(rest)
    elif how == "repeat":
        rest.insert(int(rng.integers(len(rest) + 1)), rest[first])
    elif how == "repeat last":
        rest.append(rest[first])
    elif how == "drop":
        del rest[first]
    else:
        borrowed = _parts(others[rng.integers(len(others))])[1:]
        rest.insert(first, borrowed[rng.integers(len(borrowed))])
    changed = b"".join([primary, *(bytes(part) for part in rest)])
    return changed, f"{how} {first}", how in ("repeat last", "shuffle")


def _parts(content):
    starts = [start for start, _ in headers(content)]
    return [content[a:b] for a, b in zip(starts, [*starts[1:], len(content)])]


def _compress(rng, content, _):
    """Compress the whole file, or an image in it."""
    how = str(rng.choice(["gz", "gz stored", "bz2", "xz", "zip", "fpack", "fpack gz"]))
    if how == "gz":
        return gzip.compress(content, int(rng.integers(1, 10)), mtime=0), how, False
    if how == "gz stored":
        more = rng.integers(0, 256, int(rng.integers(0, 2 * BLOCK)), np.uint8).tobytes()
        return gzip.compress(content, 0, mtime=0) + more, how, False
    if how == "bz2":
        return bz2.compress(content), how, False
    if how == "xz":
        return lzma.compress(content), how, False
    buffer = io.BytesIO()
    if how == "zip":
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(zipfile.ZipInfo("x_uncal.fits"), content)
        return buffer.getvalue(), how, False
    try:
        with fits.open(io.BytesIO(content)) as file:
            kind = "RICE_1" if how == "fpack" else "GZIP_1"
            at = next(n for n, hdu in enumerate(file) if n and hdu.is_image and hdu.size)
            packed = fits.CompImageHDU(file[at].data, file[at].header, compression_type=kind)
            fits.HDUList([*file[:at], packed, *file[at + 1 :]]).writeto(buffer)
    except Exception:
        return content, "impossible", True
    return buffer.getvalue(), how, False


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
    "cut": (_cut, 5),
    "lengthen": (_lengthen, 3),
    "blocks": (_blocks, 4),
    "extensions": (_extensions, 3),
    "compress": (_compress, 2),
}
NAMES = tuple(_TRIES)
WEIGHTS = np.array([weight for _, weight in _TRIES.values()]) / 100
