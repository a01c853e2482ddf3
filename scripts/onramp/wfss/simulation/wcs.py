"""World coordinates of simulated exposures, with the frames and transforms of the instruments'."""

import numpy as np
from astropy import coordinates, units
from astropy.modeling.models import (
    Const1D,
    Identity,
    Mapping,
    Pix2Sky_TAN,
    Polynomial1D,
    Polynomial2D,
    RotateNative2Celestial,
    Scale,
    Shift,
)
from gwcs import coordinate_frames as frames
from gwcs.wcs import WCS
from stdatamodels.jwst.transforms import models

FULL = 2048
CENTRE = (FULL - 1) / 2
POINTING = 53.16255, -27.79146  # deg
LIGHT_SPEED = 299792.458  # km/s
FIELD_CURVATURE = 2.5e-6, -1.8e-6, 3.1e-6
"""Quadratic distortion by x^2, xy and y^2 [1/pixel]."""


def direct_image_wcs(mode, shape):
    """
    Return the WCS of a resampled direct image: a tangent plane.

    Parameters
    ----------
    mode : GrismMode
    shape : (int, int)
        Rows and columns of the image; its centre is at the pointing.
    """
    ny, nx = shape
    scale = mode.scale / 3600
    to_sky = (
        Shift(-(nx - 1) / 2) & Shift(-(ny - 1) / 2)
        | Scale(-scale) & Scale(scale)
        | Pix2Sky_TAN()
        | RotateNative2Celestial(*POINTING, 180)
    )
    detector = frames.Frame2D(name="detector", axes_order=(0, 1), unit=(units.pix, units.pix))
    return WCS([(detector, to_sky), (_sky(), None)])


def grism_wcs(mode, velocity=11.3):
    """
    Return the WCS of a grism exposure, from dispersed pixels through the direct image to the sky.

    Parameters
    ----------
    mode : GrismMode
    velocity : float
        Of the observatory towards the source [km/s]; the wavelengths are corrected for it.
    """
    dispersion = _dispersion(mode)
    dispersion = (
        dispersion | Mapping((0, 1, 2, 3)) | Identity(2) & _velocity(velocity) & Identity(1)
    )
    pixel = frames.Frame2D(
        name="grism_detector", axes_order=(0, 1), axes_names=("x_grism", "y_grism"),
        unit=(units.pix, units.pix),
    )  # fmt: skip
    spectral = frames.SpectralFrame(
        name="spectral", axes_order=(2,), unit=(units.micron,), axes_names=("wavelength",)
    )
    steps = [(pixel, dispersion)]
    for name, transform in _imaging(mode):
        plane = frames.Frame2D(name=f"{name}spatial", axes_order=(0, 1), unit=(units.pix,) * 2)
        both = frames.CompositeFrame([plane, spectral], name=name)
        steps.append((both, transform & Identity(2)))
    steps.append((frames.CompositeFrame([_sky(), spectral], name="world"), None))
    return WCS(steps)


def _sky():
    return frames.CelestialFrame(
        reference_frame=coordinates.ICRS(), name="sky", unit=(units.deg, units.deg)
    )


def _imaging(mode):
    """Return the transforms from the detector to the sky by the frame they start from."""
    scale = mode.scale / 3600
    centred = Shift(-CENTRE) & Shift(-CENTRE)
    distortion = (
        centred
        | Mapping((0, 1, 0, 1))
        | _plane(FIELD_CURVATURE, 0) & _plane(FIELD_CURVATURE[::-1], 1)
    )
    distortion.inverse = _inverse(distortion)
    aberration = Scale(1.00003) & Scale(1.00003)
    to_sky = Scale(-scale) & Scale(scale) | Pix2Sky_TAN() | RotateNative2Celestial(*POINTING, 180)
    return [("detector", distortion), ("v2v3", aberration), ("v2v3vacorr", to_sky)]


def _plane(curvature, axis):
    """Return a coordinate of the field [pixel] with distortion."""
    xx, xy, yy = curvature
    linear = {"c1_0": 1.0} if axis == 0 else {"c0_1": 1.0}
    return Polynomial2D(2, **linear, c2_0=xx, c1_1=xy, c0_2=yy)


def _inverse(distortion):
    """Fit the way back from the field to the detector with polynomials of fifth degree."""
    grid = np.linspace(-200, FULL + 200, 45)
    x, y = (axis.ravel() for axis in np.meshgrid(grid, grid))
    u, v = distortion(x, y)
    scale = FULL / 2
    powers = [(i, j) for i in range(6) for j in range(6 - i)]
    design = np.stack([(u / scale) ** i * (v / scale) ** j for i, j in powers], axis=1)
    planes = []
    for values in (x, y):
        solved = np.linalg.lstsq(design, values, rcond=None)[0]
        named = {f"c{i}_{j}": c / scale ** (i + j) for (i, j), c in zip(powers, solved)}
        planes.append(Polynomial2D(5, **named))
    return Mapping((0, 1, 0, 1)) | planes[0] & planes[1]


def _field(value, slope):
    """Return a coefficient of a trace that depends on the position, `value` at the centre."""
    tilt, bend = slope * value * 1e-5, slope * value * 1e-9
    constant = value - 2 * tilt * CENTRE + bend * CENTRE**2
    return Polynomial2D(2, c0_0=constant, c1_0=tilt, c0_1=tilt, c1_1=-bend)


def _dispersion(mode):
    numbers = [order.number for order in mode.orders]
    dx = [[_field(c, 1.0 + 0.2 * n) for n, c in enumerate(o.dx)] for o in mode.orders]
    dy = [[_field(c, 2.0 - 0.3 * n) for n, c in enumerate(o.dy)] for o in mode.orders]
    if mode.instrument == "NIRISS":
        return _niriss(mode, numbers, dx, dy)
    kind = "Column" if mode.pupil == "GRISMC" else "Row"
    forward = getattr(models, f"NIRCAMForward{kind}GrismDispersion")
    solution = [[_field(c, 0.3 * n) for n, c in enumerate(mode.solution)] for _ in numbers]
    further = {}
    if mode.legacy:
        start, length = mode.solution[0], sum(mode.solution[1:])
        solution = [[Polynomial1D(1, c0=start, c1=length)] for _ in numbers]
        inverse = [Polynomial1D(1, c0=-start / length, c1=1 / length) for _ in numbers]
        further = {"inv_lmodels": inverse}
    found = forward(numbers, solution, dx, dy, **further)
    found.inverse = models.NIRCAMBackwardGrismDispersion(numbers, solution, dx, dy, **further)
    return found


def _niriss(mode, numbers, dx, dy):
    start, length = mode.solution
    solution = [Polynomial1D(1, c0=start, c1=length) for _ in numbers]
    inverse = [Polynomial1D(1, c0=-start / length, c1=1 / length) for _ in numbers]
    kind = "Column" if mode.filter.endswith("R") else "Row"
    forward = getattr(models, f"NIRISSForward{kind}GrismDispersion")
    found = forward(numbers, solution, dx, dy, theta=mode.theta)
    found.inverse = models.NIRISSBackwardGrismDispersion(
        numbers, inverse, dx, dy, theta=-mode.theta
    )
    return found


def _velocity(velocity):
    """Return the change of wavelengths by the observatory's velocity."""
    factor = 1 / (1 + velocity / LIGHT_SPEED)
    change = Identity(1) * Const1D(factor, name="velocity_correction")
    change.inverse = Identity(1) / Const1D(factor, name="inv_vel_correction")
    return change
