import numpy as np
from onramp.steps.picture_frame import correct, regions


def test_regions_leave_out_reference_pixels_and_light():
    background = np.ones((2048, 2048), bool)
    background[1000, 1000] = background[30, 30] = False
    centre, edge = regions(background)
    assert not (centre & edge).any()
    assert not any(centre[place] for place in ((1000, 1000), (75, 100), (1984, 100)))
    assert centre[76, 1983]
    assert not edge[30, 30]
    assert all(edge[place] for place in ((4, 4), (74, 1000), (2042, 1985), (1000, 2042)))
    assert not any(part.any() for part in (edge[3], edge[2043:], edge[:, :4]))
    assert not edge[75:1985, 75:1985].any()


def test_a_scaled_and_shifted_frame_comes_off():
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:2048, :2048]
    frame = (np.maximum(abs(y - 1024), abs(x - 1024)) > 950).astype(np.float32)
    zero = rng.normal(1000, 10, frame.shape).astype(np.float32)
    signal = rng.normal(0, 0.1, frame.shape).astype(np.float32)
    sample = zero + signal + 3 * frame + 7
    parts = regions(np.ones(frame.shape, bool))
    corrected = correct(sample, zero, frame, parts)
    assert corrected.dtype == np.float32
    difference = corrected - zero - signal
    assert abs(np.median(difference[parts.centre])) < 0.01
    assert abs(np.median(difference[parts.edge])) < 0.01
