from itertools import pairwise

import numpy as np
import pytest
from frame_blocks import by_blocks
from onramp.flags import DEAD, DO_NOT_USE, REFERENCE_PIXEL
from onramp.parameters import Refpix
from onramp.placement import Placement
from onramp.steps.refpix import prepare, subtract
from onramp.steps.refpix_statistics import clipped_mean, running_median

SIZE = 2048


def naive_orient(frame, fast, slow):
    """Turn a full frame so that columns are read fast and both axes count upwards."""
    if abs(fast) == 2:
        frame = frame.T
    frame = np.flip(frame, 1) if fast < 0 else frame
    return np.flip(frame, 0) if slow < 0 else frame


def naive_restore(frame, fast, slow):
    frame = np.flip(frame, 1) if fast < 0 else frame
    frame = np.flip(frame, 0) if slow < 0 else frame
    return frame.T if abs(fast) == 2 else frame


def naive_clipped_mean(values, limit):
    values = np.asarray(values)
    while values.std() > 0:
        kept = values[np.abs(values - values.mean()) <= limit * values.std()]
        if kept.size == values.size:
            break
        values = kept
    return values.mean()


def naive_side(values, good, length):
    """Running median of an edge (2048, 4); the window is mirrored beyond the ends."""
    half = length // 2
    marked = np.where(good, values, np.nan)
    marked = np.pad(marked, ((half, half), (0, 0)), mode="reflect")
    windows = [marked[row : row + 2 * half + 1] for row in range(SIZE)]
    return np.array([np.median(w[~np.isnan(w)]) if (w == w).any() else np.nan for w in windows])


def naive_amplifiers(frame, good, parameters):
    """Subtract each amplifier's (and parity's) reference level, in place."""
    limit = parameters.siglimit
    for amplifier in range(4):
        parities = ((0, 2), (1, 2)) if parameters.odd_even_columns else ((0, 1),)
        levels = []
        for first, step in parities:
            columns = np.arange(amplifier * 512 + first, (amplifier + 1) * 512, step)
            means = []
            for rows in (slice(SIZE - 4, SIZE), slice(0, 4)):
                values = frame[rows, columns][good[rows, columns]]
                means += [naive_clipped_mean(values, limit)] if values.size else []
            levels.append((columns, np.mean(means) if means else np.nan))
        if not any(np.isnan(level) for _, level in levels):
            for columns, level in levels:
                frame[:, columns] -= level


def naive_four_outputs(frame, dq, parameters):
    good = (dq & DO_NOT_USE) == 0
    naive_amplifiers(frame, good, parameters)
    if not parameters.use_side_ref_pixels:
        return
    length = parameters.side_smoothing_length | 1
    edges = slice(0, 4), slice(SIZE - 4, SIZE)
    left, right = (naive_side(frame[:, e], good[:, e], length) for e in edges)
    both = np.stack([left, right])
    count = np.maximum((~np.isnan(both)).sum(axis=0), 1)
    frame -= (np.nansum(both, axis=0) / count * parameters.side_gain)[:, None]


def naive_one_output(frame, dq, parameters):
    good = ((dq & REFERENCE_PIXEL) != 0) & ((dq & DO_NOT_USE) == 0)
    step = 2 if parameters.odd_even_columns else 1
    for first in range(step):
        columns = np.arange(first, SIZE, step)
        values = frame[:, columns][good[:, columns]]
        if values.size:
            frame[:, columns] -= naive_clipped_mean(values, parameters.siglimit)


def naive_correct(stored, pixeldq, placement, parameters):
    """Correct one frame of a subarray by way of the full frame."""
    frame, dq = np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE), np.uint32)
    y, x = placement.ystart - 1, placement.xstart - 1
    window = slice(y, y + placement.ny), slice(x, x + placement.nx)
    if stored.shape != frame.shape:
        inner = np.zeros(dq.shape, bool)
        inner[4:-4, 4:-4] = True
        dq[~inner] = DO_NOT_USE | REFERENCE_PIXEL
    frame[window], dq[window] = stored, pixeldq
    if placement.name == "SUB512":
        dq[window][:, :4] |= REFERENCE_PIXEL
        dq[window][:, -4:] |= REFERENCE_PIXEL
    axes = placement.fastaxis, placement.slowaxis
    frame, dq = (naive_orient(plane, *axes).copy() for plane in (frame, dq))
    four = placement.noutputs == 4 or stored.shape == frame.shape
    (naive_four_outputs if four else naive_one_output)(frame, dq, parameters)
    return naive_restore(frame, *axes)[window]


