"""The pictures of a run's page: within it while they are few, beside it when they are many."""

import base64
import io
from pathlib import Path

FULL = 100
"""Most exposures whose pictures are in the page at their own size."""

SMALL = 1000
"""Most exposures whose pictures are in the page at all."""

SMALL_WIDTH = 640
QUALITY = 80


class Pictures:
    """
    The pictures of a run's exposures.

    Parameters
    ----------
    folder : Path
        Folder of the pictures.
    count : int
        Number of exposures, which decides what becomes of the pictures.

    Attributes
    ----------
    kind : str
        "full" or "small", in the page, or "linked".
    """

    def __init__(self, folder, count):
        self.folder = Path(folder)
        self.kind = "full" if count <= FULL else "small" if count <= SMALL else "linked"

    def of(self, exposure) -> str | None:
        """Return an exposure's picture as an address, None if it has none that can be read."""
        path = self.folder / f"{exposure}.png"
        if self.kind == "linked":
            return f"{self.folder.name}/{exposure}.png" if path.exists() else None
        try:
            return _inlined(path, SMALL_WIDTH if self.kind == "small" else None)
        except OSError:
            return None


def _inlined(path, width):
    from PIL import Image

    content = io.BytesIO()
    with Image.open(path) as picture:
        reduced = picture.convert("RGB")
        if width and picture.width > width:
            reduced.thumbnail((width, picture.height))
        reduced.save(content, "webp", quality=QUALITY, method=0)
    return f"data:image/webp;base64,{base64.b64encode(content.getvalue()).decode()}"
