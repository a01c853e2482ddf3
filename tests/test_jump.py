import warnings

import numpy as np
import pytest
from astropy.stats import sigma_clip
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_jumps import (
    ALONE,
    BRANCHES,
    THRESHOLDS,
    a_band,
    a_detection,
    naive_jumps,
    run,
    spoil,
)
from onramp.flags import DO_NOT_USE, JUMP_DET, PERSISTENCE, SATURATED
from onramp.parameters import Jump
from onramp.steps.jump import (
    ITERATIVE,
    SIGMA_CLIP,
    SINGLE_PASS,
    TOO_FEW_GROUPS,
    detect_jumps,
    plan,
)


@pytest.mark.parametrize("seed", range(12), ids="seed{}".format)
@pytest.mark.parametrize("name", BRANCHES)
def test_agrees_with_naive(name, seed):
    branch, across, shape = BRANCHES[name]
    rng = np.random.default_rng([seed, len(name)])
    band = a_band(rng, shape)
    if seed:
        spoil(rng, band)
    thresholds = THRESHOLDS._replace(
        rejection=float(rng.choice([3.0, 4.0])),
        neighbours_above=float(rng.choice([2.0, 10.0])),
        neighbours_below=float(rng.choice([50.0, 1000.0])),
        after_electrons1=100.0,
        after_groups1=int(rng.integers(0, 3)),
        after_electrons2=1000.0,
        after_groups2=int(rng.integers(0, 4)),
    )
    nframes = int(rng.choice([1, 4]))
    detection = a_detection(branch, across, rng.random() < 0.8, thresholds, nframes)
    expected, expected_count = naive_jumps(*band, detection)
    dq, count = run(band, detection)
    assert np.array_equal(dq, expected)
    assert count == expected_count
    if seed == 0 and branch != TOO_FEW_GROUPS:
        assert np.count_nonzero(dq & JUMP_DET) > 0


def test_more_differences_than_the_sorting_network_holds():
    rng = np.random.default_rng(8)
    band = spoil(rng, a_band(rng, (1, 180, 2, 3), hits=0.01))
    for branch in (ITERATIVE, SINGLE_PASS):
        expected, count = naive_jumps(*band, a_detection(branch))
        assert count > 0
        assert np.array_equal(run(band, a_detection(branch))[0], expected)


@pytest.mark.parametrize(("branch", "ngroups"), [(SINGLE_PASS, 21), (ITERATIVE, 11)])
def test_false_positives_come_at_the_level_of_the_threshold(branch, ngroups):
    """Bright pixels without read noise: each difference deviates like a normal variate."""
    rng = np.random.default_rng(3)
    electrons = np.cumsum(rng.poisson(5000, (1, ngroups, 150, 150)), axis=1)
    one = np.ones((150, 150), np.float32)
    band = electrons.astype(np.float32), np.zeros(electrons.shape, np.uint8), one, 0 * one
    dq, count = run(band, a_detection(branch, thresholds=ALONE._replace(rejection=3.0)))
    differences = 150 * 150 * (ngroups - 1)
    expected = 0.0026998 * differences
    # the median of n differences has a variance of pi / 2 n
    widened = np.sqrt(1 + np.pi / 2 / (ngroups - 1))
    assert 0.8 * expected < count < expected * widened**10
    assert count == np.count_nonzero(dq)


def test_clipping_across_integrations_has_few_false_positives():
    rng = np.random.default_rng(4)
    band = a_band(rng, (100, 3, 30, 40), hits=0.0)
    _, count = run(band, a_detection(SIGMA_CLIP))
    expected = 6.334e-5 * 100 * 2 * 30 * 40
    assert 0.5 * expected < count < 4 * expected


@pytest.mark.parametrize("name", ["iterative", "single_pass", "across_integrations"])
def test_every_large_hit_is_found(name):
    branch, across, shape = BRANCHES[name]
    rng = np.random.default_rng(5)
    band = a_band(rng, shape, hits=0.0)
    hit = np.zeros(shape, bool)
    hit[0, 2] = True
    band[0][0, 2:] += 3000.0
    dq, count = run(band, a_detection(branch, across, thresholds=ALONE))
    assert (dq[hit] == JUMP_DET).all()
    assert count <= hit.sum() + 3


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 1000),
    name=st.sampled_from(["iterative", "single_pass", "across_integrations"]),
    pedestal=st.integers(-2000, 2000),
)
def test_a_pedestal_changes_nothing(seed, name, pedestal):
    branch, across, shape = BRANCHES[name]
    data, groupdq, _, readnoise = a_band(np.random.default_rng(seed), shape)
    gain = np.full(data.shape[2:], 2, np.float32)
    band = np.round(data), groupdq, gain, readnoise
    raised = band[0] + np.float32(pedestal), *band[1:]
    detection = a_detection(branch, across)
    assert np.array_equal(run(band, detection)[0], run(raised, detection)[0])


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 1000),
    name=st.sampled_from(["iterative", "single_pass", "across_integrations", "all_together"]),
)
def test_the_order_of_integrations_does_not_matter(seed, name):
    branch, across, shape = BRANCHES[name]
    rng = np.random.default_rng(seed)
    band = spoil(rng, a_band(rng, shape))
    order = rng.permutation(shape[0])
    turned = band[0][order], band[1][order], *band[2:]
    detection = a_detection(branch, across, thresholds=THRESHOLDS._replace(after_groups1=1))
    assert np.array_equal(run(band, detection)[0][order], run(turned, detection)[0])


