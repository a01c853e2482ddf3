"""A picture of a corrected spectrum: its data, the model, the contamination and what is left."""

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from onramp.quicklook_style import ACCENT, FAINT, INK, LINE, tidy
from onramp.replacing import replacing

CENTRAL = 7  # rows that are summed
FINE = 0.1  # of the scale of the other panels
PERCENTILE = 99.5
PANEL = 1.45  # height [inch]


def draw(cutout, title, path, truth=None) -> None:
    """
    Draw a corrected cutout, beside the picture's final name, then rename it.

    Parameters
    ----------
    cutout : onramp.wfss.job.CutoutResult
        With its own predicted light.
    title : str
    path : path
        PNG to write.
    truth : (ny, nx) array, optional
        The source's own light where it is known [DN/s]; the residual is what the corrected cutout
        has besides. By default it is what it has besides the source's predicted light.
    """
    data = cutout.sci + cutout.contamination
    source, name, own = "predicted", "model", cutout.own
    if truth is not None:
        source, name, own = "true", "truth", truth
    panels = {
        "data": data,
        "model: the source and its neighbours": cutout.own + cutout.contamination,
        "contamination: the neighbours": cutout.contamination,
        f"residual: corrected data less the {source} source (finer scale)": cutout.sci - own,
    }
    figure = Figure(figsize=(10, 5 * PANEL + 2.6), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=INK, parse_math=False)
    *images, plot = figure.subplots(5, 1, height_ratios=[1, 1, 1, 1, 1.7])
    top = np.nanpercentile(data, PERCENTILE)
    for axes, (label, image) in zip(images, panels.items()):
        _draw_panel(axes, label, image, top, fine=axes is images[-1])
    _draw_spectra(plot, {"data": data, "corrected": cutout.sci, name: own})
    with replacing(path) as part:
        figure.savefig(part, format="png", dpi=140, metadata={"Software": None})


def _draw_panel(axes, label, image, top, fine):
    scale = {"vmin": -0.1 * top, "vmax": top, "cmap": colormaps["magma"].with_extremes(bad=FAINT)}
    if fine:
        cmap = colormaps["RdBu_r"].with_extremes(bad=FAINT)
        scale = {"vmin": -FINE * top, "vmax": FINE * top, "cmap": cmap}
    shown = axes.imshow(image, origin="lower", aspect="auto", interpolation="nearest", **scale)
    axes.set_title(label, fontsize=9, loc="left", color=INK)
    axes.set_ylabel("row", fontsize=8)
    axes.tick_params(labelsize=8, color=FAINT)
    bar = axes.figure.colorbar(shown, ax=axes, pad=0.01, aspect=12)
    bar.set_label("DN/s", fontsize=8)
    bar.ax.tick_params(labelsize=8, color=FAINT)
    bar.outline.set_visible(False)


def _draw_spectra(axes, images):
    """Draw the sums of the rows around the brightest of the last image."""
    *_, own = images.values()
    row = int(np.argmax(np.nansum(own, axis=1)))
    rows = slice(max(0, row - CENTRAL // 2), row + CENTRAL // 2 + 1)
    styles = (ACCENT, "-"), (LINE, "-"), (INK, "--")
    for (label, image), (colour, line) in zip(images.items(), styles):
        axes.plot(np.nansum(image[rows], axis=0), line, color=colour, label=label, lw=1.2)
    title = f"sum of the {CENTRAL} rows around the source"
    tidy(axes, title, "column of the cutout [pixel]", "DN/s")
    axes.set_xlim(0, own.shape[1] - 1)
    axes.legend(frameon=False, fontsize=8)
