"""Random ramps, flags, read times and noise for the likelihood fit, from a seed."""

import numpy as np
from onramp.steps.covariance import read_times

FRAME_TIME = 10.73677


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
        [e-/s], nframes, groupgap, frame_time [s]; zeroframe [DN] in some; in some the read times
        are explicit: `reads` [s], all in one row, of which each group averages `reads_of_group`.
    """
    rng = np.random.default_rng([seed, 7])
    nints = int(rng.choice([1, 1, 2, 3, 5]))
    ngroups = int(rng.choice([4, 5, 6, 8, 10, 11, 12, 20, 21, 30]))
    shape = nints, ngroups, int(rng.integers(2, 6)), int(rng.integers(20, 60))
    frame = shape[2:]
    nframes, groupgap = int(rng.choice([1, 1, 4, 8])), int(rng.choice([0, 0, 1, 4]))
    times = read_times(nframes, groupgap, FRAME_TIME, ngroups)
    case = {"nframes": nframes, "groupgap": groupgap, "frame_time": FRAME_TIME}
    if rng.random() < 0.25:
        times = _uneven(rng, ngroups)
        case |= {"reads": np.concatenate(times), "reads_of_group": [len(reads) for reads in times]}
        case["nframes"] = len(times[0])
    case |= {
        "gain": rng.uniform(1.5, 2.2, frame).astype(np.float32),
        "readnoise": rng.uniform(4, 12, frame).astype(np.float32),
        "dark": (rng.uniform(0, 0.1, frame) * (rng.random() < 0.3)).astype(np.float32),
        "pixeldq": rng.choice([0, 0, 0, 0, 1, 2, 1024], frame).astype(np.uint32),
    }
    case["data"] = _signal(rng, shape, times, case)
    case["groupdq"] = _flags(rng, shape)
    _spoil(rng, case)
    if rng.random() < 0.3:
        zeroframe = case["data"][:, 0] * rng.uniform(0.2, 1.0, (nints, *frame))
        case["zeroframe"] = zeroframe.astype(np.float32)
    return {name: np.asarray(value) for name, value in case.items()}


def _uneven(rng, ngroups):
    """Return read times whose groups differ in length and distance."""
    counts = rng.choice([1, 2, 3, 8], ngroups)
    gaps = rng.choice([0, 0, 1, 5, 20], ngroups)
    first = np.cumsum(counts + gaps) - counts
    return [(start + 1 + np.arange(n)) * FRAME_TIME for start, n in zip(first, counts)]


def _signal(rng, shape, times, case):
    """Return linearised signal [DN] with hits, some of them between the reads of a group."""
    frame = shape[2:]
    rate = 10 ** rng.uniform(-2, 2.5, frame) * rng.choice([1, 1, 1, 1, -0.2], frame)
    steps = np.diff([0.0, *(reads.mean() for reads in times)])[:, None, None] * rate
    reads = np.array([reads.size for reads in times])[:, None, None]
    signal = np.cumsum(rng.normal(steps, np.sqrt(np.abs(steps)), shape), axis=1)
    signal += rng.normal(0, 1, shape) * case["readnoise"] / np.sqrt(2 * reads) * case["gain"]
    hits = rng.random(shape) < rng.choice([0.005, 0.02, 0.1])
    sizes = hits * 10 ** rng.uniform(1, 4, shape)
    signal += np.cumsum(sizes, axis=1) - sizes * rng.random(shape) * (reads > 1)
    signal /= case["gain"]
    if rng.random() < 0.25:
        signal = np.round(signal)
    return signal.astype(np.float32)


def _flags(rng, shape):
    _, ngroups, *frame = shape
    groupdq = np.zeros(shape, np.uint8)
    some = rng.random(shape) < rng.choice([0, 0, 0.02, 0.2, 0.5])
    groupdq[some] = rng.choice([1, 2, 4, 32, 65, 3, 5, 4, 4], np.count_nonzero(some))
    if rng.random() < 0.5:
        first = np.where(rng.random(frame) < 0.2, rng.integers(0, ngroups + 1, frame), ngroups)
        groupdq |= np.where(np.arange(ngroups)[:, None, None] >= first, np.uint8(2), np.uint8(0))
    return groupdq


def _spoil(rng, case):
    """Put unusable values into gain, read noise, dark and data."""
    gain, readnoise, data = case["gain"], case["readnoise"], case["data"]
    if rng.random() < 0.4:
        for plane, value in (
            (gain, np.nan), (gain, -1), (gain, -1e-3), (gain, 0), (gain, np.inf),
            (readnoise, np.nan), (readnoise, 0), (readnoise, -5), (case["dark"], np.nan),
            (case["dark"], -1),
        ):  # fmt: skip
            plane[rng.random(plane.shape) < 0.04] = value
    if rng.random() < 0.3:
        data[rng.random(data.shape) < 0.01] = np.nan
        data[rng.random(data.shape) < 0.003] = np.inf
