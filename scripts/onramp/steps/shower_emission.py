"""Pixels whose differences stand out when they are smoothed over a ring."""

from typing import NamedTuple

import numpy as np

from onramp.flags import DO_NOT_USE, JUMP_DET, REFERENCE_PIXEL, SATURATED
from onramp.kernels import kernel
from onramp.steps.regions import find_runs
from onramp.steps.shower_statistics import typical_differences

BAD = DO_NOT_USE | SATURATED | JUMP_DET

_LOST = np.zeros(256, bool)
_LOST[[DO_NOT_USE, SATURATED, JUMP_DET, DO_NOT_USE | SATURATED, DO_NOT_USE | JUMP_DET]] = True


class Emission(NamedTuple):
    """Significant pixels of some rows."""

    runs: np.ndarray
    """(n, 4) int32: plane (integration * (ngroups - 1) + group - 1), row of the frame, first
    column, column after the last."""
    usable: np.ndarray
    """(nints, ngroups) bool: whether any science pixel may be used."""

    @classmethod
    def joined(cls, bands):
        """Join the emission of all the bands of a frame, given from the first row on."""
        runs = np.concatenate([band.runs for band in bands])
        order = np.argsort(runs[:, 0], kind="stable")
        return cls(runs[order], np.any([band.usable for band in bands], axis=0))


def find_emission(data, groupdq, pixeldq, readnoise, rules, nframes, inner, first_row):
    """
    Find the pixels whose differences, smoothed over a ring, are significant.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Linearised signal [e-] of a band and its halo, `rules.halo` rows where the frame has them.
    groupdq : (nints, ngroups, ny, nx) uint8
        Data quality after the search for jumps.
    pixeldq : (ny, nx) uint32
        Data quality, with bad gains flagged.
    readnoise : (ny, nx) float32
        [e-]
    rules : onramp.steps.showers.ShowerRules
    nframes : int
        Frames averaged into a group.
    inner : slice
        The rows that belong to the band; the others are its halo.
    first_row : int
        Row of the frame of the band's first row, the halo not counted.

    Returns
    -------
    Emission

    Raises
    ------
    ValueError
        If the shapes differ; the message names all.
    """
    if data.shape != groupdq.shape or not data.shape[2:] == pixeldq.shape == readnoise.shape:
        raise ValueError(
            f"data {data.shape}, groupdq {groupdq.shape}, pixeldq {pixeldq.shape} and "
            f"readnoise {readnoise.shape} do not belong to one band"
        )
    nints, ngroups = data.shape[:2]
    science = pixeldq != REFERENCE_PIXEL
    usable = ((groupdq[:, :, inner] & DO_NOT_USE) == 0) & science[inner]
    differences = np.diff(np.where(_LOST[groupdq], np.float32(np.nan), data), axis=1)
    clip = nints >= rules.clip_from
    median, sigma = typical_differences(differences, readnoise, nframes, clip)
    unfit = ((pixeldq & BAD) != 0) | ~science
    found = []
    for integration in range(nints):
        with np.errstate(all="ignore"):
            ratio = np.abs(differences[integration] - median) / sigma
        good = np.isfinite(ratio) & ((groupdq[integration, 1:] & BAD) == 0) & ~unfit
        bright = smooth(np.where(good, ratio, np.float32(0)), good, rules)[:, inner]
        runs = _plane_runs(bright, first_row)
        runs[:, 0] += integration * (ngroups - 1)
        found.append(runs)
    return Emission(np.concatenate(found), usable.any(axis=(2, 3)))


def smooth(ratio, good, rules):
    """
    Average over the good pixels of a ring, and compare with the threshold.

    Parameters
    ----------
    ratio : (n, ny, nx) float32
        Signal-to-noise ratio, 0 where it is not good. Beyond the frame it counts as a good 0.
    good : (n, ny, nx) bool
    rules : onramp.steps.showers.ShowerRules

    Returns
    -------
    (n, ny, nx) uint8
        1 where a good pixel's average exceeds the threshold.
    """
    margins = (0, 0), (rules.halo, rules.halo), (rules.halo, rules.halo)
    padded = np.pad(ratio, margins)
    counted = np.pad(good, margins, constant_values=True)
    bright = np.zeros(ratio.shape, np.uint8)
    _smooth(padded, counted, rules.ring, float(rules.threshold), bright)
    return bright & good


@kernel
def _smooth(ratio, good, ring, threshold, bright):
    """Mark the pixels whose mean over the good pixels of the ring exceeds the threshold."""
    nplanes, ny, nx = bright.shape
    total = np.empty(nx)
    count = np.empty(nx, np.int32)
    for plane in range(nplanes):
        for y in range(ny):
            total[:] = 0.0
            count[:] = 0
            for n in range(ring.shape[0]):
                down, across = ring[n, 0], ring[n, 1]
                values = ratio[plane, y + down, across : across + nx]
                counted = good[plane, y + down, across : across + nx]
                for x in range(nx):
                    total[x] += values[x]
                    count[x] += counted[x]
            for x in range(nx):
                mean = total[x] / max(count[x], 1)
                bright[plane, y, x] = (count[x] > 0) & (mean > threshold)


def _plane_runs(bright, first_row):
    """Return the runs of marked pixels as in `Emission`, planes counted from 0."""
    nplanes, ny, nx = bright.shape
    stacked = np.ascontiguousarray(bright).reshape(nplanes * ny, nx)
    runs = find_runs(stacked, np.zeros_like(stacked), 1)
    plane, row = np.divmod(runs[:, 0], ny)
    return np.column_stack([plane, row + first_row, runs[:, 1:]]).astype(np.int32)
