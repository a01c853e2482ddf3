"""Files that parameters or a header name and that decide an exposure's products."""

import functools
import hashlib
import os
from pathlib import Path

from onramp.optional_step_parameters import MOS
from onramp.reference_facts import read_keywords

MOST_LINKS = 40  # one after the other


def digests(uncal, exp_type, parameters) -> dict[str, str | None]:
    """
    Return the sha256 of each file, by its path; None if it cannot be read, as the job will tell.

    Parameters
    ----------
    uncal : str or Path
    exp_type : str
    parameters : Detector1Parameters
    """
    return {path: _digest(path, _identity(path)) for path in _paths(uncal, exp_type, parameters)}


def paths(uncal, exp_type, parameters) -> list[str]:
    """
    Return the files that are there and decide an exposure's products; as `digests`.

    Also the windows that earlier exposures have left open, unless this one's go to the same file.
    """
    found = [*_paths(uncal, exp_type, parameters)]
    windows = parameters.persistence
    if not windows.skip and windows.persistence_array_file:
        saved = windows.save_persistence and Path(windows.save_persistence).with_suffix(".asdf")
        if saved is None or saved.absolute() != Path(windows.persistence_array_file).absolute():
            found.append(windows.persistence_array_file)
    return [path for path in found if os.path.isfile(path)]


def _paths(uncal, exp_type, parameters):
    flags, cleaning, frame = (
        parameters.dq_init, parameters.clean_flicker_noise, parameters.picture_frame
    )  # fmt: skip
    if not flags.skip and flags.user_supplied_dq:
        yield flags.user_supplied_dq
    if not cleaning.skip:
        yield from filter(None, (cleaning.user_mask, cleaning.light_curve))
    masked = any(not step.skip and step.looks_at_optics(exp_type) for step in (cleaning, frame))
    if exp_type == MOS and masked:
        name = str(read_keywords(uncal, ("MSAMETFL",)).get("MSAMETFL", "")).strip()
        if name and name != "N/A":
            yield str(beside(uncal, name))


def beside(uncal, name) -> Path:
    """Return a file beside an uncal file, or beside what links from there lead to."""
    link = Path(uncal)
    places = [link.parent / name]
    while link.is_symlink() and len(places) < MOST_LINKS:
        link = link.parent / os.readlink(link)
        places.append(link.parent / name)
    return next((place for place in places if place.exists()), places[-1])


def _identity(path):
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


@functools.lru_cache(maxsize=1024)
def _digest(path, identity):
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
