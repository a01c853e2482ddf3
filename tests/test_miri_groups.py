"""First, last and early groups of MIRI integrations, the reset anomaly, and who runs which step."""

import numpy as np
import pytest
from onramp.flags import DO_NOT_USE, FLUX_ESTIMATED, SATURATED
from onramp.pipelines import steps_of
from onramp.steps import first_last_frame, reset, rscd


def naive_rscd(groupdq, skip):
    """Return flags and pixel quality, ramp by ramp and one group less at a time."""
    groupdq, pixeldq = groupdq.copy(), np.zeros(groupdq.shape[2:], np.uint32)
    nints, _, ny, nx = groupdq.shape
    asked, lowered, none = False, np.zeros((ny, nx), bool), np.zeros((ny, nx), bool)
    for i in range(nints):
        for y in range(ny):
            for x in range(nx):
                full = (groupdq[i, :, y, x] & SATURATED) != 0
                left_out, last_needed = skip, skip + 1
                asked |= full[last_needed] and not full[0]
                while full[last_needed] and not full[0] and last_needed > 0:
                    left_out, last_needed = max(left_out - 1, 0), last_needed - 1
                groupdq[i, :left_out, y, x] |= DO_NOT_USE
                lowered[y, x] |= left_out < skip
                none[y, x] |= left_out == 0
    pixeldq[lowered] = FLUX_ESTIMATED
    return groupdq, pixeldq, asked, lowered, none


def saturating(rng, shape):
    """Return flags of ramps that saturate at some group, or never."""
    nints, ngroups, ny, nx = shape
    start = rng.integers(0, 2 * ngroups, (nints, 1, ny, nx))
    group = np.arange(ngroups)[:, None, None]
    return np.where(group >= start, np.uint8(SATURATED), np.uint8(0))


@pytest.mark.parametrize("skip", [0, 1, 2, 5])
def test_early_saturation_keeps_groups(skip):
    groupdq = saturating(np.random.default_rng(skip), (3, 9, 7, 8))
    expected, quality, asked, lowered, none = naive_rscd(groupdq, skip)
    pixeldq = np.zeros(groupdq.shape[2:], np.uint32)
    found = rscd.flag_rscd(groupdq, pixeldq, skip)
    np.testing.assert_array_equal(groupdq, expected)
    np.testing.assert_array_equal(pixeldq, quality)
    assert found.asked == asked
    np.testing.assert_array_equal(found.lowered, lowered.sum(axis=1))
    np.testing.assert_array_equal(found.none_left_out, none.sum(axis=1))


def test_unsaturated_ramps_lose_what_the_reference_says():
    groupdq = np.zeros((2, 8, 3, 4), np.uint8)
    pixeldq = np.zeros((3, 4), np.uint32)
    found = rscd.flag_rscd(groupdq, pixeldq, 3)
    assert (groupdq[:, :3] == DO_NOT_USE).all()
    assert not groupdq[:, 3:].any()
    assert not pixeldq.any()
    assert not found.asked


@pytest.mark.parametrize(
    ("listed", "ngroups", "nints", "expected"),
    [
        ((4, 2), 20, 3, (4, 2)),
        ((4, 2), 5, 3, (1, 1)),  # five groups or fewer
        ((4, 2), 3, 3, (0, 0)),
        ((20, 10), 12, 2, (9, 9)),  # three groups are kept
        ((20, 10), 12, 1, (9, 10)),  # there is no later integration
        ((-1, 6), 20, 2, (1, 6)),  # the reference does not know
    ],
)
def test_number_of_groups_left_out(listed, ngroups, nints, expected):
    assert rscd.plan(*listed, ngroups, nints) == expected


def test_first_group_is_left_out():
    groupdq = np.zeros((2, 5, 3, 4), np.uint8)
    first_last_frame.flag_first(groupdq, np.zeros((3, 4), np.uint32), False)
    assert (groupdq[:, 0] == DO_NOT_USE).all()
    assert not groupdq[:, 1:].any()


def test_first_group_of_bright_ramps_is_kept():
    groupdq = np.zeros((2, 5, 3, 4), np.uint8)
    groupdq[1, 2:, 1, 2] = SATURATED
    pixeldq = np.zeros((3, 4), np.uint32)
    first_last_frame.flag_first(groupdq, pixeldq, True)
    assert groupdq[1, 0, 1, 2] == 0
    assert groupdq[0, 0, 1, 2] == DO_NOT_USE
    assert np.count_nonzero(groupdq[:, 0]) == 23
    assert pixeldq[1, 2] == FLUX_ESTIMATED
    assert np.count_nonzero(pixeldq) == 1


def test_last_group_is_left_out_whatever_else_it_is():
    groupdq = np.full((2, 4, 3, 4), SATURATED, np.uint8)
    first_last_frame.flag_last(groupdq)
    assert (groupdq[:, -1] == SATURATED | DO_NOT_USE).all()
    assert (groupdq[:, :-1] == SATURATED).all()


def test_reset_anomaly_is_subtracted_from_first_groups():
    rng = np.random.default_rng(1)
    data = rng.normal(1000, 10, (4, 6, 3, 5)).astype(np.float32)
    anomaly = rng.normal(30, 5, (2, 3, 3, 5)).astype(np.float32)
    anomaly[0, 1, 2, 2] = np.nan
    expected = data.copy()
    for i in range(4):
        for g in range(3):
            for y in range(3):
                for x in range(5):
                    value = anomaly[min(i, 1), g, y, x]
                    expected[i, g, y, x] -= 0 if np.isnan(value) else value
    reset.subtract_reset(data, anomaly, reset.planes_used(0, 4, 2))
    np.testing.assert_array_equal(data, expected)


def test_segments_take_the_anomaly_of_their_integrations():
    assert reset.planes_used(1, 4, 3).tolist() == [1, 2, 2, 2]


def test_miri_has_an_order_of_its_own():
    assert " ".join(steps_of("MIRI")) == (
        "group_scale dq_init emicorr saturation ipc firstframe lastframe reset linearity rscd "
        "dark_current refpix charge_migration jump picture_frame clean_flicker_noise persistence "
        "ramp_fit gain_scale"
    )
    assert not {"emicorr", "firstframe", "lastframe", "reset", "rscd"}.intersection(
        steps_of("NIRCAM")
    )
