"""Grism exposures that both pipelines correct, and with which parameters."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

COMPATIBLE = {"inverse": "jwst", "grid": "chunks", "cutouts": "jwst"}
"""Choices with which onramp follows the reference in all that it does."""

TOUCHING = [(900.0 + 14 * n, 1000.0 + 9 * (n % 3)) for n in range(6)]
EDGES = [(60, 1100), (2160, 1100), (1100, 60), (1100, 2150), (40, 40), (2190, 2190), (1000, 1090)]
FIELD = [(820, 1090), (940, 1096), (1010, 1082), (1060, 1099), (700, 1101), (1500, 1078)]


class WfssCase(NamedTuple):
    """A simulated exposure and the step's parameters."""

    name: str
    mode: str
    sources: int
    parameters: Mapping = MappingProxyType({})
    places: list | None = None
    catalogue: int | None = None
    """Rows that the catalogue keeps; all of them by default."""
    limit: float = 1e-6
    """Largest difference, of the brightest pixel."""


SMALL = [
    WfssCase("one-source", "niriss", 1, places=[(900, 1100)]),
    WfssCase("one-source-nircam", "nircam", 1, places=[(900, 1100)]),
    WfssCase("touching", "niriss", 6, places=TOUCHING),
    WfssCase("touching-nircam", "nircam", 6, places=TOUCHING),
    WfssCase("edges", "niriss", 7, places=EDGES),
    WfssCase("edges-nircam", "nircam", 7, places=EDGES),
    WfssCase("columns", "niriss_columns", 6, places=FIELD),
    WfssCase("columns-nircam", "nircam_columns", 6, places=[(y, x) for x, y in FIELD]),
    WfssCase("legacy-inverse", "nircam_legacy", 6, places=FIELD),
    WfssCase("small-chunks", "niriss", 6, {"max_pixels_per_chunk": 70}, FIELD),
    WfssCase("oversample", "niriss", 6, {"wl_oversample": 5, "orders": [1, 2]}, FIELD),
    WfssCase("one-order", "nircam", 6, {"orders": [1]}, FIELD),
    WfssCase("magnitude-limit", "niriss", 6, {"magnitude_limit": 22.0}, FIELD),
    WfssCase("all-too-faint", "niriss", 6, {"magnitude_limit": 3.0}, FIELD),
    WfssCase("empty-catalogue", "niriss", 6, {"magnitude_limit": 25.0}, FIELD, catalogue=0),
    WfssCase("line", "niriss", 6, {"polyfit_degree": 1}, FIELD),
    WfssCase("cubic", "niriss", 6, {"polyfit_degree": 3, "n_iterations": 2}, FIELD),
    WfssCase(
        "cubic-nircam", "nircam", 6,
        {"polyfit_degree": 3, "n_iterations": 2, "orders": [1], "rejection_threshold": 0.5}, FIELD,
        limit=2e-5,  # the reference solves these equations in single precision
    ),
    WfssCase(
        "no-regularisation", "niriss", 6,
        {"polyfit_degree": 2, "l2_alpha": 0.0, "rejection_threshold": None}, FIELD,
    ),
]  # fmt: skip
SCENES = [
    WfssCase(f"{mode}-{sources}", mode, sources)
    for sources in (50, 200)
    for mode in ("niriss", "nircam")
]
