"""The files that belong to a grism exposure, and whether they belong together."""

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from astropy.table import Table

from onramp.asdf_reference import read_tree
from onramp.errors import InputError, ParameterError, ReferenceFileError
from onramp.wfss import field, trees
from onramp.wfss.sampling import OrderRange
from onramp.wfss.traces import Grism

log = logging.getLogger("onramp")

EXPOSURE_TYPES = "NIS_WFSS", "NRC_WFSS"
RATE = "DN/s"
MAGNITUDE = "isophotal_abmag"
AT_HOME = 0.5  # of a catalogue's sources are on their label, of cutouts under their source's light


class Mode(NamedTuple):
    """What the header says of the instrument."""

    instrument: str
    exp_type: str
    filter: str
    pupil: str

    @property
    def band(self):
        """Name of the filter, which NIRISS has in the other wheel."""
        return self.pupil if self.instrument == "NIRISS" else self.filter


def primary_header(file):
    """Return a file's primary header."""
    return fits.Header.fromstring(file.primary.header)


def mode_of(header, path):
    """
    Return the mode of a grism exposure.

    Raises
    ------
    InputError
        If it is none.
    """
    words = [str(header.get(k, "")) for k in ("INSTRUME", "EXP_TYPE", "FILTER", "PUPIL")]
    mode = Mode(*words)
    if mode.exp_type not in EXPOSURE_TYPES:
        raise InputError(
            f"{path}: EXP_TYPE={mode.exp_type or 'missing'}; wfss_contam is for "
            f"{' and '.join(EXPOSURE_TYPES)}"
        )
    for keyword, value in (("FILTER", mode.filter), ("PUPIL", mode.pupil)):
        if not value:
            raise InputError(f"{path}: {keyword} is missing; mend the header")
    return mode


def check_units(header, path, cutouts):
    """Raise InputError if cutouts are corrected already, or not in DN/s."""
    if header.get("S_CONTAM") == "COMPLETE":
        raise InputError(
            f"{path}: S_CONTAM=COMPLETE: its contamination is corrected; give the product of "
            "extract_2d and srctype"
        )
    for cutout in cutouts:
        unit = str(cutout.sci.cards.get("BUNIT", RATE)).strip()
        if unit != RATE:
            raise InputError(
                f"{path}[SCI,{cutout.sci.version}]: BUNIT={unit}, not {RATE}; give the product of "
                "extract_2d and srctype, before photom"
            )


class DirectImage(NamedTuple):
    """A direct image's labelled pixels, and the map of its sources."""

    path: Path
    labels: np.ndarray
    """(ny, nx) int: the segmentation map."""
    extracted: field.Extracted

    def pixels(self, wcs, grism):
        """Return the labelled pixels in the frame of a grism exposure, as LabelledPixels."""
        return field.find(self.extracted, wcs, grism, self.path)


def read_direct_image(file, segmentation) -> DirectImage:
    """
    Read a direct image and its segmentation map, and take the labelled pixels.

    Parameters
    ----------
    file, segmentation : FitsFile

    Raises
    ------
    InputError
        If a file cannot be read, the two are not of one size, or no background can be found.
    """
    labels, image = (each.image(each.named("SCI")) for each in (segmentation, file))
    if image.ndim != 2 or image.shape != labels.shape:
        raise InputError(
            f"{segmentation.path}: its size {_size(labels)} is not that of {file.path}, "
            f"{_size(image)}; give the map that was made from this image"
        )
    if labels.dtype.kind == "f":
        labels = np.where(np.isfinite(labels), labels, 0).astype(np.uint32)
    return DirectImage(file.path, labels, field.extract(image, labels, file.path))


def _size(image):
    return " x ".join(str(length) for length in reversed(image.shape))


def read_catalogue(path):
    """
    Read a catalogue of sources.

    Parameters
    ----------
    path : Path

    Returns
    -------
    astropy.table.Table
        With the columns `label` and, if known, `isophotal_abmag`.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        table = Table.read(path, format="ascii.ecsv")
        np.asarray(table["label"], int)
        for name in {"xcentroid", "ycentroid", MAGNITUDE}.intersection(table.colnames):
            np.asarray(table[name], float)
    except Exception as problem:  # whatever is wrong with a table that others wrote
        text = " ".join(str(problem).split())[:200]
        raise InputError(
            f"{path}: is no catalogue of sources: {text}; give the one of source_catalog"
        ) from problem
    return table


def check_catalogue(path, table, direct):
    """Raise InputError if a catalogue is not of the segmentation map of a DirectImage."""
    label, labels = np.asarray(table["label"], int), direct.labels
    unknown = np.setdiff1d(label, direct.extracted.labels)
    if unknown.size:
        raise InputError(
            f"{path}: its source {unknown[0]} is not in the segmentation map; give the catalogue "
            "that was made from the map"
        )
    if label.size and {"xcentroid", "ycentroid"}.issubset(table.colnames):
        x, y = (np.rint(np.asarray(table[name], float)) for name in ("xcentroid", "ycentroid"))
        inside = (x >= 0) & (x < labels.shape[1]) & (y >= 0) & (y < labels.shape[0])
        here = labels[y[inside].astype(int), x[inside].astype(int)]
        if np.count_nonzero(here == label[inside]) < AT_HOME * label.size:
            raise InputError(
                f"{path}: most of its sources lie elsewhere in the segmentation map; give the "
                "catalogue that was made from the map"
            )


def check_cutouts(path, cutouts, orders, labels, files):
    """Raise InputError if a cutout's order has no trace, or its source no label in the map."""
    known = set(np.unique(labels).tolist())
    for cutout in cutouts:
        if cutout.order not in orders:
            raise InputError(
                f"{path}: {cutout.name}: SPORDER={cutout.order} has no trace; known: "
                f"{', '.join(map(str, sorted(orders)))}; give a product of extract_2d"
            )
        if cutout.source not in known:
            raise InputError(
                f"{path}: {cutout.name}: the source is not in {files.segmentation}; give the map "
                "that the cutouts were made with"
            )


