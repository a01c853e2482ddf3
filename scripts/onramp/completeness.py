"""What a run finds of earlier ones: products that are damaged or missing are made again."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PICTURE_END = b"IEND\xaeB`\x82"


class Incomplete(NamedTuple):
    """A file that is not as it was made."""

    path: Path
    missing: bool
    statistics: Path | None = None
    """What has to go as well if the workflow does not know of the file."""


def find_incomplete(results, names, declared=(), pictures=True) -> list[Incomplete]:
    """
    Return files that are shorter than they were made, and statistics that cannot be read.

    Parameters
    ----------
    results : str or Path
        Folder of the products.
    names : iterable of str
        Exposures.
    declared : iterable of str
        Paths of what the workflow knows each exposure to have, with "{exposure}" for its name;
        others are found if they are missing, too.
    pictures : bool
        Whether to look at the quicklook pictures as well.
    """
    found = []
    for name in names:
        known = {os.path.basename(pattern.format(exposure=name)) for pattern in declared}
        found += _incomplete_products(str(results), f"{results}/{name}_statistics.json", known)
        picture = f"{results}/quicklook/{name}.png"
        if pictures and not _picture_ends(picture):
            found.append(Incomplete(Path(picture), False))
    return found


def _incomplete_products(results, statistics, known):
    try:
        with open(statistics, "rb") as file:
            sizes = json.load(file).get("products", {})
        found = []
        for name, size in sizes.items():
            length = _size(f"{results}/{name}")
            others = None if name in known else Path(statistics)
            if length is None and others:
                found.append(Incomplete(Path(results, name), True, others))
            elif length is not None and length < size:
                found.append(Incomplete(Path(results, name), False, others))
        return found
    except FileNotFoundError:
        return []
    except (OSError, ValueError, AttributeError, TypeError):
        return [Incomplete(Path(statistics), False)]


def _size(path):
    try:
        return os.stat(path).st_size
    except OSError:
        return None


def _picture_ends(path):
    try:
        with open(path, "rb") as file:
            file.seek(-len(PICTURE_END), os.SEEK_END)
            return file.read() == PICTURE_END
    except FileNotFoundError:
        return True
    except OSError:
        return False


def drop_incomplete(results, names, declared=(), pictures=True, dryrun=False) -> list[str]:
    """
    Remove what `find_incomplete` finds, so that it is made again; return a line for each.

    Parameters
    ----------
    dryrun : bool
        Leave everything in place.
    """
    lines = []
    for path, missing, statistics in find_incomplete(results, names, declared, pictures):
        for file in (path, statistics):
            if file and not dryrun:
                file.unlink(missing_ok=True)
        problem = "is missing" if missing else "shorter than it was made"
        outcome = "a run makes it again, whatever is said below" if dryrun else "it is made again"
        lines.append(f"{path}: {problem}; {outcome}")
    return lines


def files_to_ask_for(names, products, picture=None, redraw=False) -> Iterator[str]:
    """
    Yield the files that a workflow is to make: one stands for all that an exposure's job makes.

    It is one that is missing, if any is. A picture, which that job draws as well, is asked for only
    where products are complete without it.

    Parameters
    ----------
    names : iterable of str
        Exposures.
    products : list of str
        Paths of what the job of an exposure makes, with "{exposure}" for its name.
    picture : str, optional
        Path of its picture.
    redraw : bool
        Ask for pictures that are there as well.
    """
    present = {
        f"{folder}/{name}"
        for folder in {os.path.dirname(pattern) for pattern in (*products, picture or products[0])}
        for name in _listed(folder)
    }
    for exposure in names:
        made = [pattern.format(exposure=exposure) for pattern in products]
        missing = next((path for path in made if path not in present), None)
        yield missing or made[0]
        if picture and not missing:
            path = picture.format(exposure=exposure)
            if redraw or path not in present:
                yield path


def _listed(folder):
    try:
        return os.listdir(folder or ".")
    except FileNotFoundError:
        return []
