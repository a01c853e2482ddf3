"""The steps between jumps and fit that correct whole frames, for one exposure."""

from typing import NamedTuple

import numpy as np

from onramp.ramp_store import RampStore

PICTURE_FRAME, FLICKER = "picture_frame", "clean_flicker_noise"
COMPLETE, SKIPPED, FAILED = "COMPLETE", "SKIPPED", "FAILED"
MASK, BACKGROUND, CHANGE = "mask", "background", "change"


class Corrected(NamedTuple):
    """What one of these steps leaves."""

    samples: RampStore | None
    """Corrected samples [DN], or None if they stay as they are."""
    status: str
    mask: np.ndarray | None = None
    """(ny, nx) or (nints, ny, nx) bool, True where there is background alone."""
    background: RampStore | None = None
    """Background of each group [DN], if it is to be saved."""
    drafted: bool = False
    """Whether the mask is that of a draft rate."""

    def close(self):
        """Give the disk space back."""
        for store in (self.samples, self.background):
            if store is not None:
                store.close()


class WholeFrames:
    """
    What the steps that need whole frames make of an exposure's samples.

    Parameters
    ----------
    stream : onramp.streaming.Stream

    Attributes
    ----------
    wanted : bool
        Whether any of these steps runs, so that the flags of all samples are kept.
    results : dict of str to Corrected
        By step; of those that run, after `correct`.
    pixeldq : (ny, nx) uint32 or None
        Data quality as it comes to these steps, if any runs.
    """

    def __init__(self, stream):
        self._stream = stream
        runs = stream.calibration.runs
        self._frame = runs(PICTURE_FRAME, "pictureframe")
        self._flicker = runs(FLICKER)
        self.wanted = self._frame or self._flicker
        self.results = {}
        shape = stream.exposure.shape[2:]
        self.pixeldq = np.zeros(shape, np.uint32) if self.wanted else None
        self._uncorrected = None

    def begin(self):
        """
        Make room for the samples of the exposure, if any of these steps runs.

        Raises
        ------
        InputError, ParameterError, ReferenceFileError
            If something is missing that a step is going to need.
        """
        if self._frame:
            from onramp import frame_correction

            frame_correction.check(self._stream)
        if self._flicker:
            from onramp import flicker_cleaning

            flicker_cleaning.check(self._stream)
        if self.wanted:
            self._uncorrected = RampStore(self._stream.exposure.shape, self._stream.scratch)

    def keep(self, band, ramps):
        """Keep samples and data quality of a band as they come to these steps."""
        if self.wanted:
            self._uncorrected.write_rows(band.first, ramps.data[:, :, band.inner])
            self.pixeldq[band.rows] = ramps.pixeldq[band.inner]

    @property
    def samples(self):
        """Samples (RampStore) as the last of these steps has left them, None if they are gone."""
        corrected = [result.samples for result in self.results.values() if result.samples]
        return corrected[-1] if corrected else self._uncorrected

    def take_samples(self):
        """Return samples for a step to correct: those of no step before, or a copy."""
        if self._uncorrected is None:
            return self.samples.copy()
        taken, self._uncorrected = self._uncorrected, None
        return taken

    def correct(self, stopwatch):
        """Correct the samples of the exposure, whose jumps are known; note the steps' states."""
        if self._frame:
            from onramp.frame_correction import correct_exposure

            self._take(PICTURE_FRAME, correct_exposure, stopwatch)
        if self._flicker:
            from onramp.flicker_cleaning import clean_exposure

            self._take(FLICKER, clean_exposure, stopwatch)

    def _take(self, step, correct, stopwatch):
        since = stopwatch.now()
        self.results[step] = correct(self._stream)
        self._stream.states[step] = self.results[step].status
        stopwatch.add(step, since)

    def put(self, band, ramps, corrected, record):
        """
        Put the corrected samples of a band in place; `record` what the steps leave.

        Parameters
        ----------
        band : Band
        ramps : Ramps
            Its data are changed.
        corrected : bool
            Its data are in place already.
        record : callable
            Called with the step, band and ramps.
        """
        for step in (PICTURE_FRAME, FLICKER):
            result = self.results.get(step)
            if result is not None and result.samples is not None and not corrected:
                samples = result.samples.read_rows(band.outer_first, band.outer_last)
                self._record_parts(step, result, band, samples, ramps.data)
                ramps.data[...] = samples
            record(step, band, ramps)

    def _record_parts(self, step, result, band, samples, data):
        parts = {
            MASK: lambda: result.mask[..., band.rows, :].astype(np.float32),
            BACKGROUND: lambda: result.background.read_rows(band.first, band.last),
            CHANGE: lambda: (samples - data)[:, :, band.inner],
        }
        for part, rows in parts.items():
            if (step, part) in self._stream.recorders:
                self._stream.recorders[step, part](band.first, rows())

    def close(self):
        """Give the disk space of what is kept back."""
        for result in self.results.values():
            result.close()
        if self._uncorrected is not None:
            self._uncorrected.close()
