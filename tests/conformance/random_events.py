"""Random flags and ramps with snowballs and showers planted in them, and settings, from a seed."""

import numpy as np

DO_NOT_USE, SATURATED, JUMP_DET = 1, 2, 4
REFERENCE_PIXEL = 1 << 31


def random_snowballs(seed):
    """
    Make flags as the search for jumps leaves them, with snowballs at edges and upon each other.

    Parameters
    ----------
    seed : int

    Returns
    -------
    dict of str to array
        groupdq (nints, ngroups, ny, nx) uint8; settings are arrays without axes.
    """
    rng = np.random.default_rng(seed)
    nints = int(rng.choice([1, 1, 2, 3]))
    ngroups = int(rng.integers(3, 9))
    frame = tuple(int(side) for side in rng.choice([40, 64, 96, 133], 2))
    groupdq = np.zeros((nints, ngroups, *frame), np.uint8)
    density = rng.choice([0.002, 0.01, 0.05, 0.25])
    hits = rng.random(groupdq.shape) < density
    groupdq[hits] |= JUMP_DET
    if rng.random() < 0.7:
        _spread(groupdq, JUMP_DET)
    _saturate(rng, groupdq, rng.choice([0, 0.0005, 0.01]))
    for _ in range(rng.integers(2, 12)):
        _plant_snowball(rng, groupdq)
    groupdq[rng.random(groupdq.shape) < 0.01] |= DO_NOT_USE
    groupdq[rng.random(groupdq.shape) < 0.01] |= 32
    if rng.random() < 0.8:
        groupdq[(groupdq & (DO_NOT_USE | SATURATED)) != 0] &= 0xFF ^ JUMP_DET
    settings = {
        "min_sat_area": float(rng.choice([1, 1, 4, 9.5])),
        "min_jump_area": float(rng.choice([5, 5, 1, 15, 30])),
        "expand_factor": float(rng.choice([2, 1.75, 3, 0.7])),
        "sat_required_snowball": bool(rng.random() < 0.7),
        "min_sat_radius_extend": float(rng.choice([2.5, 0, 1.2, 6])),
        "sat_expand": int(rng.choice([2, 0, 5])),
        "edge_size": int(rng.choice([25, 0, 10])),
        "mask_snowball_core_next_int": bool(rng.random() < 0.8),
        "snowball_time_masked_next_int": int(rng.choice([4000, 30, 0])),
        "max_extended_radius": int(rng.choice([200, 200, 5])),
        "group_time": 10.73677,
    }
    return {"groupdq": groupdq} | _as_arrays(settings)


def _spread(groupdq, bit):
    """Give a flag to the four neighbours as well."""
    flagged = groupdq & bit
    groupdq[..., 1:, :] |= flagged[..., :-1, :]
    groupdq[..., :-1, :] |= flagged[..., 1:, :]
    groupdq[..., 1:] |= flagged[..., :-1]
    groupdq[..., :-1] |= flagged[..., 1:]


def _saturate(rng, groupdq, fraction):
    """Saturate single pixels from some group on."""
    nints, ngroups, *frame = groupdq.shape
    first = rng.integers(0, ngroups, (nints, 1, *frame))
    saturated = rng.random((nints, 1, *frame)) < fraction
    later = np.arange(ngroups)[:, None, None] >= first
    groupdq[saturated & later] |= SATURATED


def _plant_snowball(rng, groupdq):
    """Plant a ragged disk or ellipse of jumps with a saturated core, which may grow."""
    nints, ngroups, ny, nx = groupdq.shape
    planes = groupdq[rng.integers(nints)]
    group = rng.integers(1, ngroups)
    y, x = rng.uniform(-3, ny + 3), rng.uniform(-3, nx + 3)
    outer = rng.uniform(2, 14)
    inner = outer * rng.choice([0, rng.uniform(0.2, 0.9)])
    flatness, angle = rng.uniform(0.5, 1), rng.uniform(0, np.pi)
    if rng.random() < 0.4:
        y, x, flatness = round(2 * y) / 2, round(2 * x) / 2, 1
    dy, dx = np.mgrid[:ny, :nx] - np.array([y, x])[:, None, None]
    along = dy * np.cos(angle) + dx * np.sin(angle)
    across = (dy * np.sin(angle) - dx * np.cos(angle)) / flatness
    distance = np.hypot(along, across) + rng.choice([0, 0.6]) * rng.normal(size=(ny, nx))
    ring = rng.random() < 0.3
    planes[group, (distance < outer) & ~(ring & (distance < 0.8 * outer))] |= JUMP_DET
    start = min(group + rng.integers(0, 2), ngroups - 1)
    growth = rng.choice([0, 0.5, 1.5])
    for later in range(start, ngroups):
        planes[later, distance < inner + growth * (later - start) * (inner > 0)] |= SATURATED


