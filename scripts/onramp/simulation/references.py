"""Reference files of a simulated detector, in the layout of the archive's."""

import os
import zlib

import numpy as np
from astropy.io import fits

from onramp.simulation import detector as detectors
from onramp.simulation import interleaved, striped
from onramp.simulation.detector import INVERSE_DEGREE, LINEARITY, LINEARITY_SCALE_DN
from onramp.simulation.headers import dq_definitions, instrument_cards, subarray_cards
from onramp.simulation.miri_references import reset_image, rscd_table, save_waves

FLAGS = {
    "mask": [
        "DO_NOT_USE",
        "DEAD",
        "HOT",
        "WARM",
        "LOW_QE",
        "BAD_REF_PIXEL",
        "OTHER_BAD_PIXEL",
        "REFERENCE_PIXEL",
    ],
    "saturation": ["DO_NOT_USE", "NO_SAT_CHECK", "SATURATED_EARLY"],
    "superbias": ["DO_NOT_USE", "UNRELIABLE_BIAS"],
    "linearity": ["NO_LIN_CORR", "DO_NOT_USE", "NONLINEAR"],
    "reset": ["DO_NOT_USE", "UNRELIABLE_SLOPE", "OTHER_BAD_PIXEL"],
    "dark": ["DO_NOT_USE", "WARM", "HOT", "UNRELIABLE_SLOPE", "UNRELIABLE_DARK"],
}
"""Names of each type's flags in the order of their bits, which are not the standard ones."""

OF_PATTERN = "superbias", "reset", "dark", "readnoise", "refpix"

MODELS = {
    "mask": "MaskModel",
    "saturation": "SaturationModel",
    "superbias": "SuperBiasModel",
    "reset": "ResetModel",
    "linearity": "LinearityModel",
    "rscd": "RSCDModel",
    "dark": "DarkModel",
    "gain": "GainModel",
    "readnoise": "ReadnoiseModel",
    "refpix": "IRS2Model",
}

INTERLEAVED = "mask", "superbias"
"""Types that cover the reference pixels of IRS2 frames too."""


