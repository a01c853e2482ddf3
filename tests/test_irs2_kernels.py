import numpy as np
import pytest
from onramp.flags import AD_FLOOR, DO_NOT_USE, JUMP_DET, SATURATED
from onramp.interleaving import ROW_READS
from onramp.parameters import Detector1Parameters
from onramp.steps import irs2_saturation
from onramp.steps.irs2_means import ParityMeans, odd_columns
from onramp.steps.irs2_subtraction import (
    INTERLEAVED_PIXEL,
    REFERENCE_OUTPUT,
    SCIENCE_PIXEL,
    Lines,
    Pixels,
    subtract_noise,
)


def naive_grow(mask, reach):
    grown = np.zeros_like(mask)
    for y, x in np.argwhere(mask):
        grown[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1] = True
    return grown


def naive_saturation(data, groupdq, threshold, bias, reach, nframes):
    result = groupdq.copy()
    for ramp, dq in zip(data, result):
        seen = np.zeros(ramp.shape[1:], bool)
        for samples, flags in zip(ramp, dq):
            seen |= naive_grow(samples.astype(np.float32) >= threshold, reach)
            flags[seen] |= SATURATED
            flags[samples <= 0] |= AD_FLOOR | DO_NOT_USE
        if nframes and len(ramp) > 2:
            first, second, third = ramp[:3].astype(np.float32)
            foreseen = (first - bias).astype(float) / ((nframes + 1) / 2) * 3 * nframes + bias
            hit = (third >= threshold) & (foreseen < threshold)
            hit &= second - first > (threshold - first) / np.float32(nframes)
            dq[1][naive_grow(hit, reach)] |= SATURATED
    return result


@pytest.mark.parametrize("reach", [0, 1, 2])
@pytest.mark.parametrize("nframes", [None, 1, 5])
@pytest.mark.parametrize("ngroups", [1, 2, 3, 5])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_saturation(reach, nframes, ngroups, dtype):
    rng = np.random.default_rng(reach + 10 * ngroups)
    shape = 2, ngroups, 16, 20
    steps = rng.integers(0, 12000, shape) + 20000 * (rng.random(shape) < 0.02)
    data = np.clip(5000 + steps.cumsum(axis=1), 0, 65535).astype(dtype)
    data[rng.random(shape) < 0.02] = 0
    threshold = rng.uniform(25000, 45000, shape[2:]).astype(np.float32)
    bias = rng.normal(5000, 50, shape[2:]).astype(np.float32)
    groupdq = np.where(rng.random(shape) < 0.1, JUMP_DET, 0).astype(np.uint8)
    expected = naive_saturation(data, groupdq, threshold, bias, reach, nframes)
    irs2_saturation.flag_saturation(data, groupdq, threshold, bias, reach, nframes)
    assert np.array_equal(groupdq, expected)


def test_second_group_hit_in_its_last_frame_is_saturated():
    data = np.array([1000, 9000, 50000], np.uint16).reshape(1, 3, 1, 1)
    groupdq = np.zeros(data.shape, np.uint8)
    threshold = np.full((1, 1), 40000, np.float32)
    irs2_saturation.flag_saturation(data, groupdq, threshold, None, 1, 5)
    assert groupdq.ravel().tolist() == [0, SATURATED, SATURATED]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("ngroups", [1, 2, 4])
def test_noise_is_subtracted(backwards, ngroups):
    rng = np.random.default_rng(6)
    shape = ngroups, 3, 2048
    data = rng.integers(0, 9, shape).astype(np.float32)
    noise = rng.normal(0, 5, shape).astype(np.float32)
    intercept, slope = rng.normal(0, 1, (2, ngroups, 3)).astype(np.float32)
    lines = Lines(intercept, slope * np.float32(1e-6))
    kinds = np.array([SCIENCE_PIXEL, INTERLEAVED_PIXEL, REFERENCE_OUTPUT])
    pixels = Pixels(np.array([5, 10, 300]), kinds, backwards)
    mean = data.astype(float).mean(axis=0)
    row = np.arange(2048)[::-1] if backwards else np.arange(2048)
    time = row * ROW_READS + pixels.ticks[:, None] - (2048 * ROW_READS - 1) / 2
    line = lines.intercept[..., None] + time * lines.slope[..., None].astype(float)
    rest = data - mean
    expected = rest - line * (rest != 0) - noise
    expected[:, 0] += mean[0]
    expected[:, 2] = noise[:, 2] + mean[2]
    subtract_noise(data, noise, lines, pixels)
    assert np.allclose(data, expected, rtol=1e-6, atol=1e-5)


def test_parities():
    odd = odd_columns()
    block = "1010101011001010101010101010"  # eight science pixels, four reference pixels, sixteen
    assert "".join(str(int(n)) for n in odd[640:668]) == block
    assert np.array_equal(odd[:640], odd[640:1280])


@pytest.mark.parametrize("parity", [True, False])
def test_means(parity):
    rng = np.random.default_rng(7)
    level = np.where(odd_columns(), 3.0, -2.0) + 10 * (np.arange(3200) // 640)
    edges = (level[:, None] + rng.normal(0, 0.01, (3200, 8))).astype(np.float32)
    edges[5, 3] = 1e4  # clipped
    usable = np.ones(edges.shape, bool)
    usable[700:720] = False
    edges[700:720] = 1e3
    refpix = Detector1Parameters().refpix.model_copy(update={"odd_even_columns": parity})
    offsets = ParityMeans(usable, refpix).measure(edges)
    expected = level if parity else 0.5 + 10 * (np.arange(3200) // 640)
    assert np.allclose(offsets, expected, atol=0.05)


def test_an_output_without_usable_pixels_is_left_alone():
    usable = np.ones((3200, 8), bool)
    usable[1280:1920][odd_columns()[1280:1920]] = False
    edges = np.random.default_rng(8).normal(5, 1, (3200, 8)).astype(np.float32)
    offsets = ParityMeans(usable, Detector1Parameters().refpix).measure(edges)
    assert (offsets[1280:1920] == 0).all()
    assert (offsets[:1280] > 4).all()
