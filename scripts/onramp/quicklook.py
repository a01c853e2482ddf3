"""A picture of an exposure's products: rate, jumps, data quality, a few ramps with their fits."""

import os
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from astropy.visualization import AsinhStretch, AsymmetricPercentileInterval, ImageNormalize
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from onramp import flags

LARGEST = 1024
WIDE, THIN = 2.5, 6.0
INK, FAINT, ACCENT = "#1b1b1f", "#c9ccd3", "#d1495b"
LINE = "#00798c"
QUALITY = {
    "good": "#f4f4f0",
    "jump": "#edae49",
    "saturated": "#d1495b",
    "do not use": "#30323d",
    "reference pixel": "#9fb4c7",
}


class Ramp(NamedTuple):
    """A pixel's raw ramp in the first integration, and the rate that was fitted to it."""

    title: str
    y: int
    x: int
    times: np.ndarray
    """(ngroups,) since the first group [s]."""
    counts: np.ndarray
    """(ngroups,) since the first group [DN]."""
    rate: float
    """[DN/s]"""
    jumped: bool


def draw(uncal, rate, rateints, statistics, picture) -> None:
    """
    Draw an exposure's picture, beside its final name, then rename it.

    Parameters
    ----------
    uncal, rate, rateints : path
        The raw exposure and its products.
    statistics : dict
        What its job found.
    picture : path
        PNG to write.
    """
    with fits.open(rate) as product, fits.open(rateints) as each:
        image, quality = (product[name].section[:] for name in ("SCI", "DQ"))
        first = each["SCI"].section[0], each["DQ"].section[0]
        jumps = _count_jumps(each["DQ"])
        unit = product["SCI"].header.get("BUNIT", "DN/s")
    figure, panels, plots = _layout(image.shape)
    figure.suptitle(_title(statistics), x=0.01, ha="left", fontsize=11, color=INK)
    _draw_rate(figure, panels[0], image, quality, unit)
    _draw_jumps(figure, panels[1], jumps, statistics["nints"])
    _draw_quality(panels[2], quality)
    ramps = _ramps(uncal, *first)
    for axes, ramp in zip(plots, ramps):
        _draw_ramp(axes, ramp)
    for axes in plots[len(ramps) :]:
        axes.set_axis_off()
    part = Path(picture).with_name(f".{Path(picture).name}.{os.getpid()}.part")
    figure.savefig(part, format="png", dpi=110)
    os.replace(part, picture)


def _title(found):
    shape = f"{found['nints']} x {found['ngroups']} groups"
    rate = found.get("jump_rate")
    words = [found["instrument"], found["detector"], found["mode"], found["subarray"],
             found["readpatt"], shape]  # fmt: skip
    if rate is not None:
        words.append(f"{rate:.1f} jumps/cm$^2$/s")
    return f"{found['exposure']}\n{'   '.join(str(word) for word in words)}"


def _count_jumps(extension):
    """Return (ny, nx): in how many integrations a jump was found."""
    nints, *shape = extension.shape
    count = np.zeros(shape, np.int32)
    for integration in range(nints):
        count += (extension.section[integration] & flags.JUMP_DET) != 0
    return count


def _layout(shape):
    ny, nx = shape
    ratio = nx / ny
    if ratio < WIDE:
        figure = Figure(figsize=(14, 8.2), layout="constrained", facecolor="white")
        grid = figure.add_gridspec(2, 12, height_ratios=[1.55, 1])
        panels = [figure.add_subplot(grid[0, 4 * n : 4 * n + 4]) for n in range(3)]
        plots = [figure.add_subplot(grid[1, 3 * n : 3 * n + 3]) for n in range(4)]
    else:
        height = 12.5 / min(ratio, THIN) / 1.15
        figure = Figure(figsize=(14, 3 * height + 4.2), layout="constrained", facecolor="white")
        grid = figure.add_gridspec(4, 4, height_ratios=[height, height, height, 2.7])
        panels = [figure.add_subplot(grid[n, :]) for n in range(3)]
        plots = [figure.add_subplot(grid[3, n]) for n in range(4)]
    FigureCanvasAgg(figure)
    return figure, panels, plots


def _show(axes, image, title, **options):
    ny, nx = image.shape
    step = max(1, -(-max(ny, nx) // LARGEST))
    aspect = "auto" if nx / ny > THIN else "equal"
    shown = axes.imshow(
        _reduced(image, step), origin="lower", aspect=aspect, interpolation="nearest",
        extent=(0, nx, 0, ny), **options,
    )  # fmt: skip
    axes.set_title(title, fontsize=10, loc="left", color=INK)
    axes.tick_params(labelsize=8, color=FAINT)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4 if nx / ny > WIDE else 6, integer=True))
    for spine in axes.spines.values():
        spine.set_color(FAINT)
    return shown


