import numpy as np
import pytest
from onramp.steps import irs2_bad_pixels as bad_pixels
from onramp.steps.irs2_bad_pixels import NOTHING, Sources, Sums

FIRST = 640 + 8  # first reference column of the first amplifier


def bad(*columns):
    found = np.zeros(3200, bool)
    found[list(columns)] = True
    return found


def test_sums_give_the_statistics_of_pairs():
    rng = np.random.default_rng(4)
    groups = rng.normal(200, 5, (3, 640, 50)).astype(np.float32)
    sums = Sums(*np.zeros((3, 320)))
    for reads in groups:
        bad_pixels.add_pairs(reads, sums)
    difference, mean, spread = sums.statistics(3 * 50)
    pairs = groups.astype(float).reshape(3, 320, 2, 50)
    assert np.allclose(difference, np.abs(pairs[:, :, 1] - pairs[:, :, 0]).mean(axis=(0, 2)))
    assert np.allclose(mean, pairs.mean(axis=(0, 2, 3)))
    assert np.allclose(spread, pairs.std(axis=(0, 2, 3)))


@pytest.mark.parametrize("statistic", range(3))
def test_restless_pixels_stand_out_in_their_output(statistic):
    rng = np.random.default_rng(5)
    statistics = rng.normal(10, 0.1, (3, 320))
    statistics[:, 256:] += 50  # another output has another level
    known = bad(*range(FIRST, FIRST + 4))
    statistics[:, 64] += 1000
    statistics[statistic, 100] += 5
    first = bad_pixels.pairs()
    found = bad_pixels.restless(statistics, known, 6.0)
    assert np.flatnonzero(found).tolist() == [first[100], first[100] + 1]


def test_pairs_of_an_output_that_is_all_bad():
    found = bad_pixels.restless(np.ones((3, 320)), np.ones(3200, bool), 3.0)
    assert not found.any()


@pytest.mark.parametrize(
    ("column", "others", "expected"),
    [
        (FIRST + 20, (), (FIRST, FIRST + 40)),
        (FIRST + 20, (FIRST,), (FIRST + 40, FIRST + 40)),
        (FIRST, (), (FIRST + 20, FIRST + 20)),
        (FIRST + 20, (FIRST, FIRST + 40), (FIRST + 22, FIRST + 22)),
        (FIRST + 22, (FIRST + 2, FIRST + 42), (FIRST + 20, FIRST + 20)),
        (FIRST + 20, (FIRST, FIRST + 22, FIRST + 40), (NOTHING, NOTHING)),
        (1279, (), (1259, 1259)),
        (1280, (), (1300, 1300)),
    ],
)
def test_substitutes_lie_in_the_same_output(column, others, expected):
    assert bad_pixels.substitute(column, bad(column, *others)) == expected


def test_good_columns_are_their_own_source():
    sources = bad_pixels.replace_all(bad(FIRST + 20))
    assert sources.replaced.tolist() == [FIRST + 20]
    turned = sources.turned()
    assert turned.replaced.tolist() == [3199 - FIRST - 20]
    assert turned.first[3199 - FIRST - 20] == 3199 - FIRST
    assert np.array_equal(turned.turned().first, sources.first)


def test_turned_sources_keep_nothing():
    sources = Sources.themselves()
    sources.first[7] = sources.second[7] = NOTHING
    assert sources.turned().first[3192] == NOTHING


def test_listed_pixels():
    sources, known = Sources.themselves(), bad(FIRST, FIRST + 1)
    bad_pixels.replace_listed(sources, known, [(1, 1, 0b11), (2, 1, 1 << 31)])
    second_amplifier = 1280 + 8 + 31 * 20 + 2
    expected = [FIRST + 20, FIRST + 21, second_amplifier, second_amplifier + 1]
    assert sources.replaced.tolist() == expected
    assert sources.first[FIRST + 20] == FIRST + 40
    assert known[second_amplifier]
    assert sources.first[second_amplifier] == second_amplifier - 20