def a_band(rng, placement, ngroups):
    """Frames with offsets by amplifier, parity and row; (1, ngroups, ny, nx), and pixeldq."""
    ny, nx = placement.ny, placement.nx
    data = rng.normal(10000, 8, (1, ngroups, ny, nx))
    slow = rng.normal(0, 5, SIZE) + 30 * np.sin(np.arange(SIZE) / 40)
    fast = np.repeat(rng.normal(0, 20, 4), 512) + 15 * (np.arange(SIZE) % 2)
    drift = naive_restore(slow[:, None] + fast, placement.fastaxis, placement.slowaxis)
    data += drift[placement.window]
    outliers = rng.random(data.shape) < 0.01
    data[outliers] += 5000
    border = np.zeros((SIZE, SIZE), bool)
    border[:4] = border[-4:] = border[:, :4] = border[:, -4:] = True
    dq = border[placement.window].astype(np.uint32) * np.uint32(REFERENCE_PIXEL)
    dq[rng.random(dq.shape) < 0.05] |= np.uint32(DO_NOT_USE | DEAD)
    return data.astype(np.float32), dq


def corrected(data, dq, placement, parameters, cuts=()):
    """Survey whole frames, then subtract band by band."""
    correction = prepare(placement, dq, parameters)
    offsets = by_blocks(correction, data, 2)
    first = np.arange(offsets.single_precision.size) == 0
    double = offsets.slow.shape[2] > 0  # by row as well, but for the very first group
    assert np.array_equal(offsets.single_precision.ravel(), first | (not double))
    edges = (0, *cuts, placement.ny)
    result = data.copy()
    for first, last in pairwise(edges):
        subtract(result[:, :, first:last], first, offsets)
    return result


