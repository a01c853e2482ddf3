"""Files of a simulated exposure and of the references that its correction needs."""

import copy
import io
from typing import NamedTuple

import asdf
import numpy as np
from astropy.io import fits
from astropy.table import Table

from onramp.wfss.simulation.instruments import sensitivity

DATE, TIME = "2026-05-17", "03:14:15.926"
POINTS = 200  # of a sensitivity curve
PHOTOM_UNIT = "MJy micron s / (DN sr)"


class Cutout(NamedTuple):
    """A source's spectrum, cut out of a grism image."""

    source: int
    order: int
    x: int
    """First column in the frame, from 0."""
    y: int
    data: np.ndarray
    """(ny, nx) float32 [DN/s]."""
    err: np.ndarray
    dq: np.ndarray
    """(ny, nx) uint32."""


def write_direct(mode, scene, wcs, folder, name):
    """Write direct image, segmentation map and catalogue; return their names by keyword."""
    names = {
        "DIRIMAGE": f"{name}_i2d.fits",
        "SEGMFILE": f"{name}_segm.fits",
        "SCATFILE": f"{name}_cat.ecsv",
    }
    primary = _primary(mode, names["DIRIMAGE"], "ImageModel")
    image = fits.ImageHDU(scene.image, name="SCI")
    _write([primary, image, _tree({"meta": {"wcs": wcs}})], folder / names["DIRIMAGE"])
    primary = _primary(mode, names["SEGMFILE"], "SegmentationMapModel")
    labels = fits.ImageHDU(scene.segmentation.astype(np.uint32), name="SCI")
    _write([primary, labels, _tree({"meta": {}})], folder / names["SEGMFILE"])
    Table(scene.catalogue).write(folder / names["SCATFILE"], format="ascii.ecsv", overwrite=True)
    return names


def write_cutouts(mode, cutouts, wcs, names, path, shared=True):
    """
    Write the cutouts of an exposure.

    Parameters
    ----------
    mode : GrismMode
    cutouts : list of Cutout
    wcs : gwcs.WCS
    names : dict of str to str
        Files of the direct image, by keyword.
    path : Path
    shared : bool
        Write the WCS once, not once for each cutout.
    """
    primary = _primary(mode, path.name, "MultiSlitModel")
    primary.header.update(names)
    for keyword in ("S_BKDSUB", "S_EXTR2D", "S_SRCTYP"):
        primary.header[keyword] = "COMPLETE"
    slits, extensions = [], []
    for n, cutout in enumerate(cutouts, start=1):
        extensions += [
            fits.ImageHDU(values, _cutout_cards(cutout) if name == "SCI" else None, name, ver=n)
            for name, values in (("SCI", cutout.data), ("DQ", cutout.dq), ("ERR", cutout.err))
        ]
        slits.append(
            {
                "name": str(cutout.source),
                "source_id": cutout.source,
                "meta": {
                    "model_type": "SlitModel",
                    "wcs": wcs if shared else copy.deepcopy(wcs),
                    "wcsinfo": {"spectral_order": cutout.order},
                },
            }
        )
    _write([primary, *extensions, _tree({"meta": {}, "slits": slits})], path)


def _cutout_cards(cutout):
    ny, nx = cutout.data.shape
    return fits.Header(
        {
            "BUNIT": "DN/s",
            "SLTNAME": str(cutout.source),
            "SLTSTRT1": cutout.x + 1,
            "SLTSIZE1": nx,
            "SLTSTRT2": cutout.y + 1,
            "SLTSIZE2": ny,
            "SOURCEID": cutout.source,
            "SRCTYPE": "EXTENDED",
            "SPORDER": cutout.order,
        }
    )


def write_references(mode, folder):
    """Write the references of a mode; return their paths by type."""
    start = f"jwst_{mode.instrument.lower()}"
    photom = folder / f"{start}_photom_{mode.filter.lower()}.fits"
    ranges = folder / f"{start}_wavelengthrange_{mode.band.lower()}.asdf"
    primary = _primary(mode, photom.name, f"{mode.exp_type.title().replace('_', '')}PhotomModel")
    primary.header["DATAMODL"] = f"{mode.exp_type[:3].title()}WfssPhotomModel"
    primary.header["REFTYPE"] = "PHOTOM"
    table = fits.BinTableHDU(_photom(mode), name="PHOTOM")
    table.header["PHOTUNIT"], table.header["WAVEUNIT"] = PHOTOM_UNIT, "um"
    _write([primary, table], photom)
    asdf.AsdfFile(_ranges(mode)).write_to(ranges)
    return {"photom": photom, "wavelengthrange": ranges}


def _photom(mode):
    blue, red = mode.wavelengths
    margin = 0.01 * (red - blue)
    curve = (POINTS + 20,)
    table = np.zeros(
        len(mode.orders),
        [
            ("filter", "S12"), ("pupil", "S15"), ("order", "<i2"), ("photmjsr", "<f4"),
            ("uncertainty", "<f4"), ("nelem", "<i2"), ("wavelength", "<f4", curve),
            ("relresponse", "<f4", curve), ("reluncertainty", "<f4", curve),
        ],
    )  # fmt: skip
    waves = np.linspace(blue + margin, red - margin, POINTS)
    for row, order in zip(table, mode.orders):
        values = sensitivity(mode, order, waves)
        row["filter"], row["pupil"], row["order"] = mode.filter, mode.pupil, order.number
        row["photmjsr"], row["nelem"] = 1 / values.max(), POINTS
        row["wavelength"][:POINTS] = waves
        row["relresponse"][:POINTS] = values.max() / values
    return table


def _ranges(mode):
    numbers = [order.number for order in mode.orders]
    return {
        "meta": {
            "reftype": "wavelengthrange",
            "telescope": "JWST",
            "author": "onramp",
            "description": "Simulated.",
            "pedigree": "DUMMY",
            "useafter": f"{DATE}T00:00:00",
            "model_type": "WavelengthrangeModel",
            "instrument": {"name": mode.instrument},
            "exposure": {"type": mode.exp_type},
        },
        "wavelengthrange": [[number, mode.band, *mode.wavelengths] for number in numbers],
        "order": numbers,
        "extract_orders": [[mode.band, list(mode.extracted)]],
        "wunits": "micron",
        "waverange_selector": [mode.band],
    }


def _primary(mode, filename, model):
    primary = fits.PrimaryHDU()
    primary.header.update(
        {
            "TELESCOP": "JWST",
            "INSTRUME": mode.instrument,
            "DETECTOR": mode.detector,
            "FILTER": mode.filter,
            "PUPIL": mode.pupil,
            "EXP_TYPE": mode.exp_type,
            "DATE-OBS": DATE,
            "TIME-OBS": TIME,
            "FILENAME": filename,
            "DATAMODL": model,
        }
    )
    return primary


def _tree(tree):
    """Return the extension that holds what keywords cannot."""
    content = io.BytesIO()
    asdf.AsdfFile(tree).write_to(content)
    column = fits.Column(
        "ASDF_METADATA", f"{content.tell()}B", array=np.frombuffer(content.getvalue(), "u1")[None]
    )
    return fits.BinTableHDU.from_columns([column], name="ASDF")


def _write(hdus, path):
    fits.HDUList(hdus).writeto(path, overwrite=True)
