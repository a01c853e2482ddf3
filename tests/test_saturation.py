import numpy as np
import pytest
from onramp.flags import AD_FLOOR, DO_NOT_USE, HOT, JUMP_DET, NO_SAT_CHECK, SATURATED
from onramp.steps.saturation import (
    flag_saturation,
    flag_zeroframe,
    halo,
    quality,
    thresholds,
)

FLOOR = AD_FLOOR | DO_NOT_USE


def naive_grow(mask, reach):
    grown = np.zeros_like(mask)
    for y, x in np.argwhere(mask):
        grown[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1] = True
    return grown


def naive_partial(data, dq, threshold, unchecked, reach, nframes):
    """Groups before a saturated one that reach the threshold diluted by their earlier frames."""
    for g in range(len(data) - 1):
        mean_frame = g * nframes + (nframes + 1) / 2
        limit = threshold.astype(float) * (mean_frame / ((g + 1) * nframes))
        suspect = ((dq[g + 1] & SATURATED) != 0) & ((dq[g] & (SATURATED | DO_NOT_USE)) == 0)
        suspect &= ~unchecked & (data[g] >= limit)
        dq[g][naive_grow(suspect, reach)] |= DO_NOT_USE


def naive_second(data, dq, threshold, bias, nframes):
    """Second groups that rise more than one frame's share while the third saturates unforeseen."""
    first, second = data[0].astype(np.float32), data[1].astype(np.float32)
    foreseen = (first - bias).astype(float) / ((nframes + 1) / 2) * 3 * nframes + bias
    hit = ((dq[2] & SATURATED) != 0) & ((dq[1] & SATURATED) == 0)
    hit &= (foreseen < threshold) & (second - first > (threshold - first) / np.float32(nframes))
    dq[1][hit] |= DO_NOT_USE


def naive_saturation(data, groupdq, threshold, unchecked, bias, reach, nframes):
    result = groupdq.copy()
    for ramp, dq in zip(data, result):
        full = np.zeros(ramp.shape[1:], bool)
        for group, flags in zip(ramp, dq):
            full |= group.astype(np.float32) >= threshold
            flags[naive_grow(full, reach)] |= SATURATED
            flags[group <= 0] |= FLOOR
        if nframes and nframes > 1:
            naive_partial(ramp, dq, threshold, unchecked, reach, nframes)
        if nframes and len(ramp) > 2:
            known = np.zeros_like(threshold) if bias is None else bias
            naive_second(ramp, dq, threshold, known, nframes)
    return result


def a_band(rng, shape, dtype):
    """Ramps that run into a threshold of 40000 or so: data, groupdq, threshold, unchecked, bias."""
    ny, nx = shape[2:]
    saturation = rng.uniform(35000, 45000, (ny, nx)).astype(np.float32)
    saturation[rng.random((ny, nx)) < 0.1] = np.nan
    dq = np.where(rng.random((ny, nx)) < 0.1, NO_SAT_CHECK, 0).astype(np.uint32)
    threshold, unchecked = thresholds(saturation, dq)
    rate = 10 ** rng.uniform(2, 4.3, (ny, nx))
    ramp = 10000 + rate * np.arange(1, shape[1] + 1)[:, None, None]
    data = ramp + np.cumsum((rng.random(shape) < 0.05) * rng.uniform(0, 5e4, shape), axis=1)
    data[rng.random(shape) < 0.03] = 0
    data[rng.random(shape) < 0.01] = 65535
    data = np.minimum(data, 65535).astype(dtype)
    groupdq = (rng.random(shape) < 0.05).astype(np.uint8) * np.uint8(DO_NOT_USE | JUMP_DET)
    bias = rng.uniform(8000, 11000, (ny, nx)).astype(np.float32)
    bias[rng.random((ny, nx)) < 0.05] = np.nan
    return data, groupdq, threshold, unchecked, bias