def assert_agree(seed, placement, parameters, ngroups=2):
    rng = np.random.default_rng(seed)
    data, dq = a_band(rng, placement, ngroups)
    result = corrected(data, dq, placement, parameters, cuts=(3, placement.ny // 2))
    for group in range(ngroups):
        expected = naive_correct(data[0, group], dq, placement, parameters)
        np.testing.assert_allclose(result[0, group], expected, 0, 5e-3)
    assert np.abs(np.median(result, axis=(2, 3))).max() < 100


def placed(nx, ny, xstart=1, ystart=1, axes=(1, 2), name="SUB", noutputs=1):
    return Placement(xstart, ystart, nx, ny, *axes, name, noutputs)


@pytest.mark.parametrize("axes", [(-1, 2), (1, -2), (2, 1), (-2, -1)])
def test_full_frame_agrees_with_naive(axes):
    assert_agree(1, placed(SIZE, SIZE, axes=axes, name="FULL", noutputs=4), Refpix(), 1)


STRIPS = {
    "bottom": placed(SIZE, 24, axes=(-1, 2), noutputs=4),
    "top": placed(SIZE, 16, ystart=SIZE - 15, axes=(1, -2), noutputs=4),
    "middle": placed(SIZE, 16, ystart=900, axes=(1, 2), noutputs=4),
    "turned": placed(16, SIZE, xstart=SIZE - 15, axes=(-2, -1), noutputs=4),
}


@pytest.mark.parametrize("seed", range(1), ids="seed{}".format)
@pytest.mark.parametrize("where", STRIPS)
def test_four_output_subarrays_agree_with_naive(where, seed):
    assert_agree(seed, STRIPS[where], Refpix())


@pytest.mark.parametrize(
    "changes",
    [
        {"odd_even_columns": False},
        {"use_side_ref_pixels": False},
        {"side_smoothing_length": 1},
        {"side_smoothing_length": 20, "side_gain": 0.5},
        {"siglimit": 2.0},
    ],
    ids=str,
)
def test_parameters_of_four_outputs(changes):
    assert_agree(3, STRIPS["bottom"], Refpix(**changes))


CORNERS = {
    "corner": placed(48, 40, axes=(-1, 2)),
    "far_corner": placed(41, 33, xstart=SIZE - 40, ystart=SIZE - 32, axes=(1, -2)),
    "odd_start": placed(30, 31, xstart=4, ystart=SIZE - 30, axes=(-2, 1)),
    "nirspec": placed(52, 32, xstart=700, ystart=900, axes=(2, 1), name="SUB512"),
}


@pytest.mark.parametrize("seed", range(1), ids="seed{}".format)
@pytest.mark.parametrize("where", CORNERS)
@pytest.mark.parametrize("odd_even", [True, False])
def test_one_output_subarrays_agree_with_naive(where, seed, odd_even):
    assert_agree(seed, CORNERS[where], Refpix(odd_even_columns=odd_even))


def test_a_subarray_without_reference_pixels_is_left_alone():
    placement = placed(40, 40, xstart=900, ystart=900)
    dq = np.zeros((40, 40), np.uint32)
    assert prepare(placement, dq, Refpix()) is None
    at_the_edge = placed(40, 40)
    assert prepare(at_the_edge, dq + np.uint32(DO_NOT_USE | REFERENCE_PIXEL), Refpix()) is None
    assert prepare(at_the_edge, dq + np.uint32(REFERENCE_PIXEL), Refpix()) is not None


def test_a_pedestal_changes_nothing():
    rng = np.random.default_rng(4)
    placement = STRIPS["bottom"]
    data, dq = a_band(rng, placement, 2)
    raised = (data + np.float32(512)).astype(np.float32)
    # rows beyond the strip lie at zero in the full frame, so the sides would see the pedestal
    parameters = Refpix(use_side_ref_pixels=False)
    here, there = (corrected(d, dq, placement, parameters) for d in (data, raised))
    np.testing.assert_allclose(there, here, 0, 5e-3)


def test_reference_level_is_removed_without_bias():
    """Light-sensitive pixels end at zero within the noise of the reference pixels' mean."""
    rng = np.random.default_rng(5)
    placement = placed(128, 128, axes=(1, 2))
    ngroups = 40
    level = rng.normal(0, 50, (1, ngroups, 1, 1)) + 10 * (np.arange(128) % 2)
    data = (rng.normal(0, 8, (1, ngroups, 128, 128)) + level).astype(np.float32)
    dq = np.zeros((128, 128), np.uint32)
    dq[:4] = dq[:, :4] = REFERENCE_PIXEL
    result = corrected(data, dq, placement, Refpix())[..., 4:, 4:]
    means = np.stack([result[0, :, :, parity::2].mean(axis=(1, 2)) for parity in (0, 1)])
    expected = 8 / np.sqrt(508)  # half of the 1008 reference pixels for each parity
    pull = means / np.hypot(expected, 8 / np.sqrt(124 * 62))
    assert abs(pull.mean()) < 3 / np.sqrt(pull.size)
    assert 0.7 < np.mean(pull**2) < 1.4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clipped_mean(dtype):
    rng = np.random.default_rng(6)
    values = rng.normal(100, 3, 500).astype(dtype)
    values[:20] = 1e5
    assert clipped_mean(values, dtype(3)) == naive_clipped_mean(values, 3.0)
    assert clipped_mean(values, 3.0) == pytest.approx(100, abs=0.5)
    assert clipped_mean(np.full(7, 3, dtype), 3.0) == 3


@pytest.mark.parametrize("length", [1, 3, 11, 41])
def test_running_median(length):
    rng = np.random.default_rng(7)
    values = rng.normal(0, 1, (SIZE, 4))
    good = rng.random((SIZE, 4)) < 0.5
    good[100:160] = False
    expected = naive_side(values, good, length)
    assert np.isnan(expected).any()
    assert np.array_equal(running_median(values, good, length), expected, equal_nan=True)
