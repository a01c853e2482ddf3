"""A picture of an exposure's products: rate, jumps, data quality, some ramps, the jump report."""

import warnings
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from astropy.visualization import AsinhStretch, ImageNormalize
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from onramp import flags
from onramp.exposure import Exposure
from onramp.quicklook_jumps import draw_report
from onramp.quicklook_style import ACCENT, FAINT, INK, LINE, tidy
from onramp.replacing import replacing

LARGEST = 1024
TRIED = 30
NARROW, WIDE, THIN = 0.5, 2.5, 6.0  # columns over rows
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
    report = statistics.get("jump_report")
    figure, panels, plots, reported = _layout(image.shape, report is not None)
    figure.suptitle(_title(statistics), x=0.01, ha="left", fontsize=12, color=INK, parse_math=False)
    _draw_rate(panels[0], image, quality, unit)
    _draw_jumps(panels[1], jumps, statistics["nints"])
    _draw_quality(panels[2], quality)
    ramps = _ramps(uncal, *first)
    for axes, ramp in zip(plots, ramps):
        _draw_ramp(axes, ramp)
    for axes in plots[len(ramps) :]:
        axes.set_axis_off()
    if report is not None:
        draw_report(reported, report)
    with replacing(picture) as part:
        figure.savefig(part, format="png", dpi=110)


def _title(found):
    shape = f"{found['nints']} x {found['ngroups']} groups"
    words = [found["instrument"], found["detector"], found["mode"], found["subarray"],
             found["readpatt"], shape]  # fmt: skip
    return f"{found['exposure']}\n{'   '.join(str(word) for word in words)}"


def _count_jumps(extension):
    """Return (ny, nx): in how many integrations a jump was found."""
    nints, *shape = extension.shape
    count = np.zeros(shape, np.int32)
    for integration in range(nints):
        count += (extension.section[integration] & flags.JUMP_DET) != 0
    return count


