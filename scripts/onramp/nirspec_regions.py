"""Which pixels of a NIRSpec exposure see slits, slices, or shutters that do not close."""

import logging
from typing import NamedTuple

import numpy as np

from onramp import nirspec_references
from onramp.errors import InputError, ReferenceFileError
from onramp.named_files import beside
from onramp.optional_step_parameters import IFU, MOS
from onramp.steps import nirspec_optics as optics_of
from onramp.steps.nirspec_optics import Aperture, Detector, Optics

log = logging.getLogger("onramp")

TIME_SERIES = "NRS_BRIGHTOBJ"
COMMON = "camera", "collimator", "disperser", "fpa", "msa", "wavelengthrange"
SLICER = "ifupost", "ifuslicer"
SHUTTERS = "msaoper"

SLICES = 30
FIXED_SLITS = "S200A1", "S200A2", "S400A1", "S1600A1", "S200B1"
FIXED_QUADRANT = 5
SLIT_OF_SUBARRAY = {
    **{f"SUB{name}": name for name in ("S200A1", "S200A2", "S400A1", "S200B1")},
    **dict.fromkeys(("SUB2048", "SUB512", "SUB512S", "SUB1024A", "SUB1024B"), "S1600A1"),
}
HALF_HEIGHT = 0.55  # of slits and slices [their size]
SHUTTER_MARGIN = 0.5  # of a row of shutters [shutters]
SHUTTER_PITCH = 1.15  # [shutters]
OPEN_HALF_HEIGHT = 0.5  # of a shutter that does not close
FIXED_SLIT_ROWS = slice(922, 1116)
COLUMNS = ("slitlet_id", "msa_metadata_id", "dither_point_index", "shutter_quadrant",
           "shutter_row", "shutter_column", "background", "primary_source")  # fmt: skip
SPEED_OF_LIGHT = 299792458.0  # m/s


class NoLightError(Exception):
    """No slit or slice of an exposure falls on its detector."""


class Slit(NamedTuple):
    """A fixed slit, a shutter or a row of shutters."""

    quadrant: int
    index: int
    """In the quadrant's table."""
    low: float
    high: float


def check(exposure, references):
    """
    Refuse an exposure of which it cannot be told where its light falls.

    Raises
    ------
    InputError, ReferenceFileError
    """
    _Regions(exposure, references)
    if exposure.exp_type == MOS:
        open_shutters(exposure)


def science_regions(exposure, references, shutters_too):
    """
    Return which pixels see science, or light that comes in beside it.

    Parameters
    ----------
    exposure : Exposure
    references : dict of str to open reference
        By type.
    shutters_too : bool
        Also those that see shutters which do not close.

    Returns
    -------
    (ny, nx) bool

    Raises
    ------
    NoLightError
    InputError, ReferenceFileError
        If something is missing that says where the light falls.
    """
    with np.errstate(invalid="ignore"):  # where light does not come out of the instrument
        return _Regions(exposure, references).light(shutters_too)


