"""
Draw the ramps of a case and write them as they are after the step before jump detection.

Usage: python ramps.py CASE FOLDER
"""

import sys
from pathlib import Path

import numpy as np
from onramp.flags import DEAD, DO_NOT_USE, SATURATED
from step_cases import CASES

GAIN = 1.8  # [e-/DN]
READ_NOISE = 9.0  # correlated double sampling [DN]
WELL = 60000.0  # where a ramp saturates [DN]
BAD_PIXELS = 0.015
TRACK = 9  # longest track of a cosmic ray [pixel]
STARS = 2e-4  # for each pixel


def draw(field, seed=1):
    """
    Draw ramps: sky and stars, read noise, cosmic rays, snowballs, saturation and bad pixels.

    Parameters
    ----------
    field : step_cases.Field
    seed : int, optional

    Returns
    -------
    dict of str to array
        data (nints, ngroups, ny, nx) float32 [DN], groupdq (same) uint8, pixeldq (ny, nx) uint32,
        and, all (ny, nx) float32, gain [e-/DN], readnoise [DN], dark [e-/s].
    """
    rng = np.random.default_rng(seed)
    nints, ngroups, *frame = field.shape
    gain = (GAIN * (1 + 0.02 * rng.standard_normal(frame))).astype(np.float32)
    readnoise = (READ_NOISE * (1 + 0.08 * rng.standard_normal(frame))).astype(np.float32)
    bad = rng.random(frame) < BAD_PIXELS
    rate = _scene(rng, frame, field.sky)
    data = np.empty(field.shape, np.float32)
    groupdq = np.zeros(field.shape, np.uint8)
    balls = _snowballs(rng, field)
    for integration in range(nints):
        charge = np.zeros(frame)
        for group in range(ngroups):
            charge += rng.poisson(rate * field.group_time)
            _hit(rng, charge, field.hits)
            for ball in balls:
                if ball[:2] == (integration, group):
                    _drop(charge, *ball[2:])
            level = charge / gain
            noise = rng.standard_normal(frame, np.float32) * readnoise / np.float32(np.sqrt(2))
            data[integration, group] = np.minimum(level, WELL) + noise
            groupdq[integration, group, level >= WELL] |= np.uint8(SATURATED)
    if field.flagged:
        _flag(rng, groupdq, field.flagged)
    return {
        "data": data,
        "groupdq": groupdq,
        "pixeldq": np.where(bad, np.uint32(DO_NOT_USE | DEAD), np.uint32(0)),
        "gain": gain,
        "readnoise": readnoise,
        "dark": np.full(frame, 0.003, np.float32),
    }


def _scene(rng, frame, sky):
    """Return the rate of each pixel [e-/s]: a sky with structure, and stars."""
    ny, nx = frame
    rate = sky * rng.lognormal(0.0, 0.25, frame)
    y, x = np.mgrid[-7:8, -7:8]
    shape = np.exp(-(x**2 + y**2) / 6.0) + 0.02 / (1.0 + x**2 + y**2)
    for _ in range(max(1, round(STARS * ny * nx))):
        top, left = rng.integers(0, ny), rng.integers(0, nx)
        star = shape * rng.lognormal(4.0, 1.8)
        part = rate[top : top + 15, left : left + 15]
        part += star[: part.shape[0], : part.shape[1]]
    return rate


def _hit(rng, charge, fraction):
    """Add the tracks of cosmic rays in one group [e-]."""
    ny, nx = charge.shape
    count = rng.poisson(fraction * charge.size / ((TRACK + 1) / 2))
    y, x = rng.uniform(0, ny, count), rng.uniform(0, nx, count)
    angle = rng.uniform(0, 2 * np.pi, count)
    length = rng.integers(1, TRACK + 1, count)
    size = rng.lognormal(6.5, 1.2, count)
    for step in range(TRACK):
        inside = step < length
        row = (y + step * np.sin(angle)).astype(int)
        column = (x + step * np.cos(angle)).astype(int)
        inside &= (row >= 0) & (row < ny) & (column >= 0) & (column < nx)
        np.add.at(charge, (row[inside], column[inside]), size[inside])


def _snowballs(rng, field):
    """Return integration, group, row, column, core radius and halo radius [pixel] of each."""
    nints, ngroups, ny, nx = field.shape
    return [
        (
            *(int(rng.integers(0, nints)), int(rng.integers(1, ngroups))),
            *(rng.uniform(10, ny - 10), rng.uniform(10, nx - 10)),
            *(rng.uniform(2, 7), rng.uniform(1.5, 4)),
        )
        for _ in range(field.snowballs)
    ]


def _drop(charge, y, x, core, halo):
    """Add a snowball: a core that saturates in a round halo [e-]."""
    rows, columns = np.ogrid[: charge.shape[0], : charge.shape[1]]
    distance = np.hypot(rows - y, columns - x)
    charge += np.where(distance < core, 3e5, 2e4 * np.exp(-(distance - core) / halo))


def _flag(rng, groupdq, fraction):
    """Flag a fraction of the ramps: half saturate on the way, half have a group not to be used."""
    _, ngroups, *frame = groupdq.shape
    groups = np.arange(ngroups)[:, None, None]
    for flags in groupdq:
        chosen = rng.random(frame) < fraction
        saturates = rng.random(frame) < 0.5
        first = rng.integers(1, ngroups, frame)
        flags[(groups >= first) & (chosen & saturates)] |= np.uint8(SATURATED)
        flags[(groups == first) & (chosen & ~saturates)] |= np.uint8(DO_NOT_USE)


def save(arrays, folder):
    """Write each array to a file of its own."""
    for name, values in arrays.items():
        np.save(Path(folder) / f"{name}.npy", values)


def load(folder):
    """Read what `save` wrote."""
    return {path.stem: np.load(path) for path in sorted(Path(folder).glob("*.npy"))}


def main(name, folder):
    """Draw a case's ramps; a case of the fit alone has its jumps flagged."""
    from steps_onramp import Passage

    case = CASES[name]
    arrays = draw(case.field)
    if "jump" not in case.steps:
        passage = Passage(case._replace(steps=("jump",)), arrays)
        results = passage.results()
        passage.run(results)
        arrays["groupdq"] = results.groupdq
    save(arrays, folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
