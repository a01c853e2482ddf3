"""The page about a run: one file that holds its table, pictures, parameters and references."""

import html
import os
from pathlib import Path

from onramp.report_data import as_script, gather

PARTS = Path(__file__).parent / "page"
NAME = "report.html"


def write(results, names, configuration=None, targets=None) -> Path:
    """
    Write a run's page beside its final name, then rename it.

    Parameters
    ----------
    results : str or Path
        Folder of the products, and of the page.
    names : iterable of str
        Exposures of the run.
    configuration, targets : optional
        See `onramp.report_data.gather`.

    Returns
    -------
    Path
        The page; it needs no other file and no network. Beyond a thousand exposures it links to
        the pictures beside it.
    """
    data = gather(results, names, configuration, targets)
    page = Path(results) / NAME
    part = page.with_name(f".{NAME}.{os.getpid()}.part")
    with open(part, "w", encoding="utf-8") as file:
        file.write(render(data))
    os.replace(part, page)
    return page


def render(data) -> str:
    """Return the page for a run's facts."""
    style, code, frame = (
        (PARTS / name).read_text("utf-8") for name in ("page.css", "page.js", "page.html")
    )
    filled = {
        "title": html.escape(f"onramp: {data['folder']}"),
        "style": style,
        "data": as_script(data),
        "code": code,
    }
    pieces = []
    for part in frame.split("{{"):
        name, closed, rest = part.partition("}}")
        pieces += [filled[name], rest] if closed else [part]
    return "".join(pieces)