class _Regions:
    def __init__(self, exposure, references):
        self.exposure, self._references = exposure, references
        wanted = COMMON + SLICER if exposure.exp_type == IFU else COMMON
        for kind in wanted:
            if references.get(kind) is None:
                raise ReferenceFileError(
                    f"{exposure.name}: no {kind} reference for mask_science_regions; give it with "
                    f"override_{kind}, or set that to false"
                )
        header = exposure.primary
        for keyword in ("GRATING", "FILTER"):
            self._need(keyword, str)
        if header["GRATING"].strip() == "PRISM":
            self._need("GWA_TILT", float | int)
        self.shape = exposure.shape[-2:]
        self.optics = self._optics()

    def _need(self, keyword, kind):
        if not isinstance(self.exposure.primary.get(keyword), kind):
            raise InputError(
                f"{self.exposure.path}: {keyword} missing; fetch the file again, or set "
                "mask_science_regions to false"
            )

    def _optics(self):
        exposure, references = self.exposure, self._references
        header, placement = exposure.primary, exposure.subarray
        order, wavelengths = nirspec_references.wavelengths(references["wavelengthrange"], header)
        model = f"{exposure.detector.lower()}_model"
        focal = references["fpa"].transform(model)
        camera = references["camera"].transform("model")
        disperser = references["disperser"]
        speed = exposure.sci_keywords().get("VELOSYS")
        return Optics(
            Detector(exposure.detector == "NRS2", (placement.xstart - 1, placement.ystart - 1)),
            (focal, references["fpa"].inverse(model)),
            (camera, references["camera"].inverse("model")),
            references["collimator"].inverse("model"),
            nirspec_references.angles(disperser, header),
            nirspec_references.disperser(disperser, header, order),
            wavelengths,
            1 / (1 + speed / SPEED_OF_LIGHT) if isinstance(speed, float | int) else 1.0,
        )

    def light(self, shutters_too):
        mode = self.exposure.exp_type
        found = np.zeros(self.shape, bool)
        if mode == IFU:
            self._add_slices(found)
        else:
            self._add_slits(found)
        if shutters_too:
            self._add_open_shutters(found)
        return found

    def _add_slices(self, found):
        """Add the pixels that see a slice, and the rows of the fixed slits."""
        header = self.exposure.primary
        grating, band = header["GRATING"].strip(), header["FILTER"].strip()
        if self.exposure.detector == "NRS2" and (
            grating.endswith("M") or (grating, band) == ("G140H", "F070LP")
        ):
            raise NoLightError(f"no slice falls on NRS2 with {grating} and {band}")
        for number in range(SLICES):
            aperture = Aperture(self._slice(number), -HALF_HEIGHT, HALF_HEIGHT)
            limits = optics_of.box(self.optics, aperture)
            x, y = optics_of.grid(*limits)
            seen = optics_of.lit(self.optics, aperture, x, y) & optics_of.within(*limits, x, y)
            found[y[seen].astype(int), x[seen].astype(int)] = True
        found[FIXED_SLIT_ROWS] = True

    def _slice(self, number):
        """Return the function from heights in a slice to the plane of apertures."""
        slicer, post = self._references["ifuslicer"], self._references["ifupost"]
        _, x, y, _, height = slicer.numbers("data", number)
        rest = slicer.transform("model")
        names = "linear", "xpoly", "xpoly_distortion", "ypoly", "ypoly_distortion"
        linear, *polynomials = (post.transform(f"slice_{number}", name) for name in names)

        def place(heights, wavelengths):
            at = linear(*rest(np.full(heights.shape, x), y + height * heights))
            across, across_by, along, along_by = (polynomial(*at) for polynomial in polynomials)
            return across + across_by * wavelengths, along + along_by * wavelengths

        return place

    def _aperture(self, slit):
        """Return the aperture of a slit or a row of shutters."""
        msa, name = self._references["msa"], f"Q{slit.quadrant}"
        _, x, y, _, height = msa.numbers(name, "data", slit.index)
        quadrant = msa.transform(name, "model")

        def place(heights, wavelengths):
            return quadrant(np.full(heights.shape, x), y + height * heights)

        return Aperture(place, slit.low, slit.high)

    def _add_slits(self, found):
        """Add the boxes around slits; rows of the fixed slits as well if none of them is used."""
        slits = self._slits()
        still = self.optics._replace(motion=1.0)
        apertures = [self._aperture(slit) for slit in slits]
        seen = [optics_of.meets_detector(*optics_of.box(still, aperture, refined=False))
                for aperture in apertures]  # fmt: skip
        if not any(seen):
            raise NoLightError(f"no slit falls on {self.exposure.detector}")
        for aperture, on_detector in zip(apertures, seen):
            if on_detector:
                columns, rows = optics_of.box(self.optics, aperture)
                found[_places(rows), _places(columns)] = True
        quadrants = {slit.quadrant for slit, on_detector in zip(slits, seen) if on_detector}
        if self.exposure.exp_type == MOS and FIXED_QUADRANT not in quadrants:
            found[FIXED_SLIT_ROWS] = True

    def _slits(self):
        exposure = self.exposure
        if exposure.exp_type == MOS:
            return open_shutters(exposure)
        if exposure.exp_type == TIME_SERIES:
            return [fixed_slit("S1600A1")]
        one = SLIT_OF_SUBARRAY.get(exposure.subarray.name)
        return [fixed_slit(name) for name in ((one,) if one else FIXED_SLITS)]

    def _add_open_shutters(self, found):
        """Add the pixels that see a shutter which does not close."""
        reference = self._references.get(SHUTTERS)
        if reference is None:
            log.warning("%s: no msaoper reference: shutters that do not close are not masked",
                        self.exposure.name)  # fmt: skip
            return
        ny, nx = self.shape
        for quadrant, index in reference.shutters:
            slit = Slit(quadrant, index, -OPEN_HALF_HEIGHT, OPEN_HALF_HEIGHT)
            aperture = self._aperture(slit)
            limits = optics_of.box(self.optics, aperture)
            (left, right), (bottom, top) = (
                (max(int(min(pair)), 0), min(int(max(pair)) + 1, size))
                for pair, size in zip(limits, (nx, ny))
            )
            y, x = np.mgrid[bottom:top, left:right].astype(np.float64)
            seen = optics_of.lit(self.optics, aperture, x, y) & optics_of.within(*limits, x, y)
            found[bottom:top, left:right] |= seen


