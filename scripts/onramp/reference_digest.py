"""Digests of reference files and what is wrong with their values, found once for each file."""

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from onramp.errors import ReferenceFileError
from onramp.fitsrows import FitsImages

SCANNED = "SCI", "COEFFS", "INV_COEFFS", "AVDRKCUR"
"""Extensions whose values are used."""

BLOCK_BYTES = 4_000_000
FORMAT = 2
NOT_FITS = ".asdf", ".json"


class Digest(NamedTuple):
    """A reference file's digest and findings."""

    sha256: str
    findings: tuple[str, ...]
    """What is wrong, each as extension and problem; usually nothing."""
    sha1: str = ""
    """What CRDS's catalogue has; empty if it was never asked for."""


def digest(path, sha1=False) -> Digest:
    """
    Return a file's digest and what is wrong with its values; of FITS files only.

    They are kept in the user's cache folder ($ONRAMP_CACHE, else ``onramp`` in $XDG_CACHE_HOME,
    else ``~/.cache/onramp``) and found anew when the file's size or time of change differs.

    Parameters
    ----------
    path : str or Path
    sha1 : bool
        Return the file's sha1 as well.

    Raises
    ------
    ReferenceFileError
        If the file cannot be read, is no FITS file, or shorter than its headers say.
    """
    path = Path(os.path.abspath(path))
    try:
        identity = _identity(path)
        known = _recall(path, identity)
        if known is not None and (known.sha1 or not sha1):
            return known
        found = known or Digest(_hash(path, "sha256"), _findings(path))
        if sha1:
            found = found._replace(sha1=_hash(path, "sha1"))
        if _identity(path) == identity:
            _remember(path, identity, found)
    except OSError as problem:
        raise ReferenceFileError(f"{path}: {problem.strerror or 'cannot be read'}") from problem
    return found


def _hash(path, name):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, name).hexdigest()


def _findings(path):
    return tuple(scan(path))


def scan(path):
    """
    Look for values that no reference may have: infinite ones, or no finite one in a whole image.

    Returns
    -------
    list of str
        Extension and problem. NaN in single pixels is no problem.
    """
    findings = []
    if Path(path).suffix in NOT_FITS:
        return findings
    with FitsImages(path, ReferenceFileError) as file:
        for name in SCANNED:
            if name in file:
                findings += _scan_image(name, file.image(name))
    return findings


def _scan_image(name, image):
    *outer, ny, nx = image.shape
    row_bytes = int(np.prod(outer)) * nx * image.dtype.itemsize
    if image.dtype.kind != "f" or not row_bytes * ny:
        return []
    height = max(1, BLOCK_BYTES // row_bytes)
    infinite = finite = 0
    for first in range(0, ny, height):
        with np.errstate(over="ignore"):
            values = image.read(first, min(first + height, ny)).astype(np.float32, copy=False)
        finite += int(np.isfinite(values).sum())
        infinite += int(np.isinf(values).sum())
    if infinite:
        return [f"[{name}]: {infinite} infinite value{'s' * (infinite > 1)}"]
    return [] if finite else [f"[{name}]: no finite value"]


def cache_folder() -> Path:
    """Return where digests are kept; it need not exist."""
    if os.environ.get("ONRAMP_CACHE"):
        return Path(os.environ["ONRAMP_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "onramp"


def _identity(path):
    status = path.stat()
    return {"path": str(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns,
            "format": FORMAT}  # fmt: skip


def _entry(path):
    return cache_folder() / "references" / f"{hashlib.sha256(os.fsencode(path)).hexdigest()}.json"


def _recall(path, identity):
    try:
        entry = json.loads(_entry(path).read_text())
        if {key: entry[key] for key in identity} != identity:
            return None
        sha256, findings, sha1 = entry["sha256"], entry["findings"], str(entry["sha1"])
        int(sha256, 16)
        return Digest(sha256, tuple(str(finding) for finding in findings), sha1)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(path, identity, found):
    """Keep the findings; a cache that cannot be written costs time and nothing else."""
    entry = _entry(path)
    with contextlib.suppress(OSError):
        entry.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=entry.parent, prefix=".", suffix=".json")
        try:
            with os.fdopen(handle, "w") as file:
                json.dump({**identity, **found._asdict()}, file)
            os.replace(partial, entry)
        except BaseException:
            os.unlink(partial)
            raise
