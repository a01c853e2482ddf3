"""
Drifts of the readout electronics, measured on the reference pixels ("Reference Pixel Correction").

The survey needs whole frames but leaves a compact result: an offset for each amplifier and column
parity, and for each row. Rows and columns here are the detector's: columns are read fast.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from onramp.flags import DO_NOT_USE, REFERENCE_PIXEL
from onramp.kernels import kernel
from onramp.steps.refpix_statistics import clipped_mean, clipped_means, running_median

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


class Block(NamedTuple):
    """Some frames, one after the other."""

    first: int
    """How many frames of the exposure come before."""
    number: int
    read: Callable
    """Called without arguments, it returns a function of flat positions in a frame, an array of
    any shape, which returns the samples there, (number, *shape) float32 [DN]."""


class OneOutput:
    """
    Subarrays read through one amplifier: an offset for each column parity.

    Attributes
    ----------
    positions : list of array of int
        What it looks at, flat in the subarray; -1 for what is outside.
    """

    def __init__(self, placement, good, parameters):
        self._lanes = _Lanes(placement)
        parity = np.arange(FULL) % 2 if parameters.odd_even_columns else np.zeros(FULL, np.int64)
        rows, columns = np.nonzero(placement.to_detector(good))
        where = self._lanes.positions[rows, columns]
        lane = parity[columns]
        self.positions = [where[lane == n] for n in range(parity.max() + 1)]
        self._parity = parity
        self._limit = parameters.siglimit

    def survey(self, blocks, shape, each):
        """
        Measure the offsets.

        Parameters
        ----------
        blocks : list of Block
        shape : (int, int)
            nints, ngroups.
        each : callable
            Given a function and the blocks, it calls the function with each of them.

        Returns
        -------
        Offsets
        """
        fast = lane_means(self.positions, blocks, shape, self._limit, each)
        lanes = self._lanes.along_columns(self._parity)
        slow = np.empty((*shape, 0))
        exact = np.ones(shape, bool)
        return Offsets(np.ascontiguousarray(lanes), fast, slow, exact, self._lanes.transposed)


def lane_means(sets, blocks, shape, limit, each):
    """
    Return the clipped mean of each lane in each frame, (nints, ngroups, nlanes) float64 [DN].

    Parameters
    ----------
    sets : list of (n,) int
        By lane: flat positions of its pixels; without any its mean is 0.
    blocks, shape, each
        See `OneOutput.survey`.
    limit : float
        [standard deviations]
    """
    means = np.zeros((len(sets), *shape))

    def measure(block):
        take = block.read()
        for where, found in zip(sets, means.reshape(len(sets), -1)):
            if where.size:
                some = found[block.first : block.first + block.number]
                clipped_means(take(where), np.float32(limit), some)

    each(measure, blocks)
    return np.ascontiguousarray(np.moveaxis(means, 0, -1))


class FourOutputs:
    """Frames read through four amplifiers: offsets by amplifier and parity, then by row."""

    offsets_type = Offsets

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
        self._sides = []
        if parameters.use_side_ref_pixels:
            self._sides = [(self._lanes.positions[:, e], good[:, e]) for e in edges]
        self._side_lanes = [self._lane[e] for e in edges]
        self._started = False

    @property
    def positions(self):
        """What it looks at; see `OneOutput`."""
        return [positions for positions, _ in (*self._ends, *self._sides)]

    @property
    def _slow_shape(self):
        return (len(self._lanes.rows) if self._sides else 0,)

    def survey(self, blocks, shape, each):
        """
        Measure the offsets; see `OneOutput.survey`.

        The reference computes the very first group in single precision and all others in double;
        so does this.
        """
        fast, slow = np.zeros((*shape, 8)), np.zeros((*shape, *self._slow_shape))
        single = np.full(shape, not self._sides)
        if not self._started:
            single[0, 0] = self._started = True

        def measure(block):
            take = block.read()
            ends, sides = (
                [take(positions) for positions, _ in part] for part in (self._ends, self._sides)
            )
            for n in range(block.number):
                place = np.unravel_index(block.first + n, shape)
                precision = np.float32 if single[place] else np.float64
                samples = [values[n].astype(precision) for values in ends]
                fast[place] = self._amplifiers(samples, precision)
                if self._sides:
                    samples = [values[n].astype(precision) for values in sides]
                    slow[place] = self._row_signal(samples, fast[place], precision)

        each(measure, blocks)
        lanes = np.ascontiguousarray(self._lanes.along_columns(self._lane))
        return self.offsets_type(lanes, fast, slow, single, self._lanes.transposed)

    def _amplifiers(self, samples, precision):
        means = [
            [self._lane_mean(values, good, lane, precision) for lane in range(8)]
            for values, (_, good) in zip(samples, self._ends)
        ]
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

    def _row_signal(self, samples, offsets, precision):
        length = self._parameters.side_smoothing_length
        signals = []
        for values, (_, good), lanes in zip(samples, self._sides, self._side_lanes):
            values = np.ascontiguousarray(values - offsets[lanes].astype(precision), precision)
            signals.append(
                running_median(values, np.ascontiguousarray(good), length + (length + 1) % 2)
            )
        left, right = signals
        both = 0.5 * (left + right)
        one = np.where(np.isnan(left), right, left)
        rows = np.nan_to_num(np.where(np.isnan(both), one, both), nan=0.0)
        return self._lanes.along_rows(rows) * self._parameters.side_gain


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
