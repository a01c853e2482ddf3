from collections import deque

import numpy as np
import pytest
from onramp.flags import DO_NOT_USE, JUMP_DET, PERSISTENCE, SATURATED
from onramp.parameters import Jump
from onramp.steps.ellipses import Brush, Ellipses, draw
from onramp.steps.regions import find_regions
from onramp.steps.snowballs import SnowballRules, flag_snowballs

GROUP_TIME = 10.0
CENTRE = 32, 30
FILL = Brush(np.uint8(0), np.uint8(1), np.uint8(0))


def naive_regions(flagged):
    """Flood fill: the pixels of each region, (n, 2), by the first pixel in reading order."""
    left = flagged.copy()
    regions = []
    for start in np.argwhere(flagged):
        if not left[tuple(start)]:
            continue
        left[tuple(start)] = False
        queue, pixels = deque([tuple(start)]), []
        while queue:
            y, x = queue.popleft()
            pixels.append((y, x))
            for v in range(max(y - 1, 0), min(y + 2, flagged.shape[0])):
                for u in range(max(x - 1, 0), min(x + 2, flagged.shape[1])):
                    if left[v, u]:
                        left[v, u] = False
                        queue.append((v, u))
        regions.append(np.array(sorted(pixels)))
    return regions


def naive_filled_area(pixels):
    """Area of a region and of what cannot be left by steps to the eight neighbours."""
    inside = np.zeros(np.ptp(pixels, axis=0) + 3, bool)
    inside[tuple((pixels - pixels.min(axis=0) + 1).T)] = True
    return inside.size - len(naive_regions(~inside)[0])


def naive_ellipse(pixels):
    """Centre, minor and major axis less one, and the major axis' direction."""
    covariance = np.cov(pixels.T, bias=True)
    values, vectors = np.linalg.eigh(covariance)
    return pixels.mean(axis=0), 4 * np.sqrt(np.maximum(values, 0)) - 1, vectors[:, 1]


def naive_drawing(shape, centre, semi_minor, semi_major, angle):
    """The pixels within a turned ellipse of rounded centre and semi-axes."""
    down, across = np.indices(shape) - np.rint(centre)[:, None, None]
    angle = np.radians(angle)
    along = down * np.cos(angle) + across * np.sin(angle)
    aside = down * np.sin(angle) - across * np.cos(angle)
    return (along / np.rint(semi_major)) ** 2 + (aside / np.rint(semi_minor)) ** 2 < 1


def disk(shape, centre, radius):
    down, across = np.indices(shape) - np.array(centre)[:, None, None]
    return np.hypot(down, across) < radius


@pytest.fixture(params=[0.1, 0.3, 0.45])
def plane(request):
    rng = np.random.default_rng(7)
    flagged = rng.random((37, 61)) < request.param
    return np.where(flagged, rng.choice([4, 6, 36], flagged.shape), 0).astype(np.uint8)


@pytest.fixture
def nothing():
    return np.zeros((37, 61), np.uint8)


def test_regions_are_those_of_a_flood_fill(plane, nothing):
    regions = find_regions(plane, nothing, JUMP_DET)
    expected = naive_regions(plane != 0)
    assert regions.area.tolist() == [len(pixels) for pixels in expected]
    centres = regions.centres(np.arange(len(expected)))
    np.testing.assert_allclose(centres, [pixels.mean(axis=0) for pixels in expected])
    np.testing.assert_array_equal(regions.corners[:, 0], [p[:, 0].min() for p in expected])
    np.testing.assert_array_equal(regions.corners[:, 1], [p[:, 0].max() + 1 for p in expected])
    np.testing.assert_array_equal(regions.corners[:, 2], [p[:, 1].min() for p in expected])
    np.testing.assert_array_equal(regions.corners[:, 3], [p[:, 1].max() + 1 for p in expected])


@pytest.mark.parametrize("area", [1, 5, 9, 9.5, 20])
def test_holes_count_as_area(plane, nothing, area):
    regions = find_regions(plane, nothing, JUMP_DET)
    filled = [naive_filled_area(pixels) for pixels in naive_regions(plane != 0)]
    np.testing.assert_array_equal(regions.at_least(area), np.flatnonzero(np.array(filled) >= area))


