"""What one exposure of the comparison is made of."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import edits
from comparison import ROUNDING

NOTHING = MappingProxyType({})
SAVED_DARK = MappingProxyType({"dark_current": {"dark_output": "my.dark.fits"}})


class Case(NamedTuple):
    """One exposure that both pipelines process."""

    name: str
    mode: str | Callable
    """Of the simulator; or a function that makes the files in a folder."""
    changes: Mapping = NOTHING
    """Fields of the simulator's mode."""
    steps: Mapping = NOTHING
    """Parameters by step, of both pipelines; {folder} in texts is the case's, {output} that of
    the pipeline's products."""
    edit: Callable = edits.unchanged
    """Changes the files, and returns references to add: path or "N/A" by type."""
    crash: str = ""
    """What the reference says where it fails."""
    refusal: str = ""
    """What onramp says where it makes no product."""
    pipeline: str = "detector1"
    """Or "dark"."""
    rounding: float = ROUNDING
    """Zero but for rounding, of the median magnitude in an extension."""
    headers_apart: tuple[str, ...] = ()
    """Products whose headers are not compared: they have keywords of coordinates."""
    checked: bool = False
    """The reference checks whatever it assigns to a product, as it does for users: half its time
    for a small exposure. Others are run so only if they fail without."""
