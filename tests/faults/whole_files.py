"""Damage to a FITS file's length, blocks and extensions, and its compression."""

import bz2
import gzip
import io
import lzma
import zipfile

import numpy as np
from astropy.io import fits
from cards import BLOCK, headers


def cut(rng, content, _):
    length = int(rng.integers(len(content) + 1))
    if rng.random() < 0.4:
        length -= length % BLOCK
    return content[:length], str(length), False


def lengthen(rng, content, _):
    length = int(rng.integers(1, 3 * BLOCK))
    filling = (b"\0", b" ", b"X", None)[rng.integers(4)]
    more = filling * length if filling else rng.integers(0, 256, length, np.uint8).tobytes()
    return content + more, f"{length} of {filling}", False


def blocks(rng, content, others):
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


def extensions(rng, content, others):
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


def compress(rng, content, _):
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
