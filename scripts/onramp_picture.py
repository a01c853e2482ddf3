"""
The picture that an exposure's job draws of its products.

It belongs to no rule that makes products, so that no picture decides what becomes of these: it is
drawn last, in a child process, and where that fails the job succeeds without. Jobs of the rule
`quicklook` draw what is missing.
"""

import importlib
import logging
import sys
from pathlib import Path

from onramp_child import in_child
from onramp_job import reason

log = logging.getLogger("onramp")

FOLDER = "quicklook"


def picture_of(results, exposure) -> Path:
    """Return where the picture of an exposure is to be."""
    return Path(results, FOLDER, f"{exposure}.png")


def draw_beside(output, uncal, statistics) -> bool:
    """
    Draw the picture of products that are complete; if that fails, tell it and go on.

    Parameters
    ----------
    output : snakemake.iocontainers.OutputFiles
        The products of an exposure's job.
    uncal : path
    statistics : dict
        What the job found.

    Returns
    -------
    bool
        Whether there is a picture.
    """
    exposure = statistics["exposure"]
    picture = picture_of(Path(output.statistics).parent, exposure)
    files = uncal, output.rate, output.rateints
    return _draw_aside(exposure, picture, "onramp.quicklook", *files, statistics, picture)


def draw_spectrum(picture, exposure, cutout) -> bool:
    """
    Draw a corrected cutout of a slitless exposure; as `draw_beside`.

    Parameters
    ----------
    picture : Path
    exposure : str
    cutout : onramp.wfss.job.CutoutResult
    """
    title = f"{exposure}\nsource {cutout.source}   order {cutout.order}"
    return _draw_aside(exposure, picture, "onramp.wfss.picture", cutout, title, picture)


def _draw_aside(exposure, picture, module, *arguments):
    """Call the `draw` of a module in a child process; return whether there is a picture."""
    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
        # Imported by name: not part of what makes products, so that no change reruns their jobs;
        # and before the fork, so that a batch imports it once.
        draw = importlib.import_module(module).draw
        status = in_child(_draw, draw, *arguments)
        problem = f"its process ended with status {status}" if status else None
    except Exception as error:
        log.exception("%s: the picture cannot be drawn", exposure)
        problem = reason(error)
    if problem:
        print(f"onramp: {exposure}: no picture; its log says why", file=sys.stderr)
        log.warning("%s: no picture: %s", exposure, problem)
    return not problem


def _draw(draw, *arguments):
    try:
        draw(*arguments)
    except Exception as error:
        log.exception("the picture cannot be drawn: %s", reason(error))
        raise
