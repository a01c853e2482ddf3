"""Slopes by optimally weighted least squares over the unbroken segments of each ramp.

Fixsen et al. (2000, PASP 112, 1350), with the reference pipeline's weights by signal-to-noise
class and its variances ("Ramp Fitting, Description: OLS").
"""

import functools
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from onramp.flags import DO_NOT_USE
from onramp.pixels import changed_in_one_row, in_one_row
from onramp.steps.ramp_pixel import Band
from onramp.steps.ramp_rows import Wholes, fit_band

POWERS = (0.0, 0.4, 1.0, 3.0, 6.0, 10.0)  # of the weights, by signal-to-noise class


class Timing(NamedTuple):
    """Times of one exposure as the fit uses them [s]."""

    group: float
    frame: float
    one_group: float

    @classmethod
    def of(cls, group_time, frame_time, nframes):
        """Round the times to single precision, as the reference does."""
        frame = float(np.float32(frame_time))
        return cls(float(np.float32(group_time)), frame, (nframes + 1.0) * frame / 2.0)


class Noise(NamedTuple):
    """What the weights and variances need of each pixel; all (ny, nx) float32."""

    gain: np.ndarray
    """[e-/DN]"""
    readnoise: np.ndarray
    """Noise of one group [e-]."""
    dark_current: np.ndarray
    """Mean dark current [e-/s]."""


class Rules(NamedTuple):
    """What the fit does with odd ramps; all off is the reference."""

    suppress_one_group: bool = False
    """Give no slope to ramps with a single good group (never in effect if ngroups is 1)."""
    trimmed: bool = False
    """Leading groups were dropped: a jump in the first one left does not count."""
    flag_all_jump_ramps: bool = False
    """A ramp without a group to fit is NaN and DO_NOT_USE, not 0."""
    reject_unflagged_nan: bool = False
    """A sample that is NaN is DO_NOT_USE, not fitted as 0."""
    keep_large_variances: bool = False
    """Variances of 1e6 (DN/s)^2 and more are kept, with their slopes, and not made 0."""
    flag_nan_rates: bool = False
    """A slope that is NaN is DO_NOT_USE whatever the cause."""
    convert_dark_current: bool = False
    """The mean dark current adds to the Poisson variance in DN/s, not in e-/s."""

    @classmethod
    def of(cls, parameters, trimmed=False):
        """Take the rules from the step's parameters."""
        names = [name for name in cls._fields if name != "trimmed"]
        chosen = {name: bool(getattr(parameters, name)) for name in names}
        return cls(**chosen, trimmed=bool(trimmed))


class Groups(NamedTuple):
    """Which groups to fit."""

    number: int
    """The first so many of each ramp."""
    starts: np.ndarray | int = 0
    """(nints,) int, or one for all: as many groups at the start hardly any ramp uses, since they
    are DO_NOT_USE; slopes are the same but for rounding, and found sooner."""


class Slopes(NamedTuple):
    """A band of results; rate (ny, nx), rateints (nints, ny, nx)."""

    sci: np.ndarray
    """float32 [DN/s]"""
    err: np.ndarray
    """float32 [DN/s]"""
    dq: np.ndarray
    """uint32"""
    var_poisson: np.ndarray
    """float32 [(DN/s)^2]"""
    var_rnoise: np.ndarray
    """float32 [(DN/s)^2]"""

    @classmethod
    def empty(cls, *shape):
        """Allocate results of one shape, to be filled."""
        planes = [np.empty(shape, np.float32) for _ in range(4)]
        return cls(planes[0], planes[1], np.empty(shape, np.uint32), planes[2], planes[3])

    def rows(self, first, last):
        """Return some of the rows."""
        return Slopes(*(plane[..., first:last, :] for plane in self))


def group_noise(readnoise, gain, nframes):
    """
    Return the noise of one group [e-] from the correlated double sampling noise [DN].

    Parameters
    ----------
    readnoise, gain : (ny, nx) float32
    nframes : int

    Returns
    -------
    (ny, nx) float32
    """
    return (np.abs(readnoise) * (gain / np.sqrt(2.0 * nframes))).astype(np.float32)


def ignored_groups(firstgroup, lastgroup, ngroups):
    """
    Return which groups `firstgroup` and `lastgroup` exclude from the fit.

    A pair that leaves fewer than two groups is ignored, as in the reference.

    Returns
    -------
    (ngroups,) bool
    """
    first = max(firstgroup or 0, 0)
    last = ngroups - 1 if lastgroup is None else lastgroup
    groups = np.arange(ngroups)
    if first >= last:
        return np.zeros(ngroups, bool)
    return (groups < first) | (groups > last)


@functools.cache
def line_weights(ngroups):
    """
    Return the relative weights of a segment's samples in the fit of a line.

    Parameters
    ----------
    ngroups : int
        Length of the longest segment.

    Returns
    -------
    (6, ngroups + 1, ngroups) float64
        By signal-to-noise class and segment length (3 or more). The power is taken in single
        precision, as in the reference. To be read, not changed.
    """
    weights = np.zeros((len(POWERS), ngroups + 1, ngroups))
    for length in range(3, ngroups + 1):
        middle = (length - 1) / 2.0
        distance = np.abs((np.arange(length) - middle) * (1.0 / middle)).astype(np.float32)
        for p, power in enumerate(POWERS):
            weights[p, length, :length] = np.power(distance, np.float32(power))
    return weights