@pytest.mark.parametrize("seed", range(8), ids="seed{}".format)
@pytest.mark.parametrize("nframes", [None, 1, 2, 8])
@pytest.mark.parametrize("reach", [0, 1, 3])
def test_agrees_with_naive(seed, nframes, reach):
    rng = np.random.default_rng([seed, reach])
    shape = [(1, 5, 12, 15), (2, 4, 7, 3), (1, 2, 5, 6), (1, 1, 4, 4)][seed % 4]
    data, dq, threshold, unchecked, bias = a_band(rng, shape, np.float32 if seed > 3 else np.uint16)
    if data.dtype == np.float32:
        data[rng.random(shape) < 0.02] = np.nan
        data[rng.random(shape) < 0.02] = np.inf
        data[rng.random(shape) < 0.02] = -np.inf
    bias = bias if seed % 2 else None
    with np.errstate(invalid="ignore"):
        expected = naive_saturation(data, dq, threshold, unchecked, bias, reach, nframes)
    flag_saturation(data, dq, threshold, unchecked, bias, reach, nframes)
    assert np.array_equal(dq, expected)
    assert seed % 4 > 1 or (expected & SATURATED).any()


def test_bands_with_a_halo_give_the_flags_of_the_whole_frame():
    rng = np.random.default_rng(9)
    data, dq, threshold, unchecked, bias = a_band(rng, (1, 5, 40, 12), np.uint16)
    whole = dq.copy()
    flag_saturation(data, whole, threshold, unchecked, bias, 2, 8)
    for first, last in ((0, 9), (9, 10), (10, 40)):
        low, high = max(0, first - halo(2)), min(40, last + halo(2))
        rows = slice(low, high)
        part = dq[:, :, rows].copy()
        flag_saturation(
            data[:, :, rows].copy(), part, threshold[rows], unchecked[rows], bias[rows], 2, 8
        )  # fmt: skip
        assert np.array_equal(part[:, :, first - low : last - low], whole[:, :, first:last])


def test_thresholds_of_pixels_that_are_not_checked():
    saturation = np.array([[100, np.nan, 300, np.inf]], np.float32)
    dq = np.array([[HOT, 0, NO_SAT_CHECK, 0]], np.uint32)
    threshold, unchecked = thresholds(saturation, dq)
    flags = quality(saturation, dq)
    assert unchecked.tolist() == [[False, True, True, False]]
    assert flags.tolist() == [[HOT, NO_SAT_CHECK, NO_SAT_CHECK, 0]]
    assert threshold[0, 0] == 100
    assert (threshold[unchecked] > 65535).all()
    data = np.full((1, 2, 1, 4), 65535, np.uint16)
    groupdq = np.zeros(data.shape, np.uint8)
    flag_saturation(data, groupdq, threshold, unchecked, None, 0, 8)
    assert groupdq[0].tolist() == [[[2, 0, 0, 0]], [[2, 0, 0, 0]]]


def test_flags_stay_once_saturated():
    data = np.array([10, 500, 10, 10], np.uint16).reshape(1, 4, 1, 1)
    groupdq = np.zeros(data.shape, np.uint8)
    limit = np.full((1, 1), 500, np.float32)
    flag_saturation(data, groupdq, limit, limit < 0, None, 1, None)
    assert groupdq.ravel().tolist() == [0, SATURATED, SATURATED, SATURATED]


def test_zero_frames_lose_saturated_and_floored_pixels():
    rng = np.random.default_rng(1)
    frames = rng.uniform(-20, 100, (3, 9, 11)).astype(np.float32)
    threshold = np.full((9, 11), 95, np.float32)
    expected = frames.copy()
    for frame in expected:
        frame[naive_grow(frame >= 95, 1) | (frame <= 0)] = 0
    assert 0 < (expected == 0).sum() < expected.size
    flag_zeroframe(frames, threshold, 1)
    assert np.array_equal(frames, expected)
