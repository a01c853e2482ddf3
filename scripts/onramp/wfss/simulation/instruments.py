"""Grism modes that can be simulated: traces, wavelengths, sensitivities like the instruments'."""

from typing import NamedTuple

import numpy as np

from onramp.errors import ParameterError


class Order(NamedTuple):
    """One spectral order; the trace parameter t runs from 0 to 1."""

    number: int
    dx: tuple[float, ...]
    """Displacement of the trace at the detector's centre, by power of t [pixel]."""
    dy: tuple[float, ...]
    sensitivity: float
    """At its best wavelength [DN/s per MJy/sr and micron]."""


class GrismMode(NamedTuple):
    """A grism, a filter and what of them is simulated."""

    instrument: str
    detector: str
    exp_type: str
    filter: str
    pupil: str
    scale: float
    """Of a pixel [arcsec]."""
    wavelengths: tuple[float, float]
    """Of the filter [micron]."""
    solution: tuple[float, ...]
    """Wavelength by power of t [micron]."""
    theta: float
    """Angle of the grism's wheel from its reference position [deg]; NIRISS only."""
    orders: tuple[Order, ...]
    extracted: tuple[int, ...]
    """Orders with cutouts."""
    legacy: bool = False
    """NIRCam with an inverse solution that does not depend on the position."""

    @property
    def band(self):
        """Name of the filter, which NIRISS has in the other wheel."""
        return self.pupil if self.instrument == "NIRISS" else self.filter


NIRISS = GrismMode(
    "NIRISS", "NIS", "NIS_WFSS", "GR150C", "F200W", 0.0656, (1.70, 2.26), (1.69, 0.58), 0.21,
    (
        Order(-1, (-603.0, -128.0), (5.1, 0.7), 4.0),
        Order(0, (-222.0, 4.5), (2.4, 0.2), 35.0),
        Order(1, (31.0, 124.0), (-1.2, -1.1, 0.3), 420.0),
        Order(2, (276.0, 250.0, 2.1), (-4.0, -2.2, 0.5), 60.0),
        Order(3, (520.0, 377.0, 3.2), (-7.1, -3.6, 0.4), 7.0),
    ),
    (1, 2),
)  # fmt: skip
NIRISS_COLUMNS = NIRISS._replace(
    filter="GR150R",
    theta=-0.13,
    orders=tuple(order._replace(dx=order.dy, dy=order.dx) for order in NIRISS.orders),
)
NIRCAM = GrismMode(
    "NIRCAM", "NRCALONG", "NRC_WFSS", "F444W", "GRISMR", 0.0629, (3.86, 4.99),
    (2.40, 2.58, 0.02), 0.0,
    (
        Order(1, (-1290.0, 2590.0, 14.0), (-6.0, 14.0, -5.0), 900.0),
        Order(2, (-1260.0, 5190.0, 22.0), (-7.0, 27.0, -9.0), 60.0),
    ),
    (1, 2),
)  # fmt: skip
NIRCAM_COLUMNS = NIRCAM._replace(
    pupil="GRISMC",
    orders=tuple(order._replace(dx=order.dy, dy=order.dx) for order in NIRCAM.orders),
)
NIRCAM_LEGACY = NIRCAM._replace(legacy=True)

MODES = {
    "niriss": NIRISS,
    "niriss_columns": NIRISS_COLUMNS,
    "nircam": NIRCAM,
    "nircam_columns": NIRCAM_COLUMNS,
    "nircam_legacy": NIRCAM_LEGACY,
}


def mode_named(name):
    """
    Return a mode.

    Raises
    ------
    ParameterError
        If there is none of that name.
    """
    if name not in MODES:
        raise ParameterError(f"simulate: no grism mode {name!r}; there are {', '.join(MODES)}")
    return MODES[name]


def sensitivity(mode, order, wavelengths):
    """
    Return an order's sensitivity: a band pass with soft edges and a slow ripple.

    Parameters
    ----------
    mode : GrismMode
    order : Order
    wavelengths : (n,) float64
        Micron.

    Returns
    -------
    (n,) float64
        DN/s per MJy/sr and micron.
    """
    blue, red = mode.wavelengths
    width = 0.015 * (red - blue)
    inner = 4 * width
    edges = np.tanh((wavelengths - blue - inner) / width) - np.tanh(
        (wavelengths - red + inner) / width
    )
    place = (wavelengths - blue) / (red - blue)
    return order.sensitivity * (0.5 * edges + 1e-3) * (0.9 + 0.1 * np.sin(5 * place))