def test_ring_has_the_area_of_its_disk(nothing):
    nothing[10:13, 10:13] = JUMP_DET
    nothing[11, 11] = 0
    regions = find_regions(nothing, np.zeros_like(nothing), JUMP_DET)
    assert regions.area.tolist() == [8]
    assert regions.at_least(9).tolist() == [0]
    assert regions.at_least(10).size == 0


@pytest.mark.parametrize("nx", [1, 7, 8, 64, 65])
def test_regions_of_any_width(nx):
    rng = np.random.default_rng(nx)
    plane = np.where(rng.random((20, nx)) < 0.4, 4, 0).astype(np.uint8)
    regions = find_regions(plane, np.zeros_like(plane), JUMP_DET)
    assert regions.area.tolist() == [len(pixels) for pixels in naive_regions(plane != 0)]


def test_only_what_is_new_makes_a_region(plane, nothing):
    nothing[plane == 6] = SATURATED
    regions = find_regions(plane, nothing, SATURATED)
    assert regions.area.size == 0
    regions = find_regions(plane, nothing, JUMP_DET)
    assert regions.area.sum() == np.count_nonzero(plane)


def test_many_runs_are_all_kept():
    plane = np.zeros((200, 200), np.uint8)
    plane[::2, ::2] = JUMP_DET
    regions = find_regions(plane, np.zeros_like(plane), JUMP_DET)
    assert regions.area.size == 100 * 100


def test_ellipses_have_the_moments_of_their_regions(plane, nothing):
    regions = find_regions(plane, nothing, JUMP_DET)
    chosen = regions.at_least(6)
    ellipses = Ellipses.of(regions, chosen)
    pixels = naive_regions(plane != 0)
    for n, region in enumerate(chosen):
        centre, (minor, major), direction = naive_ellipse(pixels[region])
        np.testing.assert_allclose([ellipses.y[n], ellipses.x[n]], centre)
        np.testing.assert_allclose([ellipses.minor[n], ellipses.major[n]], [minor, major])
        angle = np.radians(ellipses.angle[n])
        if major - minor > 1e-6:
            aligned = abs(direction @ [np.cos(angle), np.sin(angle)])
            assert aligned == pytest.approx(1)


def test_widening_adds_the_same_to_both_axes():
    ellipse = Ellipses(*np.array([[0.0, 0, 4, 10, 0]]).T)
    assert ellipse.widened(2.0, 400) == (8, 14)
    assert ellipse.widened(2.0, 12) == (8, 12)


def test_points_are_held_by_the_mirrored_ellipse():
    """As in the reference: an ellipse longest along rows is taken as longest along columns."""
    ellipse = Ellipses(*np.array([[50.0, 40, 4, 20, 0]] * 4).T)
    down, across = np.array([[0, 0, 1, 8], [8, 11, 8, 0]])
    assert ellipse.hold(50 + down, 40 + across).tolist() == [True, False, True, False]
    tilted = ellipse._replace(angle=np.full(4, 30.0))
    down, across = np.array([[4, 8, -4, 0], [7, 4, 7, 0]])
    assert tilted.hold(50 + down, 40 + across).tolist() == [True, False, False, True]


def test_moments_round_as_a_fused_product_does():
    from fractions import Fraction

    from onramp.steps.ellipses import _fused

    rng = np.random.default_rng(2)
    for a, b, c in rng.normal(0, 10, (500, 3)).tolist():
        for addend in (c, -a * b, -a * b * (1 + 2**-50)):
            exact = Fraction(a) * Fraction(b) + Fraction(addend)
            assert _fused(a, b, addend) == float(exact)


