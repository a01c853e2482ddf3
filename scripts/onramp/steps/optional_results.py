"""What `save_opt` keeps of the fit: every segment's line, the pedestal and the sizes of jumps."""

from typing import NamedTuple

import numpy as np

from onramp.flags import JUMP_DET, PERSISTENCE, SATURATED
from onramp.kernels import inner_kernel, kernel
from onramp.steps.ramp_fit import Noise, effective, frames_of, in_rates, line_weights
from onramp.steps.ramp_pixel import Band, load_ramp, room_for_ramp
from onramp.steps.ramp_segments import find_segments, ramp_median, segment_time, snr_class
from onramp.steps.ramp_sums import invert, segment_variances

SQRT2 = 1.41421356  # to the reference's digits


class OptionalResults(NamedTuple):
    """A band of results, float32, 0 where there is no segment or jump."""

    slope: np.ndarray
    """(nints, nsegments, ny, nx) [DN/s]"""
    sigslope: np.ndarray
    """(nints, nsegments, ny, nx), the slope's error from the weights [e-], 0 for one group."""
    var_poisson: np.ndarray
    """(nints, nsegments, ny, nx) [(DN/s)^2]"""
    var_rnoise: np.ndarray
    """(nints, nsegments, ny, nx) [(DN/s)^2]"""
    yint: np.ndarray
    """(nints, nsegments, ny, nx), the line at the first group [DN], 0 for one group."""
    sigyint: np.ndarray
    """(nints, nsegments, ny, nx), its error from the weights [e-]."""
    pedestal: np.ndarray
    """(nints, ny, nx), the first group less what the slope collected before it [DN]."""
    weights: np.ndarray
    """(nints, nsegments, ny, nx), the inverse of `var_rnoise`."""
    crmag: np.ndarray
    """(nints, njumps, ny, nx), what each jump added from group to group [DN]."""

    @classmethod
    def empty(cls, nints, nsegments, njumps, frame):
        """Allocate results of a frame (ny, nx)."""
        shapes = {"pedestal": (nints, *frame), "crmag": (nints, njumps, *frame)}
        default = nints, nsegments, *frame
        return cls(*(np.zeros(shapes.get(name, default), np.float32) for name in cls._fields))

    def widened(self, nsegments, njumps):
        """Return the results with room for as many segments and jumps as other bands have."""
        nints, _, *frame = self.slope.shape
        wide = self.empty(nints, nsegments, njumps, frame)
        for target, values in zip(wide, self):
            target[:, : values.shape[1]] = values
        return wide


def first_read(nframes, groupgap, drop_frames):
    """
    Return the middle of the first group's frames, in groups, counted from the reset.

    The reference multiplies it with a slope in DN/s, and so does `optional_results`.
    """
    return ((nframes + 1) / 2.0 + drop_frames) / (nframes + groupgap)


def count_optional(data, groupdq, rules, zeroframe=None):
    """
    Return how many segments and how many jumps the fullest ramp of a band has.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Linearised signal [DN].
    groupdq : (nints, ngroups, ny, nx) uint8
    rules : Rules
    zeroframe : (nints, ny, nx) float32, optional
        First frames [DN], 0 where unusable.

    Returns
    -------
    nsegments : int
        As the reference counts: of a ramp that has only single groups, the first is fitted, and
        all are counted.
    njumps : int
        Groups flagged as jumps, the first group apart.
    """
    ny, nx = data.shape[2:]
    rules = effective(rules, data.shape[1])
    plane = np.zeros((ny, nx), np.float32)
    noise = Noise(plane, plane, plane)
    pixeldq = np.zeros((ny, nx), np.uint32)
    band = Band(data, groupdq, pixeldq, noise, frames_of(zeroframe, rules), data.shape[1])
    return _count_band(band, rules)


def optional_results(data, groupdq, noise, timing, rules, rateints, first_read, zeroframe=None):
    """
    Return every segment's line, the pedestals and the sizes of jumps of a band of rows.

    Parameters
    ----------
    data, groupdq, noise, timing, rules, zeroframe
        As `fit_slopes` took them.
    rateints : Slopes
        What it returned, in DN/s as fitted.
    first_read : float
        See `first_read`.

    Returns
    -------
    OptionalResults
        With as many segments and jumps as the fullest ramp of the band has.

    Raises
    ------
    ValueError
        If the shapes differ; the message names both.
    """
    nints, ngroups, ny, nx = data.shape
    if groupdq.shape != data.shape or rateints.sci.shape != (nints, ny, nx):
        raise ValueError(
            f"data {data.shape}, groupdq {groupdq.shape} and rateints {rateints.sci.shape} "
            "do not belong to one band"
        )
    noise, rules = in_rates(noise, rules), effective(rules, ngroups)
    pixeldq = np.zeros((ny, nx), np.uint32)
    band = Band(data, groupdq, pixeldq, noise, frames_of(zeroframe, rules), ngroups)
    results = OptionalResults.empty(nints, *_count_band(band, rules), (ny, nx))
    model = timing, line_weights(ngroups), rules, float(first_read)
    _fill_band(band, model, rateints.sci, results)
    return results