def random_showers(seed):
    """
    Make ramps with faint extended events, their flags and settings.

    Parameters
    ----------
    seed : int

    Returns
    -------
    dict of str to array
        data (nints, ngroups, ny, nx) [e-] and groupdq, pixeldq, readnoise (ny, nx) [e-]; settings
        are arrays without axes.
    """
    rng = np.random.default_rng(seed)
    many = rng.random() < 0.3
    nints = int(rng.integers(5, 12)) if many else int(rng.choice([1, 2, 3]))
    ngroups = int(rng.integers(4, 7)) if many else int(rng.integers(5, 21))
    shape = (nints, ngroups, *(int(side) for side in rng.choice([48, 64, 90, 120], 2)))
    frame = shape[2:]
    readnoise = rng.uniform(6, 12, frame).astype(np.float32)
    rate = 10 ** rng.uniform(0, 2)
    steps = rng.normal(rate, np.sqrt(rate + readnoise**2), shape)
    for _ in range(rng.integers(1, 5)):
        _plant_shower(rng, steps)
    data = np.cumsum(steps, axis=1).astype(np.float32)
    bits = rng.choice([1, 2, 4, 3, 5, 32, 4, 4], shape)
    groupdq = np.where(rng.random(shape) < rng.choice([0, 0.01, 0.08]), bits, 0).astype(np.uint8)
    _saturate(rng, groupdq, rng.choice([0, 0.01]))
    pixeldq = np.where(rng.random(frame) < 0.02, rng.choice([1, 2, 4, 1024], frame), 0)
    pixeldq = pixeldq.astype(np.uint32)
    if rng.random() < 0.5:
        pixeldq[:, :4] = REFERENCE_PIXEL
        pixeldq[:, -4:] = REFERENCE_PIXEL | rng.choice([0, 1])
    if rng.random() < 0.5:
        groupdq[:, 0] |= DO_NOT_USE
        groupdq[:, -1] |= DO_NOT_USE
    if rng.random() < 0.3:
        data[rng.random(shape) < 0.01] = np.nan
        data[:, :, rng.random(frame) < 0.01] = np.nan
    settings = {
        "extend_snr_threshold": float(rng.choice([1.2, 1.2, 1.0, 1.6])),
        "extend_min_area": int(rng.choice([90, 90, 30, 200])),
        "extend_inner_radius": float(rng.choice([1, 1, 0, 2.2])),
        "extend_outer_radius": float(rng.choice([2.6, 2.6, 1.5, 4])),
        "extend_ellipse_expand_ratio": float(rng.choice([1.1, 1.1, 1.5, 0.8])),
        "time_masked_after_shower": float(rng.choice([15, 0, 5])),
        "max_extended_radius": int(rng.choice([200, 200, 6])),
        "minimum_sigclip_groups": 5 if many else 100,
        "max_shower_amplitude": float(rng.choice([4, 0.5, 20])),
        "honour_max_shower_amplitude": bool(rng.random() < 0.5),
        "nframes": int(rng.choice([1, 1, 4])),
        "group_time": 2.77504,
    }
    arrays = {"data": data, "groupdq": groupdq, "pixeldq": pixeldq, "readnoise": readnoise}
    return arrays | _as_arrays(settings)


def _plant_shower(rng, steps):
    """Add a faint blob to one step, and a share of it to those that follow."""
    nints, ngroups, ny, nx = steps.shape
    integration, group = rng.integers(nints), rng.integers(1, ngroups)
    y, x = rng.uniform(0, ny), rng.uniform(0, nx)
    dy, dx = np.mgrid[:ny, :nx] - np.array([y, x])[:, None, None]
    widths = rng.uniform(3, 14, 2)
    blob = rng.uniform(10, 80) * np.exp(-((dy / widths[0]) ** 2) - (dx / widths[1]) ** 2)
    steps[integration, group] += blob
    if group + 1 < ngroups:
        steps[integration, group + 1] += rng.choice([0, 0.6]) * blob


def _as_arrays(settings):
    return {name: np.array(value) for name, value in settings.items()}
