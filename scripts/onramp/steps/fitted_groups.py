"""Which groups of a MIRI exposure are fitted: those at its ends that nobody can use are not."""

import numpy as np

from onramp.flags import DO_NOT_USE, PERSISTENCE
from onramp.kernels import kernel, scalar_kernel

GOOD = 0xFF ^ PERSISTENCE  # flags without which a group is good


def kept_groups(unusable):
    """
    Return which groups of a MIRI exposure are fitted: not those at its ends that nobody can use.

    All leading groups are dropped that are DO_NOT_USE in every pixel and integration, and one
    trailing one.

    Parameters
    ----------
    unusable : (nints, ngroups) bool
        Every pixel is DO_NOT_USE, with those that `ramp_fit.ignored_groups` excludes.

    Returns
    -------
    slice or None
        None if fewer than two groups are left, and there is nothing to fit. If it does not start
        at 0, `Rules.trimmed` belongs to it. An only group is kept.
    """
    dead = np.asarray(unusable).all(axis=0)
    if dead.size == 1:
        return slice(0, 1)
    if dead.all():
        return None
    first = int(np.argmin(dead))
    last = dead.size - int(dead[-1])
    return slice(first, last) if last - first >= 2 else None


def usable_groups(groupdq, rules):
    """
    Tell which groups anybody uses once ramps of a single good group are suppressed.

    Where this is not so of all groups of an exposure that `kept_groups` kept, the reference,
    which suppresses first, drops more: `kept_groups` again, with these unusable as well.

    Parameters
    ----------
    groupdq : (nints, ngroups, ny, nx) uint8
        Rows as the fit takes them.
    rules : Rules

    Returns
    -------
    (ngroups,) bool
    """
    usable = np.zeros(groupdq.shape[1], bool)
    _find_usable(groupdq, bool(rules.suppress_one_group), usable)
    return usable


@kernel
def _find_usable(groupdq, suppress, usable):
    nints, ngroups, ny, nx = groupdq.shape
    good = np.empty(nx, np.uint8)
    for i in range(nints):
        for y in range(ny):
            good[:] = 0
            for g in range(ngroups if suppress else 0):
                _count_good(groupdq[i, g, y], good)
            left = 0
            for g in range(ngroups):
                usable[g] = usable[g] or _any_used(groupdq[i, g, y], good)
                left += not usable[g]
            if left == 0:
                return


@scalar_kernel
def _count_good(flags, good):
    """Count good groups up to two."""
    for x in range(flags.size):
        good[x] += np.uint8(((flags[x] & GOOD) == 0) & (good[x] < 2))


@scalar_kernel
def _any_used(flags, good):
    """Return whether any ramp, but for those of a single good group, uses a group."""
    found = False
    for x in range(flags.size):
        found |= ((flags[x] & DO_NOT_USE) == 0) & (good[x] != 1)
    return found
