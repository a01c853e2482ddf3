"""Cosmic-ray jumps by the two-point difference method (Anderson & Gordon 2011, PASP 123, 1237).

The branch is chosen once per exposure: sigma clipping across integrations, a single pass, or the
iteration that takes out the largest outlier until none is left.
"""

from typing import NamedTuple

import numpy as np

from onramp.flags import DO_NOT_USE, JUMP_DET, count_flagged
from onramp.pixels import changed_in_one_row, in_one_row
from onramp.steps.jump_clipping import clip_band
from onramp.steps.jump_growth import clear_bad, flag_after_jumps, flag_neighbours
from onramp.steps.two_point import detect_band

ITERATIVE, SINGLE_PASS, SIGMA_CLIP, TOO_FEW_GROUPS = range(4)
MINIMUM_GROUPS = 3


class Thresholds(NamedTuple):
    """What the detection compares with; lengths in groups, sizes in electrons."""

    rejection: float
    three_groups: float
    four_groups: float
    neighbours_above: float
    neighbours_below: float
    after_electrons1: float
    after_groups1: int
    after_electrons2: float
    after_groups2: int


class Detection(NamedTuple):
    """How jumps are sought in one exposure."""

    branch: int
    thresholds: Thresholds
    flag_neighbours: bool
    across_integrations: bool
    nframes: int


class Found(NamedTuple):
    """What a search has found in a band."""

    jumps: int
    """Samples, before their neighbours are flagged."""
    touched: np.ndarray
    """(nints, ngroups) int: pixels that clipping found to be jumps or not to be used."""

    @classmethod
    def none(cls, shape):
        """Return the result of no search in (nints, ngroups, ...) samples."""
        return cls(0, np.zeros(shape[:2], np.int64))

    def __add__(self, other):
        return Found(*(mine + theirs for mine, theirs in zip(self, other)))


def plan(parameters, unusable, nframes, group_time, median_gain) -> Detection:
    """
    Choose the branch and put the thresholds in the units of the kernels.

    Parameters
    ----------
    parameters : onramp.parameters.Jump
    unusable : (nints, ngroups) bool
        Groups in which every pixel of the frame is DO_NOT_USE.
    nframes : int
        Frames averaged into a group.
    group_time : float
        Time between groups [s].
    median_gain : float
        Median of the finite gains over the frame [e-/DN].
    """
    nints, ngroups = unusable.shape
    per_integration = unusable.sum(axis=1)
    usable_groups = ngroups - int(per_integration.max())
    total_groups = nints * ngroups - int(per_integration.sum())
    clip_count = nints if parameters.only_use_ints else total_groups
    if clip_count >= parameters.minimum_sigclip_groups:
        branch = SIGMA_CLIP
    elif usable_groups < MINIMUM_GROUPS:
        branch = TOO_FEW_GROUPS
    elif usable_groups - 1 >= parameters.min_diffs_single_pass:
        branch = SINGLE_PASS
    else:
        branch = ITERATIVE
    thresholds = Thresholds(
        parameters.rejection_threshold,
        parameters.three_group_rejection_threshold,
        parameters.four_group_rejection_threshold,
        parameters.min_jump_to_flag_neighbors,
        parameters.max_jump_to_flag_neighbors,
        float(np.float32(median_gain) * np.float32(parameters.after_jump_flag_dn1)),
        int(parameters.after_jump_flag_time1 // group_time),
        float(np.float32(median_gain) * np.float32(parameters.after_jump_flag_dn2)),
        int(parameters.after_jump_flag_time2 // group_time),
    )
    return Detection(
        branch, thresholds, parameters.flag_4_neighbors, parameters.only_use_ints, nframes
    )


def search(data, groupdq, gain, readnoise, detection, inner, spared_planes=()):
    """
    Flag jumps in a band of rows, but not yet what follows from them.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Linearised signal [DN].
    groupdq : (nints, ngroups, ny, nx) uint8
        Data quality; JUMP_DET is set in place.
    gain : (ny, nx) float32
        [e-/DN]
    readnoise : (ny, nx) float32
        Correlated double sampling noise [DN].
    detection : Detection
    inner : slice
        The rows that belong to the band; the others are its halo.
    spared_planes : iterable of (int, int)
        Integration and group of the planes in which clipping has flagged every pixel of the
        frame: there it says nothing, and pure jumps are unflagged.

    Returns
    -------
    found : Found
        Of the band's own rows; `touched` is 0 in the branches that do not clip.
    medians : (2, ny, nx) float32
        What the median of all differences of a pixel is between [e-], as far as the search tells.

    Raises
    ------
    ValueError
        If the shapes differ; the message names both.
    """
    if data.shape != groupdq.shape or data.shape[2:] != gain.shape or gain.shape != readnoise.shape:
        raise ValueError(
            f"data {data.shape}, groupdq {groupdq.shape}, gain {gain.shape} and "
            f"readnoise {readnoise.shape} do not belong to one band"
        )
    thresholds = detection.thresholds
    ramps = in_one_row(data), changed_in_one_row(groupdq), in_one_row(gain)
    medians = np.empty((2, *gain.shape), np.float32)
    medians[0], medians[1] = -np.inf, np.inf
    between = changed_in_one_row(medians)
    if detection.branch == SIGMA_CLIP:
        clip_band(*ramps, thresholds.rejection, detection.across_integrations, between)
    elif detection.branch != TOO_FEW_GROUPS:
        iterative = detection.branch == ITERATIVE
        variance = in_one_row(noise_variance(readnoise, gain))
        detect_band(*ramps, variance, iterative, detection.nframes, thresholds, between)
    touched, rows = np.zeros(data.shape[:2], np.int64), inner.indices(data.shape[2])[:2]
    if detection.branch == SIGMA_CLIP:
        count_flagged(groupdq, rows, np.uint8(JUMP_DET | DO_NOT_USE), touched)
        for integration, group in spared_planes:
            plane = groupdq[integration, group]
            plane[plane == JUMP_DET] = 0
    jumps = np.empty(data.shape[:2], np.int64)
    count_flagged(groupdq, rows, np.uint8(JUMP_DET), jumps)
    return Found(int(jumps.sum()), touched), medians


def noise_variance(readnoise, gain):
    """Return the read-noise variance of a difference of single frames [e-2], (ny, nx) float32."""
    return (readnoise * gain) ** 2


def grow(data, groupdq, gain, readnoise, detection, medians):
    """
    Flag what follows from the jumps of a band, and clear them where they mean nothing.

    The parameters are those of `search`, after which it comes, and what that returns. JUMP_DET is
    set around large jumps and in the groups after them, and cleared from samples that are bad.
    """
    if detection.branch != TOO_FEW_GROUPS:
        thresholds = detection.thresholds
        if detection.flag_neighbours:
            ramps = in_one_row(data), changed_in_one_row(groupdq), in_one_row(gain)
            variance = in_one_row(noise_variance(readnoise, gain))
            flag_neighbours(
                *ramps, variance, in_one_row(medians), detection.nframes, thresholds, groupdq
            )
        if thresholds.after_groups1 > 0 or thresholds.after_groups2 > 0:
            flag_after_jumps(data, groupdq, gain, thresholds)
    clear_bad(groupdq)


def detect_jumps(data, groupdq, gain, readnoise, detection, inner, spared_planes=()) -> Found:
    """Flag the jumps of a band and what follows from them: `search`, then `grow`."""
    found, medians = search(data, groupdq, gain, readnoise, detection, inner, spared_planes)
    grow(data, groupdq, gain, readnoise, detection, medians)
    return found
