"""What falls on the detector: sky, stars, spectral traces and cosmic rays."""

import numpy as np

from onramp.simulation.detector import LINEARITY_SCALE_DN

PIXEL_AREA_CM2 = 18e-4**2
COSMIC_RAY = np.dtype(
    [("integration", "i4"), ("group", "i4"), ("y", "i4"), ("x", "i4"), ("electrons", "f4"),
     ("frame", "i4")]
)  # fmt: skip
STAMP = 24


def light(rng, mode, detector):
    """
    Detected rate of electrons, without dark current.

    Returns
    -------
    (ny, nx) float32
        Rate [e/s]; 0 in dead and reference pixels.
    """
    shape = detector.gain.shape
    full_rate = LINEARITY_SCALE_DN * float(np.median(detector.gain)) / mode.integration_time
    draw = {"field": _stars, "soss": _soss, "bots": _bots, "slices": _slices}[mode.scene]
    rate = draw(rng, mode, shape, full_rate) + mode.sky_e_per_s
    return (rate * detector.response).astype(np.float32)


def _stars(rng, mode, shape, full_rate):
    """Stars from faint to saturated in the first groups, Moffat profiles of 2.5 pixels FWHM."""
    ny, nx = shape
    count = round(mode.sources_per_megapixel * ny * nx / 2**20)
    if mode.sources_per_megapixel > 0:
        count = max(4, count)
    peaks = full_rate * np.geomspace(3e-4, 25.0, count)
    alpha = 2.5 / (2 * np.sqrt(2 ** (1 / 2.5) - 1))
    rate = np.zeros(shape)
    for peak, y, x in zip(peaks, rng.uniform(0, ny, count), rng.uniform(0, nx, count), strict=True):
        y0, x0 = max(0, int(y) - STAMP), max(0, int(x) - STAMP)
        y1, x1 = min(ny, int(y) + STAMP + 1), min(nx, int(x) + STAMP + 1)
        rows, columns = np.ogrid[y0:y1, x0:x1]
        rate[y0:y1, x0:x1] += peak * (1 + ((rows - y) ** 2 + (columns - x) ** 2) / alpha**2) ** -2.5
    return rate


def _soss(rng, mode, shape, full_rate):
    """Two curved orders with the broad double-peaked profile of a defocussed cylindrical lens."""
    ny, nx = shape
    y, x = np.ogrid[0.0:ny, 0.0:nx]
    along = x / max(nx - 1, 1)
    lines = 1 - 0.3 * np.exp(-0.5 * ((along - rng.uniform(0.2, 0.8, (8, 1, 1))) / 0.002) ** 2)
    spectrum = full_rate * (0.03 + 0.8 * np.sin(np.pi * along) ** 2) * lines.prod(axis=0)
    rate = np.zeros(shape)
    for height, centre, curve in ((1.0, 0.25, 0.2), (0.12, 0.65, -0.4)):
        offset = y - ny * (centre + curve * (along - 0.4) ** 2)
        profile = np.exp(-0.5 * ((offset - 7) / 2.5) ** 2) + np.exp(
            -0.5 * ((offset + 7) / 2.5) ** 2
        )
        profile += 0.5 * np.exp(-0.5 * (offset / 5) ** 2)
        rate += height * spectrum * profile
    return rate


def _bots(rng, mode, shape, full_rate):
    """One narrow trace between the outer rows, which stay dark."""
    ny, nx = shape
    y, x = np.ogrid[0.0:ny, 0.0:nx]
    along = x / max(nx - 1, 1)
    spectrum = full_rate * (0.01 + 1.2 * np.exp(-0.5 * ((along - 0.35) / 0.18) ** 2))
    centre = ny / 2 + rng.uniform(-0.3, 0.3) + 1.5 * (along - 0.5)
    return spectrum * np.exp(-0.5 * ((y - centre) / 0.9) ** 2)


def _slices(rng, mode, shape, full_rate):
    """Narrow, slightly curved spectra of a slicer's slices, along y, with gaps between them."""
    ny, nx = shape
    y, x = np.ogrid[0.0:ny, 0.0:nx]
    rate = np.zeros(shape)
    for centre in np.linspace(0.04, 0.96, 21) * nx:
        offset = x - centre - 3 * (y / max(ny - 1, 1) - 0.5) ** 2
        spectrum = full_rate * rng.uniform(0.05, 0.5) * (1 + 0.3 * np.sin(y / 30 + centre))
        rate += spectrum * np.exp(-0.5 * (offset / (0.012 * nx + 1)) ** 2)
    return rate


def cosmic_rays(rng, mode):
    """
    Draw the cosmic rays of an exposure.

    An event hits one pixel; three in ten leave part of their charge in the four neighbours.

    Returns
    -------
    (nhits,) structured
        One row a pixel hit. `frame` counts from the reset, dropped frames included; `group` is the
        first group whose frames hold charge of the hit. Group 0 shows no jump.
    """
    ny, nx, frames = mode.ny, mode.nx, mode.frames
    area = ny * nx * PIXEL_AREA_CM2
    per_exposure = mode.cosmic_rays_per_s_cm2 * area * mode.integration_time * mode.nints
    count = rng.poisson(per_exposure)
    hits = np.zeros(count, COSMIC_RAY)
    hits["integration"] = rng.integers(0, mode.nints, count)
    hits["frame"] = rng.integers(0, frames, count)
    hits["y"] = rng.integers(0, ny, count)
    hits["x"] = rng.integers(0, nx, count)
    hits["electrons"] = rng.lognormal(np.log(900.0), 1.2, count)
    spread = hits[rng.random(count) < 0.3]
    parts = [hits]
    for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        part = spread.copy()
        part["y"] += dy
        part["x"] += dx
        part["electrons"] *= rng.uniform(0.01, 0.15, len(part))
        inside = (part["y"] >= 0) & (part["y"] < ny) & (part["x"] >= 0) & (part["x"] < nx)
        parts.append(part[inside])
    hits = np.concatenate(parts)
    step = mode.nframes + mode.groupgap
    group, place = np.divmod(hits["frame"], step)
    hits["group"] = np.where(place < mode.nframes, group, group + 1)
    return hits[np.lexsort((hits["x"], hits["y"], hits["frame"], hits["integration"]))]
