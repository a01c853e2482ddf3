"""Saturation and converter-floor flags on raw samples ("Saturation Detection" of the reference)."""

import numpy as np

from onramp.flags import AD_FLOOR, DO_NOT_USE, NO_SAT_CHECK, SATURATED
from onramp.kernels import inner_kernel, kernel, scalar_kernel

ATOD_LIMIT = np.float32(65535.0)  # largest value of the 16-bit converter [DN]


def thresholds(saturation, dq):
    """
    Prepare the saturation reference.

    Parameters
    ----------
    saturation : (ny, nx) float32
        Threshold [DN]; NaN where unknown.
    dq : (ny, nx) uint32

    Returns
    -------
    threshold : (ny, nx) float32
        Out of reach for pixels that are not checked.
    unchecked : (ny, nx) bool
    """
    unchecked = np.isnan(saturation) | ((dq & NO_SAT_CHECK) != 0)
    return np.where(unchecked, ATOD_LIMIT + np.float32(1.0), saturation), unchecked


def quality(saturation, dq):
    """
    Return the data quality of the saturation reference, with NO_SAT_CHECK where it knows nothing.

    Parameters
    ----------
    saturation : (ny, nx) float32
        Threshold [DN]; NaN where unknown.
    dq : (ny, nx) uint32

    Returns
    -------
    (ny, nx) uint32
    """
    unknown = np.isnan(saturation)
    return np.where(unknown, dq | np.uint32(NO_SAT_CHECK), dq) if unknown.any() else dq


def halo(n_pix_grow_sat):
    """Return how many rows beyond a band its flags depend on."""
    return 2 * n_pix_grow_sat


def flag_saturation(data, groupdq, threshold, unchecked, bias, n_pix_grow_sat, nframes):
    """
    Flag saturated, partially saturated and floored samples of a band, in place.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) uint16 or float32
        Raw signal [DN].
    groupdq : (nints, ngroups, ny, nx) uint8
    threshold, unchecked : (ny, nx) float32, bool
        From `thresholds`.
    bias : (ny, nx) float32, or None
        Superbias [DN], for the check of the second group.
    n_pix_grow_sat : int
        Layers of neighbours to flag.
    nframes : int or None
        Frames averaged into a group; None: do not look inside groups.
    """
    known = np.zeros_like(threshold) if bias is None else bias
    _flag_band(data, groupdq, threshold, unchecked, known, n_pix_grow_sat, nframes or 0)


def flag_zeroframe(zeroframe, threshold, n_pix_grow_sat):
    """
    Set the unusable pixels of zero frames to 0, in place.

    Parameters
    ----------
    zeroframe : (nints, ny, nx) float32
        Raw signal of the first frames [DN].
    threshold : (ny, nx) float32
    n_pix_grow_sat : int
    """
    for frame in zeroframe:
        saturated = (frame >= threshold).astype(np.uint8)
        floored = frame <= 0
        grow(saturated, n_pix_grow_sat)
        frame[(saturated != 0) | floored] = 0.0


@kernel
def grow(mask, reach):
    """Grow the non-zero pixels of `mask` (ny, nx) uint8 by `reach` pixels in all directions."""
    ny, nx = mask.shape
    found = np.uint8(0)
    for y in range(ny):
        row = mask[y]
        for x in range(nx):
            found |= row[x]
    if reach == 0 or found == 0:
        return
    wide = mask.copy()
    for y in range(ny):
        for step in range(1, min(reach, nx - 1) + 1):
            _add_flags(wide[y, : nx - step], mask[y, step:])
            _add_flags(wide[y, step:], mask[y, : nx - step])
    for y in range(ny):
        for other in range(max(0, y - reach), min(ny, y + reach + 1)):
            _add_flags(mask[y], wide[other])


@scalar_kernel
def _add_flags(flags, more):
    for x in range(flags.size):
        flags[x] |= more[x]


@scalar_kernel
def _find_full(samples, threshold, seen, flags):
    """Add a group's saturated pixels to those seen, flag its floor; tell whether any is new."""
    fresh, floors = False, False
    for n in range(samples.size):
        full = (np.float32(samples[n]) >= threshold[n]) & (seen[n] == 0)
        seen[n] = np.uint8(1) if full else seen[n]
        fresh |= full
        floors |= samples[n] <= 0
    if floors:
        for n in range(samples.size):
            floor = samples[n] <= 0
            flags[n] |= np.uint8(AD_FLOOR | DO_NOT_USE) if floor else np.uint8(0)
    return fresh


@inner_kernel
def flag_groups(data, groupdq, threshold, reach):
    """Flag from the first saturated group on, and the floor; (ngroups, ny, nx)."""
    ngroups, ny, nx = data.shape
    seen, grown = np.zeros(ny * nx, np.uint8), np.zeros(ny * nx, np.uint8)
    limits = threshold.reshape(-1)
    any_seen = False
    for g in range(ngroups):
        flags = groupdq[g].reshape(-1)
        if _find_full(data[g].reshape(-1), limits, seen, flags):
            any_seen = True
            grown[:] = seen
            grow(grown.reshape(ny, nx), reach)
        if any_seen:
            _flag_where(flags, grown)


@scalar_kernel
def _flag_where(flags, mask):
    for n in range(flags.size):
        flags[n] |= np.uint8(SATURATED) if mask[n] != 0 else np.uint8(0)


@inner_kernel
def _flag_partial(data, groupdq, threshold, unchecked, reach, nframes):
    """Flag groups in which only the last frames can have saturated: the next group did."""
    ngroups, ny, nx = data.shape
    for g in range(ngroups - 2, -1, -1):
        dilution = (g * nframes + (nframes + 1) / 2.0) / ((g + 1.0) * nframes)
        partial = np.zeros((ny, nx), np.uint8)
        for y in range(ny):
            for x in range(nx):
                if (
                    groupdq[g + 1, y, x] & SATURATED
                    and not groupdq[g, y, x] & (SATURATED | DO_NOT_USE)
                    and not unchecked[y, x]
                    and np.float64(data[g, y, x]) >= np.float64(threshold[y, x]) * dilution
                ):
                    partial[y, x] = 1
        grow(partial, reach)
        for y in range(ny):
            for x in range(nx):
                groupdq[g, y, x] |= partial[y, x] * np.uint8(DO_NOT_USE)


@inner_kernel
def _flag_second(data, groupdq, threshold, bias, nframes):
    """Flag second groups hit in their last frames: the third is full, not by its own light."""
    _, ny, nx = data.shape
    middle = (nframes + 1) / 2.0
    last = 3.0 * nframes
    for y in range(ny):
        for x in range(nx):
            if not groupdq[2, y, x] & SATURATED or groupdq[1, y, x] & SATURATED:
                continue
            first, second = np.float32(data[0, y, x]), np.float32(data[1, y, x])
            limit = threshold[y, x]
            expected = np.float64(first - bias[y, x]) / middle * last + np.float64(bias[y, x])
            step = (limit - first) / np.float32(nframes)
            if expected < np.float64(limit) and second - first > step:
                groupdq[1, y, x] |= np.uint8(DO_NOT_USE)


@kernel
def _flag_band(data, groupdq, threshold, unchecked, bias, reach, nframes):
    for i in range(data.shape[0]):
        flag_groups(data[i], groupdq[i], threshold, reach)
        if nframes > 1:
            _flag_partial(data[i], groupdq[i], threshold, unchecked, reach, nframes)
        if nframes > 0 and data.shape[1] > 2:
            _flag_second(data[i], groupdq[i], threshold, bias, nframes)