def write_references(mode, detector, region, folder):
    """
    Write one reference file of each type.

    The files depend on the mode and not on an exposure's seed; a file is named after what selects
    it, so one with other content takes the place of the earlier.

    Parameters
    ----------
    mode : Mode
    detector : Detector
        Maps of `region`.
    region : Region
        What the references cover; the dark covers the exposure only.
    folder : pathlib.Path

    Returns
    -------
    dict of str to pathlib.Path
        File by reference type.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for kind, extensions in _CONTENTS.items():
        if kind in ("reset", "rscd", "superbias") and (kind != "superbias") != mode.miri:
            continue
        if kind == "refpix" and not mode.interleaved:
            continue
        own = region
        if kind in ("dark", "reset"):
            own = striped.put_together(mode) if mode.pattern else detectors.region_of(mode)
        if mode.pattern and kind == "dark" and not striped.stripes_of(mode).number:
            maps = striped.keep(detector, mode)
        else:
            maps = detectors.cut(detector, region, own)
        rng = detectors.generator(mode, own, kind)
        primary = fits.PrimaryHDU(header=_header(mode, kind, own))
        hdus = extensions(mode, maps, rng, primary.header)
        if mode.interleaved and kind in INTERLEAVED:
            hdus = interleaved.complete(kind, hdus, mode)
        if kind in FLAGS:
            hdus.append(dq_definitions(FLAGS[kind]))
        paths[kind] = _save(fits.HDUList([primary, *hdus]), folder)
    if mode.miri:
        paths["emicorr"] = save_waves(mode, folder / _name(mode, "emicorr", region, "asdf"))
    return paths


def _save(hdus, folder):
    path = folder / hdus[0].header["FILENAME"]
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    hdus.writeto(partial, overwrite=True)
    partial.replace(path)
    return path


def _readpatt(mode, kind):
    """Return the readout pattern that a reference of a type is for, or None for any."""
    own = kind in OF_PATTERN or (mode.interleaved and kind in INTERLEAVED)
    return mode.readpatt if own else None


def _name(mode, kind, region, ending="fits"):
    readpatt = _readpatt(mode, kind)
    identity = f"{mode.detector} {region} {readpatt} {mode.exp_type if kind == 'mask' else ''}"
    number = zlib.crc32(identity.encode()) % 10000
    return f"jwst_{mode.instrument.lower()}_{kind}_{number:04d}.{ending}"


def _header(mode, kind, region):
    readpatt = _readpatt(mode, kind)
    cards = [
        ("FILENAME", _name(mode, kind, region), "Name of the file"),
        ("DATAMODL", MODELS[kind], "Type of data model"),
        ("REFTYPE", kind.upper(), "Reference file type"),
        *instrument_cards(mode),
        *subarray_cards(mode, region),
        ("USEAFTER", "2022-01-01T00:00:00", "Use after date of the reference file"),
        ("PEDIGREE", "SIMULATION", "The pedigree of the reference file"),
        ("AUTHOR", "onramp simulator", "Author of the reference file"),
        ("DESCRIP", f"Simulated {kind} of {mode.detector}", "Description of the file"),
    ]
    if readpatt:
        cards.append(("READPATT", readpatt, "Readout pattern"))
    if kind in ("mask", "dark"):
        cards.append(("EXP_TYPE", mode.exp_type, "Type of data in the exposure"))
    header = fits.Header(cards)
    header["HISTORY"] = "Simulated with numpy; no flight data went into this file."
    return header


def _flags(mode, rng, kind, shape, **planes):
    """
    Combine flags into a DQ extension.

    Parameters
    ----------
    planes : (ny, nx) bool
        Flagged pixels by mnemonic.
    """
    names = FLAGS[kind]
    dq = np.zeros(shape, np.uint32)
    for name, plane in planes.items():
        dq[plane] |= np.uint32(1 << names.index(name))
    if mode.dense_flags:
        for bit, name in enumerate(names):
            if name != "REFERENCE_PIXEL":
                dq[rng.random(shape) < 0.04] |= np.uint32(1 << bit)
    return fits.ImageHDU(dq, name="DQ")


def _image(values, name="SCI", unit="DN"):
    hdu = fits.ImageHDU(np.asarray(values, np.float32), name=name)
    if unit:
        hdu.header["BUNIT"] = unit
    return hdu


def _some(rng, maps, divisor=20000):
    """Choose a few pixels for which a reference knows nothing."""
    return detectors.pixels(rng, maps.gain.shape, max(2, maps.gain.size // divisor))


def _mask(mode, maps, rng, header):
    unusable = _some(rng, maps, 2000) & maps.border
    bad_reference = unusable & (not mode.interleaved)
    other = _some(rng, maps) & ~maps.border
    dq = _flags(
        mode,
        rng,
        "mask",
        maps.gain.shape,
        DO_NOT_USE=maps.dead | unusable | other,
        DEAD=maps.dead,
        HOT=maps.hot & (maps.dark > 5),
        WARM=maps.hot & (maps.dark <= 5),
        LOW_QE=_some(rng, maps) & ~maps.border,
        BAD_REF_PIXEL=bad_reference,
        OTHER_BAD_PIXEL=other,
        REFERENCE_PIXEL=maps.border,
    )
    return [dq]


def _saturation(mode, maps, rng, header):
    level = maps.well.copy()
    level[_some(rng, maps)] = np.nan
    unchecked = _some(rng, maps) | maps.border
    level[maps.border] = 0
    return [_image(level), _flags(mode, rng, "saturation", level.shape, NO_SAT_CHECK=unchecked)]


def _superbias(mode, maps, rng, header):
    level = maps.bias + 0.3 * rng.standard_normal(maps.bias.shape, np.float32)
    error = np.full_like(level, 0.3)
    unknown = _some(rng, maps)
    level[unknown] = np.nan
    dq = _flags(mode, rng, "superbias", level.shape, UNRELIABLE_BIAS=unknown | maps.low)
    return [_image(level), _image(error, "ERR"), dq]


def _linearity(mode, maps, rng, header):
    unknown = _some(rng, maps)
    uncorrected = _some(rng, maps) | maps.border
    scale = maps.stretch / np.float32(LINEARITY_SCALE_DN)
    coefficients = _scaled(LINEARITY, scale)
    coefficients[2:, maps.border] = 0
    coefficients[2:, unknown] = np.nan
    hdus = [_image(coefficients, "COEFFS", None)]
    if mode.inverse_linearity:
        inverse = _scaled(detectors.inverse_linearity()[: INVERSE_DEGREE + 1], scale)
        inverse[2:, maps.border] = 0
        hdus.append(_image(inverse, "INV_COEFFS", None))
    return [*hdus, _flags(mode, rng, "linearity", scale.shape, NO_LIN_CORR=uncorrected)]


def _scaled(coefficients, scale):
    """Polynomial of signal*scale, divided by scale, as per-pixel coefficients of the signal."""
    powers = np.ones_like(scale)
    planes = np.zeros((len(coefficients), *scale.shape), np.float32)
    for order, coefficient in enumerate(coefficients[1:], 1):
        planes[order] = coefficient * powers
        powers = powers * scale
    return planes


def _dark(mode, maps, rng, header):
    step = mode.dark_nframes + mode.dark_groupgap
    frames = np.arange(mode.dark_samples) * step + (mode.dark_nframes + 1) / 2
    header["NGROUPS"] = (mode.dark_samples, "Number of groups in integration")
    header["NFRAMES"] = (mode.dark_nframes, "Number of frames per group")
    header["GROUPGAP"] = (mode.dark_groupgap, "Number of frames dropped between groups")
    header["TFRAME"] = (mode.tframe, "[s] Time between frames")
    header["TGROUP"] = (step * mode.tframe, "[s] Time between groups")
    rate = maps.dark / maps.gain
    times = (frames * mode.tframe).astype(np.float32)
    signal = times[:, None, None] * rate
    unknown = _some(rng, maps)
    signal[-1, unknown] = np.nan
    dq = _flags(
        mode,
        rng,
        "dark",
        rate.shape,
        WARM=maps.hot & (maps.dark <= 5),
        HOT=maps.hot & (maps.dark > 5),
        UNRELIABLE_DARK=unknown,
    )
    if mode.miri:
        signal, dq = _of_integrations(mode, rng, signal, dq)
    return [_image(signal), dq]


def _of_integrations(mode, rng, signal, dq):
    """Give each integration a level and flags of its own."""
    header = {"NINTS": mode.dark_integrations}
    levels = 6.0 / (1.0 + np.arange(mode.dark_integrations, dtype=np.float32))
    planes = np.repeat(dq.data[None, None], mode.dark_integrations, axis=0)
    few = rng.random(planes.shape) < 0.002
    planes[few] |= np.uint32(1 << FLAGS["dark"].index("UNRELIABLE_SLOPE"))
    flags = fits.ImageHDU(planes, name="DQ")
    flags.header.update(header)
    return levels[:, None, None, None] + signal, flags


def _reset(mode, maps, rng, header):
    anomaly = reset_image(mode, maps.gain.shape, header)
    unknown = _some(rng, maps)
    anomaly[:, :, unknown] = np.nan
    return [_image(anomaly), _flags(mode, rng, "reset", maps.gain.shape, UNRELIABLE_SLOPE=unknown)]


def _rscd(mode, maps, rng, header):
    return [rscd_table(mode)]


def _gain(mode, maps, rng, header):
    if mode.gain_factor is not None:
        header["GAINFACT"] = (mode.gain_factor, "Gain scale factor")
    gain = maps.gain.copy()
    gain[_some(rng, maps)] = np.nan
    gain[_some(rng, maps)] = 0
    gain[_some(rng, maps, 100000)] = -1
    return [_image(gain, unit="ELECTRONS/DN")]


def _readnoise(mode, maps, rng, header):
    """Correlated double sampling noise: that of the difference of two reads."""
    noise = maps.read_noise * np.float32(np.sqrt(2))
    noise[_some(rng, maps)] = np.nan
    return [_image(noise)]


def _refpix(mode, maps, rng, header):
    return interleaved.correction_tables(rng)


_CONTENTS = {
    "mask": _mask,
    "saturation": _saturation,
    "superbias": _superbias,
    "reset": _reset,
    "linearity": _linearity,
    "rscd": _rscd,
    "dark": _dark,
    "gain": _gain,
    "readnoise": _readnoise,
    "refpix": _refpix,
}
