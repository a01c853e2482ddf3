"""Random ramps, flags and settings for the jump and ramp-fit kernels, from a seed."""

import numpy as np

GROUP_TIME = 10.73677


def random_case(seed):
    """
    Make ramps with everything that can go wrong in them.

    Parameters
    ----------
    seed : int

    Returns
    -------
    dict of str to array
        data (nints, ngroups, ny, nx) [DN], groupdq, pixeldq, gain [e-/DN], readnoise [DN], dark
        [e-/s], zeroframe (nints, ny, nx) [DN] in some; settings are arrays without axes, and
        firstgroup and lastgroup are there in some.
    """
    rng = np.random.default_rng(seed)
    nints = int(rng.choice([1, 1, 2, 3, 7, 25, 100, 101]))
    ngroups = int(rng.integers(1, 15)) if nints < 50 else int(rng.integers(1, 6))
    shape = (nints, ngroups, int(rng.integers(3, 9)), int(rng.integers(3, 13)))
    frame = shape[2:]
    gain = rng.uniform(1.5, 2.2, frame).astype(np.float32)
    readnoise = rng.uniform(4, 12, frame).astype(np.float32)
    case = {
        "data": _signal(rng, shape, readnoise),
        "groupdq": _flags(rng, shape),
        "pixeldq": _some(rng, frame, 0.1, rng.choice([1, 2, 1024, 3], frame)).astype(np.uint32),
        "gain": gain,
        "readnoise": readnoise,
        "dark": (rng.uniform(0, 0.1, frame) * (rng.random() < 0.3)).astype(np.float32),
    }
    _spoil(rng, case)
    if rng.random() < 0.4:
        zeroframe = rng.uniform(10, 100, (nints, *frame))
        zeroframe[rng.random(zeroframe.shape) < 0.3] = 0
        case["zeroframe"] = zeroframe.astype(np.float32)
    settings = _settings(rng) | _mark_groups(np.random.default_rng([seed, 1]), case["groupdq"])
    return case | {name: np.array(value) for name, value in settings.items()}


def _signal(rng, shape, readnoise):
    frame = shape[2:]
    rate = 10 ** rng.uniform(-1, 3.3, frame) * rng.choice([1, 1, 1, -0.2], frame)
    step = rate * GROUP_TIME / 2
    signal = np.cumsum(rng.normal(step, np.sqrt(np.abs(step)), shape), axis=1)
    signal += rng.normal(0, 1, shape) * readnoise / 1.4
    hits = rng.random(shape) < rng.choice([0, 0.02, 0.1])
    signal += np.cumsum(hits * 10 ** rng.uniform(1, 4, shape), axis=1)
    if rng.random() < 0.25:
        signal = np.round(signal)
    return signal.astype(np.float32)


def _flags(rng, shape):
    nints, ngroups, *frame = shape
    bits = rng.choice([1, 2, 4, 32, 64 | 1, 3, 5, 4, 4], shape)
    groupdq = _some(rng, shape, rng.choice([0, 0, 0.02, 0.2, 0.5]), bits).astype(np.uint8)
    if rng.random() < 0.5:
        saturated = rng.random((nints, 1, *frame)) < 0.2
        first = rng.integers(0, ngroups + 1, (nints, 1, *frame))
        group = np.arange(ngroups)[None, :, None, None]
        groupdq |= np.where(saturated & (group >= first), np.uint8(2), np.uint8(0))
    if rng.random() < 0.1 and ngroups > 2:
        groupdq[rng.integers(nints), rng.integers(ngroups)] |= 1
    return groupdq


def _mark_groups(rng, groupdq):
    """Flag lost charge and whole groups, as earlier steps do; return the settings about groups."""
    ngroups = groupdq.shape[1]
    if rng.random() < 0.3:
        bits = rng.choice([129, 129, 129, 128, 132, 131], groupdq.shape)
        lost = _some(rng, groupdq.shape, rng.choice([0.01, 0.1, 0.4]), bits)
        groupdq |= lost.astype(np.uint8)
    miri = rng.random() < 0.3
    if miri:
        first, last = rng.choice([0, 0, 1, 1, 2, 3], 2)
        groupdq[:, :first] |= 1
        groupdq[:, ngroups - last :] |= 1
    settings = {
        "miri": miri,
        "groupgap": int(rng.choice([0, 0, 2])),
        "drop_frames": int(rng.choice([0, 0, 3])),
    }
    for name in "firstgroup", "lastgroup":
        if rng.random() < 0.15:
            settings[name] = int(rng.integers(-2, ngroups + 3))
    return settings


def _some(rng, shape, fraction, values):
    return np.where(rng.random(shape) < fraction, values, 0)


def _spoil(rng, case):
    """Put unusable values into gain, read noise and data."""
    gain, readnoise, data = case["gain"], case["readnoise"], case["data"]
    if rng.random() < 0.3:
        for fraction, value in ((0.1, np.nan), (0.05, -1), (0.05, 0)):
            gain[rng.random(gain.shape) < fraction] = value
        for fraction, value in ((0.1, np.nan), (0.05, 0)):
            readnoise[rng.random(gain.shape) < fraction] = value
    if rng.random() < 0.2:
        data[rng.random(data.shape) < 0.03] = np.nan


def _settings(rng):
    nframes = int(rng.choice([1, 1, 4, 8]))
    return {
        "nframes": nframes,
        "frame_time": GROUP_TIME,
        "group_time": GROUP_TIME * nframes,
        "rejection_threshold": float(rng.choice([4, 3, 5.5])),
        "neighbours_below": float(rng.choice([1000, 50])),
        "neighbours_above": float(rng.choice([10, 5, 2])),
        "flag_neighbours": bool(rng.random() < 0.8),
        "after_dn1": float(rng.choice([0, 50])),
        "after_groups1": int(rng.choice([0, 0, 2])),
        "after_dn2": float(rng.choice([0, 500])),
        "after_groups2": int(rng.choice([0, 0, 4])),
        "clip_from": int(rng.choice([100, 100, 3])),
        "across_integrations": bool(rng.random() < 0.7),
        "single_pass_from": int(rng.choice([10, 10, 4])),
        "suppress_one_group": bool(rng.random() < 0.6),
    }
