"""
The passage of one exposure through the steps, by bands of detector rows.

What needs whole frames (reference pixels, groups in which no pixel is usable) is surveyed first and
leaves a small result; then each band goes through all steps on its own. The result depends neither
on the height of the bands nor on the thread that takes one.
"""

import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from onramp.flags import DO_NOT_USE, NO_GAIN_VALUE, SATURATED
from onramp.steps import (
    dark_current,
    gain_scale,
    group_scale,
    ipc,
    jump,
    linearity,
    ramp_fit,
    refpix,
    saturation,
    superbias,
)

BAND_BYTES = 12_000_000
HEIGHTS = 8, 128  # smallest and largest band [rows]
LIGHT_BORDER = 4  # reference pixels at each edge of the detector
DETECTOR_SIZE = 2048


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
    recorders : dict of str to callable
        By step: called with the band's first row, data, groupdq and pixeldq after that step.
    """

    def __init__(self, exposure, references, parameters, recorders):
        self.exposure = exposure
        self.parameters = parameters
        self.recorders = recorders
        self.stopwatch = Stopwatch()
        self.references = references
        self.states = dict.fromkeys(type(parameters).model_fields, "SKIPPED")
        self._plan()

    def _on(self, step, *types):
        """Return whether a step runs; note its state."""
        wanted = not getattr(self.parameters, step).skip
        runs = wanted and all(self.references.get(kind) is not None for kind in types)
        self.states[step] = "COMPLETE" if runs else "SKIPPED"
        return runs

    def _plan(self):
        exposure, readout = self.exposure, self.exposure.readout
        nints, ngroups, ny, nx = exposure.shape
        self.scale = group_scale.scale_factor(readout.nframes, exposure.frame_divisor)
        if not (self.scale and self._on("group_scale")):
            self.scale = None
        self.masked = self._on("dq_init", "mask")
        self.saturated = self._on("saturation", "saturation")
        self.ipc = self._on("ipc", "ipc")
        self.biased = self._on("superbias", "superbias")
        self.refpix = self._on("refpix")
        self.linear = self._on("linearity", "linearity")
        self.dark = self._on("dark_current", "dark") and self._plan_dark()
        self.jumps = ngroups > 2 and self._on("jump", "gain", "readnoise")
        self.fits = self._on("ramp_fit", "gain", "readnoise")
        self.gain_factor = self._gain_factor()
        rescaled = self.fits and self.gain_factor is not None
        if not (rescaled and self._on("gain_scale")):
            self.states["gain_scale"] = "SKIPPED"
        self.zeroframe = exposure.zeroframe
        self.halo = int(self.jumps and self.parameters.jump.flag_4_neighbors)
        self.weights = ramp_fit.slope_weights(ngroups)
        self.timing = ramp_fit.Timing.of(
            exposure.group_time, exposure.frame_time, readout.nframes
        )
        self.ignored = ramp_fit.ignored_groups(
            self.parameters.ramp_fit.firstgroup, self.parameters.ramp_fit.lastgroup, ngroups
        )

    def _plan_dark(self):
        header = self.references["dark"].header
        shape = self.references["dark"].shape("SCI")
        self.dark_readout = dark_current.Readout(
            shape[0], int(header["NFRAMES"]), int(header["GROUPGAP"])
        )
        usable = dark_current.usable(self.exposure.readout, self.dark_readout)
        self.states["dark_current"] = "COMPLETE" if usable else "SKIPPED"
        return usable

    def _gain_factor(self):
        gain = self.references.get("gain")
        factor = gain.header.get("GAINFACT") if gain else None
        return self.exposure.primary.get("GAINFACT") if factor is None else factor

    def survey(self):
        """Look at what needs whole frames; to be called once, before `run`."""
        since = time.perf_counter()
        self.pixeldq = self._pixel_quality()
        since = self.stopwatch.add("dq_init", since)
        self.offsets = self.zero_offsets = None
        if self.refpix:
            self._survey_reference_pixels()
            since = self.stopwatch.add("refpix", since)
        if self.jumps:
            gain = self.references["gain"].read("SCI", 0, self.exposure.shape[2])
            median = np.nanmedian(gain) if np.isfinite(gain).any() else np.nan
            self.unusable = self._unusable_groups()
            self.detection = jump.plan(
                self.parameters.jump, self.unusable, self.exposure.readout.nframes,
                self.exposure.group_time, median,
            )  # fmt: skip
            self.stopwatch.add("jump", since)

    def _pixel_quality(self):
        ny, nx = self.exposure.shape[2:]
        dq = np.zeros((ny, nx), np.uint32)
        if self.masked:
            dq |= self.references["mask"].dq(0, ny)
        self.mask = (dq & DO_NOT_USE).astype(np.uint8)
        if self.saturated:
            reference = self.references["saturation"]
            _, _, saturation_dq = saturation.thresholds(
                reference.read("SCI", 0, ny), reference.dq(0, ny)
            )
            dq |= saturation_dq
        if self.biased:
            dq |= self.references["superbias"].dq(0, ny)
        return dq

    def _bias(self, first, last):
        reference = self.references.get("superbias")
        return None if reference is None else reference.read("SCI", first, last)

    def _survey_reference_pixels(self):
        nints, ngroups, ny, nx = self.exposure.shape
        correction = refpix.prepare(self.exposure.subarray, self.pixeldq, self.parameters.refpix)
        if correction is None:
            return
        bias = self._bias(0, ny) if self.biased else None
        zero_bias = np.where(np.isnan(bias), np.float32(0), bias) if self.biased else np.float32(0)

        def frames():
            for i in range(nints):
                for g in range(ngroups):
                    raw = self.exposure.sci.read(0, ny, (slice(i, i + 1), slice(g, g + 1)))
                    yield (i, g), (self._scaled(raw)[0, 0] - zero_bias).ravel()

        def zero_frames():
            for i in range(nints):
                yield (i, 0), self._zero_frames(0, ny, slice(i, i + 1), bias)[0].ravel()

        self.offsets = correction.survey(frames(), (nints, ngroups))
        if self.zeroframe is not None:
            self.zero_offsets = correction.survey(zero_frames(), (nints, 1))

    def _zero_frames(self, first, last, integrations, bias):
        """Return zero frames, saturation and superbias taken care of."""
        outer_first, outer_last = self._grown(first, last)
        frames = self.zeroframe.read(outer_first, outer_last, (integrations,)).astype(np.float32)
        if self.saturated:
            threshold, _, _ = self._thresholds(outer_first, outer_last)
            saturation.flag_zeroframe(
                frames, threshold, self.parameters.saturation.n_pix_grow_sat
            )
        frames = frames[:, first - outer_first : last - outer_first].copy()
        if self.biased:
            superbias.subtract_from_zeroframe(frames, bias)
        return frames

    def _scaled(self, raw):
        data = raw.astype(np.float32)
        if self.scale is not None:
            data *= np.float32(self.scale)
        return data

    def _grown(self, first, last):
        """Return the rows that saturation flags and ipc of [first, last) depend on."""
        reach = 0
        if self.saturated:
            reach = saturation.halo(self.parameters.saturation.n_pix_grow_sat)
        if self.ipc:
            reach = max(reach, self.references["ipc"].shape("SCI")[0])
        return max(0, first - reach), min(self.exposure.shape[2], last + reach)

    def _thresholds(self, first, last):
        reference = self.references["saturation"]
        return saturation.thresholds(reference.read("SCI", first, last), reference.dq(first, last))

    def _unusable_groups(self):
        """Return (nints, ngroups) bool: groups in which every pixel is DO_NOT_USE."""
        nints, ngroups, ny, nx = self.exposure.shape
        unusable = np.ones((nints, ngroups), bool)
        height = band_height(self.exposure.shape)
        middle = ny // 2 // height * height
        for first in [*range(middle, ny, height), *range(0, middle, height)]:
            _, groupdq = self._load(first, min(first + height, ny))
            unusable &= ((groupdq & DO_NOT_USE) != 0).all(axis=(2, 3))
            if not unusable.any():
                break
        return unusable

    def _load(self, first, last):
        """Return the scaled raw samples and their flags after dq_init, saturation and ipc."""
        outer_first, outer_last = self._grown(first, last)
        rows = slice(first - outer_first, last - outer_first)
        raw = self.exposure.sci.read(outer_first, outer_last)
        samples = self._scaled(raw) if self.scale is not None or self.ipc else raw
        groupdq = np.empty(raw.shape, np.uint8)
        groupdq[...] = self.mask[outer_first:outer_last]
        if self.saturated:
            parameters = self.parameters.saturation
            threshold, unchecked, _ = self._thresholds(outer_first, outer_last)
            saturation.flag_saturation(
                samples, groupdq, threshold, unchecked, self._bias(outer_first, outer_last),
                parameters.n_pix_grow_sat,
                self.exposure.readout.nframes if parameters.use_readpatt else None,
            )  # fmt: skip
        if self.ipc:
            self._correct_ipc(samples, outer_first)
        data = np.ascontiguousarray(samples[:, :, rows], dtype=np.float32)
        return data, np.ascontiguousarray(groupdq[:, :, rows])

    def _correct_ipc(self, data, first):
        placement = self.exposure.subarray
        reference = self.references["ipc"]
        if len(reference.shape("SCI")) == 2:
            kernel = reference.read("SCI", 0, reference.shape("SCI")[0])
        else:
            kernel = reference.read("SCI", first, first + data.shape[2])
        x, y = placement.xstart - 1, placement.ystart - 1 + first
        inside = LIGHT_BORDER, DETECTOR_SIZE - LIGHT_BORDER
        light = [
            slice(max(0, inside[0] - start), min(size, inside[1] - start))
            for start, size in ((y, data.shape[2]), (x, data.shape[3]))
        ]
        ipc.correct(data, kernel, light)

    def run(self, sinks, threads, rows=None, spared_planes=()):
        """
        Pass all bands through the steps.

        Parameters
        ----------
        sinks : callable
            Called with first row, rate and rateints (Slopes) of each band.
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
            tasks = [pool.submit(self._run_band, b, sinks, spared_planes) for b in bands]
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

    def _run_band(self, band, sinks, spared_planes):
        since = time.perf_counter()
        data, groupdq = self._load(band.outer_first, band.outer_last)
        pixeldq = self.pixeldq[band.outer_first : band.outer_last].copy()
        since = self.stopwatch.add("saturation", since)
        for step in ("group_scale", "dq_init", "saturation", "ipc"):
            self._record(step, band, data, groupdq, pixeldq)
        for step, correct in (
            ("superbias", self._subtract_superbias),
            ("refpix", self._correct_refpix),
            ("linearity", self._linearise),
            ("dark_current", self._subtract_dark),
        ):
            correct(band, data, groupdq, pixeldq)
            self._record(step, band, data, groupdq, pixeldq)
            since = self.stopwatch.add(step, since)
        counts = Counter()
        touched = np.zeros(self.exposure.shape[:2], np.int64)
        gain = readnoise = None
        if self.jumps or self.fits:
            gain = self.references["gain"].read("SCI", band.outer_first, band.outer_last)
            readnoise = self.references["readnoise"].read(
                "SCI", band.outer_first, band.outer_last
            )
        if self.jumps:
            pixeldq[~(gain > 0)] |= np.uint32(NO_GAIN_VALUE | DO_NOT_USE)
            with self._turns["jump"]:
                counts["jumps"], touched = jump.detect_jumps(
                    data, groupdq, gain, readnoise, self.detection, band.inner, spared_planes
                )
            since = self.stopwatch.add("jump", since)
        self._record("jump", band, data, groupdq, pixeldq)
        if self.fits:
            with self._turns["ramp_fit"]:
                rate = self._fit(band, data, groupdq, pixeldq, gain, readnoise, sinks)
            counts["bad"] = int(np.count_nonzero(rate.dq & DO_NOT_USE))
            counts["begun"] = int(np.count_nonzero((groupdq[:, 0, band.inner] & SATURATED) == 0))
            self.stopwatch.add("ramp_fit", since)
        return counts, touched

    def _subtract_superbias(self, band, data, _groupdq, _pixeldq):
        if self.biased:
            superbias.subtract_superbias(data, self._bias(band.outer_first, band.outer_last))

    def _correct_refpix(self, band, data, _groupdq, _pixeldq):
        if self.offsets is not None:
            refpix.subtract(data, band.outer_first, self.offsets)

    def _linearise(self, band, data, groupdq, pixeldq):
        if not self.linear:
            return
        reference = self.references["linearity"]
        rows = band.outer_first, band.outer_last
        coefficients, dq = reference.read("COEFFS", *rows), reference.dq(*rows)
        inverse = None
        readout = self.exposure.readout
        if reference.has("INV_COEFFS") and readout.nframes > 1 and readout.ngroups > 1:
            inverse = reference.read("INV_COEFFS", *rows)
        pixeldq |= linearity.prepare_coefficients(coefficients, dq, pixeldq)
        if inverse is None:
            linearity.correct(data, groupdq, coefficients)
        else:
            pixeldq |= linearity.prepare_coefficients(inverse, dq, pixeldq)
            linearity.correct_frames(data, groupdq, coefficients, inverse, readout.nframes)

    def _subtract_dark(self, band, data, _groupdq, pixeldq):
        if not self.dark:
            return
        reference = self.references["dark"]
        rows = band.outer_first, band.outer_last
        science = self.exposure.readout
        needed = dark_current.groups_needed(science, self.dark_readout)
        signal = reference.read("SCI", *rows, leading=(slice(needed),))
        dark_current.subtract_dark(
            data, dark_current.match_readout(signal, science, self.dark_readout)
        )
        pixeldq |= reference.dq(*rows)

    def average_dark_current(self, first, last):
        """
        Return the mean dark current of rows [first, last), (rows, nx) float32 [e-/s].

        From the parameter, else the reference's AVDRKCUR extension, else its AVDRKCUR keyword.
        """
        shape = (last - first, self.exposure.shape[3])
        reference = self.references.get("dark")
        if self.parameters.dark_current.skip or reference is None:
            return np.zeros(shape, np.float32)
        value = self.parameters.dark_current.average_dark_current
        if value is None and reference.has("AVDRKCUR"):
            return reference.read("AVDRKCUR", first, last)
        if value is None:
            value = reference.header.get("AVDRKCUR") or 0.0
        return np.full(shape, value, np.float32)

    def corrected_zeroframe(self, first, last):
        """Return the zero frames of rows [first, last), corrected, (nints, rows, nx) float32."""
        bias = self._bias(first, last) if self.biased else None
        frames = self._zero_frames(first, last, slice(None), bias)
        unusable = frames == 0.0
        ramps = frames[:, None]
        if self.zero_offsets is not None:
            refpix.subtract(ramps, first, self.zero_offsets)
            frames[unusable] = 0.0
        if self.linear:
            reference = self.references["linearity"]
            coefficients = reference.read("COEFFS", first, last)
            dq = reference.dq(first, last)
            linearity.prepare_coefficients(coefficients, dq, np.zeros_like(dq))
            unusable = frames == 0.0
            linearity.correct(ramps, np.zeros(ramps.shape, np.uint8), coefficients)
            frames[unusable] = 0.0
        return frames

    def _fit(self, band, data, groupdq, pixeldq, gain, readnoise, sinks):
        rows = band.inner
        parameters = self.parameters.ramp_fit
        gain = gain[rows]
        noise = ramp_fit.Noise(
            gain,
            ramp_fit.group_noise(readnoise[rows], gain, self.exposure.readout.nframes),
            self.average_dark_current(band.first, band.last),
        )
        groupdq = np.ascontiguousarray(groupdq[:, :, rows])
        groupdq[:, self.ignored] |= np.uint8(DO_NOT_USE)
        zeroframe = None
        if self.zeroframe is not None and not parameters.suppress_one_group:
            zeroframe = self.corrected_zeroframe(band.first, band.last)
        rate, rateints = ramp_fit.fit_slopes(
            np.ascontiguousarray(data[:, :, rows]), groupdq, pixeldq[rows], noise, self.timing,
            parameters.suppress_one_group, self.weights, zeroframe,
        )  # fmt: skip
        if self.states["gain_scale"] == "COMPLETE":
            gain_scale.rescale(rate, self.gain_factor)
            gain_scale.rescale(rateints, self.gain_factor)
        sinks(band.first, rate, rateints)
        return rate
