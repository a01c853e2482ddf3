"""
How many jumps there are, where, when and how large: counts that bands of rows add up to.

Most samples flagged at 4 sigma in a short ramp are noise. Events are therefore clusters of clear
jumps, those well above the noise of their difference. Clusters are counted by the Euler
characteristic, to which each pixel contributes by what it adds to those before it, so that no
cluster is ever followed from band to band (Gray 1971, IEEE Trans. Comput. C-20, 551).
"""

from typing import NamedTuple

import numpy as np

from onramp.column_sort import sort_block
from onramp.flags import JUMP_DET, NO_GAIN_VALUE, REFERENCE_PIXEL
from onramp.kernels import LANES, NO, ZERO, inner_kernel, kernel, scalar_kernel
from onramp.pixels import in_one_row
from onramp.steps.differences import BAD, middle_of_column, sortable

HALO = 1
"""Rows around a band that its census depends on."""
CLEAR = 10.0  # sigma, as for the jumps whose neighbours are flagged
SIZE_EDGES = 10.0 ** np.linspace(1.0, 5.5, 19)
"""Edges of the bins of sizes [e-]; there is one more bin below and one above."""
WORD = 8  # flags looked at together
BLIND = np.uint32(REFERENCE_PIXEL | NO_GAIN_VALUE)
SEARCHED, FLAGGED, CLEARLY, EVENTS = range(4)
JUMP_SIZES, EVENT_SIZES = range(2)


class JumpCensus(NamedTuple):
    """
    Counts of samples and events; those of bands can be added in any order.

    The first axis of `by_group` and `by_amplifier` is SEARCHED, usable differences; FLAGGED, those
    with JUMP_DET; CLEARLY, those of them that stand clear of the noise; EVENTS, clusters of these.
    """

    by_group: np.ndarray
    """(4, ngroups) int64, integrations summed; a difference belongs to its later group."""
    by_amplifier: np.ndarray
    """(4, noutputs) int64"""
    sizes: np.ndarray
    """(2, nbins) int64: JUMP_SIZES, excess of flagged samples; EVENT_SIZES, charge of events."""

    @classmethod
    def empty(cls, ngroups, noutputs):
        """Return the census of no pixel at all."""
        shapes = (4, ngroups), (4, noutputs), (2, SIZE_EDGES.size + 1)
        return cls(*(np.zeros(shape, np.int64) for shape in shapes))

    def __add__(self, other):
        """Return the census of two bands together."""
        return JumpCensus(*(mine + theirs for mine, theirs in zip(self, other)))


class _Samples(NamedTuple):
    """The samples of a band, and their flags."""

    data: np.ndarray
    groupdq: np.ndarray


class _Room(NamedTuple):
    """Room for some jumps at a time: their differences, and those of their ramps' other groups."""

    own: np.ndarray
    others: np.ndarray
    block: np.ndarray
    usable: np.ndarray
    medians: np.ndarray


class _Pixels(NamedTuple):
    """The pixels of a band, which of them can be searched, and their amplifiers; room to count."""

    dq: np.ndarray
    gain: np.ndarray
    variance: np.ndarray
    known: np.ndarray
    lost: np.ndarray
    jumps: np.ndarray
    columns: np.ndarray
    rows: np.ndarray


def take_census(data, groupdq, pixeldq, gain, variance, nframes, outputs, inner):
    """
    Count the jumps of a band of rows; to be called before their neighbours are flagged.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Linearised signal [DN].
    groupdq : (nints, ngroups, ny, nx) uint8
        Data quality with JUMP_DET; left as it is.
    pixeldq : (ny, nx) uint32
        Reference pixels and those without a gain are left out.
    gain : (ny, nx) float32
        [e-/DN]
    variance : (ny, nx) float32
        Of the read noise of a difference of single frames [e-^2].
    nframes : int
        Frames averaged into a group. If there are several, a hit may fall among them and show in
        two differences: clusters are then connected in time as well.
    outputs : onramp.steps.outputs.Outputs
        Of the same rows.
    inner : slice
        The rows that belong to the band; `HALO` rows around them, where the frame has them, are
        looked at but not counted.

    Returns
    -------
    JumpCensus

    Raises
    ------
    ValueError
        If the shapes differ; the message names both.
    """
    ny, nx = data.shape[2:]
    planes = gain.shape, variance.shape, pixeldq.shape
    if data.shape != groupdq.shape or set(planes) != {(ny, nx)}:
        raise ValueError(
            f"data {data.shape}, groupdq {groupdq.shape} and gain, variance and pixeldq "
            f"{planes} do not belong to one band"
        )
    if (outputs.rows.size, outputs.columns.size) != (ny, nx):
        raise ValueError(
            f"outputs of {outputs.rows.size} rows and {outputs.columns.size} columns, data {ny, nx}"
        )
    first, last, _ = inner.indices(ny)
    census = JumpCensus.empty(data.shape[1], outputs.number)
    samples = _Samples(in_one_row(data), in_one_row(groupdq))
    known = np.empty((ny, nx), np.bool_)
    lost, jumps = np.zeros(nx, np.int32), np.zeros(nx + -nx % WORD, np.bool_)
    pixels = _Pixels(pixeldq, gain, variance, known, lost, jumps, outputs.columns, outputs.rows)
    nints, ngroups = data.shape[:2]
    _count_pixels(pixels, first, last, census.by_amplifier[SEARCHED])
    census.by_group[SEARCHED, 1:] = nints * census.by_amplifier[SEARCHED].sum()
    census.by_amplifier[SEARCHED] *= nints * (ngroups - 1)
    _count(samples, pixels, nframes, first, last, census)
    return census


