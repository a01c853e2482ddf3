"""The jump report as plots: rate by group and by amplifier, and the distribution of sizes."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from onramp.printing import with_error
from onramp.quicklook_style import ACCENT, FAINT, INK, LINE, tidy

BAND = "#e3f0e6"
MANY = 40  # groups; beyond it points are drawn smaller
UNSURE = 10  # times the usual error: such points may reach beyond the plot


def draw_report(panels, report) -> None:
    """
    Draw a jump report.

    Parameters
    ----------
    panels : sequence of 3 matplotlib.axes.Axes
    report : dict
        From `jump_report.report_as_dict`.
    """
    if report["rate"] is None:
        for axes in panels:
            axes.set_axis_off()
        panels[0].set_title("jumps: not searched", fontsize=9, loc="left", color=INK)
        return
    groups, amplifiers, sizes = panels
    rate = with_error(report["rate"], report["error"], " $\\pm$ ")
    title = f"jump events   {rate} cm$^{{-2}}$ s$^{{-1}}$, {report['verdict']}"
    _draw_share(groups, report["by_group"], report, title, "group")
    _draw_share(amplifiers, report["by_amplifier"], report, _remark(report), "amplifier")
    _draw_sizes(sizes, report)


def _remark(report):
    """Return the first thing that stands out."""
    remarks = report["remarks"]
    if not remarks:
        return ""
    more = f", and {len(remarks) - 1} more" if len(remarks) > 1 else ""
    return remarks[0] + more


def _draw_share(axes, share, report, title, what):
    rate, error = (np.array(share[name], float) for name in ("rate", "error"))
    numbers = np.arange(1, rate.size + 1)
    low, high = report["expected"]
    axes.axhspan(low, high, color=BAND, lw=0, label="expected")
    axes.axhline(report["rate"], color=LINE, lw=1.5, label="mean")
    axes.errorbar(numbers, rate, error, fmt="o", color=INK, ecolor=INK, elinewidth=1,
                  ms=2.5 if rate.size > MANY else 4, zorder=3)  # fmt: skip
    found = np.isfinite(rate)
    told = found & (error <= UNSURE * np.median(error[found])) if found.any() else found
    top = max((rate + error)[told].max(initial=0), min(high, 3 * report["rate"]), low)
    axes.set_ylim(0, 1.12 * top)
    axes.set_xlim(0.3, rate.size + 0.7)
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True, min_n_ticks=1))
    tidy(axes, title, what, "events [cm$^{-2}$ s$^{-1}$]")
    if what == "group":
        axes.legend(fontsize=8, frameon=False, loc="best", ncols=2)


def _draw_sizes(axes, report):
    edges = np.array(report["size_edges"])
    per_bin = report["exposure_cm2_s"] * np.diff(np.log10(edges))
    kinds = (
        ("jump_sizes", FAINT, 1.5, "flagged samples"),
        ("event_sizes", LINE, 2.0, "events"),
    )
    for name, color, width, label in kinds:
        density = np.array(report[name], float)[1:-1] / per_bin
        axes.stairs(density, edges, color=color, lw=width, label=label, baseline=None)
    if report["typical_size"]:
        axes.axvline(report["typical_size"], color=ACCENT, lw=1, ls=":", label="typical cosmic ray")
    axes.set_xscale("log")
    axes.set_xlim(edges[0], edges[-1])
    if max(*report["jump_sizes"][1:-1], *report["event_sizes"][1:-1]):
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.5 / per_bin[0])
    median = report["median_size"]
    title = "sizes" if median is None else f"sizes   median {median:.0f} e$^-$"
    tidy(axes, title, "charge [e$^-$]", "[cm$^{-2}$ s$^{-1}$ dex$^{-1}$]")
    axes.minorticks_off()
    axes.legend(fontsize=8, frameon=False, loc="upper right")