@pytest.mark.parametrize("seed", range(30))
def test_drawing_fills_what_lies_within(seed):
    rng = np.random.default_rng(seed)
    shape = 40, 57
    centre = rng.uniform(0, np.array(shape) - 1)
    minor, major, angle = *np.sort(rng.uniform(2, 30, 2)), rng.uniform(-90, 90)
    ellipse = Ellipses(*np.array([[*centre, minor, major, angle]]).T)
    planes = np.zeros((1, *shape), np.uint8)
    draw(planes, ellipse, (ellipse.minor, ellipse.major), FILL)
    expected = naive_drawing(shape, centre, minor / 2, major / 2, angle)
    np.testing.assert_array_equal(planes[0], expected)
    bands = np.zeros_like(planes)
    for first in (0, 13, 26):
        band = bands[:, first : first + 13].copy()
        draw(band, ellipse, (ellipse.minor, ellipse.major), FILL, shape[0], first)
        bands[:, first : first + 13] = band
    np.testing.assert_array_equal(bands[:, :39], planes[:, :39])


def test_a_pixel_is_left_alone_from_where_the_brush_stops():
    planes = np.zeros((3, 9, 9), np.uint8)
    planes[1, 4, 4] = SATURATED
    circle = Ellipses(*np.array([[4.0, 4, 6, 6, 0]]).T)
    brush = Brush(np.uint8(0xFF), np.uint8(JUMP_DET), np.uint8(SATURATED))
    draw(planes, circle, (circle.minor, circle.major), brush)
    assert planes[:, 4, 4].tolist() == [JUMP_DET, SATURATED, 0]
    assert planes[:, 4, 5].tolist() == [JUMP_DET] * 3


@pytest.fixture
def exposure():
    """Two integrations of five groups; in group 2 a snowball with a core that saturates."""
    groupdq = np.zeros((2, 5, 64, 60), np.uint8)
    shape = groupdq.shape[2:]
    groupdq[0, 2, disk(shape, CENTRE, 8)] = JUMP_DET
    groupdq[0, 2:, disk(shape, CENTRE, 4)] = SATURATED
    return groupdq


def found(groupdq, **parameters):
    """Flag the snowballs; return their number."""
    parameters = {"edge_size": 5} | parameters
    return flag_snowballs(groupdq, SnowballRules.of(Jump(**parameters), GROUP_TIME))


def area(flags, bit):
    return np.count_nonzero(flags & bit)


def test_snowball_and_core_are_widened(exposure):
    before = exposure.copy()
    assert found(exposure) == 1
    jump, core = exposure[0, 2] & JUMP_DET, exposure[0, 2] & SATURATED
    assert area(jump, JUMP_DET) > 2 * area(before[0, 2], JUMP_DET)
    assert area(core, SATURATED) > area(before[0, 2], SATURATED)
    assert not (jump & (core << 1)).any()
    np.testing.assert_array_equal(exposure[0, 3] & SATURATED, core)
    np.testing.assert_array_equal(exposure[0, 4] & SATURATED, core)
    np.testing.assert_array_equal(exposure[0, :2], before[0, :2])
    assert area(exposure[0, 3:], JUMP_DET) == 0


def test_widened_core_is_saturated_and_nothing_else(exposure):
    exposure[0, 4, 32, 34] = DO_NOT_USE | PERSISTENCE
    found(exposure)
    assert exposure[0, 4, 32, 34] == SATURATED


def test_core_is_masked_in_the_next_integration(exposure):
    found(exposure, snowball_time_masked_next_int=30)
    core = JUMP_DET * disk((64, 60), CENTRE, 3)
    np.testing.assert_array_equal(exposure[1], [0 * core, core, core, 0 * core, 0 * core])


@pytest.mark.parametrize(
    "parameters", [{"mask_snowball_core_next_int": False}, {"snowball_time_masked_next_int": 9}]
)
def test_core_need_not_be_masked(exposure, parameters):
    found(exposure, **parameters)
    assert not exposure[1].any()


def test_without_core_no_snowball(exposure):
    exposure[exposure == SATURATED] = 0
    before = exposure.copy()
    assert found(exposure) == 0
    np.testing.assert_array_equal(exposure, before)


def test_core_may_be_missing_if_it_is_not_required(exposure):
    exposure[exposure == SATURATED] = 0
    assert found(exposure, sat_required_snowball=False) == 1
    assert not (exposure & SATURATED).any()


def test_core_is_not_widened_if_it_is_not_required(exposure):
    core = exposure & SATURATED
    assert found(exposure, sat_required_snowball=False) == 1
    np.testing.assert_array_equal(exposure & SATURATED, core)


