"""Which groups of a MIRI exposure are fitted: those at its ends that nobody can use are not."""

import numpy as np

from onramp.flags import DO_NOT_USE, PERSISTENCE


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
    for y in range(groupdq.shape[2]):
        flags = groupdq[:, :, y]
        used = (flags & np.uint8(DO_NOT_USE)) == 0
        if rules.suppress_one_group:
            good = (flags & np.uint8(0xFF ^ PERSISTENCE)) == 0
            used &= (good.sum(axis=1) != 1)[:, np.newaxis]
        usable |= used.any(axis=(0, 2))
        if usable.all():
            break
    return usable
