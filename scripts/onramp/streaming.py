"""
The passage of one exposure through all steps, by bands of detector rows.

The result depends neither on the height of the bands nor on the thread that takes one.
"""

import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from onramp.calibration import Calibration
from onramp.early_steps import EARLY_STEPS, output_of
from onramp.flags import DO_NOT_USE, NO_GAIN_VALUE, SATURATED
from onramp.steps import gain_scale, jump, ramp_fit

BAND_BYTES = 12_000_000
HEIGHTS = 8, 128  # smallest and largest band [rows]


class Band(NamedTuple):
    """Rows [first, last) and the rows around them that the jump step looks at."""

    first: int
    last: int
    outer_first: int
    outer_last: int

    @property
    def inner(self) -> slice:
        """The band's own rows among those around it."""
        return slice(self.first - self.outer_first, self.last - self.outer_first)


class Stopwatch:
    """Seconds spent in each step, over all threads."""

    def __init__(self):
        self.seconds = defaultdict(float)
        self._lock = threading.Lock()

    @staticmethod
    def now():
        """Return the time to measure from."""
        return time.perf_counter()

    def add(self, step, since):
        """Add the time since `since` to a step; return the time now."""
        now = time.perf_counter()
        with self._lock:
            self.seconds[step] += now - since
        return now


