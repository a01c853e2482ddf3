"""The figure of the accuracy page."""

import matplotlib as mpl
import numpy as np
from accuracy_ramps import Pattern, optimum, straight_line
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

BLUE, VERMILLION, GREY = (
    "#0072B2",
    "#D55E00",
    "#6E6E6E",
)  # told apart by the colour-blind (Okabe, Ito)
COLOURS = {"OLS_C": VERMILLION, "LIKELY": BLUE, "two-point": VERMILLION, "no search": GREY}
LINES = {5: ("o", ":"), 10: ("s", "--"), 20: ("^", "-"), 50: ("D", "-")}
STYLE = {
    "svg.hashsalt": "onramp",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "legend.frameon": False,
}


def _by_rate(axes, qualities, value, error):
    """Draw one figure of merit against the rate, a line for each number of groups and fit."""
    for ngroups in sorted({pattern.ngroups for pattern, _ in qualities}):
        rates = [rate for pattern, rate in qualities if pattern.ngroups == ngroups]
        rows = [row for (pattern, _), row in qualities.items() if pattern.ngroups == ngroups]
        marker, line = LINES[ngroups]
        for name in ("OLS_C", "LIKELY"):
            axes.errorbar(
                rates,
                [getattr(row[name], value) for row in rows],
                [getattr(row[name], error) for row in rows],
                color=COLOURS[name],
                marker=marker,
                linestyle=line,
            )
    axes.set_xscale("log")
    axes.set_xlabel("flux [e⁻/read]")


def _by_size(axes, hits, ngroups, rate, value, names):
    """Draw one figure of merit against the size of the hit."""
    chosen = {case[2]: row for case, row in hits.items() if case[:2] == (Pattern(ngroups), rate)}
    sizes, rows = list(chosen), chosen.values()
    marker, line = LINES[ngroups]
    for name in names:
        values = [getattr(row[name], value) for row in rows]
        axes.plot(sizes, values, color=COLOURS[name], marker=marker, linestyle=line)
    axes.set_xlabel("charge of the hit [e⁻]")


def _legend(axes, fits, groups, **where):
    """Explain colours, then line styles."""
    handles = [Line2D([], [], color=COLOURS[name], lw=3, label=label) for name, label in fits]
    for ngroups in groups:
        marker, line = LINES[ngroups]
        handles.append(
            Line2D([], [], color="black", marker=marker, ls=line, label=f"{ngroups} groups")
        )
    axes.legend(handles=handles, **where)


def draw(path, qualities, hits, hit_rate):
    """
    Draw noise, bias, completeness and the error that hits leave behind.

    Parameters
    ----------
    path : pathlib.Path
        Written as SVG; the same input gives the same file.
    qualities : dict of (Pattern, float) to dict of str to Quality
        By read-out pattern and rate [e-/read].
    hits : dict of (Pattern, float, float) to dict of str to Hits
        By read-out pattern, rate [e-/read] and size [e-].
    hit_rate : float
        The rate of the ramps with hits that are drawn [e-/read].
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 7.0), layout="constrained")
        (noise, bias), (found, left) = figure.subplots(2, 2)
        _by_rate(noise, qualities, "ratio", "ratio_error")
        noise.set(title="a  Noise", ylabel="noise / that of the best linear fit")
        rates = np.geomspace(0.1, 1000.0, 41)
        line = [straight_line(Pattern(20), rate) / optimum(Pattern(20), rate) for rate in rates]
        noise.plot(rates, line, color=GREY)
        noise.text(18.0, 1.035, "unweighted line,\n20 groups", color=GREY, ha="right")
        _by_rate(bias, qualities, "bias", "bias_error")
        bias.set(title="b  Bias", ylabel="bias / noise of the best linear fit")
        bias.axhline(0.0, color="black", lw=0.6, zorder=0)
        noise.axhline(1.0, color="black", lw=0.6, zorder=0)
        fits = ("OLS_C", "OLS_C"), ("LIKELY", "LIKELY")
        _legend(bias, fits, (5, 10, 20), loc="upper right", ncols=1)
        for ngroups in (5, 50):
            _by_size(found, hits, ngroups, hit_rate, "found", ("two-point", "LIKELY"))
        found.set(title="c  Hits found", ylabel="fraction found", xlim=(0, 205))
        searches = ("two-point", "two-point, 4 σ"), ("LIKELY", "LIKELY, 4.5 σ")
        _legend(found, searches, (5, 50), loc="lower right")
        _by_size(left, hits, 20, hit_rate, "bias", ("no search", "two-point", "LIKELY"))
        left.set(
            title="d  Error that a hit leaves in the rate, 20 groups",
            ylabel="mean error / noise of the best linear fit",
            xlim=(0, 205),
            ylim=(-0.2, 4.2),
        )
        outcomes = (
            ("no search", "no search, OLS_C"),
            ("two-point", "two-point, OLS_C"),
            ("LIKELY", "LIKELY"),
        )
        _legend(left, outcomes, (), loc="upper right")
        for axes in (noise, bias, found, left):
            axes.grid(alpha=0.25, lw=0.5)
        figure.savefig(path, metadata={"Date": None}, facecolor="white")