def _places(limits):
    """Return the pixels from the one in which a limit lies to the one before the other's."""
    first, last = (int(np.floor(limit + 0.5)) for limit in limits)
    return slice(first, last)


def fixed_slit(name):
    """Return a fixed slit by its name."""
    return Slit(FIXED_QUADRANT, FIXED_SLITS.index(name), -HALF_HEIGHT, HALF_HEIGHT)


def open_shutters(exposure):
    """
    Return the rows of shutters that were open, and fixed slits that had a source.

    Raises
    ------
    InputError
        If the exposure's MSA metadata file is missing, or does not list what was open.
    """
    path, rows = _shutter_table(exposure)
    of_slitlets = {}
    for row in rows:
        name = _fixed_slit_of(row)
        of_slitlets.setdefault(name or int(row["slitlet_id"]), []).append(row)
    found = []
    for name, shutters in of_slitlets.items():
        sources = [row for row in shutters if row["primary_source"] == "Y"]
        if isinstance(name, str):
            if len(shutters) > 1:
                raise InputError(f"{path}: {name} is listed twice; fetch the file again")
            if sources:
                found.append(fixed_slit(name))
            continue
        if len(sources) > 1:
            raise InputError(
                f"{path}: slitlet {name} has two primary sources; fetch the file again"
            )
        found.append(_row_of_shutters(path, name, shutters, bool(sources)))
    return found


def _row_of_shutters(path, name, shutters, has_source):
    columns = [int(row["shutter_column"]) for row in shutters]
    first, last = min(columns), max(columns)
    if has_source:
        main = next((row for row in shutters if row["background"] == "N"), None)
        if main is None:
            raise InputError(
                f"{path}: slitlet {name} has a source in background; fetch the file again"
            )
        centre = int(main["shutter_column"])
    else:
        main, centre = shutters[0], first + (last - first) // 2
    try:
        index = nirspec_references.index_of_shutter(int(main["shutter_row"]), centre)
    except ValueError as problem:
        raise InputError(f"{path}: slitlet {name}: {problem}; fetch the file again") from problem
    reach = HALF_HEIGHT + SHUTTER_MARGIN
    return Slit(int(main["shutter_quadrant"]), index, -reach + (first - centre) * SHUTTER_PITCH,
                reach + (last - centre) * SHUTTER_PITCH)  # fmt: skip


def _fixed_slit_of(row):
    """Return the fixed slit that a row names, or None; older files do not have the column."""
    names = row.array.names
    return row["fixed_slit"] if "fixed_slit" in names and row["fixed_slit"] in FIXED_SLITS else None


def _shutter_table(exposure):
    """Return the MSA metadata file, and its rows of an exposure's configuration and dither."""
    from astropy.io import fits

    header = exposure.primary
    for keyword in ("MSAMETFL", "MSAMETID", "PATT_NUM"):
        if header.get(keyword) in (None, "", "N/A"):
            raise InputError(
                f"{exposure.path}: {keyword} missing, which says what shutters were open; fetch "
                "the file again, or set mask_science_regions to false"
            )
    path = beside(exposure.path, str(header["MSAMETFL"]).strip())
    try:
        with fits.open(path, memmap=False) as file:
            table = file["SHUTTER_INFO"].data
        missing = {*COLUMNS} - {*table.names}
        if missing:
            raise KeyError(f"no column {min(missing)}")
    except (OSError, KeyError, TypeError, ValueError) as problem:
        raise InputError(
            f"{path}: the MSA metadata file of {exposure.name} cannot be read "
            f"({' '.join(str(problem).split())[:200]}); fetch it beside the exposure, or set "
            "mask_science_regions to false"
        ) from problem
    chosen = table["msa_metadata_id"] == header["MSAMETID"]
    chosen &= table["dither_point_index"] == header["PATT_NUM"]
    return path, table[chosen]
