"""The steps between jumps and fit that correct whole frames, for one exposure."""

import numpy as np

from onramp.flicker_products import BACKGROUND, MASK, NOISE

FLICKER = "clean_flicker_noise"


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
    cleaned : onramp.flicker_cleaning.Cleaned or None
        There after `correct`, if clean_flicker_noise runs.
    """

    def __init__(self, stream):
        self._stream = stream
        self.wanted = stream.calibration.runs(FLICKER)
        self.cleaned = None

    def correct(self, stopwatch):
        """Correct the samples of the exposure, whose jumps are known; note the steps' states."""
        if not self.wanted:
            return
        from onramp.flicker_cleaning import clean_exposure

        since = stopwatch.now()
        cleaned = clean_exposure(self._stream)
        self._stream.states[FLICKER] = cleaned.status
        self.cleaned = cleaned
        stopwatch.add(FLICKER, since)

    def apply(self, band, ramps, record=lambda *_: None):
        """
        Put the corrected samples of a band in place; `record` what the steps leave.

        Parameters
        ----------
        band : Band
        ramps : Ramps
            Its data are changed.
        record : callable, optional
            Called with the step, band and ramps.
        """
        if self.cleaned is not None and self.cleaned.samples is not None:
            corrected = self.cleaned.samples.read_rows(band.outer_first, band.outer_last)
            self._record_parts(band, ramps.data, corrected)
            ramps.data[...] = corrected
        record(FLICKER, band, ramps)

    def _record_parts(self, band, data, corrected):
        recorders = self._stream.recorders
        if MASK in recorders:
            recorders[MASK](band.first, self.cleaned.mask[..., band.rows, :].astype(np.float32))
        if BACKGROUND in recorders:
            recorders[BACKGROUND](
                band.first, self.cleaned.background.read_rows(band.first, band.last)
            )
        if NOISE in recorders:
            recorders[NOISE](band.first, (corrected - data)[:, :, band.inner])

    def close(self):
        """Give the disk space of what is kept back."""
        if self.cleaned is not None:
            for store in (self.cleaned.samples, self.cleaned.background):
                if store is not None:
                    store.close()
