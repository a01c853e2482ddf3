"""What NIRSpec's IRS2 frames and their references hold besides science pixels."""

import numpy as np
from astropy.io import fits

from onramp import interleaving
from onramp.simulation import detector as detectors

NOISE = 4.0  # of a read of a reference pixel [DN]
REFERENCE_WEIGHT = 0.75
"""Of the interleaved reference pixels in the correction; the reference output has the rest."""
WEIGHT_SCALE = 20000.0
"""Frequency above which the correction fades [cycles in a frame]."""
BAD_COLUMNS = 1008, 1009  # detector columns of a reference pixel that the mask calls bad
BAD_BLOCKS = 0b100001  # blocks that the refpix reference calls bad in one output
RESTLESS_COLUMNS = 1750, 1751, 2650, 2651  # reference pixels that are noisy, and nobody knows


def fill(frame, detector, rest):
    """
    Interleave science rows with the others.

    Parameters
    ----------
    frame : (..., 2048, 2048) array
    detector : str
    rest : (3200, 2048) array or scalar
        What the other rows hold.

    Returns
    -------
    (..., 3200, 2048) array
    """
    full = np.empty((*frame.shape[:-2], interleaving.COLUMNS, frame.shape[-1]), frame.dtype)
    full[...] = rest
    full[..., interleaving.science_rows(detector), :] = frame
    return full


def reference_levels(mode):
    """Return the level of each reference pixel after reset, (3200, 2048) float32 [DN]."""
    rng = detectors.generator(mode, detectors.region_of(mode), "interleaved")
    shape = interleaving.COLUMNS, interleaving.SCIENCE
    columns = rng.normal(11500, 150, (shape[0], 1))
    return (columns + 20 * rng.standard_normal(shape, np.float32)).astype(np.float32)


def frames(rng, mode, sci):
    """
    Complete the frames: reference pixels, and noise of the electronics in the order of reading.

    Parameters
    ----------
    rng : numpy.random.Generator
    mode : Mode
    sci : (nints, ngroups, 2048, 2048) uint16
        Raw groups [DN] without that noise.

    Returns
    -------
    (nints, ngroups, 3200, 2048) uint16
    """
    full = fill(sci, mode.detector, 0)
    rest = np.ones(interleaving.COLUMNS, bool)
    rest[interleaving.science_rows(mode.detector)] = False
    levels = reference_levels(mode)[rest]
    for plane in full.reshape(-1, *full.shape[-2:]):
        plane[rest] = np.rint(levels + NOISE * rng.standard_normal(levels.shape, np.float32))
        turned = interleaving.to_detector(plane, mode.detector)
        noise = _in_columns(_drift(rng, mode))
        disturbed = np.rint(turned + noise)
        for column in RESTLESS_COLUMNS:
            disturbed[:, column] += rng.normal(0, 60, len(disturbed))
        lost = (turned == 0) | (turned == np.iinfo(np.uint16).max)
        turned[...] = np.where(lost, turned, np.clip(disturbed, 0, np.iinfo(np.uint16).max))
    return full


def _drift(rng, mode):
    """Return 1/f noise in the order of reading, (2048, 712) float32 [DN]."""
    size = interleaving.FRAME_READS
    spectrum = rng.standard_normal((2, size // 2 + 1), np.float32)
    spectrum = spectrum[0] + 1j * spectrum[1]
    spectrum[0] = 0
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    noise = np.fft.irfft(spectrum, size).astype(np.float32)
    noise *= mode.one_over_f_dn / np.sqrt(mode.nframes) / noise.std()
    return noise.reshape(interleaving.SCIENCE, interleaving.ROW_READS)


def _in_columns(drift):
    """Return what each detector column reads of a drift that all outputs share, (2048, 3200)."""
    read = drift[:, interleaving.read_ticks()]
    outputs = range(interleaving.OUTPUTS)
    backwards = [interleaving.is_read_backwards(output) for output in outputs]
    return np.concatenate([read[:, ::-1] if back else read for back in backwards], axis=1)


def complete(kind, hdus, mode):
    """Give the images of a mask or superbias reference the rows of the reference pixels."""
    rest = {"SCI": reference_levels(mode), "ERR": np.float32(0.3), "DQ": np.uint32(0)}
    done = []
    for hdu in hdus:
        data = fill(hdu.data, mode.detector, rest[hdu.name])
        if kind == "mask":
            turned = interleaving.to_detector(data, mode.detector)
            turned[:, list(BAD_COLUMNS)] |= data.dtype.type(1 | 1 << 5)
        done.append(fits.ImageHDU(data, hdu.header, name=hdu.name))
    return done


def correction_tables(rng):
    """
    Return the extensions of a refpix reference: weights of each frequency, and bad pixels.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    list of astropy.io.fits.BinTableHDU
    """
    size = interleaving.FRAME_READS
    frequency = np.abs(np.fft.fftfreq(size, 1 / size)).astype(np.float32)
    fade = 1 / (1 + (frequency / WEIGHT_SCALE) ** 2)
    columns = []
    for name, weight in (("alpha", 1 - REFERENCE_WEIGHT), ("beta", REFERENCE_WEIGHT)):
        for amplifier in range(interleaving.OUTPUTS - 1):
            values = np.zeros((size, 2), np.float32)
            values[:, 0] = weight * fade * rng.normal(1, 0.05)
            values += 0.002 * rng.standard_normal((size, 2), np.float32)
            columns.append(fits.Column(f"{name}_{amplifier}", "E", array=values.ravel()))
    outputs, parities = np.divmod(np.arange(8), 2)
    masks = np.zeros(8, np.uint32)
    masks[[2, 5]] = BAD_BLOCKS, 1 << 31
    quality = [
        fits.Column("OUTPUT", "I", bzero=1 << 15, array=(outputs + 1).astype(np.uint16)),
        fits.Column("ODD_EVEN", "I", bzero=1 << 15, array=(parities + 1).astype(np.uint16)),
        fits.Column("MASK", "J", bzero=1 << 31, array=masks),
    ]
    return [
        fits.BinTableHDU.from_columns(columns, name="IRS2"),
        fits.BinTableHDU.from_columns(quality, name="DQ"),
    ]
