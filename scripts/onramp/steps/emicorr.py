"""
Periodic noise of electromagnetic interference in MIRI ("EMI Correction").

The four outputs are read at the same time, so that four adjacent columns, here a quad, share one
phase of a wave. A wave is known once its phase in every integration is; it can then be subtracted
from any rows. Waves are subtracted one after the other, each time rounded to single precision.
"""

import functools
from typing import NamedTuple

import numpy as np

from onramp.kernels import inner_kernel, kernel, scalar_kernel

QUAD = 4  # columns
DETECTOR_ROWS = 1024
SKIPPED_ROW = 7.0  # samples that pass while a row outside the subarray is skipped
SAMPLE = 10.0e-6  # s
FEWEST_GROUPS = 3
ONE_RESET = "FASTR1", "SLOWR1"  # patterns with a reset frame between integrations

CLOCKS = {
    "SLITLESSPRISM": (28, 15904),
    "MASKLYOT": (90, 32400),
    "SUB64": (28, 8512),
    "SUB128": (44, 11904),
    "MASK1140": (82, 23968),
    "MASK1550": (82, 23968),
    "MASK1065": (82, 23968),
    "FULL_FAST": (271, 277504),
    "FULL_SLOW": (2333, 2388992),
    "BRIGHTSKY": (162, 86528),
    "SUB256": (96, 29952),
}
"""Samples of a row and of a reset frame, by subarray, where no reference tells."""


class Clock(NamedTuple):
    """When pixels are read, in samples."""

    pixel: float
    """From one quad to the next."""
    row: float
    """From one row to the next."""
    frame: float
    """From one group to the next."""
    reset_frame: float
    """A reset frame."""
    reset: float
    """What passes between integrations beside their groups: a reset frame, or nothing."""

    @classmethod
    def of(cls, readpatt, nsamples, rowclocks, frameclocks, ny):
        """
        Put together what the header and the reference say.

        Parameters
        ----------
        readpatt : str
        nsamples : int
            Samples of a pixel: 1 (FAST) or 9 (SLOW).
        rowclocks, frameclocks : int
            Samples of a row and of a reset frame.
        ny : int
            Rows of the subarray.
        """
        frame = ny * rowclocks + (DETECTOR_ROWS - ny) * SKIPPED_ROW
        reset = frameclocks if readpatt in ONE_RESET else 0
        return cls(nsamples, rowclocks, frame, frameclocks, reset)


def speed_of(readpatt):
    """Return "FAST" or "SLOW", or None for a pattern that cannot be corrected."""
    known = {"FAST": "FAST", "FASTR1": "FAST", "SLOW": "SLOW", "SLOWR1": "SLOW"}
    return known.get(readpatt)


def subarray_case(subarray, readpatt):
    """Return the name under which a subarray's clocks are listed."""
    return f"{subarray}_{speed_of(readpatt)}" if "FULL" in subarray else subarray


def period_of(frequency):
    """Return the period of a frequency [Hz] in samples."""
    return (1.0 / frequency) / SAMPLE