def test_bands_with_a_halo_give_the_flags_of_the_whole_frame():
    rng = np.random.default_rng(6)
    band = spoil(rng, a_band(rng, (1, 6, 30, 12), hits=0.1))
    detection = a_detection(ITERATIVE)
    whole, count = run(band, detection)
    counts = 0
    for first, last in ((0, 7), (7, 8), (8, 20), (20, 30)):
        low, high = max(0, first - 1), min(30, last + 1)
        rows = slice(low, high)
        dq = band[1][:, :, rows].copy()
        inner = slice(first - low, last - low)
        part = band[0][:, :, rows].copy(), dq, band[2][rows], band[3][rows]
        counts += detect_jumps(*part, detection, inner)[0]
        assert np.array_equal(dq[:, :, inner], whole[:, :, first:last])
    assert counts == count


def a_step(values):
    """One pixel of 1 e-/DN and a read noise of 10 e- whose groups rise by `values`."""
    ramp = np.cumsum([0, *values]).astype(np.float32).reshape(1, -1, 1, 1)
    one = np.ones((1, 1), np.float32)
    return ramp, np.zeros(ramp.shape, np.uint8), one, 10 * one


@pytest.mark.parametrize(
    ("values", "threshold"), [((0, 0, 0, 0, 0), 40), ((0, 0, 0), 50), ((0, 0), 60)]
)
def test_thresholds_by_usable_differences(values, threshold):
    for jump, flagged in ((threshold - 1, False), (threshold + 1, True)):
        band = a_step((*values[:-1], jump))
        dq, _ = run(band, a_detection(ITERATIVE))
        assert bool(dq.any()) == flagged
        assert bool(dq[0, -1, 0, 0] & JUMP_DET) == flagged


def test_ties_fall_together():
    dq, count = run(a_step((0, 500, 0, 500, 0, 0)), a_detection(ITERATIVE))
    assert np.flatnonzero(dq).tolist() == [2, 4]
    assert count == 2


def test_jumps_flagged_before_trigger_neighbours_and_no_neighbour_triggers():
    band = a_band(np.random.default_rng(9), (1, 6, 5, 5), hits=0.0)
    band[0][0, 3:, 2, 2] += 800
    band[1][0, 1, 2, 3] = SATURATED
    band[1][0, 3, 1, 2] = DO_NOT_USE
    dq, count = run(band, a_detection(ITERATIVE))
    assert count == 1
    assert np.argwhere(dq[0, 3] & JUMP_DET).tolist() == [[2, 1], [2, 2], [2, 3], [3, 2]]
    flagged = band[0], band[1].copy(), *band[2:]
    flagged[1][0, 3, 2, 2] = JUMP_DET
    unlimited = THRESHOLDS._replace(rejection=1e9, three_groups=1e9, four_groups=1e9)
    assert np.array_equal(run(flagged, a_detection(ITERATIVE, thresholds=unlimited))[0], dq)


def test_jump_is_cleared_from_bad_samples():
    band = a_band(np.random.default_rng(1), (1, 5, 2, 2), hits=0.0)
    band[1][0, 2] = JUMP_DET | SATURATED
    band[1][0, 3] = JUMP_DET | DO_NOT_USE | PERSISTENCE
    dq, _ = run(band, a_detection(TOO_FEW_GROUPS))
    assert (dq[0, 2] == SATURATED).all()
    assert (dq[0, 3] == DO_NOT_USE | PERSISTENCE).all()


