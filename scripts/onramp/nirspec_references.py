"""References of NIRSpec's optics: transforms kept in ASDF, and the shutters that do not close."""

import json
from contextlib import AbstractContextManager

import numpy as np

from onramp.asdf_facts import facts_of
from onramp.asdf_reference import AsdfReference
from onramp.errors import ReferenceFileError
from onramp.reference_index import stranger
from onramp.steps.nirspec_optics import Grating, Prism

SHUTTERS_OF_A_ROW, ROWS_OF_SHUTTERS = 365, 171
OPEN_STATES = "Internal state", "TA state", "state"
ARCSECONDS = 3600.0  # in a degree
GLASS_TOLERANCE = 20.0  # of the prism's temperature, within which its refraction is the same [K]


class OpticsReference(AsdfReference):
    """
    An open reference with transforms (ASDF); see `AsdfReference`.

    Attributes
    ----------
    tree : dict
        The file's content.
    """

    remedy = "set mask_science_regions to false"

    @staticmethod
    def _read(path):
        import asdf

        try:
            with asdf.open(
                path, memmap=False, lazy_load=False, ignore_missing_extensions=True
            ) as file:
                return dict(file.tree)
        except Exception as problem:  # whatever is wrong with a document that others wrote
            raise OSError(" ".join(f"{problem}".split())[:200] or "damaged") from problem

    def _take(self, tree, exposure):
        self.tree = tree
        wrong = stranger(facts_of(tree), self.reference.type, exposure)
        if wrong:
            self._refuse(f"{wrong} is not of {exposure.name}")

    def refuse(self, problem):
        """Raise ReferenceFileError for what does not suit an exposure."""
        self._refuse(problem)

    def value(self, *names):
        """Return what the file has under names, one inside the other."""
        found = self.tree
        for name in names:
            try:
                found = found[name]
            except (KeyError, TypeError, IndexError):
                self.refuse(f"has no {'.'.join(map(str, names))}")
        return found

    def number(self, *names):
        """Return a number of the file as float."""
        found = self.value(*names)
        try:
            return float(found)
        except (TypeError, ValueError):
            self.refuse(f"{'.'.join(map(str, names))}={found!r} is no number")

    def numbers(self, *names):
        """Return numbers of the file, (n,) float64."""
        found = self.value(*names)
        try:
            return np.array([float(value) for value in found])
        except (TypeError, ValueError):
            self.refuse(f"{'.'.join(map(str, names))} are no numbers")

    def transform(self, *names):
        """Return a transform of the file, a function of arrays."""
        model = self.value(*names)
        if not callable(model):
            self.refuse(f"{'.'.join(names)} is no transform")
        return model

    def inverse(self, *names):
        """Return the inverse of a transform of the file."""
        try:
            return self.transform(*names).inverse
        except NotImplementedError:
            self.refuse(f"{'.'.join(names)} has no inverse")


class ShutterReference(AbstractContextManager):
    """
    An open msaoper reference (JSON): shutters of NIRSpec's microshutter array that fail.

    Attributes
    ----------
    reference : Reference
    header : dict
    shutters : list of (int, int)
        Quadrant, and index in it, of those that are always open.
    """

    header = {}  # noqa: RUF012

    def __init__(self, reference, exposure):
        self.reference = reference
        try:
            tree = json.loads(reference.path.read_text())
            kind = tree.get("reftype", reference.type).lower()
            if kind != reference.type:
                raise ValueError(f"reftype {kind}")
            rows = tree["msaoper"]
            self.shutters = [
                (int(row["Q"]), index_of_shutter(int(row["x"]), int(row["y"])))
                for row in rows
                if any(row[state] == "open" for state in OPEN_STATES)
            ]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
            raise ReferenceFileError(
                f"{reference.path}: is no list of shutters as CRDS has it "
                f"({' '.join(str(problem).split())[:100]}); give another msaoper reference with "
                "override_msaoper, or N/A to do without it"
            ) from problem

    def __exit__(self, *_):
        """Close nothing: all has been read."""


def index_of_shutter(x, y):
    """
    Return the index of a shutter in its quadrant's table.

    Raises
    ------
    ValueError
        If a quadrant has no such shutter; both are counted from 1.
    """
    if not (1 <= x <= SHUTTERS_OF_A_ROW and 1 <= y <= ROWS_OF_SHUTTERS):
        raise ValueError(f"shutter {x}, {y} beyond {SHUTTERS_OF_A_ROW}, {ROWS_OF_SHUTTERS}")
    return x + (y - 1) * SHUTTERS_OF_A_ROW - 1


def angles(disperser, header):
    """
    Return by what the grating wheel is turned about x, y, z and y [rad].

    Parameters
    ----------
    disperser : OpticsReference
    header : astropy.io.fits.Header
        GWA_XTIL and GWA_YTIL say how the wheel has come to rest, if they are there.
    """
    x, y, z, tilt = (disperser.number(name) for name in ("theta_x", "theta_y", "theta_z", "tilt_y"))
    y += _correction(disperser, "gwa_tiltx", header.get("GWA_XTIL"))
    x += _correction(disperser, "gwa_tilty", header.get("GWA_YTIL"))
    return tuple(np.deg2rad(angle) for angle in (x, y, z, tilt))


def _correction(disperser, name, reading):
    if reading is None:
        return 0.0
    model = disperser.transform(name, "tilt_model")
    zero = disperser.number(name, "zeroreadings", 0)
    return float(0.5 * (model(reading) - model(zero)) / ARCSECONDS)


def disperser(reference, header, order):
    """
    Return the disperser of an exposure.

    Parameters
    ----------
    reference : OpticsReference
    header : astropy.io.fits.Header
        GWA_TILT is the prism's temperature [K].
    order : int

    Returns
    -------
    Grating or Prism
    """
    if str(header.get("GRATING")).strip().upper() != "PRISM":
        return Grating(reference.number("groovedensity"), order)
    warmer = header["GWA_TILT"] - reference.number("tref")
    if warmer >= GLASS_TOLERANCE:
        reference.refuse(f"the prism is {warmer:.0f} K warmer than at its tref")
    strengths, resonances = (reference.numbers(name) for name in ("kcoef", "lcoef"))
    return Prism(np.deg2rad(reference.number("angle")), strengths, resonances)


def wavelengths(reference, header):
    """
    Return the spectral order and the range of wavelengths [m] of an exposure.

    Where the filter, or the lamp behind an opaque one, is not listed with the grating, those of the
    grating with any.
    """
    grating, band = (str(header.get(keyword)).strip() for keyword in ("GRATING", "FILTER"))
    listed = [str(name) for name in reference.value("waverange_selector")]
    source = str(header.get("LAMP")).strip() if band == "OPAQUE" else band
    wanted = f"{source}_{grating}"
    if wanted in listed:
        number = listed.index(wanted)
    else:
        gratings = [name.partition("_")[2] for name in listed]
        if grating not in gratings:
            reference.refuse(f"has no wavelengths of GRATING={grating}")
        number = gratings.index(grating)
    least, most = (reference.number("wavelengthrange", number, end) for end in (0, 1))
    return int(reference.number("order", number)), (least, most)
