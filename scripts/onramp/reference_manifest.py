"""An exposure's manifest: its reference files, their contents, and where they came from."""

import contextlib
import json
from pathlib import Path
from typing import NamedTuple

from onramp.errors import ReferenceFileError
from onramp.output_folders import make_output_folder
from onramp.reference_digest import digest
from onramp.reference_types import Reference
from onramp.replacing import replacing

FILES = ".files.json"
FORMAT = 1


class Entry(NamedTuple):
    """A file that an exposure uses."""

    type: str
    name: str
    sha256: str
    source: str
    """crds, folder or override."""


class Parameters(NamedTuple):
    """A parameter reference that an exposure uses."""

    type: str
    name: str
    sha256: str
    values: dict
    """Parameters by step."""
    unused: dict
    """Values that mean nothing here, by "step.parameter"."""


class Manifest(NamedTuple):
    """All that an exposure uses."""

    exposure: str
    source: str
    """crds or folder."""
    context: str | None
    """CRDS context under which these files were first chosen."""
    references: dict[str, Entry | None]
    """By type; None where the steps that need it are to be skipped."""
    parameters: tuple[Parameters, ...] = ()
    """In the order of precedence, later ones winning."""
    problem: str | None = None
    """Why the references could not be chosen; the job then fails with these words."""
    files: dict[str, str | None] | None = None
    """The sha256 of other files that the exposure uses, by path; null for one that is missing."""

    @property
    def content(self) -> tuple:
        """What makes a difference to the products."""
        return self.references, self.parameters, self.problem, self.files or {}


def write(manifest: Manifest, path) -> bool:
    """Write a manifest unless its file says the same; return whether it was written."""
    known = read(path)
    if known is not None and known.content == manifest.content:
        return False
    told = manifest._asdict()
    told["references"] = {
        kind: entry and entry._asdict() for kind, entry in manifest.references.items()
    }
    told["parameters"] = [file._asdict() for file in manifest.parameters]
    write_json({"format": FORMAT, **told}, path)
    return True


def read(path) -> Manifest | None:
    """Return a manifest; None if there is none, or none that can be understood."""
    try:
        with open(path) as file:
            told = json.load(file)
        if told.pop("format") != FORMAT:
            return None
        told["references"] = {
            kind: entry and Entry(**entry) for kind, entry in told["references"].items()
        }
        told["parameters"] = tuple(Parameters(**file) for file in told["parameters"])
        return Manifest(**told)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def open_manifest(path) -> Manifest:
    """
    Return a manifest for the job that uses it.

    Raises
    ------
    ReferenceFileError
        If it cannot be read, or tells of a problem.
    """
    found = read(path)
    if found is None:
        raise ReferenceFileError(f"{path}: is no manifest of references; remove it and run again")
    if found.problem:
        raise ReferenceFileError(found.problem)
    return found


def locate(manifest: Manifest, folder) -> dict[str, Reference | None]:
    """
    Find the files of a manifest.

    Parameters
    ----------
    manifest : Manifest
    folder : str or Path
        The manifest's, which also tells where files lie.

    Raises
    ------
    ReferenceFileError
        If a file is missing or has changed since.
    """
    places = Places(folder)
    return {kind: entry and _found(entry, places) for kind, entry in manifest.references.items()}


def _found(entry, places):
    path = places.get(entry.sha256)
    if path is None:
        raise ReferenceFileError(
            f"{entry.name}: {places.path} does not say where it lies; run again"
        )
    known = digest(path)
    if known.sha256 != entry.sha256:
        raise ReferenceFileError(f"{path}: has changed since the run began; run again")
    return Reference(entry.type, Path(path), entry.name, entry.sha256)


class Places:
    """
    Where files of a certain content lie: not part of the manifests, so that they may be moved.

    Parameters
    ----------
    folder : str or Path
        Folder of the manifests.
    """

    def __init__(self, folder):
        self.path = Path(folder) / FILES
        self._known = {}
        with contextlib.suppress(OSError, ValueError):
            told = json.loads(self.path.read_text())
            self._known = dict(told) if isinstance(told, dict) else {}

    def get(self, sha256) -> str | None:
        """Return the path of a file of this content."""
        return self._known.get(sha256)

    def set(self, sha256, path) -> None:
        """Remember where a file lies, for the jobs as well."""
        if self._known.get(sha256) != str(path):
            self._known[sha256] = str(path)
            write_json(self._known, self.path)


def write_json(content, path) -> None:
    """Write beside the final name, then rename."""
    path = Path(path)
    make_output_folder(path.parent)
    with replacing(path) as part:
        part.write_text(json.dumps(content, indent=1))
