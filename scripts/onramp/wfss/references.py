"""The photom and wavelengthrange references of a grism exposure, out of a folder."""

import os
from pathlib import Path
from typing import NamedTuple

import asdf
from astropy.io import fits

from onramp.errors import ReferenceFileError
from onramp.provenance import digest_file

TYPES = {"photom": ".fits", "wavelengthrange": ".asdf"}
FOLDER = "references"


class Reference(NamedTuple):
    """A reference file."""

    path: Path
    sha256: str

    @property
    def name(self):
        """Without its folder."""
        return self.path.name


def choose(folder, overrides, mode):
    """
    Choose both references.

    Parameters
    ----------
    folder : path or None
    overrides : dict of str to path
        Files to take instead, by type.
    mode : Mode

    Returns
    -------
    dict of str to Reference

    Raises
    ------
    ReferenceFileError
        If a type is unknown, or a file is missing or not the only one that fits.
    """
    for kind in overrides:
        if kind not in TYPES:
            raise ReferenceFileError(
                f"override_{kind}: wfss_contam needs no such reference; known: {', '.join(TYPES)}"
            )
    found = {}
    for kind in TYPES:
        path = Path(overrides[kind]) if overrides.get(kind) else _only(folder, kind, mode)
        if not path.is_file():
            raise ReferenceFileError(f"{path}: {kind}: is not there; give override_{kind}=FILE")
        found[kind] = Reference(path, digest_file(path, ReferenceFileError)[1])
    return found


def _only(folder, kind, mode):
    if folder is None:
        raise ReferenceFileError(
            f"no {kind} reference: give a folder with --references or a file with --override_{kind}"
        )
    try:
        names = sorted(n for n in os.listdir(folder) if kind in n and n.endswith(TYPES[kind]))
    except OSError as problem:
        raise ReferenceFileError(
            f"{folder}: {problem.strerror}; give a folder of reference files"
        ) from problem
    fitting = [Path(folder, name) for name in names if _fits(Path(folder, name), mode)]
    if len(fitting) != 1:
        what = " and ".join(path.name for path in fitting[:2]) + " both fit" if fitting else "none"
        raise ReferenceFileError(
            f"{folder}: {kind} for INSTRUME={mode.instrument}, EXP_TYPE={mode.exp_type}: {what}; "
            f"give one, or --override_{kind}=FILE"
        )
    return fitting[0]


def _fits(path, mode):
    """Return whether a file says that it is for a mode; one that says nothing of it is for all."""
    try:
        if path.suffix == ".fits":
            header = fits.getheader(path)
            told = header.get("INSTRUME"), header.get("EXP_TYPE")
        else:
            with asdf.open(path) as file:
                meta = file["meta"]
                told = meta["instrument"]["name"], meta.get("exposure", {}).get("type")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return told[0] == mode.instrument and told[1] in (None, mode.exp_type)
