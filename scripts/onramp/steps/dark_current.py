"""Dark subtraction: the dark reference matched to the exposure's read pattern."""

from typing import NamedTuple

import numpy as np

from onramp.kernels import kernel
from onramp.pixels import changed_in_one_row


class Readout(NamedTuple):
    """How groups are made of frames."""

    ngroups: int
    nframes: int
    groupgap: int

    @property
    def frames(self) -> int:
        """Frames from the start of the first group to the end of the last."""
        return self.ngroups * self.nframes + (self.ngroups - 1) * self.groupgap


def usable(science: Readout, dark: Readout) -> bool:
    """Return whether the dark samples at least as finely as the exposure."""
    return dark.nframes <= science.nframes and dark.groupgap <= science.groupgap


def averages(science: Readout, dark: Readout) -> bool:
    """Return whether groups of the dark are averaged, for it has a finer read pattern."""
    return (science.nframes, science.groupgap) != (dark.nframes, dark.groupgap)


def groups_needed(science: Readout, dark: Readout) -> int:
    """Return how many of the dark's own groups the exposure reaches into."""
    if not averages(science, dark):
        return min(science.ngroups, dark.ngroups)
    return min(science.frames, dark.ngroups)


def whole_readout(science: Readout, dark: Readout) -> Readout:
    """Return how the groups of `match_whole` are made of frames."""
    if averages(science, dark):
        return science
    return dark._replace(ngroups=dark.ngroups + _missing_groups(science, dark))


def _missing_groups(science, dark):
    """Return how many groups the dark is too short."""
    missing = science.frames - dark.frames
    return -(-(missing + dark.groupgap) // (dark.nframes + dark.groupgap)) if missing > 0 else 0


def match_readout(dark_signal, science: Readout, dark: Readout):
    """
    Average (or extrapolate) the dark's groups to those of the exposure.

    Parameters
    ----------
    dark_signal : (n, ny, nx) float32
        The dark's first `groups_needed` groups [DN], all of them if it is too short; its NaN are
        set to 0.
    science, dark : Readout

    Returns
    -------
    (ngroups, ny, nx) float32 or float64
        Dark signal of each group of the exposure; NaN is taken as 0.
    """
    return match_whole(dark_signal, science, dark)[: science.ngroups]


def match_whole(dark_signal, science: Readout, dark: Readout):
    """Do as `match_readout`, but keep the groups after the exposure's last if none is averaged."""
    missing = _missing_groups(science, dark)
    if missing:
        dark_signal = _extrapolate(dark_signal, missing)
    _clear_nan(changed_in_one_row(dark_signal))
    if not averages(science, dark):
        return dark_signal
    groups = np.empty((science.ngroups, *dark_signal.shape[1:]), np.float32)
    for g in range(science.ngroups):
        start = g * (science.nframes + science.groupgap)
        if science.nframes == 1:
            groups[g] = dark_signal[start]
        else:
            groups[g] = dark_signal[start : start + science.nframes].mean(axis=0)
    return groups


@kernel
def _clear_nan(groups):
    for g in range(groups.shape[0]):
        values = groups[g, 0]
        for x in range(values.size):
            value = values[x]
            values[x] = values.dtype.type(0) if np.isnan(value) else value


def _extrapolate(dark_signal, missing):
    """Continue the dark along its last difference."""
    if len(dark_signal) == 1:
        rate = np.zeros_like(dark_signal[0])
    else:
        rate = dark_signal[-1] - dark_signal[-2]
    steps = np.arange(1, missing + 1, dtype=np.float64)[:, None, None]
    return np.concatenate((dark_signal, steps * rate + dark_signal[-1]))


def subtract_dark(data, dark_signal):
    """
    Subtract the dark, in place.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Signal [DN].
    dark_signal : (ngroups, ny, nx) float32 or float64
        From `match_readout` [DN].
    """
    np.subtract(data, dark_signal, out=data, casting="same_kind")