@pytest.mark.parametrize(
    "diffs",
    [
        [-21, -21, -13, -1, 3, 5, 34, 34, 55],
        [-89, -8, -3, -2, -1, 0, 5, 5, 8, 8, 13, 55, 55],
    ],
)
def test_what_is_clipped_once_stays_out(diffs):
    """Later limits would take it back."""
    data = np.zeros((len(diffs), 2, 1, 1), np.float32)
    data[:, 1, 0, 0] = diffs
    plane = np.ones((1, 1), np.float32)
    for rejection in (1.0, 1.2):
        thresholds = THRESHOLDS._replace(rejection=rejection)
        detection = a_detection(SIGMA_CLIP, neighbours=False, thresholds=thresholds)
        band = data, np.zeros(data.shape, np.uint8), plane, plane
        assert np.array_equal(run(band, detection)[0], naive_jumps(*band, detection)[0])


@pytest.mark.parametrize("across", [True, False])
@pytest.mark.parametrize("rejection", [0.3, 0.7, 0.9, 1.5])
def test_limits_that_leave_nothing_are_the_last(rejection, across):
    """As those of astropy.stats.sigma_clip."""
    rng = np.random.default_rng(8)
    data = np.cumsum(rng.normal(10, 5, (12, 4, 3, 20)), axis=1).astype(np.float32)
    plane = np.ones((3, 20), np.float32)
    thresholds = THRESHOLDS._replace(rejection=rejection)
    detection = a_detection(SIGMA_CLIP, across, neighbours=False, thresholds=thresholds)
    found, _ = run((data, np.zeros(data.shape, np.uint8), plane, plane), detection)
    diffs = np.diff(data, axis=1).astype(float)
    clipped = sigma_clip(diffs, sigma=rejection, axis=0 if across else (0, 1))
    assert np.array_equal(found[:, 1:] & JUMP_DET != 0, clipped.mask)


def test_planes_flagged_all_over_are_spared():
    band = a_band(np.random.default_rng(2), (20, 3, 3, 4), hits=0.0)
    band[0][7, 2] += 5000
    detection = a_detection(SIGMA_CLIP, neighbours=False)
    dq = band[1].copy()
    count, touched = detect_jumps(band[0], dq, *band[2:], detection, slice(0, 3))
    assert touched[7, 2] == 12
    assert touched.sum() == count
    spared, fewer = run(band, detection, spared_planes=[(7, 2)])
    assert not spared[7, 2].any()
    assert fewer == count - 12
    dq[7, 2] = 0
    assert np.array_equal(spared, dq)


def test_shapes_that_differ_are_named():
    band = a_band(np.random.default_rng(0), (1, 4, 3, 3))
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        run((*band[:2], band[2][:2], band[3]), a_detection(ITERATIVE))


def test_quiet_where_nothing_is_usable():
    band = a_band(np.random.default_rng(0), (1, 4, 3, 3))
    band[1][:] = SATURATED
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for branch in (ITERATIVE, SINGLE_PASS, SIGMA_CLIP):
            dq, count = run(band, a_detection(branch))
            assert count == 0
            assert (dq == SATURATED).all()


@pytest.mark.parametrize(
    ("shape", "changes", "branch"),
    [
        ((1, 10), {}, ITERATIVE),
        ((1, 11), {}, SINGLE_PASS),
        ((5, 5), {}, ITERATIVE),
        ((99, 3), {}, ITERATIVE),
        ((100, 3), {}, SIGMA_CLIP),
        ((1, 100), {"only_use_ints": False}, SIGMA_CLIP),
        ((1, 99), {"only_use_ints": False}, SINGLE_PASS),
        ((3, 4), {"minimum_sigclip_groups": 3}, SIGMA_CLIP),
        ((1, 5), {"min_diffs_single_pass": 4}, SINGLE_PASS),
    ],
)
def test_branch(shape, changes, branch):
    assert plan(Jump(**changes), np.zeros(shape, bool), 1, 10.0, 2.0).branch == branch


def test_groups_that_nobody_can_use_lower_the_count():
    unusable = np.zeros((2, 11), bool)
    unusable[1, 0] = True
    assert plan(Jump(), unusable, 1, 10.0, 2.0).branch == ITERATIVE
    unusable = np.zeros((2, 4), bool)
    unusable[0, :2] = True
    assert plan(Jump(), unusable, 1, 10.0, 2.0).branch == TOO_FEW_GROUPS
    unusable = np.zeros((1, 100), bool)
    unusable[0, 0] = True
    assert plan(Jump(only_use_ints=False), unusable, 1, 10.0, 2.0).branch == SINGLE_PASS


def test_after_jump_parameters_become_electrons_and_groups():
    parameters = Jump(
        after_jump_flag_dn1=10, after_jump_flag_time1=35, after_jump_flag_dn2=1000,
        after_jump_flag_time2=9, flag_4_neighbors=False,
    )  # fmt: skip
    detection = plan(parameters, np.zeros((1, 5), bool), 4, 10.0, 1.5)
    assert detection.thresholds[5:] == (15.0, 3, 1500.0, 0)
    assert detection.nframes == 4
