"""The search for jumps written down as it is defined, a pixel at a time; bands to try it on."""

import numpy as np
from onramp.flags import DO_NOT_USE, JUMP_DET, PERSISTENCE, SATURATED
from onramp.steps.jump import (
    ITERATIVE,
    SIGMA_CLIP,
    SINGLE_PASS,
    TOO_FEW_GROUPS,
    Detection,
    Thresholds,
    detect_jumps,
)

BAD = DO_NOT_USE | SATURATED
THRESHOLDS = Thresholds(4.0, 6.0, 5.0, 10.0, 1000.0, 0.0, 0, 0.0, 0)
ALONE = THRESHOLDS._replace(neighbours_above=np.inf)


def naive_differences(data, groupdq, gain):
    """Differences of electrons, (nints, ngroups - 1, ny, nx) float32; NaN where a sample is bad."""
    electrons = data * gain
    bad = (groupdq & BAD) != 0
    return np.where(bad[:, 1:] | bad[:, :-1], np.float32(np.nan), np.diff(electrons, axis=1))


def naive_sigma(median, variance, nframes):
    sigma = np.sqrt(np.abs(median) + np.float64(variance) / nframes)
    return sigma if sigma != 0 else np.nan


def naive_iteration(diffs, variance, detection):
    """Flag the worst of a pixel's differences until none is too large."""
    sizes = np.abs(diffs)
    found = np.zeros(diffs.shape, bool)
    limits = {2: detection.thresholds.three_groups, 3: detection.thresholds.four_groups}
    turn = 0
    while True:
        usable = sizes[~np.isnan(sizes)]
        if usable.size < 2:
            return found
        if usable.size == 2:
            median = np.float64(usable.min())
        elif usable.size == 3:
            median = np.float64(np.median(usable))
        else:
            smaller = usable[usable != usable.max()]
            median = np.median(smaller.astype(float)) if smaller.size else np.nan
        if turn > 0:
            median = np.float64(np.float32(median))
        sigma = naive_sigma(median, variance, detection.nframes)
        ratios = np.abs((sizes - median).astype(np.float32)) / sigma
        if np.isnan(ratios).all():
            return found
        worst = np.nanmax(ratios)
        if not worst > limits.get(usable.size, detection.thresholds.rejection):
            return found
        found |= ratios == worst
        sizes = np.where(ratios == worst, np.float32(np.nan), sizes)
        turn += 1


def naive_median(diffs):
    usable = diffs[~np.isnan(diffs)].astype(float)
    return np.median(usable) if usable.size else np.nan


def naive_single_pass(diffs, variance, detection):
    median = naive_median(diffs)
    sigma = naive_sigma(median, variance, detection.nframes)
    return np.abs(diffs - median) / sigma > detection.thresholds.rejection


def naive_clip(values, threshold):
    """Flag what lies outside the bounds that five rounds of clipping lead to."""
    kept = values[np.isfinite(values)].astype(float)
    lower = upper = np.nan
    for _ in range(5):
        if kept.size == 0:
            return np.zeros(values.shape, bool)
        centre, spread = np.median(kept), kept.std()
        lower, upper = centre - threshold * spread, centre + threshold * spread
        kept = kept[(kept >= lower) & (kept <= upper)]
    return (values < lower) | (values > upper)


def naive_pixel(diffs, variance, detection):
    """Which of a pixel's differences (nints, ngroups - 1) are jumps."""
    if detection.branch == ITERATIVE:
        return naive_iteration(diffs, variance, detection)
    if detection.branch == SINGLE_PASS:
        return naive_single_pass(diffs, variance, detection)
    rejection = detection.thresholds.rejection
    if detection.across_integrations:
        return np.stack([naive_clip(group, rejection) for group in diffs.T], axis=1)
    return naive_clip(diffs.ravel(), rejection).reshape(diffs.shape)


def naive_neighbours(dq, diffs, variance, detection):
    """Flag the neighbours of jumps of middling size; all triggers are found first."""
    triggers = []
    thresholds = detection.thresholds
    for i, g, y, x in np.argwhere(dq[:, 1:] & JUMP_DET):
        median = naive_median(diffs[:, :, y, x])
        sigma = naive_sigma(median, variance[y, x], detection.nframes)
        ratio = np.abs(diffs[i, g, y, x] - median) / sigma
        if thresholds.neighbours_above < ratio < thresholds.neighbours_below:
            triggers.append((i, g + 1, y, x))
    for i, g, y, x in triggers:
        for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            inside = 0 <= v < dq.shape[2] and 0 <= u < dq.shape[3]
            if inside and not dq[i, g, v, u] & BAD:
                dq[i, g, v, u] |= JUMP_DET


