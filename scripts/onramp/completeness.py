"""What a run finds of earlier ones: products that have lost their end are made again."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

PICTURE_END = b"IEND\xaeB`\x82"


def find_truncated(results, names, pictures=True) -> list[Path]:
    """
    Return files that are shorter than when they were made, and statistics that cannot be read.

    Parameters
    ----------
    results : str or Path
        Folder of the products.
    names : iterable of str
        Exposures.
    pictures : bool
        Whether to look at the quicklook pictures as well.
    """
    found = []
    for name in names:
        found += _truncated_products(str(results), f"{results}/{name}_statistics.json")
        picture = f"{results}/quicklook/{name}.png"
        if pictures and not _picture_ends(picture):
            found.append(Path(picture))
    return found


def _truncated_products(results, statistics):
    try:
        with open(statistics, "rb") as file:
            sizes = json.load(file).get("products", {})
        return [Path(results, name) for name, size in sizes.items()
                if _size(f"{results}/{name}", size) < size]  # fmt: skip
    except FileNotFoundError:
        return []
    except (OSError, ValueError, AttributeError, TypeError):
        return [Path(statistics)]


def _size(path, absent):
    try:
        return os.stat(path).st_size
    except OSError:  # Snakemake sees for itself what is missing
        return absent


def _picture_ends(path):
    try:
        with open(path, "rb") as file:
            file.seek(-len(PICTURE_END), os.SEEK_END)
            return file.read() == PICTURE_END
    except FileNotFoundError:
        return True
    except OSError:
        return False


def drop_truncated(results, names, pictures=True, dryrun=False) -> list[str]:
    """
    Remove what `find_truncated` finds, so that the workflow makes it again; return a line for each.

    Parameters
    ----------
    dryrun : bool
        Leave everything in place.
    """
    lines = []
    for path in find_truncated(results, names, pictures):
        if not dryrun:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
        outcome = "a run makes it again, whatever is said below" if dryrun else "it is made again"
        lines.append(f"{path}: shorter than it was made; {outcome}")
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