def test_core_may_saturate_in_the_group_after(exposure):
    exposure[0, 2, disk((64, 60), CENTRE, 4)] = JUMP_DET
    assert found(exposure) == 1


def test_what_was_saturated_before_is_no_core(exposure):
    exposure[0, 1, disk((64, 60), CENTRE, 4)] = SATURATED
    exposure[0, 3] = 0
    assert found(exposure) == 0


@pytest.mark.parametrize(("edge", "count"), [(30, 0), (31, 1)])
def test_near_the_edge_no_core_is_required(exposure, edge, count):
    exposure[exposure == SATURATED] = 0
    assert found(exposure, edge_size=edge) == count


def test_rows_bound_columns_too():
    """As in the reference: on a wide frame, columns beyond the number of rows are at the edge."""
    groupdq = np.zeros((1, 3, 20, 60), np.uint8)
    groupdq[0, 1, 8:12, 40:44] = JUMP_DET
    assert found(groupdq, edge_size=5) == 1


@pytest.mark.parametrize(("smallest", "count"), [(193, 1), (194, 0)])
def test_smallest_jump(exposure, smallest, count):
    assert area(exposure[0, 2], JUMP_DET | SATURATED) == 193
    assert found(exposure, min_jump_area=smallest) == count


@pytest.mark.parametrize(("smallest", "count"), [(45, 1), (46, 0)])
def test_smallest_core(exposure, smallest, count):
    assert area(exposure[0, 2], SATURATED) == 45
    assert found(exposure, min_sat_area=smallest) == count


@pytest.mark.parametrize(("axis", "grows"), [(6, True), (7, False)])
def test_small_cores_stay(exposure, axis, grows):
    before = area(exposure[0, 2], SATURATED)
    found(exposure, min_sat_radius_extend=axis)
    assert (area(exposure[0, 2], SATURATED) > before) == grows


def test_core_grows_by_so_much(exposure):
    found(exposure, sat_expand=3)
    expected = disk((64, 60), CENTRE, 6)
    np.testing.assert_array_equal((exposure[0, 4] & SATURATED) != 0, expected)


def test_growth_within_a_widened_core_is_not_new(exposure):
    still = exposure.copy()
    exposure[0, 3:, disk((64, 60), CENTRE, 5)] = SATURATED
    found(still)
    found(exposure)
    np.testing.assert_array_equal(exposure, still)


@pytest.mark.parametrize(("factor", "radius"), [(2, 17), (3, 25)])
def test_snowball_grows_by_a_factor(exposure, factor, radius):
    found(exposure, expand_factor=factor)
    flagged = (exposure[0, 2] & (JUMP_DET | SATURATED)) != 0
    assert flagged[CENTRE[0], CENTRE[1] + radius - 2]
    assert not flagged[CENTRE[0], CENTRE[1] + radius + 2]


def test_largest_snowball(exposure):
    found(exposure, max_extended_radius=9, expand_factor=5, sat_expand=20)
    everything = disk((64, 60), CENTRE, 9)
    np.testing.assert_array_equal((exposure[0, 2] & SATURATED) != 0, everything)
    assert area(exposure[0, 2], JUMP_DET) == 0


def test_snowballs_of_integrations_are_independent():
    rng = np.random.default_rng(4)
    groupdq = np.where(rng.random((3, 4, 50, 50)) < 0.15, 4, 0).astype(np.uint8)
    groupdq[rng.random(groupdq.shape) < 0.01] = SATURATED
    alone = [groupdq[i : i + 1].copy() for i in range(3)]
    counts = [found(one, mask_snowball_core_next_int=False) for one in alone]
    assert found(groupdq, mask_snowball_core_next_int=False) == sum(counts) > 20
    np.testing.assert_array_equal(groupdq, np.concatenate(alone))


def test_cube_must_be_of_contiguous_bytes(exposure):
    with pytest.raises(ValueError, match=r"\(2, 5, 64, 30\) uint8 is not a contiguous cube"):
        found(exposure[..., ::2])
    with pytest.raises(ValueError, match="int16"):
        found(exposure.astype(np.int16))
