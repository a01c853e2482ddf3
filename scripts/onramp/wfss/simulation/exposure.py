"""A simulated grism exposure: every source's spectrum injected, noise, and cutouts."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from onramp.wfss import field, sampling
from onramp.wfss.cutouts import cut
from onramp.wfss.orders import FRAME, DispersedOrder, Rules
from onramp.wfss.scene import PLACE
from onramp.wfss.sensitivity import Photom
from onramp.wfss.simulation import files, scene, wcs
from onramp.wfss.simulation.instruments import GrismMode, mode_named
from onramp.wfss.traces import Grism

OVERSAMPLE = 5  # samples a pixel of the injected spectra
READ_NOISE, SECONDS = 0.02, 900.0  # DN/s; of exposure, an electron being a DN
LEAST = 8  # rows and columns of a cutout
BAD_FRACTION = 0.002


class SimulatedGrismExposure(NamedTuple):
    """Files of a simulated grism exposure."""

    cutouts: Path
    """The product of extract_2d and srctype."""
    photom: Path
    wavelengthrange: Path
    truth: Path
    """npz: `frame`, and `own_<n>` with the n-th cutout's own light, n from 0 [DN/s]."""


def simulate_grism(mode, folder, seed, sources=50, extracted=None, noise=True, **scene_options):
    """
    Simulate a grism exposure of a field.

    Parameters
    ----------
    mode : GrismMode or str
    folder : path
        For all files.
    seed : int
    sources : int
    extracted : int, optional
        Cut out only so many of the brightest sources.
    noise : bool
    **scene_options
        See `onramp.wfss.simulation.scene.draw`.

    Returns
    -------
    SimulatedGrismExposure

    Raises
    ------
    ParameterError
        If there is no mode of that name.
    """
    mode = mode if isinstance(mode, GrismMode) else mode_named(mode)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    sky = scene.draw(rng, sources, **scene_options)
    name = f"jw{seed:05d}001001_03101_00001_{mode.detector.lower()}"
    direct = wcs.direct_image_wcs(mode, sky.image.shape)
    dispersed = wcs.grism_wcs(mode)
    names = files.write_direct(mode, sky, direct, folder, name)
    references = files.write_references(mode, folder)
    frame, lights = _inject(mode, sky, direct, dispersed, Photom(references["photom"]))
    data, err, dq = _observed(rng, frame, noise)
    bright = sky.catalogue["label"][np.argsort(sky.catalogue["isophotal_abmag"])][:extracted]
    cutouts, truth = [], {"frame": frame.astype(np.float32)}
    for (label, order), (window, light) in sorted(lights.items()):
        if label in bright and order in mode.extracted:
            truth[f"own_{len(cutouts)}"] = cut(light, window, window).astype(np.float32)
            parts = (cut(values, PLACE, window) for values in (data, err))
            flags = cut(dq, PLACE, window).astype(np.uint32)
            parts = (part.astype(np.float32) for part in parts)
            cutouts.append(files.Cutout(label, order, window.x, window.y, *parts, flags))
    path, truth_path = folder / f"{name}_srctype.fits", folder / f"{name}_truth.npz"
    files.write_cutouts(mode, cutouts, dispersed, names, path)
    np.savez_compressed(truth_path, **truth)
    return SimulatedGrismExposure(path, **references, truth=truth_path)


def _inject(mode, sky, direct, dispersed, photom):
    """Return the frame without noise, and each source's light and window by label and order."""
    grism = Grism(dispersed, "simulated")
    places = np.nonzero(sky.segmentation)
    extracted = field.Extracted(*places, sky.segmentation[places], sky.flux[places])
    clean = field.find(extracted, direct, grism, "simulated").field()
    frame, lights = np.zeros(FRAME), {}
    for order in mode.orders:
        response = photom.response(mode.filter, mode.pupil, order.number)
        span = sampling.OrderRange(order.number, *mode.wavelengths, response)
        dispersed_order = DispersedOrder(grism, span, clean, Rules(OVERSAMPLE))
        places = np.linspace(0, 1, dispersed_order.samples.parameters.size)
        for label in clean.labels:
            spectrum = sky.spectra[label - 1](places)
            (found,) = dispersed_order.disperse([int(label)], spectrum)
            if found is not None:
                frame[found.window.slices] += found.images[0]
                if min(found.window.shape) >= LEAST:
                    lights[int(label), order.number] = found.window, found.images[0]
    return frame, lights


def _observed(rng, frame, noise):
    """Return data, errors and flags of a frame."""
    err = np.sqrt(READ_NOISE**2 + np.maximum(frame, 0) / SECONDS)
    data = frame + noise * rng.normal(0, 1, frame.shape) * err
    dq = np.zeros(frame.shape, np.uint32)
    if noise:
        bad = rng.random(frame.shape) < BAD_FRACTION
        dq[bad], data[bad] = 1, np.nan
    return data, err, dq
