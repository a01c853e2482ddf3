"""The files that belong to a grism exposure: found without opening more than headers."""

import glob
import os
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from onramp.errors import InputError
from onramp.reference_index import read_primary
from onramp.wfss_contam import STEP

KEYWORDS = {"direct_image": "DIRIMAGE", "segmentation": "SEGMFILE", "catalogue": "SCATFILE"}
ABSENT = "", "N/A"
ENDINGS = "_srctype.fits", "_extract_2d.fits", "_extract2d.fits"
SUFFIXES = "srctype", "extract_2d", "extract2d", "cal", "wavecorr", "flat_field", "bkg", STEP


class Files(NamedTuple):
    """Paths of what belongs to a grism exposure."""

    direct_image: Path
    segmentation: Path
    catalogue: Path | None


def exposure_name(path):
    """Return a file's name without the suffix of the step that has made it."""
    return re.sub(rf"_({'|'.join(SUFFIXES)})$", "", Path(path).name.removesuffix(".fits"))


def find_files(header, path, given):
    """
    Find the direct image, its segmentation map and its catalogue.

    Parameters
    ----------
    header : fits.Header
        Primary header of the cutouts, which names them.
    path : Path
        Of the cutouts; files named without a folder lie beside it.
    given : dict of str to path or None
        What the user says instead, by field of `Files`.

    Raises
    ------
    InputError
        If one is neither given nor named, or is not there.
    """
    found = {}
    for name, keyword in KEYWORDS.items():
        told = given.get(name)
        if told is None:
            text = str(header.get(keyword, "")).strip()
            if text in ABSENT:
                if name == "catalogue":
                    found[name] = None
                    continue
                raise InputError(f"{path}: {keyword} is missing; say --{name}=FILE")
            told = path.parent / text
        found[name] = Path(told)
        if not found[name].is_file():
            raise InputError(
                f"{path}: {keyword}: {found[name]} is not there; put it there or say --{name}=FILE"
            )
    return Files(**found)


def beside(path):
    """Return the paths that a file of cutouts names; what is missing is for its job to tell."""
    path = Path(path)
    try:
        found = find_files(read_primary(path), path, {})
    except (OSError, InputError):
        return []
    return [str(file) for file in found if file is not None]


@cache
def find_exposures(asked):
    """
    Return files of cutouts by the names of their exposures.

    Parameters
    ----------
    asked : str or None
        A folder, a glob or a file; None: nothing is asked for.

    Raises
    ------
    InputError
        If there is none, or two of one name.
    """
    if asked is None:
        return {}
    paths = sorted(glob.glob(asked))
    if os.path.isdir(asked):
        paths = [path for end in ENDINGS for path in sorted(glob.glob(f"{asked}/*{end}"))]
    found = {}
    for path in paths:
        name = exposure_name(path)
        if name in found:
            raise InputError(f"{asked}: {found[name]} and {path} are of one exposure; give one")
        found[name] = path
    if not found:
        raise InputError(
            f"{asked}: holds no *{ENDINGS[0]}; give a folder, a glob or a file of cutouts"
        )
    return found
