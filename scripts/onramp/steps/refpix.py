"""
Drifts of the readout electronics, measured on the reference pixels ("Reference Pixel Correction").

The survey needs whole frames but leaves a compact result: an offset for each amplifier and column
parity, and for each row. Rows and columns here are the detector's: columns are read fast.
"""

from typing import NamedTuple

import numpy as np

from onramp.flags import DO_NOT_USE, REFERENCE_PIXEL
from onramp.kernels import kernel
from onramp.steps.refpix_statistics import clipped_mean, running_median

FULL = 2048
BORDER = 4
AMPLIFIER_WIDTH = 512
EDGELESS = ("SUB512", "SUB512S", "SUB32")  # NIRSpec subarrays that take their ends as reference


class Offsets(NamedTuple):
    """What to subtract from each group; lanes share one offset."""

    lanes: np.ndarray
    """(ncolumns,) int64: the lane of each detector column of the subarray."""
    fast: np.ndarray
    """(nints, ngroups, nlanes) float64 [DN]"""
    slow: np.ndarray
    """(nints, ngroups, nrows) float64: by detector row [DN]; empty if rows are left alone."""
    single_precision: np.ndarray
    """(nints, ngroups) bool: groups rounded to single precision between the two."""
    transposed: bool
    """Detector columns run along y."""


def prepare(placement, pixeldq, parameters, kernels=None):
    """
    Choose the method for a subarray.

    Parameters
    ----------
    placement : Placement
    pixeldq : (ny, nx) uint32
        Data quality of the subarray when the step runs.
    parameters : onramp.parameters.Refpix
    kernels : onramp.steps.sirs.Kernels, optional
        Of a full frame whose rows are corrected by convolution.

    Returns
    -------
    FourOutputs, OneOutput or None
        None if there is no usable reference pixel.
    """
    full = np.zeros((FULL, FULL), np.uint32)
    if not placement.full:
        outside = np.uint32(DO_NOT_USE | REFERENCE_PIXEL)
        full[:BORDER] = full[-BORDER:] = outside
        full[:, :BORDER] = full[:, -BORDER:] = outside
    window = full[placement.window]
    window[...] = pixeldq
    if not placement.full and placement.name in EDGELESS:
        window[:, :BORDER] |= np.uint32(REFERENCE_PIXEL)
        window[:, -BORDER:] |= np.uint32(REFERENCE_PIXEL)
    if placement.full and kernels is not None and parameters.use_side_ref_pixels:
        from onramp.steps.sirs import ConvolvedOutputs

        return ConvolvedOutputs(placement, full, parameters, kernels)
    if placement.full or placement.noutputs == 4:
        return FourOutputs(placement, full, parameters)
    good = ((full & REFERENCE_PIXEL) != 0) & ((full & DO_NOT_USE) == 0)
    return OneOutput(placement, good, parameters) if good.any() else None


def _positions(placement):
    """Return, in the detector's orientation, where each pixel is in the subarray (flat), or -1."""
    index = np.full((FULL, FULL), -1, np.int32)
    count = np.arange(placement.ny * placement.nx, dtype=np.int32)
    index[placement.window] = count.reshape(placement.ny, placement.nx)
    return placement.to_detector(index)


class _Lanes:
    """How the detector's columns and rows run through the subarray as it is stored."""

    def __init__(self, placement):
        self.transposed = abs(placement.fastaxis) == 2
        self.positions = _positions(placement)
        self._columns = np.flatnonzero((self.positions >= 0).any(axis=0))
        self.rows = np.flatnonzero((self.positions >= 0).any(axis=1))
        self._column_step = np.sign(placement.fastaxis)
        self._row_step = np.sign(placement.slowaxis)

    def along_columns(self, values):
        """Turn values by detector column into the order in which the subarray stores them."""
        return values[..., self._columns][..., :: self._column_step]

    def along_rows(self, values):
        """Turn values by detector row into the order in which the subarray stores them."""
        return values[..., self.rows][..., :: self._row_step]


class OneOutput:
    """Subarrays read through one amplifier: an offset for each column parity."""

    def __init__(self, placement, good, parameters):
        self._lanes = _Lanes(placement)
        parity = np.arange(FULL) % 2 if parameters.odd_even_columns else np.zeros(FULL, np.int64)
        rows, columns = np.nonzero(placement.to_detector(good))
        where = self._lanes.positions[rows, columns]
        lane = parity[columns]
        self._sets = [where[lane == n] for n in range(parity.max() + 1)]
        self._parity = parity
        self._limit = parameters.siglimit

    def survey(self, frames, shape):
        """
        Measure the offsets.

        Parameters
        ----------
        frames : iterable of ((int, int), callable)
            Integration, group, and what gives the samples [DN] at flat positions in the frame
            (float32), in order.
        shape : (int, int)
            nints, ngroups.

        Returns
        -------
        Offsets
        """
        fast = np.zeros((*shape, len(self._sets)))
        for (i, g), take in frames:
            for lane, where in enumerate(self._sets):
                if where.size:
                    fast[i, g, lane] = clipped_mean(take(where), np.float32(self._limit))
        lanes = self._lanes.along_columns(self._parity)
        slow = np.empty((*shape, 0))
        exact = np.ones(shape, bool)
        return Offsets(np.ascontiguousarray(lanes), fast, slow, exact, self._lanes.transposed)


