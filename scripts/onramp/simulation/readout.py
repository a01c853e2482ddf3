"""From charge to raw samples: Poisson noise, non-linearity, bias drifts, conversion."""

import numpy as np

from onramp.simulation.detector import LINEARITY_SCALE_DN, inverse_linearity
from onramp.simulation.miri_effects import readout_effects
from onramp.simulation.modes import FULL

BAND_SAMPLES = 1 << 18
CONVERTER_LIMIT = 65535
OVERSHOOT_DN = 400.0
"""Distance from a pixel's saturation threshold to its full well [DN]."""


def ramps(rng, mode, detector, light, hits):
    """
    Read out all integrations of an exposure.

    Parameters
    ----------
    rng : numpy.random.Generator
    mode : Mode
    detector : Detector
        Maps cut to the exposure.
    light : (ny, nx) float32
        Rate [e/s].
    hits : (nhits,) structured
        Cosmic rays, ordered by integration and frame.

    Returns
    -------
    (nints, ngroups, ny, nx) uint16
        Raw groups [DN].
    (nints, ny, nx) uint16, or None
        First frame of each integration [DN], when the mode sends it.
    """
    sci = np.empty((mode.nints, mode.ngroups, mode.ny, mode.nx), np.uint16)
    zero = np.empty((mode.nints, mode.ny, mode.nx), np.uint16) if mode.zero_frame else None
    drift = readout_effects(rng, mode) if mode.miri else _drifts(rng, mode)
    height = max(1, BAND_SAMPLES // mode.nx)
    for y0 in range(0, mode.ny, height):
        rows = slice(y0, min(mode.ny, y0 + height))
        here = hits[(hits["y"] >= rows.start) & (hits["y"] < rows.stop)]
        band = type(detector)(*(plane[rows] for plane in detector))
        rate = (light[rows] + band.dark).astype(np.float64)
        for integration in range(mode.nints):
            own = here[here["integration"] == integration]
            groups = _integrate(rng, mode, band, rate, own, y0)
            for group, (signal, first) in enumerate(groups):
                offset = drift(integration, group, rows)
                if group == 0 and zero is not None:
                    zero[integration, rows] = _convert(rng, band, first + offset, 1)
                sci[integration, group, rows] = _convert(rng, band, signal + offset, mode.nframes)
    if mode.dense_flags:
        _disturb(rng, sci, detector.border)
    return sci, zero


def _integrate(rng, mode, band, rate, hits, y0):
    """Yield each group's mean and first frame [DN above the bias pattern], without read noise."""
    inverse = inverse_linearity().astype(np.float32)
    start = band.bias + 5 * rng.standard_normal(rate.shape, np.float32)
    charge = np.zeros(rate.shape, np.float32)
    frame = -1
    for group in range(mode.ngroups):
        total = np.zeros(rate.shape, np.float32)
        first = None
        for place in range(mode.nframes):
            steps = 1 + (mode.groupgap if group and not place else 0)
            charge += rng.poisson(rate * (steps * mode.tframe))
            last, frame = frame, frame + steps
            low, high = np.searchsorted(hits["frame"], [last, frame], side="right")
            new = hits[low:high]
            np.add.at(
                charge,
                (new["y"] - y0, new["x"]),
                new["electrons"] * ~band.border[new["y"] - y0, new["x"]],
            )
            if mode.miri:
                level = measured(start + charge / band.gain, band.stretch, inverse)
            else:
                level = start + measured(charge / band.gain, band.stretch, inverse)
            np.minimum(level, band.well + OVERSHOOT_DN, out=level)
            first = level if first is None else first
            total += level
        yield total / mode.nframes, first


def measured(linear, stretch, inverse):
    """
    Signal as measured by a non-linear pixel.

    Parameters
    ----------
    linear : (ny, nx) float32
        Signal of an ideal pixel [DN].
    stretch : (ny, nx) float32
        Scale of the non-linearity.
    inverse : (degree + 1,) float32
        Coefficients of the inverse polynomial.

    Returns
    -------
    (ny, nx) float32
        Signal [DN].
    """
    scale = stretch / np.float32(LINEARITY_SCALE_DN)
    u = np.minimum(linear * scale, np.float32(1.19))
    result = np.full_like(u, inverse[-1])
    for coefficient in inverse[-2::-1]:
        result *= u
        result += coefficient
    return result / scale


def _convert(rng, band, level, nframes):
    """Add read noise, average and digitise."""
    noise = rng.standard_normal(level.shape, np.float32)
    noise *= band.read_noise / np.float32(np.sqrt(nframes))
    noise += level
    return np.clip(np.rint(noise), 0, CONVERTER_LIMIT).astype(np.uint16)


def _drifts(rng, mode):
    """
    Draw the electronics' offsets, which the reference pixels share.

    Each amplifier has a random walk from group to group, its own for odd and even columns, and 1/f
    noise that is constant along a row of the detector (along the fast axis); IRS2 has its own.

    Returns
    -------
    callable
        (integration, group, rows) to a (rows, nx) float32 plane [DN].
    """
    nfast, nslow = (mode.nx, mode.ny) if mode.fast_is_x else (mode.ny, mode.nx)
    start = mode.xstart if mode.fast_is_x else mode.ystart
    fast = np.arange(nfast) + start - 1
    amplifier = fast // (FULL // 4) if mode.noutputs >= 4 else np.zeros(nfast, int)
    walk = rng.normal(0, 1.5, (mode.nints, mode.ngroups, 4, 2)).cumsum(axis=1)
    walk += rng.normal(0, 8, (mode.nints, 1, 4, 2))
    strength = 0.0 if mode.interleaved else mode.one_over_f_dn
    amplitude = strength / np.sqrt(mode.nframes)
    used = np.unique(amplifier)
    slow = amplitude * _one_over_f(rng, (mode.nints, mode.ngroups, len(used)), nslow)
    index = np.searchsorted(used, amplifier)

    def plane(integration, group, rows):
        along_fast = walk[integration, group, amplifier, fast % 2].astype(np.float32)
        along_slow = slow[integration, group]
        if mode.fast_is_x:
            return along_fast + along_slow[:, rows].T[:, index]
        return along_fast[rows, None] + along_slow[index[rows]]

    return plane


def _one_over_f(rng, shape, length):
    """Noise with a power spectrum that falls as 1/f along the last axis; standard deviation 1."""
    padded = max(64, 2 * length)
    frequencies = np.arange(1, padded // 2 + 1)
    phases = rng.standard_normal((2, *shape, len(frequencies)))
    spectrum = np.zeros((*shape, padded // 2 + 1), complex)
    spectrum[..., 1:] = (phases[0] + 1j * phases[1]) / np.sqrt(frequencies)
    noise = np.fft.irfft(spectrum, padded)[..., :length]
    return (noise * padded / (2 * np.sqrt(np.sum(1 / frequencies)))).astype(np.float32)


def _disturb(rng, sci, border):
    """Spoil many samples in place, but no reference pixel's: floors, saturated tails, steps."""
    nints, ngroups, ny, nx = sci.shape
    shape = ny, nx
    for integration in range(nints):
        start = rng.integers(0, ngroups, shape)
        saturated = (rng.random(shape) < 0.02) & ~border
        step = np.where(rng.random(shape) < 0.1, rng.normal(0, 300, shape), 0.0) * ~border
        step_start = rng.integers(0, ngroups, shape)
        for group in range(ngroups):
            plane = sci[integration, group] + step * (step_start <= group)
            plane[saturated & (start <= group)] = CONVERTER_LIMIT
            plane[(rng.random(shape) < 0.02) & ~border] = 0
            sci[integration, group] = np.clip(np.rint(plane), 0, CONVERTER_LIMIT)
