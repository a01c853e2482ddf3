import warnings

import numpy as np
import pytest
from onramp.flags import DO_NOT_USE, JUMP_DET, NO_GAIN_VALUE, REFERENCE_PIXEL, SATURATED
from onramp.placement import Placement
from onramp.steps.jump_census import (
    CLEAR,
    CLEARLY,
    EVENT_SIZES,
    EVENTS,
    FLAGGED,
    JUMP_SIZES,
    SEARCHED,
    SIZE_EDGES,
    JumpCensus,
    take_census,
)
from onramp.steps.outputs import Outputs

BAD = DO_NOT_USE | SATURATED


def a_placement(shape, noutputs=1, xstart=1, ystart=1, axes=(1, 2)):
    return Placement(xstart, ystart, shape[1], shape[0], *axes, "X", noutputs)


def naive_excess(data, groupdq, gain):
    """Excess of each difference over its ramp's median, and that; (nints, ngroups, ny, nx)."""
    bad = (groupdq & BAD) != 0
    electrons = data * gain
    diffs = np.full(data.shape, np.nan, np.float32)
    diffs[:, 1:] = np.where(
        bad[:, 1:] | bad[:, :-1], np.float32(np.nan), np.diff(electrons, axis=1)
    )
    clean = np.where(groupdq & JUMP_DET, np.nan, diffs).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        median = np.nanmedian(clean, axis=1, keepdims=True)
    return diffs - median, np.broadcast_to(median, data.shape)


def naive_histogram(sizes):
    return np.bincount(
        np.searchsorted(SIZE_EDGES, np.nan_to_num(sizes), side="right"), minlength=20
    )