def _layout(shape, reports):
    """Return the figure and its axes: of images, of ramps, and of the jump report if wanted."""
    ratio = shape[1] / shape[0]
    wide = ratio > WIDE
    panel = 12.5 / min(ratio, THIN) + 0.45
    heights = [3 * panel if wide else 4.6, 2.9, 2.9][: 3 if reports else 2]
    figure = Figure(figsize=(14, sum(heights) + 0.7), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    upper, *lower = figure.subfigures(len(heights), 1, height_ratios=heights, hspace=0.02)
    panels = upper.subplots(3, 1) if wide else upper.subplots(1, 3)
    plots = [rows.subplots(1, columns) for rows, columns in zip(lower, (4, 3))]
    return figure, panels, plots[0], plots[-1]


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
    axes.xaxis.set_major_locator(MaxNLocator(8 if nx / ny > NARROW else 2, integer=True))
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


def _add_bar(axes, shown, label, ticks):
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    width = 0.04 / np.clip((right - left) / (high - low), NARROW / 2, THIN)
    place = axes.inset_axes([1 + width / 2, 0, width, 1])
    bar = axes.figure.colorbar(shown, cax=place)
    bar.set_label(label, fontsize=8)
    bar.set_ticks(ticks, labels=[_number(tick) for tick in ticks])
    bar.ax.minorticks_off()
    bar.ax.tick_params(labelsize=8, color=FAINT)
    bar.outline.set_visible(False)


def _number(value):
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _draw_rate(axes, image, quality, unit):
    usable = np.where(quality & flags.DO_NOT_USE, np.nan, image)
    finite = usable[np.isfinite(usable)]
    if not finite.size:
        finite = np.array([0.0, 1.0])
    sky = np.median(finite)
    noise = 1.4826 * np.median(np.abs(finite - sky))
    low = sky - 3 * noise
    high = max(np.percentile(finite, 99.8), low + 1e-6)
    softening = np.clip(5 * noise / (high - low), 1e-4, 0.1)
    norm = ImageNormalize(vmin=low, vmax=high, stretch=AsinhStretch(softening))
    cmap = colormaps["magma"].with_extremes(bad=FAINT)
    shown = _show(axes, usable, "rate", norm=norm, cmap=cmap)
    _add_bar(axes, shown, unit, _round_ticks(norm.inverse(np.linspace(0, 1, 6)), low, high))


def _round_ticks(ticks, low, high):
    """Return ticks with one digit each, as far as they are between the limits."""
    rounded = np.unique([float(f"{tick:.1g}") for tick in ticks])
    inside = rounded[(rounded >= low) & (rounded <= high)]
    return inside if inside.size > 1 else ticks


def _draw_jumps(axes, jumps, nints):
    top = max(1, int(jumps.max()))
    cmap = LinearSegmentedColormap.from_list("jumps", [QUALITY["jump"], ACCENT, "#5b1a3a"])
    colors = [QUALITY["good"], *cmap(np.linspace(0, 1, top) if top > 1 else [0.5])]
    norm = BoundaryNorm(np.arange(top + 2) - 0.5, top + 1)
    title = f"jumps in {np.count_nonzero(jumps) / jumps.size:.2%} of the pixels"
    shown = _show(axes, jumps, title, cmap=ListedColormap(colors), norm=norm)
    if nints > 1:
        ticks = np.unique(np.linspace(0, top, min(top, 5) + 1).astype(int))
        _add_bar(axes, shown, "integrations", ticks)


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
    wide = quality.shape[1] > WIDE * quality.shape[0]
    axes.legend(
        handles=patches, fontsize=8, frameon=False, borderaxespad=0, handlelength=1.2,
        ncols=len(patches) if wide else 3, loc="lower right" if wide else "upper center",
        bbox_to_anchor=(1.0, 1.03) if wide else (0.5, -0.07),
    )  # fmt: skip


def _ramps(uncal, image, quality):
    """Choose pixels worth looking at and read their ramps."""
    good = np.isfinite(image) & ((quality & (flags.DO_NOT_USE | flags.REFERENCE_PIXEL)) == 0)
    clean = good & ((quality & (flags.JUMP_DET | flags.SATURATED)) == 0)
    jumped = good & ((quality & flags.JUMP_DET) != 0) & ((quality & flags.SATURATED) == 0)
    saturated = good & ((quality & flags.SATURATED) != 0)
    with Exposure(uncal) as exposure:
        chosen = {
            "faint": _at_quantile(image, clean, 0.5),
            "bright": _at_quantile(image, clean, 1.0),
            "with a jump": _clearest_jump(image, jumped, exposure),
            "saturated": _at_quantile(image, saturated, 0.9),
        }
        return [
            _ramp(title, place, exposure, image)
            for title, place in chosen.items()
            if place is not None
        ]


def _clearest_jump(image, mask, exposure):
    """Return the place of the ramp with the largest step for its slope, of some of those masked."""
    places = [_at_quantile(image, mask, quantile) for quantile in np.linspace(0.2, 0.9, TRIED)]
    if None in places:
        return None
    ramps = [_ramp("", place, exposure, image) for place in dict.fromkeys(places)]
    clearest = max(ramps, key=_step_ratio)
    return clearest.y, clearest.x


def _step_ratio(ramp):
    steps = np.abs(np.diff(ramp.counts) - ramp.rate * np.diff(ramp.times))
    return steps.max(initial=0) / (np.ptp(ramp.times) * abs(ramp.rate) + 10)


def _at_quantile(image, mask, quantile):
    """Return row and column of the masked pixel whose rate is at a quantile, None without one."""
    places = np.flatnonzero(mask)
    if not places.size:
        return None
    rates = image.ravel()[places]
    rank = round(quantile * (places.size - 1))
    place = places[np.argpartition(rates, rank)[rank]]
    return tuple(int(n) for n in np.unravel_index(place, image.shape))


def _ramp(title, place, exposure, image):
    y, x = place
    times, counts = exposure.first_ramp(y, x)
    counts = counts.astype(float) - counts[0]
    return Ramp(title, y, x, times, counts, float(image[y, x]), title == "with a jump")


def _draw_ramp(axes, ramp):
    axes.plot(ramp.times, ramp.counts, "o", color=INK, ms=4, zorder=3)
    for part in _segments(ramp):
        line = ramp.rate * ramp.times[part]
        axes.plot(ramp.times[part], line + np.median(ramp.counts[part] - line), color=LINE, lw=2)
    if ramp.jumped:
        breaks = [part.start for part in _segments(ramp)[1:]]
        for start in breaks:
            axes.axvline(ramp.times[start - 1 : start + 1].mean(), color=ACCENT, lw=1, ls=":")
    title = f"{ramp.title}   ({ramp.x}, {ramp.y})   {_number(ramp.rate)} DN/s"
    tidy(axes, title, "time since first group [s]", "raw signal [DN]")


def _segments(ramp):
    """Split a ramp with a jump at its largest step."""
    last = len(ramp.times)
    if not ramp.jumped or last < 2:
        return [slice(0, last)]
    steps = np.diff(ramp.counts) - ramp.rate * np.diff(ramp.times)
    start = int(np.argmax(np.abs(steps))) + 1
    return [slice(0, start), slice(start, last)]