class Smooth(NamedTuple):
    """A wave of the reference's shape, with an amplitude and a phase for each integration."""

    shape: np.ndarray
    """(n + 1, 4) float64 [DN]: from `wave_shape`."""
    clock: Clock
    period: float
    """[sample]"""
    amplitudes: np.ndarray
    """(nints,) float64"""
    phases: np.ndarray
    """(nints,) float64, of the first sample; in periods."""

    @property
    def largest(self):
        """A bound of the wave's size [DN]."""
        return np.abs(self.amplitudes).max() * np.abs(self.shape).sum(axis=1).max()

    def subtract(self, data, first_row, first_quad=0, first_integration=0):
        """
        Subtract the wave from a band, in place.

        Parameters
        ----------
        data : (nints, ngroups, ny, nx) float32
            Signal [DN].
        first_row, first_quad : int
            Where the band starts in the subarray.
        first_integration : int
            The band's first integration.
        """
        quads = -(-data.shape[3] // QUAD)
        phase = quad_phases(self.clock, self.period, first_row, data.shape[2], first_quad, quads)
        step = group_phase(self.clock, self.period)
        some = slice(first_integration, first_integration + len(data))
        _subtract_smooth(data, phase, step, self.shape, self.amplitudes[some], self.phases[some])


class Table(NamedTuple):
    """A wave that is looked up by the time since the exposure's first sample."""

    values: np.ndarray
    """(n,) float64 [DN]: one for each sample of a period."""
    clock: Clock
    period: float
    """[sample]"""
    late_quad: int
    """The quad of each row that is read late, -1 if none."""
    ngroups: int
    """Of an integration."""

    @property
    def largest(self):
        """The wave's size [DN]."""
        return np.abs(self.values).max()

    def subtract(self, data, first_row, first_quad=0, first_integration=0):
        """Subtract the wave from a band, in place; as `Smooth.subtract`."""
        integration = self.clock.frame * self.ngroups + self.clock.reset
        for i in range(data.shape[0]):
            start = (first_integration + i) * integration
            _subtract_table(data[i], first_row, first_quad, self.late_quad, start,
                            self.clock[:3], self.values, self.period)  # fmt: skip


@functools.lru_cache(maxsize=32)
def quad_phases(clock, period, first_row, nrows, first_quad, quads):
    """
    Return the phases of quads in the first group, (nrows, quads) float64, in periods.

    To be read, not changed.
    """
    rows = np.arange(first_row, first_row + nrows)
    columns = np.arange(first_quad, first_quad + quads)
    return ((rows[:, None] * clock.row + columns * clock.pixel) / period) % 1


def group_phase(clock, period):
    """Return by how much the phase changes from group to group, in periods."""
    return (clock.frame / period) % 1


def wave_shape(wave):
    """
    Return the cubic spline through a wave, sampled in the middle of equal parts of its period.

    The wave is continued by one sample at either end; there the spline's third derivative is
    continuous one sample farther in ("not-a-knot").

    Parameters
    ----------
    wave : (n,) float64
        At least two samples.

    Returns
    -------
    (n + 1, 4) float64
        Coefficients of each interval, in ascending powers of the place in it (0 to 1).
    """
    wave = np.asarray(wave, np.float64)
    y = np.concatenate((wave[-1:], wave, wave[:1]))
    bend = np.zeros(y.size)  # second derivative, times the squared distance of samples
    bend[1:-1] = 6.0 * (y[:-2] - 2.0 * y[1:-1] + y[2:])
    inner = bend[1:-1]
    inner[0] /= 6.0
    inner[-1] /= 6.0
    if inner.size > 2:
        _solve_inner(inner)
    bend[0] = 2.0 * bend[1] - bend[2]
    bend[-1] = 2.0 * bend[-2] - bend[-3]
    slope = y[1:] - y[:-1] - (2.0 * bend[:-1] + bend[1:]) / 6.0
    return np.stack((y[:-1], slope, bend[:-1] / 2.0, (bend[1:] - bend[:-1]) / 6.0), axis=1)


def _solve_inner(bend):
    """Solve b[n-1] + 4 b[n] + b[n+1] = given for all but the first and last, which are known."""
    count = bend.size
    factors = np.zeros(count)
    for n in range(1, count - 1):
        pivot = 4.0 - factors[n - 1]
        factors[n] = 1.0 / pivot
        bend[n] = (bend[n] - bend[n - 1]) / pivot
    for n in range(count - 2, 0, -1):
        bend[n] -= factors[n] * bend[n + 1]


@scalar_kernel
def value_at(shape, phase):
    """Return the value of a wave at a phase of 0 to 1."""
    place = phase * (shape.shape[0] - 1) + 0.5
    n = int(place)
    t = place - n
    return shape[n, 0] + t * (shape[n, 1] + t * (shape[n, 2] + t * shape[n, 3]))


@scalar_kernel
def _subtract(samples, noise):
    for x in range(samples.size):
        samples[x] = np.float32(np.float64(samples[x]) - noise[x])


@kernel
def _subtract_smooth(data, phase, step, shape, amplitudes, phases):
    nints, ngroups, ny, nx = data.shape
    first, width = phase.reshape(-1), QUAD * phase.shape[1]
    room = np.empty(first.size, np.int32), np.empty(first.size), np.empty(QUAD * first.size)
    noise = room[2]
    for i in range(nints):
        for g in range(ngroups):
            _find_noise(first, step * g, phases[i], shape, amplitudes[i], room)
            if nx == width:
                _subtract(data[i, g].reshape(-1), noise)
            else:
                for y in range(ny):
                    _subtract(data[i, g, y], noise[y * width : y * width + nx])


@scalar_kernel
def _find_noise(first, step, start, shape, amplitude, room):
    """Fill the last of `room` with the values of a wave, one for each pixel; see `value_at`."""
    intervals, places, noise = room
    size = shape.shape[0] - 1
    for n in range(first.size):
        place = first[n] + step + start
        place = (place - np.floor(place)) * size + 0.5
        intervals[n] = np.int32(place)
        places[n] = place - np.float64(np.int32(place))
    for n in range(first.size):
        wave, t = shape[np.uintp(intervals[n])], places[n]
        value = amplitude * (wave[0] + t * (wave[1] + t * (wave[2] + t * wave[3])))
        for k in range(QUAD):
            noise[QUAD * n + k] = value


LATE = 3.0 + 2.0**32
"""Samples by which the last quad of a full row counts as late, as in the reference."""


@inner_kernel
def phase_of(time, period):
    """Return the phase of a time, in periods."""
    place = np.floor(time) / period
    return place - np.floor(place)


@kernel
def _subtract_table(data, first_row, first_quad, late_quad, start, clock, values, period):
    ngroups, ny, nx = data.shape
    pixel, row, frame = clock
    for g in range(ngroups):
        for y in range(ny):
            samples = data[g, y]
            begin = start + g * frame + (first_row + y) * row
            for q in range((nx + QUAD - 1) // QUAD):
                time = begin + (first_quad + q) * pixel
                if first_quad + q == late_quad:
                    time += LATE
                noise = values[int(phase_of(time, period) * period)]
                for x in range(QUAD * q, min(QUAD * q + QUAD, nx)):
                    samples[x] = np.float32(np.float64(samples[x]) - noise)