@functools.cache
def slope_weights(ngroups):
    """
    Return the weights that turn a segment's samples into its slope.

    Parameters
    ----------
    ngroups : int
        Length of the longest segment.

    Returns
    -------
    (6, ngroups + 1, ngroups) float64
        By signal-to-noise class and segment length (2 or more): the slope per group is the sum of
        weight times sample. To be read, not changed.
    """
    weights = np.zeros((len(POWERS), ngroups + 1, ngroups))
    if ngroups > 1:
        weights[:, 2, :2] = -1.0, 1.0
    for length in range(3, ngroups + 1):
        x = np.arange(length, dtype=np.float64)
        for p in range(len(POWERS)):
            w = line_weights(ngroups)[p, length, :length]
            sumw, sumx, sumxx = w.sum(), (w * x).sum(), (w * x * x).sum()
            weights[p, length, :length] = w * (sumw * x - sumx) / (sumw * sumxx - sumx * sumx)
    return weights


@functools.cache
def _segment_weights(ngroups):
    """Return `slope_weights`, flat, over the read-noise variance, which goes with 1 / (n^3 - n)."""
    length = np.arange(ngroups + 1.0)[:, None]
    return ((length**3 - length) * slope_weights(ngroups)).ravel()


def _wholes(groups, nints):
    """Return what unbroken ramps are like."""
    firsts = np.zeros(nints, np.int64)
    firsts[:] = groups.starts
    return _whole_ramps(np.clip(firsts, 0, max(groups.number - 2, 0)).tobytes(), groups.number)


@functools.lru_cache(maxsize=16)
def _whole_ramps(firsts, ngroups):
    firsts = np.frombuffer(firsts, np.int64).copy()
    bounds = [0, *(np.flatnonzero(np.diff(firsts)) + 1), firsts.size]
    runs = [(first, last, firsts[first]) for first, last in pairwise(bounds)]
    weights = np.zeros((len(runs), ngroups // 2, len(POWERS)))
    for n, (_, _, start) in enumerate(runs):
        length = ngroups - start
        half = slope_weights(ngroups)[:, length, :length][:, : (length - 1) // 2 : -1]
        weights[n, : length // 2] = half.T
    return Wholes(firsts, np.array(runs, np.int64), weights)


def in_rates(noise, rules):
    """Return the Noise with its dark current as the rules want it added to rates."""
    if not rules.convert_dark_current:
        return noise
    dark_current = np.zeros_like(noise.dark_current)
    np.divide(noise.dark_current, noise.gain, out=dark_current, where=noise.gain > 0)
    return noise._replace(dark_current=dark_current)


def effective(rules, ngroups):
    """Return the Rules as they apply to ramps of so many groups."""
    return rules._replace(suppress_one_group=rules.suppress_one_group and ngroups > 1)


def frames_of(zeroframe, rules):
    """Return the first frames that the fit may use, or none of them."""
    if zeroframe is None or rules.suppress_one_group:
        return np.zeros((0, 1, 1), np.float32)
    return zeroframe


def fit_slopes(
    data, groupdq, pixeldq, noise, timing, rules, zeroframe=None, rows=None, groups=None
):
    """
    Fit the slopes of a band of rows.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Linearised signal [DN].
    groupdq : (nints, ngroups, ny, nx) uint8
    pixeldq : (ny, nx) uint32
    noise : Noise
    timing : Timing
    rules : Rules
        A bool stands for `suppress_one_group`, and all else off.
    zeroframe : (nints, ny, nx) float32, optional
        First frames [DN], 0 where unusable; used for ramps without a good group.
    rows : slice, optional
        The rows to fit; the others are left out of the results.
    groups : Groups, optional
        Which groups to fit; by default all.

    Returns
    -------
    rate, rateints : Slopes

    Raises
    ------
    ValueError
        If the shapes differ; the message names both.
    """
    nints, ngroups, ny, nx = data.shape
    groups = groups or Groups(ngroups)
    if groupdq.shape != data.shape or pixeldq.shape != (ny, nx) or noise.gain.shape != (ny, nx):
        raise ValueError(
            f"data {data.shape}, groupdq {groupdq.shape}, pixeldq {pixeldq.shape} and "
            f"gain {noise.gain.shape} do not belong to one band"
        )
    rules = rules if isinstance(rules, Rules) else Rules(bool(rules))
    noise, rules = in_rates(noise, rules), effective(rules, groups.number)
    rate, rateints = Slopes.empty(ny, nx), Slopes.empty(nints, ny, nx)
    planes = data, groupdq, pixeldq, Noise(*map(in_one_row, noise)), frames_of(zeroframe, rules)
    planes = (part if isinstance(part, Noise) else in_one_row(part) for part in planes)
    band = Band(*planes, groups.number)
    model = timing, _segment_weights(groups.number), rules
    first, last, _ = (rows or slice(None)).indices(ny)
    slopes = (Slopes(*map(changed_in_one_row, product)) for product in (rate, rateints))
    fit_band(band, (first * nx, last * nx), model, _wholes(groups, nints), *slopes)
    rate, rateints = (slopes.rows(first, last) for slopes in (rate, rateints))
    if rules.flag_nan_rates:
        flag_nan(rate, rateints)
    return rate, rateints


def flag_nan(*results):
    """Flag slopes that are NaN as DO_NOT_USE, in place."""
    for slopes in results:
        slopes.dq[np.isnan(slopes.sci)] |= np.uint32(DO_NOT_USE)
