"""The frames of an IRS2 exposure, by detector column."""

import numpy as np

from onramp import interleaving
from onramp.interleaving import COLUMNS, SCIENCE


class InterleavedFrames:
    """
    The raw frames of an IRS2 exposure less the superbias, in the detector's orientation.

    Parameters
    ----------
    exposure : Exposure
    scaled : callable
        Turns raw samples into float32 [DN].
    superbias : OpenReference or None
    science : callable, optional
        Takes a first and past-the-last science row and returns these rows of all frames as the
        superbias step finds them (nints, ngroups, n, 2048); by default they are as read.
    """

    def __init__(self, exposure, scaled, superbias, science=None):
        self.detector = exposure.detector
        self.nints, self.ngroups = exposure.shape[:2]
        self._raw = exposure.raw
        self._scaled = scaled
        self._superbias = superbias
        self._science = science
        self._science_rows = interleaving.science_rows(exposure.detector)

    def plane(self, integration, group):
        """Return a frame as stored, (3200, 2048) by detector column, for `less_bias` (a view)."""
        leading = slice(integration, integration + 1), slice(group, group + 1)
        return self.turned(self._raw.stored(0, COLUMNS, leading)[0, 0])

    def turned(self, frame):
        """Return a frame as stored, (3200, 2048), by detector column and row (a view)."""
        return frame[::-1, ::-1] if self.detector == "NRS2" else frame

    def bias(self, columns, rows=slice(None)):
        """Return the superbias of some detector columns, float32; its NaN are 0."""
        shape = len(columns), len(range(SCIENCE)[rows]) if isinstance(rows, slice) else len(rows)
        if self._superbias is None:
            return np.zeros(shape, np.float32)
        frame = self.turned(self._superbias.read_interleaved("SCI"))
        return np.nan_to_num(frame[columns][:, rows], nan=0.0)

    def less_bias(self, raw, bias):
        """Return some samples of a `plane`, scaled, less their superbias, float32."""
        return self._scaled(self._raw.native(raw)) - bias

    def column(self, column):
        """Return a detector column of all frames less the superbias, (nints, ngroups, 2048)."""
        row = COLUMNS - 1 - column if self.detector == "NRS2" else column
        place = int(np.searchsorted(self._science_rows, row))
        if self._science and self._science_rows[min(place, SCIENCE - 1)] == row:
            samples = self._science(place, place + 1)
        else:
            samples = self._scaled(self._raw.read(row, row + 1))
        if self._superbias is not None:
            bias = self._superbias.read_interleaved("SCI", row, row + 1)
            samples = samples - np.nan_to_num(bias, nan=0.0)
        return samples[:, :, 0]
