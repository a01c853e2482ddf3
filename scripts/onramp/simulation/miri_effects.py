"""What MIRI's readout adds to its samples: interference, resets that decay, a lower last group."""

from functools import lru_cache

import numpy as np

from onramp.simulation.modes import MIRI_ROWS

CLOCKS = {
    "FULL_FAST": (271, 277504), "FULL_SLOW": (2333, 2388992), "BRIGHTSKY": (162, 86528),
    "SUB256": (96, 29952), "SUB128": (44, 11904), "SUB64": (28, 8512),
    "SLITLESSPRISM": (28, 15904), "MASK1065": (82, 23968), "MASK1140": (82, 23968),
    "MASK1550": (82, 23968), "MASKLYOT": (90, 32400),
}  # fmt: skip
"""Samples of a row and of a reset frame."""

SAMPLE = 1e-5  # s
ROW_SKIPPED = 7  # samples
LAST_GROUP = -25.0  # DN
FULL_DRIFT, SUBARRAY_DRIFT = 5.0, 0.1  # of an output, from group to group [DN]
RESET_GROUPS = 6
RESET_INTEGRATIONS = 3
SHAPE_SAMPLES = 256  # of a wave


def clock_name(mode):
    """Return the name under which a mode's clocks are listed."""
    if mode.subarray == "FULL":
        return "FULL_SLOW" if "SLOW" in mode.readpatt else "FULL_FAST"
    return mode.subarray


def wave_shape(number, samples=SHAPE_SAMPLES):
    """Return the shape of a wave with peaks near 1 and -1, (samples,) float64."""
    phase = (np.arange(samples) + 0.5) / samples
    return np.sin(2 * np.pi * phase) + (0.2 + 0.1 * number) * np.sin(4 * np.pi * phase + number)


def reset_anomaly(mode, ny, nx):
    """Return the anomaly of the first groups, (integrations, groups, ny, nx) float32 [DN]."""
    return (_decay()[..., None, None] * _reset_level(mode, *np.mgrid[:ny, :nx])).astype(np.float32)


def _decay():
    """Return the anomaly by integration and group, in units of its level."""
    integrations = 1.0 / (1 + np.arange(RESET_INTEGRATIONS))
    return integrations[:, None] * np.exp(-np.arange(RESET_GROUPS) / 1.5)


def _reset_level(mode, y, x):
    return 30 + 5 * np.sin((y + mode.ystart) / 40.0) + 2 * ((x + mode.xstart) % 4)


def readout_effects(rng, mode):
    """
    Draw the phases of the interference.

    Returns
    -------
    callable
        (integration, group, rows) to a (rows, nx) float32 plane [DN].
    """
    row, reset = CLOCKS.get(clock_name(mode), (28, 15904))
    frame = mode.ny * row + (MIRI_ROWS - mode.ny) * ROW_SKIPPED
    starts = rng.random(len(mode.interference))
    step = FULL_DRIFT if mode.subarray == "FULL" else SUBARRAY_DRIFT
    drift = rng.normal(0, step, (mode.nints, mode.ngroups, 2, 4)).cumsum(axis=1)
    decay = _decay()

    @lru_cache(maxsize=1)
    def pixels(first, last):
        y, x = np.mgrid[first:last, : mode.nx]
        return y, x, y * row + (x // 4) * mode.nsamples, _reset_level(mode, y, x)

    def plane(integration, group, rows):
        y, x, samples, level = pixels(*rows.indices(mode.ny)[:2])
        time = integration * (mode.ngroups * frame + reset) + group * frame + samples
        result = drift[integration, group, y % 2, x % 4]
        if group < RESET_GROUPS:
            anomaly = decay[min(integration, RESET_INTEGRATIONS - 1), group] * level
            result += anomaly.astype(np.float32)
        if group == mode.ngroups - 1:
            result += LAST_GROUP
        for number, (frequency, amplitude) in enumerate(mode.interference):
            shape = wave_shape(number)
            phase = (time * SAMPLE * frequency + starts[number]) % 1
            result += amplitude * shape[(phase * len(shape)).astype(int) % len(shape)]
        return result.astype(np.float32)

    return plane
