import numpy as np
import pytest
from onramp.flags import DO_NOT_USE, JUMP_DET, SATURATED
from onramp.steps.fitted_groups import kept_groups, usable_groups
from onramp.steps.ramp_fit import Rules


@pytest.mark.parametrize(
    ("dead", "kept"),
    [
        ("0000", (0, 4)),
        ("1000", (1, 4)),
        ("1100", (2, 4)),
        ("0001", (0, 3)),
        ("0011", (0, 3)),
        ("1001", (1, 3)),
        ("1011", (1, 3)),
        ("0100", (0, 4)),
        ("1101", None),
        ("1110", None),
        ("1111", None),
        ("01", None),
        ("0", (0, 1)),
        ("1", (0, 1)),
    ],
)
def test_groups_at_the_ends_are_dropped(dead, kept):
    unusable = np.array([[int(digit) for digit in dead]] * 2, bool)
    groups = kept_groups(unusable)
    assert (groups and (groups.start, groups.stop)) == kept


def test_a_group_that_one_integration_uses_is_kept():
    assert kept_groups(np.array([[1, 0, 0], [0, 0, 0]], bool)) == slice(0, 3)


def naive_usable(groupdq, rules):
    flags = groupdq.astype(int)
    for i, y, x in np.ndindex(groupdq.shape[0], *groupdq.shape[2:]):
        ramp = flags[i, :, y, x]
        if rules.suppress_one_group and sum(flag & ~32 == 0 for flag in ramp) == 1:
            ramp |= DO_NOT_USE
    return (flags & DO_NOT_USE == 0).any(axis=(0, 2, 3))


@pytest.mark.parametrize("suppress", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_usable_groups(seed, suppress):
    rng = np.random.default_rng(seed)
    shape = 2, 4, int(rng.integers(1, 4)), 2
    bits = [DO_NOT_USE] * 4 + [0, 32, JUMP_DET | DO_NOT_USE, SATURATED]
    groupdq = rng.choice(bits, shape).astype(np.uint8)
    rules = Rules(suppress_one_group=suppress)
    assert np.array_equal(usable_groups(groupdq, rules), naive_usable(groupdq, rules))
