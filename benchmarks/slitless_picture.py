"""
Draw what wfss_contam does to one simulated cutout: docs/wfss_contam.png.

Usage: python benchmarks/slitless_picture.py [PICTURE]
"""

import sys
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from onramp.wfss.simulation import simulate_grism
from onramp.wfss_contam import WfssContam

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "wfss_contam.png"
MODE, SEED, SOURCES = "niriss", 21, 400
CENTRAL = 7  # rows that are summed
FULL_TRACE = 120  # columns
FINE = 0.1  # of the scale of the other panels


def main(path=PICTURE):
    """Simulate a crowded field, correct it, and draw the cutout with the most contamination."""
    with tempfile.TemporaryDirectory() as folder:
        files = simulate_grism(MODE, folder, SEED, SOURCES)
        parameters = {"polyfit_degree": 3, "n_iterations": 2}
        found = WfssContam.call(files.cutouts, folder, parameters=parameters)
        with np.load(files.truth) as truth:
            n = chosen(found.cutouts, truth)
            draw(found.cutouts[n], truth[f"own_{n}"], path)


def chosen(cutouts, truth):
    """Return the brightest source's cutout in which others leave about as much as its own light."""
    bright = {}
    for n, cutout in enumerate(cutouts):
        own = truth[f"own_{n}"].sum()
        ratio = np.abs(cutout.contamination).sum() / own
        if cutout.order == 1 and cutout.sci.shape[1] > FULL_TRACE and 0.4 < ratio < 2:
            bright[n] = own
    return max(bright, key=bright.get)


def draw(cutout, truth, path):
    """Draw data, model, contamination and residual, and the spectrum before and after."""
    data = cutout.sci + cutout.contamination
    panels = {
        "data": data,
        "model: the source and its neighbours": cutout.own + cutout.contamination,
        "contamination: the neighbours": cutout.contamination,
        "residual: corrected data less the true source (finer scale)": cutout.sci - truth,
    }
    figure, axes = plt.subplots(5, 1, figsize=(8, 11), height_ratios=[1, 1, 1, 1, 1.5])
    top = np.nanpercentile(data, 99.5)
    for axis, (title, image) in zip(axes, panels.items()):
        scale = {"vmin": -0.1 * top, "vmax": top}
        if title.startswith("residual"):
            scale = {"vmin": -FINE * top, "vmax": FINE * top, "cmap": "RdBu_r"}
        shown = axis.imshow(image, origin="lower", aspect="auto", **scale)
        axis.set_title(title, fontsize=10, loc="left")
        axis.set_ylabel("row")
        figure.colorbar(shown, ax=axis, label="DN/s", pad=0.01)
    row = int(np.argmax(truth.sum(axis=1)))
    rows = slice(max(0, row - CENTRAL // 2), row + CENTRAL // 2 + 1)
    spectra = {"data": data, "corrected": cutout.sci, "truth": truth}
    styles = {"data": ("C3", "-"), "corrected": ("C0", "-"), "truth": ("k", "--")}
    for name, image in spectra.items():
        colour, line = styles[name]
        axes[4].plot(np.nansum(image[rows], axis=0), line, color=colour, label=name, lw=1.2)
    axes[4].set_xlabel("column of the cutout [pixel]")
    axes[4].set_ylabel(f"sum of {CENTRAL} rows [DN/s]")
    axes[4].set_xlim(0, data.shape[1] - 1)
    axes[4].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main(*sys.argv[1:])