def naive_after(dq, diffs, thresholds):
    """Flag the groups after large jumps."""
    pairs = (
        (thresholds.after_electrons1, thresholds.after_groups1),
        (thresholds.after_electrons2, thresholds.after_groups2),
    )
    for i, g, y, x in np.argwhere(dq[:, 1:] & JUMP_DET):
        excess = diffs[i, g, y, x] - naive_median(diffs[:, :, y, x])
        for electrons, ngroups in pairs:
            if ngroups > 0 and excess >= electrons:
                later = dq[i, g + 1 : g + 2 + ngroups, y, x]
                later[(later & BAD) == 0] |= JUMP_DET


def naive_jumps(data, groupdq, gain, readnoise, detection):
    """Return the flags and the number of jumps before neighbours are flagged."""
    dq = groupdq.copy()
    with np.errstate(invalid="ignore"):
        diffs = naive_differences(data, groupdq, gain)
        variance = (readnoise * gain) ** 2
        if detection.branch != TOO_FEW_GROUPS:
            for y, x in np.ndindex(data.shape[2:]):
                found = naive_pixel(diffs[:, :, y, x], variance[y, x], detection)
                dq[:, 1:, y, x][found] |= JUMP_DET
        count = np.count_nonzero(dq & JUMP_DET)
        if detection.branch != TOO_FEW_GROUPS:
            if detection.flag_neighbours:
                naive_neighbours(dq, diffs, variance, detection)
            naive_after(dq, diffs, detection.thresholds)
    dq[(dq & BAD) != 0] &= 0xFF ^ JUMP_DET
    return dq, count


def a_band(rng, shape, hits=0.05, rate=40.0):
    """Ramps with noise and hits: data [DN], groupdq, gain, readnoise."""
    ny, nx = shape[2:]
    gain = rng.uniform(1.5, 2.2, (ny, nx)).astype(np.float32)
    readnoise = rng.uniform(4, 12, (ny, nx)).astype(np.float32)
    steps = rng.normal(rate, np.sqrt(rate / 2), shape)
    steps += (rng.random(shape) < hits) * 10 ** rng.uniform(1.5, 4, shape)
    data = np.cumsum(steps, axis=1) + rng.normal(0, 1, shape) * readnoise / np.sqrt(2)
    return data.astype(np.float32), np.zeros(shape, np.uint8), gain, readnoise


def spoil(rng, band):
    """Sprinkle flags, NaN, inf, exact ties and impossible gains over a band."""
    data, groupdq, gain, readnoise = band
    shape = data.shape
    density = rng.choice([0.02, 0.2, 0.5])
    bits = rng.choice([DO_NOT_USE, SATURATED, JUMP_DET, PERSISTENCE, 64 | 1, 5], shape)
    groupdq |= np.where(rng.random(shape) < density, bits, 0).astype(np.uint8)
    if rng.random() < 0.5:
        np.round(data, -1, out=data)
    data[rng.random(shape) < 0.02] = np.nan
    data[rng.random(shape) < 0.01] = np.inf
    for value in (np.nan, -1.0, 0.0):
        gain[rng.random(gain.shape) < 0.05] = value
    readnoise[rng.random(gain.shape) < 0.05] = np.nan
    readnoise[rng.random(gain.shape) < 0.05] = 0.0
    return band


BRANCHES = {
    "iterative": (ITERATIVE, True, (2, 6, 5, 9)),
    "three_groups": (ITERATIVE, True, (1, 3, 5, 9)),
    "four_groups": (ITERATIVE, True, (1, 4, 5, 9)),
    "two_short_integrations": (ITERATIVE, True, (2, 3, 5, 9)),
    "single_pass": (SINGLE_PASS, True, (2, 12, 4, 7)),
    "across_integrations": (SIGMA_CLIP, True, (25, 4, 3, 5)),
    "all_together": (SIGMA_CLIP, False, (9, 5, 4, 5)),
    "too_few": (TOO_FEW_GROUPS, True, (2, 3, 4, 5)),
}


def a_detection(branch, across=True, neighbours=True, thresholds=THRESHOLDS, nframes=1):
    return Detection(branch, thresholds, neighbours, across, nframes)


def everything(band):
    return slice(0, band[0].shape[2])


def run(band, detection, **options):
    """Return flags and count; the band is left as it was."""
    data, groupdq, gain, readnoise = band
    dq = groupdq.copy()
    count, _ = detect_jumps(data, dq, gain, readnoise, detection, everything(band), **options)
    return dq, count
