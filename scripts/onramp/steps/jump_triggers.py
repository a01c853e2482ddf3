"""
Jumps of middling size, which make their neighbours suspect.

Their size counts in units of the noise about the median of all differences of their pixel. The
search for jumps tells what that median is between. For most jumps this will do; only where it
matters is the median itself looked for.
"""

import numpy as np

from onramp.flags import JUMP_DET
from onramp.kernels import ONE, ZERO, inner_kernel, scalar_kernel
from onramp.steps.column_medians import column_medians, room_for_medians
from onramp.steps.differences import BAD, block_width, difference, expected_noise, load_columns

PIXELS_AT_ONCE = 128
MANY = 2  # where medians of one in so many pixels are looked for, those of all are
WORD = 8  # flags looked at together
JUMPS = np.uint64(int.from_bytes([JUMP_DET] * WORD))
NEVER, ALWAYS, DOUBTFUL = range(3)
MARGIN = 1e-9  # of squares, for rounding


@scalar_kernel
def _count_jumps(groupdq):
    flags = groupdq.reshape(-1)
    count = 0
    for n in range(flags.size):
        count += (flags[n] & JUMP_DET) != 0
    return count


@scalar_kernel
def _find_jumps(flags, columns):
    """Fill in where jumps are in a row; return how many."""
    count = ZERO
    words = flags[: flags.size - flags.size % WORD].view(np.uint64)
    for n in range(words.size + 1):
        if n == words.size or words[n] & JUMPS:
            for x in range(n * WORD, min(n * WORD + WORD, flags.size)):
                columns[count] = x
                count += (flags[x] & JUMP_DET) != 0
    return count


@scalar_kernel
def _judge(diff, low, high, variance, nframes, thresholds):
    """Tell whether a jump is of middling size, whatever the median between the limits."""
    if np.isnan(diff):
        return NEVER
    over, under = np.float64(diff) - np.float64(low), np.float64(diff) - np.float64(high)
    sizes = np.abs(over), np.abs(under)
    farthest = max(sizes[0], sizes[1])
    nearest = 0.0 if over >= 0.0 and under <= 0.0 else min(sizes[0], sizes[1])
    brightest = np.float64(max(np.abs(low), np.abs(high)))
    faintest = 0.0 if low <= 0.0 <= high else np.float64(min(np.abs(low), np.abs(high)))
    noise = np.float64(variance) / nframes
    least, most = thresholds.neighbours_above, thresholds.neighbours_below
    least, most = least * np.abs(least), most * np.abs(most)
    near, far = nearest * nearest, farthest * farthest
    loud, quiet = (brightest + noise) * (1.0 + MARGIN), (faintest + noise) * (1.0 - MARGIN)
    if near > least * loud and far < most * quiet:
        return ALWAYS
    if far <= least * quiet or near >= most * loud:
        return NEVER
    return DOUBTFUL


@scalar_kernel
def _load_group(data, groupdq, gain, integration, group, columns, diffs):
    """Fill `diffs` with those of some pixels in one group, NaN where a sample is bad."""
    now, before = data[integration, group, 0], data[integration, group - 1, 0]
    flags, flags_before = groupdq[integration, group, 0], groupdq[integration, group - 1, 0]
    gains = gain[0]
    for k in range(columns.size):
        x = np.uintp(columns[k])
        bad = ((flags[x] | flags_before[x]) & BAD) != 0
        diff = now[x] * gains[x] - before[x] * gains[x]
        diffs[k] = np.float32(np.nan) if bad else diff


@scalar_kernel
def _load_some(data, groupdq, gain, columns, diffs):
    """Fill `diffs` with the differences of some pixels, NaN where a sample is bad."""
    if columns[-1] - columns[0] == columns.size - 1:
        load_columns(data, groupdq, gain, ZERO, columns[0], ZERO, ONE, diffs)
        return
    steps = data.shape[1] - 1
    for n in range(diffs.shape[0]):
        _load_group(data, groupdq, gain, n // steps, n % steps + 1, columns, diffs[n])


@inner_kernel
def _medians_of_some(data, groupdq, gain, wanted):
    """Return the medians of the differences of the pixels that are wanted, (npixels,) float64."""
    ndiffs = data.shape[0] * (data.shape[1] - 1)
    columns = np.flatnonzero(wanted)
    if MANY * columns.size > wanted.size:
        columns = np.arange(wanted.size)
    width = min(block_width(ndiffs, wanted.size), PIXELS_AT_ONCE)
    diffs, found = np.zeros((ndiffs, width), np.float32), np.empty(width)
    room = room_for_medians(ndiffs, width)
    medians = np.empty(wanted.size)
    for first in range(0, columns.size, width):
        some = columns[first : min(first + width, columns.size)]
        _load_some(data, groupdq, gain, some, diffs)
        column_medians(diffs, some.size, room, found)
        for k in range(some.size):
            medians[some[k]] = found[k]
    return medians


@inner_kernel
def find_triggers(data, groupdq, gain, variance, medians, nframes, thresholds):
    """
    Return the jumps that make neighbours suspect.

    The parameters are those of `onramp.steps.jump_growth.flag_neighbours`.

    Returns
    -------
    (n, 3) int32
        Integration, group and pixel.
    """
    nints, ngroups, _, npixels = data.shape
    triggers = np.empty((_count_jumps(groupdq) + 1, 3), np.int32)
    doubts = np.empty(triggers.shape[0], np.bool_)
    wanted = np.zeros(npixels, np.bool_)
    columns, diffs = np.empty(npixels + 1, np.int64), np.empty(npixels, np.float32)
    found = 0
    for i in range(nints):
        for g in range(1, ngroups):
            count = _find_jumps(groupdq[i, g, 0], columns)
            _load_group(data, groupdq, gain, i, g, columns[:count], diffs)
            for k in range(count):
                x = columns[k]
                low, high = medians[0, 0, x], medians[1, 0, x]
                verdict = _judge(diffs[k], low, high, variance[0, x], nframes, thresholds)
                triggers[found, 0], triggers[found, 1], triggers[found, 2] = i, g, x
                doubts[found] = verdict == DOUBTFUL
                wanted[x] |= verdict == DOUBTFUL
                found += verdict != NEVER
    if not doubts[:found].any():
        return triggers[:found]
    exact = _medians_of_some(data, groupdq, gain, wanted)
    kept = 0
    for n in range(found):
        i, g, x = triggers[n]
        if doubts[n]:
            excess = difference(data, groupdq, gain, i, g, ZERO, x) - exact[x]
            ratio = np.abs(excess) / expected_noise(exact[x], variance[0, x], nframes)
            if not thresholds.neighbours_above < ratio < thresholds.neighbours_below:
                continue
        triggers[kept] = triggers[n]
        kept += 1
    return triggers[:kept]