CORNERS = [(0, y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]
SIDES = [(0, y, x) for _, y, x in CORNERS if not y or not x]
IN_TIME = [(-1, 0, 0), (1, 0, 0)]


def label(planes, steps):
    """Number the clusters of a (ngroups, ny, nx) mask by following `steps`; return their number."""
    labels = np.zeros(planes.shape, int)
    count = 0
    for start in zip(*np.nonzero(planes)):
        if labels[start]:
            continue
        count += 1
        todo = [start]
        while todo:
            place = todo.pop()
            if labels[place]:
                continue
            labels[place] = count
            for step in steps:
                near = tuple(int(a + b) for a, b in zip(place, step))
                inside = all(0 <= a < size for a, size in zip(near, planes.shape))
                if inside and planes[near] and not labels[near]:
                    todo.append(near)
    return labels, count


def around(plane, combine):
    """Combine the 3 x 3 values around each pixel; zeros are beyond the edge."""
    return combine(np.lib.stride_tricks.sliding_window_view(np.pad(plane, 1), (3, 3)), axis=(2, 3))


def naive_census(data, groupdq, pixeldq, gain, variance, nframes, amplifier):
    """Count by following clusters; `amplifier` (ny, nx)."""
    excess, median = naive_excess(data, groupdq, gain)
    known = ((pixeldq & (REFERENCE_PIXEL | NO_GAIN_VALUE)) == 0) & (gain > 0) & (variance >= 0)
    bad = (groupdq & BAD) != 0
    usable = np.zeros(data.shape, bool)
    usable[:, 1:] = known & ~(bad[:, 1:] | bad[:, :-1])
    flagged = usable & ((groupdq & JUMP_DET) != 0)
    clear = flagged & (excess > CLEAR * np.sqrt(np.abs(median) + variance / nframes))
    firsts = np.zeros(data.shape, bool)
    steps = CORNERS + (IN_TIME if nframes > 1 else [])
    charges = []
    for i, planes in enumerate(clear):
        labels, count = label(planes, steps)
        for event in range(1, count + 1):
            members = np.argwhere(labels == event)
            firsts[i][tuple(members[0])] = True
        for g, plane in enumerate(planes):
            signal = np.where(plane, excess[i, g], 0)
            peaks = plane & (signal == around(signal, np.max))
            if nframes > 1:
                peaks &= ~planes[g - 1] | (g == 0)
            charges.append(around(signal, np.sum)[peaks])
    kinds = usable, flagged, clear, firsts
    by_group = [kind.sum(axis=(0, 2, 3)) for kind in kinds]
    lanes = range(amplifier.max() + 1)
    by_amplifier = [[kind[:, :, amplifier == lane].sum() for lane in lanes] for kind in kinds]
    sizes = naive_histogram(excess[flagged]), naive_histogram(np.concatenate(charges))
    return JumpCensus(*(np.array(part) for part in (by_group, by_amplifier, sizes)))


def a_band(rng, shape, hits=0.01, spoilt=0.05):
    """A band with flagged hits of one to four pixels, far apart enough to have no holes."""
    nints, ngroups, ny, nx = shape
    data = np.cumsum(rng.normal(50, 5, shape), axis=1).astype(np.float32)
    groupdq = np.zeros(shape, np.uint8)
    for _ in range(int(hits * data.size)):
        i, g = rng.integers(nints), rng.integers(1, ngroups)
        y, x = rng.integers(ny), rng.integers(nx)
        place = i, g, slice(y, y + rng.integers(1, 3)), slice(x, x + rng.integers(1, 3))
        data[(i, slice(g, None), *place[2:])] += rng.lognormal(5.5, 1.5)
        groupdq[place] |= JUMP_DET
    groupdq[rng.random(shape) < spoilt] |= np.uint8(rng.choice([DO_NOT_USE, SATURATED]))
    pixeldq = rng.choice([0, 0, 0, 0, REFERENCE_PIXEL, NO_GAIN_VALUE, 1], (ny, nx))
    gain = rng.uniform(1.5, 2.5, (ny, nx)).astype(np.float32)
    gain[rng.random((ny, nx)) < 0.02] = np.nan
    variance = rng.uniform(50, 500, (ny, nx)).astype(np.float32)
    variance[rng.random((ny, nx)) < 0.02] = np.nan
    return data, groupdq, pixeldq.astype(np.uint32), gain, variance


def census_of(band, outputs, nframes=1):
    return take_census(*band, nframes, outputs, slice(0, band[0].shape[2]))


def amplifiers(outputs):
    return outputs.columns + outputs.rows[:, None]


@pytest.mark.parametrize("nframes", [1, 4])
@pytest.mark.parametrize("shape", [(1, 6, 20, 24), (3, 4, 15, 13), (2, 2, 1, 9)])
def test_same_as_naive(shape, nframes):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        band = a_band(rng, shape, hits=0.006 if nframes == 1 else 0.002)
        axes = [(1, 2), (-2, 1)][seed % 2]
        outputs = Outputs.of(a_placement(shape[2:], 4, 505, 1020, axes))
        expected = naive_census(*band, nframes, amplifiers(outputs))
        found = census_of(band, outputs, nframes)
        for kind in (SEARCHED, FLAGGED, CLEARLY):
            np.testing.assert_array_equal(found.by_group[kind], expected.by_group[kind])
            filled = found.by_amplifier[kind, : expected.by_amplifier.shape[1]]
            np.testing.assert_array_equal(filled, expected.by_amplifier[kind])
        np.testing.assert_array_equal(found.sizes, expected.sizes)
        if nframes == 1:
            np.testing.assert_array_equal(found.by_group[EVENTS], expected.by_group[EVENTS])
        assert found.by_group[EVENTS].sum() == expected.by_group[EVENTS].sum()
        assert found.by_amplifier[EVENTS].sum() == expected.by_group[EVENTS].sum()


def flagged_planes(clear):
    """A band in which the pixels of `clear` (ngroups, ny, nx) are clear jumps and flagged."""
    diffs = np.where(clear, 5000.0, 10.0)
    data = np.cumsum(diffs, axis=0)[None].astype(np.float32)
    groupdq = np.where(clear, JUMP_DET, 0)[None].astype(np.uint8)
    plane = np.ones(clear.shape[1:], np.float32)
    return data, groupdq, np.zeros(plane.shape, np.uint32), plane, plane


def events_of(clear, nframes=1):
    band = flagged_planes(clear)
    return census_of(band, Outputs.of(a_placement(clear.shape[1:])), nframes).by_group[EVENTS]


def test_events_are_the_labels_of_sparse_planes():
    rng = np.random.default_rng(1)
    clear = rng.random((6, 80, 90)) < 0.06
    clear[0] = clear[5] = False
    expected = []
    for plane in clear:
        filled = label(~np.pad(plane, 1)[None], SIDES)[1] - 1  # holes, connected by their sides
        expected.append(label(plane[None], CORNERS)[1] - filled)
    assert events_of(clear).tolist() == expected
    assert sum(expected) > 1000


def test_a_hole_takes_one_event_away():
    clear = np.zeros((3, 7, 9), bool)
    clear[1, 1:6, 1:6] = True
    assert events_of(clear).tolist() == [0, 1, 0]
    clear[1, 3, 3] = False
    assert events_of(clear).tolist() == [0, 0, 0]
    clear[1, 1, 8] = True
    assert events_of(clear).tolist() == [0, 1, 0]


def test_averaged_groups_join_an_event_in_time():
    clear = np.zeros((5, 6, 8), bool)
    clear[1, 2:4, 2:4] = clear[2, 2:5, 2:5] = True
    clear[2, 0, 7] = clear[4, 2, 2] = True
    assert events_of(clear, nframes=1).tolist() == [0, 1, 2, 0, 1]
    assert events_of(clear, nframes=2).tolist() == [0, 1, 1, 0, 1]


def test_integrations_are_not_joined():
    clear = np.zeros((5, 4, 8), bool)
    clear[1, 2, 2] = clear[4, 2, 2] = True
    data, groupdq, *planes = flagged_planes(clear)
    band = np.repeat(data, 3, axis=0), np.repeat(groupdq, 3, axis=0), *planes
    band[1][1, 4] = band[1][2, 1] = 0
    census = census_of(band, Outputs.of(a_placement((4, 8))), nframes=2)
    assert census.by_group[EVENTS].tolist() == [0, 2, 0, 0, 2]


@pytest.mark.parametrize("nframes", [1, 3])
def test_bands_add_up_to_the_frame(nframes):
    rng = np.random.default_rng(2)
    shape = 2, 5, 30, 24
    band = a_band(rng, shape, hits=0.02)
    outputs = Outputs.of(a_placement(shape[2:], 4, 1, 500, (2, 1)))
    whole = census_of(band, outputs, nframes)
    parts = []
    for first, last in ((20, 30), (0, 7), (8, 20), (7, 8)):
        low, high = max(0, first - 1), min(30, last + 1)
        rows = slice(low, high)
        part = (
            *(np.ascontiguousarray(a[:, :, rows]) for a in band[:2]),
            *(a[rows] for a in band[2:]),
        )
        inner = slice(first - low, last - low)
        parts.append(take_census(*part, nframes, outputs.of_rows(low, high), inner))
    total = sum(parts, JumpCensus.empty(shape[1], 4))
    for mine, frame in zip(total, whole):
        np.testing.assert_array_equal(mine, frame)
    assert whole.by_group[EVENTS].sum() > 30


def test_size_of_an_event_is_the_charge_around_its_peak():
    clear = np.zeros((6, 9, 9), bool)
    clear[2, 4, 4] = clear[2, 4, 5] = clear[4, 0, 0] = True
    census = census_of(flagged_planes(clear), Outputs.of(a_placement((9, 9))))
    assert census.sizes[JUMP_SIZES].sum() == 3
    assert census.sizes[JUMP_SIZES, np.searchsorted(SIZE_EDGES, 4990.0)] == 3
    assert census.sizes[EVENT_SIZES, np.searchsorted(SIZE_EDGES, 9980.0)] == 1
    assert census.sizes[EVENT_SIZES].sum() == 2


def test_noise_is_flagged_but_no_event():
    rng = np.random.default_rng(3)
    shape = 1, 6, 60, 64
    data = np.cumsum(rng.normal(0, 10, shape), axis=1).astype(np.float32)
    groupdq = np.where(rng.random(shape) < 0.05, JUMP_DET, 0).astype(np.uint8)
    ones = np.ones(shape[2:], np.float32)
    band = data, groupdq, np.zeros(shape[2:], np.uint32), ones, 100 * ones
    census = census_of(band, Outputs.of(a_placement(shape[2:])))
    assert census.by_group[FLAGGED].sum() == np.count_nonzero(groupdq[:, 1:])
    assert census.by_group[CLEARLY:].sum() == 0


@pytest.mark.parametrize("flag", [SATURATED, DO_NOT_USE, JUMP_DET])
def test_nothing_usable(flag):
    shape = 2, 4, 5, 8
    band = list(a_band(np.random.default_rng(4), shape))
    band[1] = np.full(shape, flag, np.uint8)
    census = census_of(band, Outputs.of(a_placement(shape[2:])))
    assert census.by_group[CLEARLY:].sum() == 0
    assert (census.by_group[SEARCHED].sum() > 0) == (flag == JUMP_DET)
    np.testing.assert_array_equal(census.by_group[SEARCHED], census.by_group[FLAGGED])


def test_outputs_follow_the_detector():
    full = a_placement((2048, 2048), 4)
    assert np.array_equal(Outputs.of(full).columns, np.arange(2048) // 512)
    assert not Outputs.of(full).rows.any()
    mirrored = Outputs.of(full._replace(fastaxis=-1))
    assert np.array_equal(mirrored.columns, 3 - np.arange(2048) // 512)
    turned = Outputs.of(a_placement((2048, 32), 4, axes=(2, 1)))
    assert np.array_equal(turned.rows, np.arange(2048) // 512)
    assert turned.of_rows(510, 514).rows.tolist() == [0, 0, 1, 1]
    assert Outputs.of(a_placement((64, 64), 1, 500)).number == 1
    mixed = Outputs.of(a_placement((4, 6), 4, 3), interleaved=True)
    assert mixed.columns.tolist() == [2, 3, 0, 1, 2, 3]


def test_shapes_that_differ_are_named():
    band = a_band(np.random.default_rng(5), (1, 4, 3, 8))
    with pytest.raises(ValueError, match=r"\(2, 8\)"):
        census_of((*band[:3], band[3][:2], band[4]), Outputs.of(a_placement((3, 8))))
    with pytest.raises(ValueError, match="outputs of 4 rows"):
        census_of(band, Outputs.of(a_placement((4, 8))))
