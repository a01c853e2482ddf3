"""The photom and wavelengthrange references of a grism exposure, from a folder or from CRDS."""

import os
from pathlib import Path
from typing import NamedTuple

from astropy.io import fits

from onramp import asdf_facts
from onramp.errors import InputError, ReferenceFileError
from onramp.provenance import digest_file
from onramp.reference_choice import CRDS, chooser
from onramp.reference_facts import ExposureFacts, read_keywords
from onramp.reference_manifest import Entry, Manifest

TYPES = {"photom": ".fits", "wavelengthrange": ".asdf"}
FOLDER = "references"
ANY = None, "", "N/A", "ANY"  # what a file says that is for all detectors


class Reference(NamedTuple):
    """A reference file."""

    path: Path
    sha256: str

    @property
    def name(self):
        """Without its folder."""
        return self.path.name


def choose(folder, overrides, facts):
    """
    Choose both references.

    Parameters
    ----------
    folder : path, "crds" or None
    overrides : dict of str to path
        Files to take instead, by type.
    facts : ExposureFacts
        From `read_facts`.

    Returns
    -------
    found : dict of str to Reference
    context : str or None
        CRDS context, where one was asked.

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
    from_crds = chooser(CRDS) if folder == CRDS and overrides.keys() != TYPES.keys() else None
    found = {}
    for kind in TYPES:
        path = Path(overrides[kind]) if overrides.get(kind) else None
        path = path or _named(from_crds, folder, kind, facts)
        if not path.is_file():
            raise ReferenceFileError(f"{path}: {kind}: is not there; give override_{kind}=FILE")
        found[kind] = Reference(path, digest_file(path, ReferenceFileError)[1])
    return found, from_crds and from_crds.context


def read_facts(cutouts, name) -> ExposureFacts:
    """
    Read what decides a grism exposure's references.

    Parameters
    ----------
    cutouts : path
    name : str
        Name of the exposure.

    Raises
    ------
    InputError
        If the file cannot be read, or keywords are missing.
    """
    known = read_keywords(cutouts)
    try:
        words = [str(known[keyword]) for keyword in ("INSTRUME", "DETECTOR", "EXP_TYPE")]
        date = f"{known['DATE-OBS']}T{known['TIME-OBS']}"
    except KeyError as missing:
        raise InputError(
            f"{cutouts}: {missing.args[0]} missing; is this a product of extract_2d and srctype?"
        ) from None
    return ExposureFacts(str(cutouts), name, *words, "N/A", date, None, None, known)


def manifest(choosing, cutouts, name):
    """
    Choose the references of an exposure of a workflow; what is wrong is for its job to tell.

    Parameters
    ----------
    choosing : FolderChooser or CrdsChooser
    cutouts : path
    name : str
        Name of the exposure.

    Returns
    -------
    Manifest
    paths : dict of str to Path
    """
    source, context = choosing.source, choosing.context
    entries, paths = {}, {}
    try:
        facts = read_facts(cutouts, name)
        for kind in TYPES:
            paths[kind] = choosing.other(facts, kind, _only)
            entries[kind] = Entry(kind, paths[kind].name, choosing.digest(paths[kind]), source)
    except (InputError, ReferenceFileError) as problem:
        return Manifest(name, source, context, {}, (), str(problem)), {}
    return Manifest(name, source, context, entries), paths


def _named(from_crds, folder, kind, facts):
    return from_crds.other(facts, kind, _only) if from_crds else _only(folder, kind, facts)


def _only(folder, kind, facts):
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
    fitting = [Path(folder, name) for name in names if _fits(Path(folder, name), facts)]
    mode = f"INSTRUME={facts.instrument}, DETECTOR={facts.detector}, EXP_TYPE={facts.exp_type}"
    if len(fitting) != 1:
        what = " and ".join(path.name for path in fitting[:2]) + " both fit" if fitting else "none"
        raise ReferenceFileError(
            f"{folder}: {kind} for {mode}: {what}; give one, or --override_{kind}=FILE"
        )
    return fitting[0]


def _fits(path, facts):
    """Return whether a file is for an exposure's mode; one that says nothing of it is for all."""
    try:
        if path.suffix == ".fits":
            header = fits.getheader(path)
            told = [header.get(keyword) for keyword in ("INSTRUME", "EXP_TYPE", "DETECTOR")]
        else:
            meta = asdf_facts.read_tree(path)["meta"]
            told = meta["instrument"]["name"], meta.get("exposure", {}).get("type"), None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    instrument, exp_type, detector = told
    return (
        instrument == facts.instrument
        and exp_type in (None, facts.exp_type)
        and detector in (*ANY, facts.detector)
    )