@kernel
def _count_pixels(pixels, first, last, by_amplifier):
    """Find the pixels that can be searched, and count the band's own."""
    ny, nx = pixels.known.shape
    counts = np.zeros(nx, np.int32)
    for y in range(ny):
        for x in range(nx):
            seen = (pixels.dq[y, x] & BLIND) == 0
            known = seen & (pixels.gain[y, x] > 0) & (pixels.variance[y, x] >= 0)
            pixels.known[y, x] = known
            counts[x] += known
        if not first <= y < last or y + 1 == last or pixels.rows[y + 1] != pixels.rows[y]:
            for x in range(nx):
                if first <= y < last:
                    by_amplifier[pixels.columns[x] + pixels.rows[y]] += counts[x]
                counts[x] = 0


@scalar_kernel
def _load_differences(samples, plane, gains, places, room):
    """
    Fill in some jumps' own differences, and those of the other groups of their ramps.

    These are NaN where they are unusable or jumps themselves.
    """
    data, groupdq = samples
    integration, group = plane
    for g in range(1, data.shape[1]):
        now, before = data[integration, g, 0], data[integration, g - 1, 0]
        flags, flags_before = groupdq[integration, g, 0], groupdq[integration, g - 1, 0]
        others = room.others[g - 1]
        for k in range(places.size):
            x = np.uintp(places[k])
            flag = flags[x]
            bad = ((flag | flags_before[x]) & BAD) | (flag & JUMP_DET)
            diff = now[x] * gains[x] - before[x] * gains[x]
            others[k] = np.float32(np.nan) if bad != 0 else diff
            room.own[k] = diff if g == group else room.own[k]


@scalar_kernel
def _find_medians(count, room):
    """Find the medians of the usable differences of other groups."""
    sortable(room.others, NO, room.block, room.usable)
    sort_block(room.block)
    for k in range(count):
        room.medians[k] = middle_of_column(room.block, k, ZERO, room.usable[k])


@scalar_kernel
def _bin(size):
    """Return the bin of a size [e-]."""
    n = 0
    while n < SIZE_EDGES.size and size >= SIZE_EDGES[n]:
        n += 1
    return n


@scalar_kernel
def _begins(north_west, north, north_east, west):
    """
    Return by how much a pixel changes the Euler characteristic of the pixels before it.

    1 if it touches none, 0 if it joins one cluster, -1 if it joins two: corners, less edges, plus
    faces that no earlier pixel has.
    """
    if north:
        return 0
    return 1 - (north_west | west) - north_east


@scalar_kernel
def _new_events(clear, stride, place, back):
    """
    Return how many events begin with a pixel, given all pixels before it.

    Those that its group has in common with the one before (`back` leads there; 0: there is none)
    have been counted already.
    """
    north = place - stride
    begun = _begins(clear[north - 1] > 0, clear[north] > 0, clear[north + 1] > 0,
                    clear[place - 1] > 0)  # fmt: skip
    if back != 0 and clear[place + back] > 0:
        begun -= _begins(
            clear[north - 1] > 0 and clear[north - 1 + back] > 0,
            clear[north] > 0 and clear[north + back] > 0,
            clear[north + 1] > 0 and clear[north + 1 + back] > 0,
            clear[place - 1] > 0 and clear[place - 1 + back] > 0,
        )
    return begun


@scalar_kernel
def _charge(clear, stride, place, back):
    """Return the charge [e-] around the first of an event's largest pixels, 0 elsewhere."""
    total = np.float32(0.0)
    if back != 0 and clear[place + back] > 0:
        return total
    for north in (place - stride, place, place + stride):
        for other in range(north - 1, north + 2):
            if clear[other] > clear[place] or (clear[other] == clear[place] and other < place):
                return np.float32(0.0)
            total += clear[other]
    return total


@scalar_kernel
def _look_at_row(flags, before, known, lost, jumps):
    """Count unusable differences of a row's pixels in `lost`; fill in which others are jumps."""
    for x in range(known.size):
        bad = ((flags[x] | before[x]) & BAD) != 0
        lost[x] += known[x] & bad
        jumps[x] = known[x] & (not bad) & ((flags[x] & JUMP_DET) != 0)