def _reduced(image, step):
    """Reduce blocks of pixels to one: to their mean if real, else to their largest."""
    ny, nx = (size // step * step for size in image.shape)
    blocks = image[:ny, :nx].reshape(ny // step, step, nx // step, step)
    if image.dtype.kind != "f":
        return blocks.max(axis=(1, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(blocks, axis=(1, 3))


def _draw_rate(figure, axes, image, quality, unit):
    usable = np.where(quality & flags.DO_NOT_USE, np.nan, image)
    finite = usable[np.isfinite(usable)]
    if not finite.size:
        finite = np.array([0.0, 1.0])
    low, high = AsymmetricPercentileInterval(0.5, 99.8).get_limits(finite)
    norm = ImageNormalize(vmin=low, vmax=max(high, low + 1e-6), stretch=AsinhStretch(0.05))
    cmap = "magma"
    shown = _show(axes, usable, "rate", norm=norm, cmap=cmap)
    shown.cmap.set_bad(FAINT)
    bar = figure.colorbar(shown, ax=axes, pad=0.01, fraction=0.046, aspect=25)
    bar.set_label(unit, fontsize=8)
    bar.set_ticks(norm.inverse(np.linspace(0, 1, 6)))
    bar.ax.set_yticklabels([f"{value:.3g}" for value in norm.inverse(np.linspace(0, 1, 6))])
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)


def _draw_jumps(figure, axes, jumps, nints):
    top = max(1, int(jumps.max()))
    title = f"jumps: {np.count_nonzero(jumps) / jumps.size:.1%} of pixels"
    if nints == 1:
        cmap = ListedColormap([QUALITY["good"], ACCENT])
        _show(axes, jumps, title, cmap=cmap, norm=BoundaryNorm([-0.5, 0.5, 1.5], 2))
        return
    shown = _show(axes, jumps, title, cmap="YlOrRd", vmin=0, vmax=top)
    bar = figure.colorbar(shown, ax=axes, pad=0.01, fraction=0.046, aspect=25)
    bar.set_label("integrations", fontsize=8)
    bar.locator = MaxNLocator(5, integer=True)
    bar.update_ticks()
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)


def _draw_quality(axes, quality):
    kinds = np.zeros(quality.shape, np.uint8)
    bits = flags.JUMP_DET, flags.SATURATED, flags.DO_NOT_USE, flags.REFERENCE_PIXEL
    for kind, bit in enumerate(bits, start=1):
        kinds[(quality & bit) != 0] = kind
    cmap = ListedColormap(list(QUALITY.values()))
    norm = BoundaryNorm(np.arange(len(QUALITY) + 1) - 0.5, len(QUALITY))
    _show(axes, kinds, "data quality", cmap=cmap, norm=norm)
    patches = [
        Patch(facecolor=color, edgecolor=FAINT, label=f"{name} {np.mean(kinds == kind):.1%}")
        for kind, (name, color) in enumerate(QUALITY.items())
    ]
    axes.legend(
        handles=patches, loc="upper left", bbox_to_anchor=(1.005, 1.02), fontsize=8, frameon=False,
        borderaxespad=0,
    )  # fmt: skip


def _ramps(uncal, image, quality):
    """Choose pixels worth looking at and read their ramps."""
    good = np.isfinite(image) & ((quality & (flags.DO_NOT_USE | flags.REFERENCE_PIXEL)) == 0)
    clean = good & ((quality & (flags.JUMP_DET | flags.SATURATED)) == 0)
    jumped = good & ((quality & flags.JUMP_DET) != 0) & ((quality & flags.SATURATED) == 0)
    saturated = good & ((quality & flags.SATURATED) != 0)
    chosen = {
        "faint": _at_quantile(image, clean, 0.5),
        "bright": _at_quantile(image, clean, 1.0),
        "with a jump": _at_quantile(image, jumped, 0.5),
        "saturated": _at_quantile(image, saturated, 0.5),
    }
    with fits.open(uncal) as file:
        group_time = file[0].header["TGROUP"]
        return [
            _ramp(title, place, file["SCI"], group_time, image)
            for title, place in chosen.items()
            if place is not None
        ]


def _at_quantile(image, mask, quantile):
    """Return row and column of the masked pixel whose rate is at a quantile, None without one."""
    places = np.flatnonzero(mask)
    if not places.size:
        return None
    rates = image.ravel()[places]
    rank = round(quantile * (places.size - 1))
    return np.unravel_index(places[np.argpartition(rates, rank)[rank]], image.shape)


def _ramp(title, place, samples, group_time, image):
    y, x = (int(n) for n in place)
    counts = samples.section[0, :, y, x].astype(float)
    times = np.arange(len(counts)) * group_time
    return Ramp(title, y, x, times, counts - counts[0], float(image[y, x]), title == "with a jump")


def _draw_ramp(axes, ramp):
    axes.plot(ramp.times, ramp.counts, "o", color=INK, ms=4, zorder=3)
    for part in _segments(ramp):
        line = ramp.rate * ramp.times[part]
        axes.plot(ramp.times[part], line + np.median(ramp.counts[part] - line), color=LINE, lw=2)
    if ramp.jumped:
        breaks = [part.start for part in _segments(ramp)[1:]]
        for start in breaks:
            axes.axvline(ramp.times[start - 1 : start + 1].mean(), color=ACCENT, lw=1, ls=":")
    axes.set_title(f"{ramp.title}   ({ramp.x}, {ramp.y})   {ramp.rate:.3g} DN/s", fontsize=9,
                   loc="left", color=INK)  # fmt: skip
    axes.set_xlabel("time since first group [s]", fontsize=8)
    axes.set_ylabel("raw signal [DN]", fontsize=8)
    axes.tick_params(labelsize=8, color=FAINT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=FAINT, lw=0.4)


def _segments(ramp):
    """Split a ramp with a jump at its largest step."""
    last = len(ramp.times)
    if not ramp.jumped or last < 2:
        return [slice(0, last)]
    steps = np.diff(ramp.counts) - ramp.rate * np.diff(ramp.times)
    start = int(np.argmax(np.abs(steps))) + 1
    return [slice(0, start), slice(start, last)]