@kernel
def _count_band(band, rules):
    nints, ngroups, ny, nx = band.data.shape
    ramp = room_for_ramp(ngroups)
    flags, bounds = ramp.flags, ramp.bounds
    nsegments = 0
    njumps = 0
    for i in range(nints):
        for y in range(ny):
            for x in range(nx):
                load_ramp(band, i, y, x, rules, ramp)
                segments = jumps = singles = 0
                for g in range(ngroups):
                    singles += (flags[g] & ~PERSISTENCE) == 0
                    jumps += g > 0 and (flags[g] & JUMP_DET) != 0
                if not flags[0] & SATURATED:
                    segments = find_segments(flags, bounds)
                if segments == 1 and bounds[0, 1] - bounds[0, 0] == 1:
                    segments = singles
                nsegments = max(nsegments, segments)
                njumps = max(njumps, jumps)
    return nsegments, njumps


@kernel
def _fill_band(band, model, slopes, results):
    nints, ngroups, ny, nx = band.data.shape
    ramp = room_for_ramp(ngroups)
    timing, _, rules, _ = model
    noise = band.noise
    for y in range(ny):
        for x in range(nx):
            median = 0.0
            for i in range(nints):
                alone = load_ramp(band, i, y, x, rules, ramp)[3]
                median += ramp_median(ramp.samples, ramp.flags, alone, timing, ramp.values)
            pixel = (
                median / nints if median > 0.0 else 0.0,
                np.float64(noise.dark_current[y, x]),
                np.float64(noise.gain[y, x]),
                np.float64(noise.readnoise[y, x]),
            )
            for i in range(nints):
                _store_jumps(band, i, y, x, results.crmag)
                alone = load_ramp(band, i, y, x, rules, ramp)[3]
                pedestal = _store_segments((i, y, x, alone), pixel, model, ramp, results)
                if not (np.isnan(slopes[i, y, x]) or np.isnan(pedestal)):
                    results.pedestal[i, y, x] = pedestal


@inner_kernel
def _store_jumps(band, i, y, x, sizes):
    """Store the difference to the group before of each group flagged as a jump."""
    data, groupdq = band.data, band.groupdq
    count = 0
    for g in range(1, data.shape[1]):
        now = np.int64(groupdq[i, g, y, x])
        if now & JUMP_DET:
            size = np.float64(data[i, g, y, x]) - np.float64(data[i, g - 1, y, x])
            saturated = (now | np.int64(groupdq[i, g - 1, y, x])) & SATURATED
            sizes[i, count, y, x] = np.nan if saturated else size
            count += 1


@inner_kernel
def _store_segments(place, pixel, model, work, results):
    """Store a ramp's segments; return its pedestal."""
    i, y, x, zeroth = place
    timing, weights, rules, middle = model
    median, dark_current, gain, readnoise = pixel
    ramp = work.samples
    nsegments = 0
    if not work.flags[0] & SATURATED:
        nsegments = find_segments(work.flags, work.bounds)
    slope_sum = weight_r = 0.0
    for n in range(nsegments):
        start, end = work.bounds[n, 0], work.bounds[n, 1]
        time = segment_time(end - start, zeroth, timing)
        line = _fit_line(ramp, start, end, gain, readnoise, weights)
        var_p, var_r = segment_variances(median, dark_current, gain, readnoise, end - start, time)
        results.slope[i, n, y, x] = line[0] / time
        results.sigslope[i, n, y, x] = line[1]
        results.yint[i, n, y, x] = line[2]
        results.sigyint[i, n, y, x] = line[3]
        results.var_poisson[i, n, y, x] = var_p
        results.var_rnoise[i, n, y, x] = var_r
        results.weights[i, n, y, x] = 1.0 / var_r
        slope_sum += line[0] / time / var_r
        weight_r += 1.0 / var_r
    if nsegments == 0:
        return ramp[0]
    return ramp[0] - slope_sum * invert(weight_r, rules.keep_large_variances) * middle


@inner_kernel
def _fit_line(ramp, start, end, gain, readnoise, weights):
    """Return the slope per group, its error, the intercept at group 0, and its error."""
    length = end - start
    if length == 1:
        return ramp[start], 0.0, 0.0, 0.0
    if length == 2:
        step = ramp[start + 1] - ramp[start]
        error = SQRT2 * readnoise
        return step, error, ramp[start] - step * start, error
    if not 0.0 < abs(readnoise) < np.inf:
        return np.nan, np.nan, np.nan, np.nan
    group = snr_class(ramp[end - 1] - ramp[start], gain, readnoise)
    sumw = sumx = sumxx = sumy = sumxy = 0.0
    for n in range(length):
        w = weights[group, length, n]
        sample = 0.0 if np.isnan(ramp[start + n]) else ramp[start + n]
        x = np.float64(start + n)
        sumw += w
        sumx += w * x
        sumxx += w * x * x
        sumy += w * sample
        sumxy += w * x * sample
    determinant = sumw * sumxx - sumx * sumx
    return (
        (sumw * sumxy - sumx * sumy) / determinant,
        abs(readnoise) * np.sqrt(sumw / determinant),
        (sumxx * sumy - sumx * sumxy) / determinant,
        abs(readnoise) * np.sqrt(sumxx / determinant),
    )