@scalar_kernel
def _find_flagged(samples, pixels, plane, rows, places, by_amplifier):
    """
    Find a plane's jumps among the pixels that can be searched.

    Fills `places` with the numbers of their pixels, and takes
    differences that are not usable out of `by_amplifier`, those of the given rows. Returns how many
    there are of each.
    """
    integration, group = plane
    ny, nx = pixels.known.shape
    lost, jumps = pixels.lost, pixels.jumps
    words = jumps.view(np.uint64)
    found = taken = 0
    for y in range(ny):
        row = slice(y * nx, (y + 1) * nx)
        flags = samples.groupdq[integration, group, 0, row]
        before = samples.groupdq[integration, group - 1, 0, row]
        _look_at_row(flags, before, pixels.known[y], lost, jumps)
        for n in range(words.size):
            if words[n]:
                for x in range(n * WORD, n * WORD + WORD):
                    places[found] = y * nx + x
                    found += jumps[x]
        last = y + 1 == ny or pixels.rows[y + 1] != pixels.rows[y]
        counted = rows[0] <= y < rows[1]
        if not counted:
            for x in range(nx):
                lost[x] = 0
        elif last or y + 1 == rows[1]:
            for x in range(nx):
                by_amplifier[pixels.columns[x] + pixels.rows[y]] -= lost[x]
                taken += lost[x]
                lost[x] = 0
    return found, taken


@scalar_kernel
def _count_clear(clear, stride, place, back, group, lane, census):
    """Count a clear jump, and the events that begin with it or have their charge around it."""
    by_group, by_amplifier, sizes = census
    events = _new_events(clear, stride, place, back)
    by_group[CLEARLY, group] += 1
    by_amplifier[CLEARLY, lane] += 1
    by_group[EVENTS, group] += events
    by_amplifier[EVENTS, lane] += events
    charge = _charge(clear, stride, place, back)
    if charge > 0:
        sizes[EVENT_SIZES, _bin(charge)] += 1


@kernel
def _count(samples, pixels, nframes, first, last, census):
    """
    Count a band's differences, jumps and events, plane by plane.

    The excess of clear jumps is laid out in a plane that has a border of one pixel; where groups
    are averaged, a second one holds the group before.
    """
    by_group, by_amplifier, sizes = census
    nints, ngroups = samples.data.shape[:2]
    ny, nx = pixels.known.shape
    gains, variances = pixels.gain.reshape(-1), pixels.variance.reshape(-1)
    planes = 2 if nframes > 1 else 1
    stride = nx + 2
    size = (ny + 2) * stride
    clear = np.zeros(planes * size, np.float32)
    places = np.empty((planes, ny * nx + 1), np.int32)
    found = np.zeros(planes, np.int64)
    room = _room(ngroups)
    for i in range(nints):
        for g in range(1, ngroups):
            plane = g % planes
            for old in range(planes):
                if old == plane or g == 1:
                    for n in range(found[old]):
                        place = places[old, n]
                        clear[old * size + (place // nx + 1) * stride + place % nx + 1] = 0
                    found[old] = 0
            found[plane], lost = _find_flagged(
                samples, pixels, (i, g), (first, last), places[plane], by_amplifier[SEARCHED]
            )
            by_group[SEARCHED, g] -= lost
            for start in range(0, found[plane], LANES):
                some = places[plane, start : min(start + LANES, found[plane])]
                _load_differences(samples, (i, g), gains, some, room)
                _find_medians(some.size, room)
                for k in range(some.size):
                    y, x = some[k] // nx, some[k] % nx
                    median = room.medians[k]
                    excess = room.own[k] - median
                    if excess > CLEAR * np.sqrt(np.abs(median) + variances[some[k]] / nframes):
                        clear[plane * size + (y + 1) * stride + x + 1] = excess
                    if first <= y < last:
                        by_group[FLAGGED, g] += 1
                        by_amplifier[FLAGGED, pixels.columns[x] + pixels.rows[y]] += 1
                        sizes[JUMP_SIZES, _bin(excess)] += 1
            back = (planes - 1) * (1 - 2 * plane) * size
            for n in range(found[plane]):
                y, x = places[plane, n] // nx, places[plane, n] % nx
                place = plane * size + (y + 1) * stride + x + 1
                if clear[place] > 0 and first <= y < last:
                    lane = pixels.columns[x] + pixels.rows[y]
                    _count_clear(clear, stride, place, back, g, lane, census)


@inner_kernel
def _room(ngroups):
    size = max(ngroups - 1, 1), LANES
    return _Room(
        np.zeros(LANES, np.float32), np.zeros(size, np.float32), np.empty(size, np.float32),
        np.empty(LANES, np.int32), np.empty(LANES),
    )  # fmt: skip
