"""A field of sources: its direct image, segmentation map, spectra and catalogue."""

from typing import NamedTuple

import numpy as np

from onramp.wfss.simulation.wcs import FULL

THRESHOLD = 3.0  # of the noise, at which a source ends
SKY, SKY_SLOPE = 0.35, 0.06  # MJy/sr
NOISE = 0.012  # MJy/sr
LARGEST = 70  # half width of a source's stamp [pixel]
ZERO_POINT = 26.0  # AB magnitude of a summed flux of 1 MJy/sr


class Spectrum(NamedTuple):
    """A source's spectrum relative to its flux in the direct image, constant over its pixels."""

    slope: float
    """Relative change from one end of the band to the other."""
    curvature: float
    line: float
    """Height of an emission line."""
    place: float
    """Of the line, 0 to 1 along the band."""
    width: float

    def __call__(self, place):
        """Return the relative flux at places from 0 to 1 along the band."""
        u = 2 * place - 1
        smooth = 1 + 0.5 * self.slope * u + self.curvature * (1.5 * u**2 - 0.5)
        return smooth + self.line * np.exp(-0.5 * ((place - self.place) / self.width) ** 2)


FLAT = Spectrum(0.0, 0.0, 0.0, 0.5, 0.01)


class Scene(NamedTuple):
    """A field as seen by the direct image."""

    image: np.ndarray
    """(ny, nx) float32 [MJy/sr], with sky and noise."""
    segmentation: np.ndarray
    """(ny, nx) int32, 0 outside sources."""
    flux: np.ndarray
    """(ny, nx) float64 [MJy/sr], of the sources only."""
    catalogue: dict
    """Columns by name."""
    spectra: list[Spectrum]
    """Of sources 1, 2, ..."""


def draw(rng, sources, shape=(FULL + 152, FULL + 152), flat=False, places=None):
    """
    Draw a field.

    Parameters
    ----------
    rng : numpy.random.Generator
    sources : int
    shape : (int, int)
        Rows and columns of the direct image.
    flat : bool
        Give all sources the same flat spectrum.
    places : (sources, 2) array, optional
        x, y of the sources [pixel]; by default anywhere.

    Returns
    -------
    Scene
    """
    ny, nx = shape
    if places is None:
        places = rng.uniform((20, 20), (nx - 20, ny - 20), (sources, 2))
    sizes = np.clip(rng.lognormal(np.log(2.2), 0.4, sources), 1.2, 7)
    peaks = 0.25 * rng.pareto(1.1, sources) + 0.3
    flux = np.zeros(shape)
    brightest = np.zeros(shape)
    segmentation = np.zeros(shape, np.int32)
    for n in range(sources):
        window, profile = _profile(rng, places[n], sizes[n], min(peaks[n], 60.0), shape)
        flux[window] += profile
        mine = (profile > brightest[window]) & (profile > THRESHOLD * NOISE)
        brightest[window][mine] = profile[mine]
        segmentation[window][mine] = n + 1
    flux[segmentation == 0] = 0
    y, x = np.mgrid[:ny, :nx]
    sky = SKY + SKY_SLOPE * (x / nx + 0.5 * (y / ny) ** 2)
    image = (flux + sky + rng.normal(0, NOISE, shape)).astype(np.float32)
    spectra = [FLAT if flat else _spectrum(rng) for _ in range(sources)]
    return Scene(image, segmentation, flux, _catalogue(flux, segmentation), spectra)


def _profile(rng, place, size, peak, shape):
    """Return a source's window and its exponential profile there."""
    x, y = place
    reach = min(LARGEST, int(8 * size))
    rows = slice(max(0, int(y) - reach), min(shape[0], int(y) + reach + 1))
    columns = slice(max(0, int(x) - reach), min(shape[1], int(x) + reach + 1))
    dy, dx = np.mgrid[rows, columns].astype(float)
    dx, dy = dx - x, dy - y
    angle, ratio = rng.uniform(0, np.pi), rng.uniform(0.5, 1)
    along = dx * np.cos(angle) + dy * np.sin(angle)
    across = (dy * np.cos(angle) - dx * np.sin(angle)) / ratio
    return (rows, columns), peak * np.exp(-np.sqrt(along**2 + across**2 + 1) / size)


def _spectrum(rng):
    return Spectrum(
        rng.uniform(-0.7, 0.7), rng.uniform(-0.08, 0.08), rng.exponential(0.8),
        rng.uniform(0.1, 0.9), rng.uniform(0.004, 0.012),
    )  # fmt: skip


def _catalogue(flux, segmentation):
    """Return label, place and magnitude of each source in a segmentation map."""
    inside = segmentation > 0
    y, x = np.nonzero(inside)
    label, values = segmentation[inside], flux[inside]
    sums = np.bincount(label, values)
    labels = np.flatnonzero(sums)
    return {
        "label": labels,
        "xcentroid": np.bincount(label, values * x)[labels] / sums[labels],
        "ycentroid": np.bincount(label, values * y)[labels] / sums[labels],
        "isophotal_abmag": ZERO_POINT - 2.5 * np.log10(sums[labels]),
    }
