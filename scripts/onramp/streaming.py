"""
The passage of one exposure through all steps, by bands of detector rows.

The result depends neither on the height of the bands nor on the thread that takes one. Where the
flags of whole frames are needed before a ramp can be fitted, the bands pass twice: up to the jumps,
whose flags are kept, and again, with these flags, to the rates.
"""

import threading
from typing import NamedTuple

import numpy as np

from onramp import bands, extended_events, irs2_products
from onramp.calibration import calibration_of
from onramp.early_steps import EARLY_STEPS, output_of
from onramp.errors import InputError
from onramp.flags import DO_NOT_USE, NO_GAIN_VALUE, SATURATED
from onramp.jump_report import make_report
from onramp.persistence_windows import PersistenceWindows
from onramp.slopes import RampFitting
from onramp.steps import jump
from onramp.steps.jump_census import HALO, JumpCensus, take_census
from onramp.steps.outputs import Outputs
from onramp.whole_frames import WholeFrames

AFTER_WHOLE_FRAMES = {"clean_flicker_noise", "persistence", "ramp_fit", "gain_scale", "optional"}
"""Where samples of whole frames that are kept suffice, bands need no calibration."""


class Ramps(NamedTuple):
    """A band's ramps after calibration; gain and read noise are None where no step needs them."""

    data: np.ndarray
    """(nints, ngroups, ny, nx) float32 [DN]"""
    groupdq: np.ndarray
    """(nints, ngroups, ny, nx) uint8"""
    pixeldq: np.ndarray
    """(ny, nx) uint32"""
    gain: np.ndarray | None
    """(ny, nx) float32 [e-/DN]"""
    readnoise: np.ndarray | None
    """(ny, nx) float32, correlated double sampling noise [DN]"""

    def inner(self, rows):
        """Return some of the rows, contiguous."""
        data, groupdq, *planes = self
        planes = [None if plane is None else plane[rows] for plane in planes]
        ramps = (np.ascontiguousarray(cube[:, :, rows]) for cube in (data, groupdq))
        return Ramps(*ramps, *planes)


class Outcome(NamedTuple):
    """What is counted while an exposure passes."""

    found: jump.Found
    census: JumpCensus
    events: int = 0
    """Snowballs or showers."""
    bad: int = 0
    """Pixels of the rate that are DO_NOT_USE."""
    begun: int = 0
    """Ramps whose first group is not saturated."""
    usable: np.ndarray | bool = False
    """(ngroups,) bool: some pixel uses the group in the fit."""

    def __add__(self, other):
        return Outcome(*(mine + theirs for mine, theirs in zip(self, other)))


