"""One spectral order of all sources: its traces, its samples, and each source's dispersed light."""

from typing import NamedTuple

import numpy as np

from onramp.errors import InputError
from onramp.wfss import disperse, sampling, traces
from onramp.wfss.disperse import Window

FRAME = 2048, 2048  # rows and columns of a grism image
CHUNKS = "chunks"


class Rules(NamedTuple):
    """How orders are sampled; see the step's parameters of these names."""

    oversample: int = 2
    inverse: str = traces.EXACT
    grid: str = "order"
    chunk: int = 5000
    """Pixels that share a grid, if `grid` is "chunks"."""
    degree: int = 0
    """Highest polynomial by which spectra are multiplied."""


class SourceImages(NamedTuple):
    """A source's light in one order."""

    window: Window
    images: np.ndarray
    """(degree + 1, ny, nx) float64: for a flat spectrum and for each polynomial [DN/s]."""


class DispersedOrder:
    """
    One order of a field.

    Parameters
    ----------
    grism : Grism
    span : OrderRange
    field : Field
        Its sources that are dispersed into this order.
    rules : Rules

    Attributes
    ----------
    labels : (nsources,) int64
    samples : Samples
        Of the first chunk.
    """

    def __init__(self, grism, span, field, rules):
        self.order, self.labels, self._path = span.order, field.labels, grism.path
        self._places = {int(label): n for n, label in enumerate(field.labels)}
        self._starts = field.starts
        self._pixels = traces.pixels(grism.trace(span.order), field.x, field.y, field.flux)
        self._chunk = rules.chunk if rules.grid == CHUNKS else max(1, field.flux.size)
        self._samples = []
        for first in range(0, field.flux.size, self._chunk):
            if rules.grid == CHUNKS:
                place = field.x[first], field.y[first]
                waves = sampling.chunk_grid(grism, span, rules.oversample, *place)
            else:
                waves = sampling.order_grid(grism, span, rules.oversample)
            self._samples.append(sampling.samples(grism, span, waves, rules.inverse, rules.degree))
        self.samples = self._samples[0] if self._samples else None

    @property
    def calibrated(self) -> bool:
        """Whether light of any wavelength is predicted."""
        return bool(self.samples.weights.any())

    def __contains__(self, label):
        return label in self._places

    def _pieces(self, labels):
        """Yield the samples of each chunk, and the range of each source's pixels in it."""
        places = np.array([self._places[label] for label in labels], np.int64)
        first, end = self._starts[places], self._starts[places + 1]
        for chunk in range(first.min() // self._chunk, (end.max() - 1) // self._chunk + 1):
            within = chunk * self._chunk, (chunk + 1) * self._chunk
            yield self._samples[chunk], np.column_stack([first.clip(*within), end.clip(*within)])

    def windows(self, labels):
        """
        Return the window of the frame that holds each source's light.

        Parameters
        ----------
        labels : list of int

        Returns
        -------
        (nsources, 4) int64
            As `Window`; a side is empty where no light is in the frame.

        Raises
        ------
        InputError
            If a wavelength has no place in the trace.
        """
        bounds = np.tile([np.inf, -np.inf], (len(labels), 2))
        for samples, ranges in self._pieces(labels):
            disperse.widen_bounds(samples, self._pixels, ranges, disperse.STRIDE, bounds)
        lost = ~np.isfinite(bounds).all(axis=1)
        if lost.any():
            raise InputError(
                f"{self._path}: source {labels[int(lost.argmax())]}, order {self.order}: the trace "
                "does not reach all wavelengths of the order; give a wavelengthrange reference of "
                "this mode"
            )
        around = np.array([0, 2, 0, 2]) + disperse.MARGIN * np.array([-1, 1, -1, 1])
        return (np.floor(bounds) + around).clip(0, np.repeat(FRAME[::-1], 2)).astype(np.int64)

    def touched(self, label):
        """Return the smallest window with all samples of a source, calibrated or not, or None."""
        rows, columns = FRAME
        found = np.array([[columns, 0, rows, 0]])
        for samples, ranges in self._pieces([label]):
            disperse.widen_touched(samples, self._pixels, ranges, FRAME, found)
        window = Window(*found[0].tolist())
        return window if window.x_end > 0 else None

    def disperse(self, labels, spectrum=None, degree=0):
        """
        Disperse sources.

        Parameters
        ----------
        labels : list of int
        spectrum : (nwave,) float64, optional
            Flux at each sample relative to that of the direct image.
        degree : int
            Highest polynomial by which the spectrum is multiplied as well.

        Returns
        -------
        list of (SourceImages or None)
            None if no light falls on the frame.

        Raises
        ------
        InputError
            If a wavelength has no place in the trace, or a trace bends so much that its light would
            be lost.
        """
        windows = self.windows(labels)
        sizes = (degree + 1) * np.diff(windows[:, :2]) * np.diff(windows[:, 2:])
        places = np.append(0, np.cumsum(sizes))
        light, missed = np.zeros(places[-1]), np.zeros(len(labels), np.int64)
        for samples, ranges in self._pieces(labels):
            weights = samples.weights[: degree + 1]
            weights = weights if spectrum is None else weights * spectrum
            part = samples._replace(weights=weights), self._pixels, ranges
            disperse.spread(*part, windows, places, light, FRAME, missed)
        if missed.any():
            n = int(missed.argmax())
            raise InputError(
                f"{self._path}: source {labels[n]}, order {self.order}: {missed[n]} samples "
                "lie beyond the trace's expected place; give an exposure of NIRCam or NIRISS"
            )
        images = np.split(light, places[1:-1])
        return [
            SourceImages(window, part.reshape(-1, *window.shape)) if part.size else None
            for window, part in zip((Window(*row) for row in windows.tolist()), images)
        ]