class FourOutputs:
    """Frames read through four amplifiers: offsets by amplifier and parity, then by row."""

    def __init__(self, placement, full, parameters):
        self._lanes = _Lanes(placement)
        self._parameters = parameters
        dq = placement.to_detector(full)
        good = (dq & DO_NOT_USE) == 0
        column = np.arange(FULL)
        parity = column % 2 if parameters.odd_even_columns else 0 * column
        self._lane = 2 * (column // AMPLIFIER_WIDTH) + parity
        edges = slice(0, BORDER), slice(FULL - BORDER, FULL)
        self._ends = [(self._lanes.positions[e], good[e]) for e in reversed(edges)]
        self._sides = [(self._lanes.positions[:, e], good[:, e]) for e in edges]
        self._side_lanes = [self._lane[e] for e in edges]
        self._started = False

    def survey(self, frames, shape):
        """
        Measure the offsets; see `OneOutput.survey`.

        The reference computes the very first group in single precision and all others in double;
        so does this.
        """
        use_sides = self._parameters.use_side_ref_pixels
        fast = np.zeros((*shape, 8))
        slow = np.zeros((*shape, len(self._lanes.rows) if use_sides else 0))
        single = np.ones(shape, bool)
        for (i, g), take in frames:
            precision = np.float64 if self._started and use_sides else np.float32
            single[i, g] = precision is np.float32
            fast[i, g] = self._amplifiers(take, precision)
            if use_sides:
                rows = self._side_signal(take, fast[i, g], precision)
                slow[i, g] = self._lanes.along_rows(rows) * self._parameters.side_gain
            self._started = True
        lanes = np.ascontiguousarray(self._lanes.along_columns(self._lane))
        return Offsets(lanes, fast, slow, single, self._lanes.transposed)

    def _take(self, take, positions, precision):
        values = take(np.maximum(positions, 0)).astype(precision)
        values[positions < 0] = 0
        return values

    def _amplifiers(self, take, precision):
        means = []
        for positions, good in self._ends:
            values = self._take(take, positions, precision)
            means.append([self._lane_mean(values, good, lane, precision) for lane in range(8)])
        offsets = np.zeros(8, precision)
        for lane, (top, bottom) in enumerate(zip(*means)):
            if top is not None and bottom is not None:
                offsets[lane] = precision(0.5) * (top + bottom)
            elif top is not None or bottom is not None:
                offsets[lane] = bottom if top is None else top
        for first in range(0, 8, 2) if self._parameters.odd_even_columns else ():
            pair = [means[0][n] is None and means[1][n] is None for n in (first, first + 1)]
            if any(pair):
                offsets[first : first + 2] = 0
        return offsets

    def _lane_mean(self, values, good, lane, precision):
        columns = self._lane == lane
        chosen = values[:, columns][good[:, columns]]
        if chosen.size == 0:
            return None
        return precision(clipped_mean(chosen, precision(self._parameters.siglimit)))

    def _side_signal(self, take, offsets, precision):
        length = self._parameters.side_smoothing_length
        signals = []
        for (positions, good), lanes in zip(self._sides, self._side_lanes):
            values = self._take(take, positions, precision)
            values = np.ascontiguousarray(values - offsets[lanes].astype(precision), precision)
            signals.append(
                running_median(values, np.ascontiguousarray(good), length + (length + 1) % 2)
            )
        left, right = signals
        both = 0.5 * (left + right)
        one = np.where(np.isnan(left), right, left)
        return np.nan_to_num(np.where(np.isnan(both), one, both), nan=0.0)


@kernel
def subtract(data, first_row, offsets):
    """
    Subtract the offsets from a band, in place.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Signal [DN].
    first_row : int
        Where the band starts in the subarray.
    offsets : Offsets
    """
    nints, ngroups, ny, nx = data.shape
    sides = offsets.slow.shape[2] > 0
    fast = np.zeros(nx)
    slow = np.zeros(nx)
    for i in range(nints):
        for g in range(ngroups):
            by_lane, by_row = offsets.fast[i, g], offsets.slow[i, g]
            if offsets.transposed and sides:
                for x in range(nx):
                    slow[x] = by_row[x]
            elif not offsets.transposed:
                for x in range(nx):
                    fast[x] = by_lane[offsets.lanes[x]]
            for y in range(ny):
                row = first_row + y
                samples = data[i, g, y]
                if offsets.transposed:
                    fast[:] = by_lane[offsets.lanes[row]]
                elif sides:
                    slow[:] = by_row[row]
                if offsets.single_precision[i, g]:
                    for x in range(nx):
                        samples[x] = np.float32(samples[x] - fast[x]) - slow[x]
                else:
                    for x in range(nx):
                        samples[x] = (samples[x] - fast[x]) - slow[x]
