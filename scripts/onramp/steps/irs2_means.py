"""Mean level of each output and parity of IRS2 frames, from the rows at both ends."""

import numpy as np

from onramp.interleaving import COLUMNS, OUTPUT_COLUMNS, OUTPUTS, reference_columns
from onramp.steps.refpix_statistics import clipped_mean


def odd_columns() -> np.ndarray:
    """
    Return which detector columns count as odd, (3200,) bool.

    Science pixels alternate; of the four reads of reference pixels the first two are odd.
    """
    column = np.arange(COLUMNS)
    reference = np.tile(reference_columns(), OUTPUTS)
    return np.where(reference, column % 4 < 2, column % 2 == 0)


class ParityMeans:
    """
    Offsets by output and parity.

    Parameters
    ----------
    usable : (3200, 8) bool
        Samples at the first and last four detector rows.
    parameters : onramp.parameters.Refpix
    """

    def __init__(self, usable, parameters):
        self._usable = usable
        self._limit = np.float32(parameters.siglimit)
        odd = odd_columns()
        parities = [odd, ~odd] if parameters.odd_even_columns else [np.ones(COLUMNS, bool)]
        output = np.arange(COLUMNS) // OUTPUT_COLUMNS
        self._lanes = [
            [np.flatnonzero((output == n) & parity) for parity in parities] for n in range(OUTPUTS)
        ]

    def measure(self, edges):
        """
        Return what to subtract from each column of a frame, (3200,) float32 [DN].

        Parameters
        ----------
        edges : (3200, 8) float32
            Samples at the first and last four detector rows [DN].
        """
        offsets = np.zeros(COLUMNS, np.float32)
        for lanes in self._lanes:
            levels = [self._level(edges[lane], self._usable[lane]) for lane in lanes]
            if None not in levels:
                for lane, level in zip(lanes, levels):
                    offsets[lane] = level
        return offsets

    def _level(self, samples, usable):
        half = samples.shape[1] // 2
        means = []
        for end in (slice(half, None), slice(0, half)):
            chosen = samples[:, end].T[usable[:, end].T]
            if chosen.size:
                means.append(np.float32(clipped_mean(chosen, self._limit)))
        if len(means) == 2:
            return np.float32(0.5) * (means[0] + means[1])
        return means[0] if means else None
