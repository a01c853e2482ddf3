"""Showers: faint extended events in MIRI, found in differences smoothed over a ring.

The search goes by bands and by planes, so that no exposure need be in memory at once:

1. `find_emission` takes bands of ramps and leaves the few pixels whose smoothed differences are
   significant;
2. `find_showers` joins them plane by plane and puts an ellipse on what is large enough;
3. `flag_band` takes the bands again and flags what the ellipses cover, save where the mean
   difference would change too much.

(JWST science calibration pipeline, "Jump detection", MIRI showers.)
"""

import math
from typing import NamedTuple

import numpy as np

from onramp.flags import DO_NOT_USE, JUMP_DET, REFERENCE_PIXEL, SATURATED
from onramp.steps.ellipses import Brush, Ellipses, draw
from onramp.steps.regions import connect
from onramp.steps.shower_emission import BAD, Emission, find_emission

REFERENCE_AMPLITUDE = 6.0  # DN/s
FEWEST_DIFFERENCES = 10
ADD_JUMP_UNTIL_SATURATED = Brush(np.uint8(0xFF), np.uint8(JUMP_DET), np.uint8(SATURATED))
BAND_ROWS = 64


class ShowerRules(NamedTuple):
    """What makes a shower and what is flagged for it; lengths and areas in pixels."""

    threshold: float
    """Smoothed signal-to-noise ratio."""
    area: float
    inner_radius: float
    ring_width: float
    expansion: float
    later_groups: int
    """Number of groups flagged after the shower's."""
    largest: int
    """Longest axis of what is drawn."""
    amplitude: float
    """Largest change of the mean difference [e-]."""
    clip_from: int
    """Integrations from which differences are clipped across integrations."""

    @classmethod
    def of(cls, parameters, group_time):
        """
        Put the parameters in the units of the search.

        Parameters
        ----------
        parameters : onramp.parameters.Jump
        group_time : float
            Time between groups [s].
        """
        amplitude = REFERENCE_AMPLITUDE
        if parameters.honour_max_shower_amplitude:
            amplitude = parameters.max_shower_amplitude
        return cls(
            parameters.extend_snr_threshold,
            parameters.extend_min_area,
            parameters.extend_inner_radius,
            parameters.extend_outer_radius,
            parameters.extend_ellipse_expand_ratio,
            int(parameters.time_masked_after_shower // group_time),
            2 * parameters.max_extended_radius,
            float(amplitude * group_time),
            parameters.minimum_sigclip_groups,
        )

    @property
    def halo(self):
        """Rows beyond a band that its emission depends on."""
        return math.ceil(2 * (self.inner_radius + self.ring_width)) // 2

    @property
    def ring(self):
        """Offsets of the ring's pixels from the corner of the square around it, (n, 2) int64."""
        offsets = np.arange(-self.halo, self.halo + 1)
        distance = offsets[:, None] ** 2 + offsets**2
        outer = self.inner_radius + self.ring_width
        return np.argwhere((distance >= self.inner_radius**2) & (distance <= outer**2))


class Shower(NamedTuple):
    """The ellipses of the showers that one group shows."""

    integration: int
    group: int
    ellipses: Ellipses


def enough_differences(unusable):
    """
    Tell if an exposure has enough differences for the search.

    Parameters
    ----------
    unusable : (nints, ngroups) bool
        Groups in which every pixel of the frame is DO_NOT_USE.
    """
    nints, ngroups = unusable.shape
    return nints * (ngroups - 1) - np.count_nonzero(unusable) >= FEWEST_DIFFERENCES


def find_showers(emission, rules):
    """
    Put ellipses on regions of significant pixels that are large enough.

    Parameters
    ----------
    emission : Emission
        Of all rows of the frame.
    rules : ShowerRules

    Returns
    -------
    list of Shower
        By integration and group. Groups up to the first usable one of an integration are left out.
    """
    nints, ngroups = emission.usable.shape
    showers = []
    bounds = np.searchsorted(emission.runs[:, 0], np.arange(nints * (ngroups - 1) + 1))
    for plane in np.flatnonzero(np.diff(bounds)):
        integration, step = divmod(int(plane), ngroups - 1)
        if step + 1 <= np.argmax(emission.usable[integration]):
            continue
        runs = emission.runs[bounds[plane] : bounds[plane + 1], 1:]
        regions = connect(np.ascontiguousarray(runs))
        ellipses = Ellipses.of(regions, regions.at_least(rules.area))
        if ellipses.x.size:
            showers.append(Shower(integration, step + 1, ellipses))
    return showers


def flag_band(data, groupdq, pixeldq, showers, rules, frame_rows, first_row):
    """
    Flag showers in some rows.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Linearised signal [e-].
    groupdq : (nints, ngroups, ny, nx) uint8
        JUMP_DET is set in place.
    pixeldq : (ny, nx) uint32
    showers : list of Shower
    rules : ShowerRules
    frame_rows : int
        Rows of the frame.
    first_row : int
        Row of the frame of the band's first row.
    """
    if not showers:
        return
    flagged = groupdq.copy()
    for integration, group, ellipses in showers:
        planes = flagged[integration, group : group + rules.later_groups + 1]
        axes = ellipses.widened(rules.expansion, rules.largest)
        draw(planes, ellipses, axes, ADD_JUMP_UNTIL_SATURATED, frame_rows, first_row)
    changed = (flagged != groupdq).any(axis=1) & (pixeldq != REFERENCE_PIXEL)
    for integration in np.flatnonzero(changed.any(axis=(1, 2))):
        y, x = np.nonzero(changed[integration])
        ramps = data[integration, :, y, x].T
        before, after = groupdq[integration, :, y, x].T, flagged[integration, :, y, x].T
        with np.errstate(all="ignore"):
            change = np.abs(_mean_difference(ramps, before) - _mean_difference(ramps, after))
        kept = change <= rules.amplitude
        groupdq[integration, :, y[kept], x[kept]] = after.T[kept]


def _mean_difference(ramps, flags):
    """Return the mean difference of good groups of (ngroups, n) ramps, float32, NaN if none is."""
    ramps = np.where(flags & BAD, np.float32(np.nan), ramps)
    total = np.zeros(ramps.shape[1], np.float32)
    count = np.zeros(ramps.shape[1], np.float32)
    for difference in np.diff(ramps, axis=0):
        total += np.nan_to_num(difference, nan=0, posinf=np.inf, neginf=-np.inf)
        count += ~np.isnan(difference)
    return total / count


def flag_showers(data, groupdq, pixeldq, readnoise, rules, nframes):
    """
    Flag the showers of an exposure in memory.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Linearised signal [e-].
    groupdq : (nints, ngroups, ny, nx) uint8
        Data quality of whole frames after the search for jumps; JUMP_DET is set in place.
    pixeldq : (ny, nx) uint32
        Data quality, with bad gains flagged.
    readnoise : (ny, nx) float32
        [e-]
    rules : ShowerRules
    nframes : int
        Frames averaged into a group.

    Returns
    -------
    int
        Number of showers, each counted in every group that it is found in.
    """
    if not enough_differences(((groupdq & DO_NOT_USE) != 0).all(axis=(2, 3))):
        return 0
    rows = data.shape[2]
    bands = []
    for first in range(0, rows, BAND_ROWS):
        last = min(first + BAND_ROWS, rows)
        low = max(first - rules.halo, 0)
        band = np.s_[low : last + rules.halo]
        bands.append(
            find_emission(
                data[:, :, band], groupdq[:, :, band], pixeldq[band], readnoise[band], rules,
                nframes, np.s_[first - low : last - low], first,
            )
        )  # fmt: skip
    showers = find_showers(Emission.joined(bands), rules)
    for first in range(0, rows, BAND_ROWS):
        band = np.s_[first : first + BAND_ROWS]
        flags = groupdq[:, :, band]
        flag_band(data[:, :, band], flags, pixeldq[band], showers, rules, rows, first)
    return sum(shower.ellipses.x.size for shower in showers)
