"""World coordinates out of the ASDF extension of a product."""

import contextlib
import gc
import io
import re

import asdf

from onramp.errors import InputError
from onramp.wfss import polynomials

EXTENSION = "ASDF"
_DOCUMENT_END = b"\n...\n"
_SLITS = re.compile(rb"^slits:\n", re.MULTILINE)
_ITEM = re.compile(rb"^- ", re.MULTILINE)
_NEXT = re.compile(rb"^[^\s-]", re.MULTILINE)


def image_wcs(file):
    """
    Return the WCS of an image.

    Parameters
    ----------
    file : FitsFile

    Raises
    ------
    InputError
        If there is none.
    """
    return _wcs(file, _content(file), lambda tree: tree["meta"]["wcs"])


def first_cutout_wcs(file):
    """
    Return the WCS of a product's first cutout, without reading those of the others.

    Parameters
    ----------
    file : FitsFile

    Raises
    ------
    InputError
        If there is none.
    """
    content = _with_first_cutout(_content(file))
    return _wcs(file, content, lambda tree: tree["slits"][0]["meta"]["wcs"])


def _content(file):
    return file.raw(file.named(EXTENSION))


def _with_first_cutout(content):
    """Cut all items but the first out of a document's list of slits: aliases come after anchors."""
    end = content.find(_DOCUMENT_END)
    head = content[: end + 1]
    slits = _SLITS.search(head)
    if end < 0 or slits is None:
        return content
    after = _NEXT.search(head, slits.end())
    after = after.start() if after else len(head)
    items = [item.start() for item in _ITEM.finditer(head, slits.end(), after)]
    if len(items) < 2:
        return content
    blank = b"#".ljust(after - items[1] - 1) + b"\n"  # what follows stays where it is
    return head[: items[1]] + blank + head[after:] + content[end + 1 :]


def _wcs(file, content, place):
    try:
        options = {"lazy_tree": True, "memmap": False, "extensions": polynomials.extension()}
        with _no_collection(), asdf.open(io.BytesIO(content), **options) as opened:
            found = place(opened.tree)
            if not hasattr(found, "get_transform"):
                raise TypeError(f"it is a {type(found).__name__}")
            return found
    except Exception as problem:  # whatever is wrong with a document that others wrote
        raise InputError(
            f"{file.path}: has no WCS in its extension {EXTENSION}: {_line(problem)}; give a "
            "product of assign_wcs"
        ) from problem


@contextlib.contextmanager
def _no_collection():
    """Leave cyclic garbage alone: many objects are made here, and looking at all takes longer."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _line(problem):
    return " ".join(f"{type(problem).__name__} {problem}".split())[:200]
