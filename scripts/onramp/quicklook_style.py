"""Colours and axes of the pictures."""

INK, FAINT, ACCENT = "#1b1b1f", "#c9ccd3", "#d1495b"
LINE = "#00798c"


def tidy(axes, title, xlabel, ylabel):
    """Label a plot, and leave of its frame what is needed."""
    axes.set_title(title, fontsize=9, loc="left", color=INK)
    axes.set_xlabel(xlabel, fontsize=8)
    axes.set_ylabel(ylabel, fontsize=8)
    axes.tick_params(labelsize=8, color=FAINT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=FAINT, lw=0.4)