def band_height(shape, threads=1, rows=None):
    """
    Return how many rows to take at once.

    Parameters
    ----------
    shape : (int, int, int, int)
        nints, ngroups, ny, nx.
    threads : int
        Bands in memory at the same time.
    rows : int, optional
        A given height.
    """
    nints, ngroups, ny, nx = shape
    per_row = nints * ngroups * nx * (2 + 4 + 1) + nints * nx * 20
    height = rows or int(np.clip(BAND_BYTES // per_row, *HEIGHTS))
    return max(1, min(height, -(-ny // threads)))


class Stream:
    """
    One exposure, its references and parameters, ready to run.

    Parameters
    ----------
    exposure : Exposure
    references : dict of str to OpenReference or None
        By type; None stands for N/A.
    parameters : Detector1Parameters

    Attributes
    ----------
    recorders : dict of str to callable
        By step: called after it with the band's first row and data, groupdq and pixeldq, or, for
        ramp_fit and gain_scale, rate and rateints (Slopes).
    """

    def __init__(self, exposure, references, parameters):
        self.exposure = exposure
        self.references = references
        self.parameters = parameters
        self.recorders = {}
        self.stopwatch = Stopwatch()
        self.calibration = Calibration(exposure, references, parameters)
        self.states = self.calibration.states
        _, ngroups, _, _ = exposure.shape
        runs = self.calibration.runs
        self.jumps = ngroups > 2 and runs("jump", "gain", "readnoise")
        self.fits = runs("ramp_fit", "gain", "readnoise")
        self.gain_factor = self._gain_factor()
        self.rescales = self.fits and self.gain_factor is not None and runs("gain_scale")
        self.halo = int(self.jumps and parameters.jump.flag_4_neighbors)
        self.weights = ramp_fit.slope_weights(ngroups)
        self.timing = ramp_fit.Timing.of(
            exposure.group_time, exposure.frame_time, exposure.readout.nframes
        )
        self.ignored = ramp_fit.ignored_groups(
            parameters.ramp_fit.firstgroup, parameters.ramp_fit.lastgroup, ngroups
        )

    def _gain_factor(self):
        gain = self.references.get("gain")
        factor = gain.header.get("GAINFACT") if gain else None
        return self.exposure.primary.get("GAINFACT") if factor is None else factor

    def survey(self):
        """Look at what needs whole frames; to be called once, before `run`."""
        self.calibration.survey(self.stopwatch)
        if not self.jumps:
            return
        since = self.stopwatch.now()
        self.unusable = self.calibration.unusable_groups(band_height(self.exposure.shape))
        self.detection = jump.plan(
            self.parameters.jump,
            self.unusable,
            self.exposure.readout.nframes,
            self.exposure.group_time,
            self._median_gain(),
        )
        self.stopwatch.add("jump", since)

    @property
    def jump_sample(self):
        """What was searched for jumps, after `survey` [s pixel]; 0 if nothing was."""
        if not self.jumps:
            return 0.0
        nints, ngroups, ny, nx = self.exposure.shape
        intervals = nints * ngroups - int(self.unusable.sum()) - nints
        return max(intervals, 0) * self.exposure.group_time * ny * nx

    def _median_gain(self):
        """Return the median gain, which only flags after jumps ask for, or 0."""
        parameters = self.parameters.jump
        if parameters.after_jump_flag_dn1 == 0.0 and parameters.after_jump_flag_dn2 == 0.0:
            return 0.0
        gain = self.references["gain"].read("SCI", 0, self.exposure.shape[2])
        return np.nanmedian(gain) if np.isfinite(gain).any() else np.nan

    def run(self, threads, rows=None, spared_planes=()):
        """
        Pass all bands through the steps.

        Parameters
        ----------
        threads : dict of str to int
            Threads that each step with `maximum_cores` may take.
        rows : int, optional
            Height of the bands.
        spared_planes : list of (int, int)
            See `jump.detect_jumps`.

        Returns
        -------
        counts : Counter
            jumps; bad, pixels of the rate that are DO_NOT_USE; begun, ramps whose first group is
            not saturated.
        touched : (nints, ngroups) int
            See `jump.detect_jumps`.
        """
        workers = max(threads.values())
        self._turns = {step: threading.Semaphore(count) for step, count in threads.items()}
        ny = self.exposure.shape[2]
        height = band_height(self.exposure.shape, workers, rows)
        bands = [self._band(first, min(first + height, ny)) for first in range(0, ny, height)]
        totals = Counter()
        touched = np.zeros(self.exposure.shape[:2], np.int64)
        with ThreadPoolExecutor(workers) as pool:
            tasks = [pool.submit(self._run_band, b, spared_planes) for b in bands]
            try:
                for task in tasks:
                    counts, band_touched = task.result()
                    totals.update(counts)
                    touched += band_touched
            finally:
                pool.shutdown(cancel_futures=True)
        return totals, touched

    def _band(self, first, last):
        ny = self.exposure.shape[2]
        return Band(first, last, max(0, first - self.halo), min(ny, last + self.halo))

    def _record(self, step, band, data, groupdq, pixeldq):
        if step in self.recorders:
            rows = band.inner
            self.recorders[step](band.first, data[:, :, rows], groupdq[:, :, rows], pixeldq[rows])

    def _record_slopes(self, step, band, rate, rateints):
        if step in self.recorders:
            self.recorders[step](band.first, rate, rateints)

    def _run_band(self, band, spared_planes):
        since = self.stopwatch.now()
        calibration = self.calibration
        for step in EARLY_STEPS:
            if step in self.recorders:
                record = self.recorders[step]
                record(band.first, *output_of(step, calibration, band.first, band.last))
        data, groupdq = calibration.load(band.outer_first, band.outer_last)
        pixeldq = calibration.pixeldq[band.outer_first : band.outer_last].copy()
        since = self.stopwatch.add("saturation", since)
        for step, correct in calibration.corrections():
            correct(band.outer_first, data, groupdq, pixeldq)
            self._record(step, band, data, groupdq, pixeldq)
            since = self.stopwatch.add(step, since)
        counts = Counter()
        touched = np.zeros(self.exposure.shape[:2], np.int64)
        gain = readnoise = None
        if self.jumps or self.fits:
            rows = band.outer_first, band.outer_last
            gain = self.references["gain"].read("SCI", *rows)
            readnoise = self.references["readnoise"].read("SCI", *rows)
        if self.jumps:
            pixeldq[~(gain > 0)] |= np.uint32(NO_GAIN_VALUE | DO_NOT_USE)
            with self._turns["jump"]:
                counts["jumps"], touched = jump.detect_jumps(
                    data, groupdq, gain, readnoise, self.detection, band.inner, spared_planes
                )
            since = self.stopwatch.add("jump", since)
        for step in ("jump", "persistence"):
            self._record(step, band, data, groupdq, pixeldq)
        if self.fits:
            with self._turns["ramp_fit"]:
                rate = self._fit(band, data, groupdq, pixeldq, gain, readnoise)
            counts["bad"] = int(np.count_nonzero(rate.dq & DO_NOT_USE))
            counts["begun"] = int(np.count_nonzero((groupdq[:, 0, band.inner] & SATURATED) == 0))
            self.stopwatch.add("ramp_fit", since)
        return counts, touched

    def _fit(self, band, data, groupdq, pixeldq, gain, readnoise):
        rows = band.inner
        parameters = self.parameters.ramp_fit
        gain = gain[rows]
        noise = ramp_fit.Noise(
            gain,
            ramp_fit.group_noise(readnoise[rows], gain, self.exposure.readout.nframes),
            self.calibration.average_dark_current(band.first, band.last),
        )
        groupdq = np.ascontiguousarray(groupdq[:, :, rows])
        groupdq[:, self.ignored] |= np.uint8(DO_NOT_USE)
        zeroframe = None
        if self.calibration.zeroframe is not None and not parameters.suppress_one_group:
            zeroframe = self.calibration.corrected_zeroframe(band.first, band.last)
        rate, rateints = ramp_fit.fit_slopes(
            np.ascontiguousarray(data[:, :, rows]), groupdq, pixeldq[rows], noise, self.timing,
            parameters.suppress_one_group, self.weights, zeroframe,
        )  # fmt: skip
        self._record_slopes("ramp_fit", band, rate, rateints)
        if self.rescales:
            gain_scale.rescale(rate, self.gain_factor)
            gain_scale.rescale(rateints, self.gain_factor)
        self._record_slopes("gain_scale", band, rate, rateints)
        return rate
