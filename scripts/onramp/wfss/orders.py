"""One spectral order of all sources: its traces, its samples, and each source's dispersed light."""

from typing import NamedTuple

import numpy as np

from onramp.errors import InputError
from onramp.wfss import disperse, sampling, traces
from onramp.wfss.disperse import Pixels, Window

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

    def _pieces(self, label):
        """Return the samples and the pixels of a source's parts, most often one."""
        n = self._places[label]
        first, last = int(self._starts[n]), int(self._starts[n + 1])
        while first < last:
            chunk = first // self._chunk
            end = min(last, (chunk + 1) * self._chunk)
            yield self._samples[chunk], Pixels(*(values[first:end] for values in self._pixels))
            first = end

    def window(self, label):
        """
        Return the window of the frame that holds a source's light, None if none is in the frame.

        Raises
        ------
        InputError
            If a wavelength has no place in the trace.
        """
        found = [disperse.trace_bounds(s, p, disperse.STRIDE) for s, p in self._pieces(label)]
        x_low, x_high, y_low, y_high = np.array(found).T
        if np.isnan(x_low).any():
            raise InputError(
                f"{self._path}: source {label}, order {self.order}: the trace does not reach all "
                "wavelengths of the order; give a wavelengthrange reference of this mode"
            )
        margin, (ny, nx) = disperse.MARGIN, FRAME
        window = Window(
            max(0, int(np.floor(x_low.min())) - margin),
            min(nx, int(np.floor(x_high.max())) + 2 + margin),
            max(0, int(np.floor(y_low.min())) - margin),
            min(ny, int(np.floor(y_high.max())) + 2 + margin),
        )
        return window if min(window.shape) > 0 else None

    def touched(self, label):
        """Return the smallest window with all samples of a source, calibrated or not, or None."""
        found = [disperse.touched(s, p, FRAME) for s, p in self._pieces(label)]
        found = [window for window in found if window[1] > 0]
        if not found:
            return None
        x, x_end, y, y_end = zip(*found)
        return Window(min(x), max(x_end), min(y), max(y_end))

    def disperse(self, label, spectrum=None, degree=0):
        """
        Disperse a source.

        Parameters
        ----------
        label : int
        spectrum : (nwave,) float64, optional
            Flux at each sample relative to that of the direct image.
        degree : int
            Highest polynomial by which the spectrum is multiplied as well.

        Returns
        -------
        SourceImages or None
            None if no light falls on the frame.

        Raises
        ------
        InputError
            If a wavelength has no place in the trace, or a trace bends so much that its light would
            be lost.
        """
        window = self.window(label)
        if window is None:
            return None
        images = np.zeros((degree + 1, *window.shape))
        for samples, pixels in self._pieces(label):
            weights = samples.weights[: degree + 1]
            weights = weights if spectrum is None else weights * spectrum
            samples = samples._replace(weights=weights)
            missed = disperse.spread(samples, pixels, images, (window.x, window.y), FRAME)
            if missed:
                raise InputError(
                    f"{self._path}: source {label}, order {self.order}: {missed} samples "
                    "lie beyond the trace's expected place; give an exposure of NIRCam or NIRISS"
                )
        return SourceImages(window, images)
