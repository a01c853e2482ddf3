import numpy as np
import pytest
from numpy.polynomial.polynomial import polyval
from onramp.flags import DEAD, HOT, JUMP_DET, NO_LIN_CORR, SATURATED
from onramp.steps.linearity import correct, correct_frames, prepare_coefficients

RESPONSE = (0.5, 0.98, 2e-7, 3e-12)
INVERSE = (-0.4, 1.02, -1.5e-7, -4e-12)


def naive_correct(data, groupdq, coefficients):
    """Polynomial of every unsaturated sample in double precision."""
    linear = np.empty(data.shape)
    for i, g, y, x in np.ndindex(data.shape):
        value = float(data[i, g, y, x])
        if not groupdq[i, g, y, x] & SATURATED:
            value = polyval(value, coefficients[:, y, x].astype(float))
        linear[i, g, y, x] = value
    return linear


def naive_frames(ramp, saturated, forward, inverse, nframes):
    """Linearise the groups of one ramp frame by frame."""
    ngroups = ramp.size
    last = max(np.count_nonzero(~saturated) - 1, 2) - 1
    ends = [ramp[g] if saturated[g] else polyval(ramp[g], forward) for g in (0, last)]
    rate = (ends[1] - ends[0]) / (last * nframes)
    result = ramp.copy()
    for g in range(ngroups):
        if saturated[g]:
            continue
        since_first = g * nframes + np.arange(1, nframes + 1) - (nframes + 1) / 2
        seen = polyval(ends[0] + rate * since_first, inverse)
        result[g] = polyval(seen + ramp[g] - seen.mean(), forward).mean()
    return result


def planes(rng, polynomial, ny, nx):
    scale = rng.uniform(0.9, 1.1, (len(polynomial), ny, nx))
    return (np.array(polynomial)[:, None, None] * scale).astype(np.float32)


def a_band(rng, shape):
    data = np.cumsum(rng.uniform(100, 8000, shape), axis=1).astype(np.float32)
    groupdq = (np.cumsum(rng.random(shape) < 0.1, axis=1) > 0).astype(np.uint8) * SATURATED
    groupdq = groupdq.astype(np.uint8)
    groupdq[rng.random(shape) < 0.1] |= np.uint8(JUMP_DET)
    return data, groupdq


@pytest.mark.parametrize("seed", range(4), ids="seed{}".format)
@pytest.mark.parametrize("order", [1, 3, 5])
def test_agrees_with_naive(seed, order):
    rng = np.random.default_rng([seed, order])
    data, groupdq = a_band(rng, (2, 4, 5, 6))
    polynomial = (*RESPONSE, 1e-17, 1e-23)[: order + 1]
    coefficients = planes(rng, polynomial, 5, 6)
    data[rng.random(data.shape) < 0.05] = np.nan
    expected = naive_correct(data, groupdq, coefficients)
    assert (groupdq & SATURATED).any()
    correct(data, groupdq, coefficients)
    np.testing.assert_allclose(data, expected, 1e-6)


@pytest.mark.parametrize("seed", range(4), ids="seed{}".format)
@pytest.mark.parametrize("nframes", [2, 8])
@pytest.mark.parametrize("ngroups", [2, 3, 6])
def test_frames_agree_with_naive(seed, nframes, ngroups):
    rng = np.random.default_rng([seed, nframes])
    data, groupdq = a_band(rng, (2, ngroups, 3, 4))
    forward, inverse = planes(rng, RESPONSE, 3, 4), planes(rng, INVERSE, 3, 4)
    expected = np.empty(data.shape)
    for i, y, x in np.ndindex(2, 3, 4):
        saturated = (groupdq[i, :, y, x] & SATURATED) != 0
        ramp = data[i, :, y, x].astype(float)
        terms = forward[:, y, x].astype(float), inverse[:, y, x].astype(float)
        expected[i, :, y, x] = naive_frames(ramp, saturated, *terms, nframes)
    correct_frames(data, groupdq, forward, inverse, nframes)
    np.testing.assert_allclose(data, expected, 2e-6)


def test_frame_by_frame_undoes_the_curvature_that_averaging_mixes():
    """A straight ramp seen through a quadratic and averaged over 8 frames comes out straight."""
    bend = 4e-6
    frames = 500.0 * np.arange(1, 41)
    seen = (np.sqrt(1 + 4 * bend * frames) - 1) / (2 * bend)
    data = seen.reshape(1, 5, 8).mean(axis=2).astype(np.float32).reshape(1, 5, 1, 1)
    truth = frames.reshape(5, 8).mean(axis=1)
    forward = np.array([0, 1, bend], np.float32).reshape(3, 1, 1)
    # inverse by a fit over the range
    inverse = np.polynomial.Polynomial.fit(frames, seen, 8).convert().coef
    inverse = inverse.astype(np.float32).reshape(-1, 1, 1)
    groupdq = np.zeros(data.shape, np.uint8)
    at_once = data.copy()
    correct(at_once, groupdq, forward)
    correct_frames(data, groupdq, forward, inverse, 8)
    error, error_at_once = (np.abs(d.ravel() - truth).max() for d in (data, at_once))
    assert error < 0.2
    assert error_at_once > 5 * error


def test_unusable_polynomials_leave_the_pixel():
    coefficients = np.tile(np.array(RESPONSE, np.float32)[:, None, None], (1, 1, 5))
    coefficients[2, 0, 1] = np.nan
    coefficients[1, 0, 2] = 0
    dq = np.array([[HOT, 0, 0, NO_LIN_CORR, 0]], np.uint32)
    pixeldq = np.array([[0, 0, DEAD, 0, DEAD]], np.uint32)
    flags = prepare_coefficients(coefficients, dq, pixeldq)
    assert flags.tolist() == [[HOT, NO_LIN_CORR, DEAD | NO_LIN_CORR, NO_LIN_CORR, DEAD]]
    data = np.full((1, 1, 1, 5), 1000, np.float32)
    correct(data, np.zeros(data.shape, np.uint8), coefficients)
    straight = [1000, 1000, 1000]
    assert data[0, 0, 0, 1:4].tolist() == straight
    assert data[0, 0, 0, [0, 4]] == pytest.approx(polyval(1000, RESPONSE), rel=1e-6)