def read_ranges(path, band):
    """
    Return the wavelengths of a filter by order.

    Parameters
    ----------
    path : path
        The wavelengthrange reference.
    band : str

    Returns
    -------
    dict of int to (float, float)
        Micron.

    Raises
    ------
    ReferenceFileError
        If it cannot be read, or does not know the filter.
    """
    try:
        rows = read_tree(path)["wavelengthrange"]
        found = {int(row[0]): (float(row[2]), float(row[3])) for row in rows if row[1] == band}
    except Exception as problem:  # whatever is wrong with a document that others wrote
        text = " ".join(str(problem).split())[:200]
        raise ReferenceFileError(
            f"{path}: is no wavelengthrange reference: {text}; give the one of the grism mode"
        ) from problem
    if not found:
        raise ReferenceFileError(
            f"{path}: has no wavelengths for the filter {band}; give the wavelengthrange reference "
            "of the grism mode"
        )
    for order, (shortest, longest) in found.items():
        if not 0 < shortest < longest < np.inf:
            raise ReferenceFileError(
                f"{path}: {shortest} to {longest} micron for the filter {band}, order {order}, is "
                "no range; give the wavelengthrange reference of the grism mode"
            )
    return found


def spans(ranges, photom, mode, wcs_orders, wanted, path):
    """
    Return the orders to disperse, lowest first.

    Parameters
    ----------
    ranges : dict of int to (float, float)
    photom : Photom
    mode : Mode
    wcs_orders : list of int
        Orders that have a trace.
    wanted : tuple of int or None
    path : path
        Of the cutouts.

    Returns
    -------
    list of OrderRange

    Raises
    ------
    ParameterError
        If an order is asked for that has no wavelengths or no trace.
    """
    known = sorted(set(ranges).intersection(wcs_orders))
    for order in wanted or ():
        if order not in known:
            raise ParameterError(
                f"{path}: orders: there is no order {order}; known: "
                f"{', '.join(str(n) for n in known) or 'none'}"
            )
    chosen = known if wanted is None else sorted(set(wanted))
    if not chosen:
        raise InputError(
            f"{path}: no order has both a trace and a range of wavelengths; give the "
            "wavelengthrange reference of the grism mode"
        )
    return [
        OrderRange(order, *ranges[order], photom.response(mode.filter, mode.pupil, order))
        for order in chosen
    ]


def within_magnitude(catalogue, limit, span, first_least):
    """
    Return the labels that are dispersed into an order.

    Parameters
    ----------
    catalogue : astropy.table.Table
    limit : float
        AB magnitude, for the first order.
    span : OrderRange
    first_least : float
        Smallest response of the first order.

    Returns
    -------
    (nsources,) int64
    """
    if span.order not in (0, 1):
        limit = limit + 2.5 * np.log10(first_least / span.response.least())
    magnitudes = np.asarray(catalogue[MAGNITUDE], float)
    return np.asarray(catalogue["label"], np.int64)[magnitudes < limit]


def check_sensitivity(orders, references):
    """
    Warn of orders that are not calibrated at any of their wavelengths.

    Parameters
    ----------
    orders : list of DispersedOrder
    references : dict of str to Reference

    Raises
    ------
    ReferenceFileError
        If that is all of them.
    """
    dark = [order.order for order in orders if not order.calibrated]
    if not dark:
        return
    text = (
        f"{references['photom'].path}: has no sensitivity at the wavelengths of order "
        f"{', '.join(map(str, dark))} in {references['wavelengthrange'].path}"
    )
    if len(dark) == len(orders):
        raise ReferenceFileError(f"{text}; give the references of the grism mode")
    log.warning("%s: nothing is predicted there", text)


def check_place(path, direct_image, orders, cutouts, own):
    """
    Check that most cutouts are where the light of their sources falls.

    Parameters
    ----------
    path, direct_image : path
        Of the cutouts and of the direct image, for the message.
    orders : list of DispersedOrder
    cutouts : list of Cutout
    own : list
        Of each cutout: (ny, nx) array, its source's light; None if it is unknown.

    Raises
    ------
    InputError
        If they are not.
    """
    bright = {(n.order, int(label)) for n in orders if n.calibrated for label in n.labels}
    expected = [
        light for cutout, light in zip(cutouts, own) if (cutout.order, cutout.source) in bright
    ]
    lit = sum(light is not None and bool(light.any()) for light in expected)
    if lit < AT_HOME * len(expected):
        raise InputError(
            f"{path}: in {len(expected) - lit} of {len(expected)} cutouts falls no light of their "
            f"sources in {direct_image}; give the direct image and the segmentation map that the "
            "cutouts were made with"
        )


def read_grism(file):
    """Return the transforms of a file of cutouts."""
    return Grism(trees.first_cutout_wcs(file), file.path)