class Stream:
    """
    One exposure, its references and parameters, ready to run.

    Parameters
    ----------
    exposure : Exposure
    references : dict of str to OpenReference or None
        By type; None stands for N/A.
    parameters : Detector1Parameters
    threads : dict of str to int
        Threads that each step with `maximum_cores` may take.
    rows : int, optional
        Height of the bands.
    scratch : str or Path, optional
        For what is kept on disk while the exposure passes.

    Attributes
    ----------
    recorders : dict of str to callable
        By step: called after it with the band's first row and data, groupdq and pixeldq, or, for
        ramp_fit and gain_scale, rate and rateints (Slopes). "optional" is called with the arrays
        of the optional product of the fit.
    """

    def __init__(self, exposure, references, parameters, threads, rows=None, scratch=None):
        bands.keep_freed_memory()
        self.exposure = exposure
        self.references = references
        irs2_products.check_parameters(exposure, parameters)
        self.parameters = parameters
        self.threads = threads
        self.scratch = scratch
        self.height = bands.band_height(exposure.shape, max(threads.values()), rows)
        self._turns = {step: threading.Semaphore(count) for step, count in threads.items()}
        self.recorders = {}
        self.stopwatch = bands.Stopwatch()
        self.calibration = calibration_of(
            exposure, references, parameters, scratch, max(threads.values())
        )
        self.states = self.calibration.states
        runs = self.calibration.runs
        self.jumps = exposure.shape[1] > 2 and runs("jump", "gain", "readnoise")
        self.fits = runs("ramp_fit", "gain", "readnoise")
        self.fitting = RampFitting(exposure, self.calibration, parameters.ramp_fit)
        self.gain_factor = self._gain_factor()
        self.rescales = self.fits and self.gain_factor is not None and runs("gain_scale")
        self.halo = self.calibration.halo + (HALO if self.jumps else 0)
        self.outputs = Outputs.of(exposure.subarray, exposure.instrument == "MIRI")
        self.spared_planes = ()
        self.groupdq = None
        self.frames = WholeFrames(self)
        self.persistence = PersistenceWindows(exposure, self.calibration, parameters.persistence)
        self.searched = self.nothing

    def _gain_factor(self):
        gain = self.references.get("gain")
        factor = gain.header.get("GAINFACT") if gain else None
        return self.exposure.primary.get("GAINFACT") if factor is None else factor

    def survey(self):
        """Look at what needs whole frames; to be called once, before `run`."""
        self.calibration.survey(self.stopwatch)
        since = self.stopwatch.now()
        if self.jumps or self.fitting.trims or self.frames.wanted:
            self.unusable = self.calibration.unusable_groups(self.height)
        if self.fits:
            self.trim(self.fitting)
        if self.jumps:
            self.detection = jump.plan(
                self.parameters.jump,
                self.unusable,
                self.exposure.readout.nframes,
                self.exposure.group_time,
                self._median_gain(),
            )
            since = self.stopwatch.add("jump", since)
        extended = self.jumps and extended_events.wanted(self.parameters.jump)
        counts = self.fits and self.fitting.counts_segments
        if extended or counts or self.frames.wanted:
            self._search_whole_frames(extended)

    @property
    def nothing(self):
        """The Outcome of no band at all."""
        shape = self.exposure.shape
        return Outcome(jump.Found.none(shape), JumpCensus.empty(shape[1], self.outputs.number))

    def report(self, outcome):
        """Return the jump report of an Outcome."""
        exposure = self.exposure
        averaging_time = (exposure.readout.nframes - 1) * exposure.frame_time
        return make_report(outcome.census, exposure.instrument, exposure.group_time, averaging_time)

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

    def _search_whole_frames(self, extended):
        """Keep the flags of all samples after jump detection, and what has to be known of them."""
        self.groupdq = np.empty(self.exposure.shape, np.uint8)
        self.frames.begin()
        self.searched = self._pass(self._search_band, self.halo)
        since = self.stopwatch.now()
        if extended:
            events = extended_events.flag_extended_events(self)
            self.searched = self.searched._replace(events=events)
        since = self.stopwatch.add("jump", since)
        if self.fits and self.fitting.trims:
            self.trim(self.fitting, self.fitting.usable_groups(self.groupdq))
        self.frames.correct(self.stopwatch)
        since = self.stopwatch.now()
        if self.fits and self.fitting.counts_segments:
            self._size_optional_results()
            self.stopwatch.add("ramp_fit", since)

    def _size_optional_results(self):
        """Find the size of the optional product, of the groups that are usable to the end."""
        parts = bands.split(self.exposure.shape[2], self.height)
        sizes, usable = zip(*self.each_band(self._count_segments, parts))
        usable = np.any(usable, axis=0)
        if self.fitting.trims and not usable.all():
            self.trim(self.fitting, usable)
            sizes, _ = zip(*self.each_band(self._count_segments, parts))
        self.fitting.optional_size = tuple(int(size) for size in np.max(sizes, axis=0))

    def look_again_at_unusable_groups(self):
        """Find groups that are usable after all: in widened snowballs nothing is DO_NOT_USE."""
        for place in np.argwhere(self.unusable):
            plane = self.groupdq[tuple(place)]
            self.unusable[tuple(place)] = bool(np.all(plane & np.uint8(DO_NOT_USE)))
        if self.fits:
            self.trim(self.fitting)

    def run(self):
        """Pass all bands through the steps, to the recorders; return the Outcome."""
        outcome = self._run()
        if self.fits and self.fitting.trims and not np.all(outcome.usable):
            self.trim(self.fitting, outcome.usable)
            outcome = self._run()
        return outcome

    def trim(self, fitting, usable=True):
        """Let a fit take no more of a MIRI exposure's groups than are usable; (ngroups,) bool."""
        if fitting.trims and not fitting.trim(self.unusable | ~np.asarray(usable, bool)):
            raise InputError(
                f"{self.exposure.path}: fewer than two groups are usable in any pixel; there is "
                "no rate"
            )

    def _run(self):
        if self.groupdq is not None:
            return self.searched + self._pass(self._run_band, self.calibration.halo)
        return self._pass(self._run_band, self.halo)

    def close(self):
        """Give up what is kept on disk."""
        self.frames.close()
        self.calibration.close()

    def each_band(self, work, parts):
        """Return what `work` returns of each of some bands, in order."""
        return bands.in_threads(work, parts, max(self.threads.values()))

    def _pass(self, work, halo):
        """Pass all bands through `work`; again if clipping has flagged whole planes."""
        _, _, ny, nx = self.exposure.shape
        parts = bands.split(ny, self.height, halo)
        total = sum(self.each_band(work, parts), self.nothing)
        if not self.jumps:
            return total
        whole = np.argwhere((total.found.touched == ny * nx) & ~self.unusable)
        if len(whole) and not self.spared_planes:
            self.spared_planes = [(int(i), int(g)) for i, g in whole]
            total = sum(self.each_band(work, parts), self.nothing)
        return total

    def _search_band(self, band):
        """Find the jumps of a band and keep its flags."""
        ramps = self._calibrate(band)
        outcome = self._search(band, ramps) if self.jumps else self.nothing
        self.groupdq[:, :, band.rows] = ramps.groupdq[:, :, band.inner]
        self.frames.keep(band, ramps)
        return outcome

    def flagged_ramps(self, band, searched=False):
        """
        Return a band's ramps with the flags that `groupdq` has for them.

        Those that have been searched for jumps are NaN where they were bad before.
        """
        ramps = self._calibrate(band)
        if searched and self.detection.branch != jump.TOO_FEW_GROUPS:
            ramps.data[(ramps.groupdq & np.uint8(DO_NOT_USE | SATURATED)) != 0] = np.nan
        ramps.groupdq[...] = self.groupdq[:, :, band.outer_first : band.outer_last]
        return ramps

    def _count_segments(self, band):
        kept = self.frames.samples
        ramps = self.flagged_ramps(band) if kept is None else self.kept_ramps(band, kept)
        self._finish(band, ramps, kept is not None)
        usable = self.fitting.usable_groups(ramps.groupdq) if self.fitting.trims else True
        return self.fitting.count_segments(band, ramps), usable

    def _finish(self, band, ramps, corrected, record=lambda *_: None):
        """
        Take a band's ramps from jump detection to the fit; `record` what the steps leave.

        Samples may be corrected already by the steps that need whole frames.
        """
        self.frames.put(band, ramps, corrected, record)
        self.persistence.apply(band, ramps)
        record("persistence", band, ramps)

    def _run_band(self, band):
        for step in EARLY_STEPS:
            if step in self.recorders:
                rows = output_of(step, self.calibration, band.first, band.last)
                self._deliver(step, band.first, *rows)
        kept = self.frames.samples
        corrected = kept is not None and self.recorders.keys() <= AFTER_WHOLE_FRAMES
        if corrected:
            band = bands.Band(band.first, band.last, band.first, band.last)
            ramps = self.kept_ramps(band, kept)
        else:
            ramps = self._calibrate(band, self._record)
        outcome = self.nothing
        if self.groupdq is not None:
            ramps.groupdq[...] = self.groupdq[:, :, band.outer_first : band.outer_last]
        elif self.jumps:
            outcome = self._search(band, ramps)
        self._record("jump", band, ramps)
        self._finish(band, ramps, corrected, self._record)
        if self.fits:
            if self.groupdq is not None:  # neighbours have done their part
                ramps = ramps.inner(band.inner)
                band = bands.Band(band.first, band.last, band.first, band.last)
            outcome += self._fit(band, ramps)
        return outcome

    def kept_ramps(self, band, samples):
        """Return a band's ramps with samples (RampStore) and flags that are kept."""
        rows = band.outer_first, band.outer_last
        gain, readnoise = self.references["gain"], self.references["readnoise"]
        return Ramps(
            samples.read_rows(*rows),
            self.groupdq[:, :, slice(*rows)].copy(),
            self.frames.pixeldq[slice(*rows)].copy(),
            gain.read("SCI", *rows) if gain else None,
            readnoise.read("SCI", *rows) if readnoise else None,
        )

    def _calibrate(self, band, record=lambda *_: None):
        """Return a band's ramps as they come to jump detection; `record` what the steps leave."""
        since = self.stopwatch.now()
        calibration = self.calibration
        rows = band.outer_first, band.outer_last
        data, groupdq = calibration.load(*rows)
        pixeldq = calibration.pixeldq[slice(*rows)].copy()
        gain = readnoise = None
        if self.jumps or self.fits:
            gain = self.references["gain"].read("SCI", *rows)
            readnoise = self.references["readnoise"].read("SCI", *rows)
        ramps = Ramps(data, groupdq, pixeldq, gain, readnoise)
        since = self.stopwatch.add("saturation", since)
        for step, correct in calibration.corrections():
            correct(band.outer_first, data, groupdq, pixeldq)
            record(step, band, ramps)
            since = self.stopwatch.add(step, since)
        if self.jumps:
            pixeldq[~(gain > 0)] |= np.uint32(NO_GAIN_VALUE | DO_NOT_USE)
        return ramps

    def _record(self, step, band, ramps):
        if step in self.recorders:
            rows = band.inner
            self._deliver(
                step, band.first,
                ramps.data[:, :, rows], ramps.groupdq[:, :, rows], ramps.pixeldq[rows],
            )  # fmt: skip

    def _deliver(self, step, first, *ramps):
        """Hand a band's data, groupdq and pixeldq to a step's recorder."""
        interleaved = self.exposure.interleaved
        if interleaved and irs2_products.keeps_reference_pixels(step, self.parameters):
            first, ramps = irs2_products.whole_frames(step, self.calibration, first, ramps)
        self.recorders[step](first, *ramps)

    def _search(self, band, ramps):
        data, groupdq, pixeldq, gain, readnoise = ramps
        detection, inner = self.detection, band.inner
        with self._turns["jump"]:
            since = self.stopwatch.now()
            found, medians = jump.search(
                data, groupdq, gain, readnoise, detection, inner, self.spared_planes
            )
            census = self.nothing.census
            if detection.branch != jump.TOO_FEW_GROUPS:
                census = take_census(
                    data, groupdq, pixeldq, gain, jump.noise_variance(readnoise, gain),
                    detection.nframes, self.outputs.of_rows(band.outer_first, band.outer_last),
                    inner,
                )  # fmt: skip
            jump.grow(data, groupdq, gain, readnoise, detection, medians)
            self.stopwatch.add("jump", since)
        return Outcome(found, census)

    def _fit(self, band, ramps):
        with self._turns["ramp_fit"]:
            since = self.stopwatch.now()
            groupdq = ramps.groupdq[:, :, band.inner]
            first = groupdq[:, self.fitting.kept.start]
            begun = int(np.count_nonzero((first & SATURATED) == 0))
            fitted = self.fitting.fit(band, ramps)
            usable = self.fitting.usable_groups(groupdq) if self.fitting.trims else True
            self._record_slopes("ramp_fit", band, fitted)
            if "optional" in self.recorders:
                self.recorders["optional"](band.first, *fitted.optional)
            if self.rescales:
                fitted = self.fitting.rescale(fitted, self.gain_factor)
            self._record_slopes("gain_scale", band, fitted)
            bad = int(np.count_nonzero(fitted.rate.dq & DO_NOT_USE))
            self.stopwatch.add("ramp_fit", since)
        return self.nothing._replace(bad=bad, begun=begun, usable=usable)

    def _record_slopes(self, step, band, fitted):
        if step in self.recorders:
            self.recorders[step](band.first, fitted.rate, fitted.rateints)
