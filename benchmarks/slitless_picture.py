"""
Draw what wfss_contam does to one simulated cutout: docs/wfss_contam.png.

Usage: python benchmarks/slitless_picture.py [PICTURE]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from onramp.wfss.picture import draw
from onramp.wfss.scene import most_telling
from onramp.wfss.simulation import simulate_grism
from onramp.wfss_contam import WfssContam

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "wfss_contam.png"
MODE, SEED, SOURCES = "niriss", 21, 400


def main(path=PICTURE):
    """Simulate a crowded field, correct it, and draw the cutout with the most contamination."""
    with tempfile.TemporaryDirectory() as folder:
        files = simulate_grism(MODE, folder, SEED, SOURCES)
        parameters = {"polyfit_degree": 3, "n_iterations": 2}
        found = WfssContam.call(files.cutouts, folder, parameters=parameters)
        with np.load(files.truth) as truth:
            n = most_telling(
                (truth[f"own_{n}"].sum(), np.abs(cutout.contamination).sum())
                for n, cutout in enumerate(found.cutouts)
            )
            cutout = found.cutouts[n]
            title = f"source {cutout.source}   order {cutout.order}"
            draw(cutout, title, path, truth[f"own_{n}"])


if __name__ == "__main__":
    main(*sys.argv[1:])
