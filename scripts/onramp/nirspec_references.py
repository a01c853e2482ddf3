"""References of NIRSpec's optics: transforms kept in ASDF, and the shutters that do not close."""

import json
from contextlib import AbstractContextManager

import numpy as np

from onramp.errors import ReferenceFileError
from onramp.steps.nirspec_optics import Grating, Prism

QUADRANTS = 5  # the last one has the fixed slits
SHUTTERS_OF_A_ROW = 365
OPEN_STATES = "Internal state", "TA state", "state"
ARCSECONDS = 3600.0  # in a degree
GLASS_TOLERANCE = 20.0  # of the prism's temperature, within which its refraction is the same [K]


class OpticsReference(AbstractContextManager):
    """
    An open reference with transforms (ASDF), read at once.

    Parameters
    ----------
    reference : Reference
    exposure : Exposure

    Attributes
    ----------
    reference : Reference
    header : dict
        Empty; there are no keywords.
    tree : dict
        The file's content.

    Raises
    ------
    ReferenceFileError
        If the file cannot be read, or the package is missing that reads transforms.
    """

    header = {}  # noqa: RUF012

    def __init__(self, reference, exposure):
        self.reference = reference
        try:
            import asdf

            with asdf.open(reference.path, memmap=False, lazy_load=False) as file:
                self.tree = dict(file.tree)
        except Exception as problem:  # whatever is wrong with a document that others wrote
            self.refuse(f"cannot be read as ASDF ({' '.join(str(problem).split())[:200]})")

    def refuse(self, problem):
        """Raise ReferenceFileError for what a file lacks."""
        kind = self.reference.type
        raise ReferenceFileError(
            f"{self.reference.path}: {problem}; give another {kind} reference with "
            f"override_{kind}, or set mask_science_regions to false"
        )

    def value(self, *names):
        """Return what the file has under names, one inside the other."""
        found = self.tree
        for name in names:
            try:
                found = found[name]
            except (KeyError, TypeError, IndexError):
                self.refuse(f"has no {'.'.join(map(str, names))}")
        return found

    def transform(self, *names):
        """Return a transform of the file as a function of arrays, and back."""
        model = self.value(*names)
        if not callable(model):
            self.refuse(f"{'.'.join(names)} is no transform")
        return model

    def __exit__(self, *_):
        """Close nothing: all has been read."""


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
            rows = json.loads(reference.path.read_text())["msaoper"]
            self.shutters = [
                (int(row["Q"]), int(row["x"]) + (int(row["y"]) - 1) * SHUTTERS_OF_A_ROW - 1)
                for row in rows
                if any(row[state] == "open" for state in OPEN_STATES)
            ]
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise ReferenceFileError(
                f"{reference.path}: is no list of shutters as CRDS has it "
                f"({' '.join(str(problem).split())[:100]}); give another msaoper reference with "
                "override_msaoper, or N/A to do without it"
            ) from problem

    def __exit__(self, *_):
        """Close nothing: all has been read."""


def angles(disperser, header):
    """
    Return by what the grating wheel is turned about x, y, z and y [rad].

    Parameters
    ----------
    disperser : OpticsReference
    header : astropy.io.fits.Header
        GWA_XTIL and GWA_YTIL say how the wheel has come to rest, if they are there.
    """
    x, y, z, tilt = (
        float(disperser.value(name)) for name in ("theta_x", "theta_y", "theta_z", "tilt_y")
    )
    y += _correction(disperser, "gwa_tiltx", header.get("GWA_XTIL"))
    x += _correction(disperser, "gwa_tilty", header.get("GWA_YTIL"))
    return tuple(np.deg2rad(angle) for angle in (x, y, z, tilt))


def _correction(disperser, name, reading):
    if reading is None:
        return 0.0
    model = disperser.transform(name, "tilt_model")
    zero = disperser.value(name, "zeroreadings", 0)
    return float(0.5 * (model(reading) - model(zero)) / ARCSECONDS)


def disperser(reference, header, order):
    """
    Return the disperser of an exposure.

    Parameters
    ----------
    reference : OpticsReference
    header : astropy.io.fits.Header
    order : int

    Returns
    -------
    Grating or Prism
    """
    if str(header.get("GRATING")).strip().upper() != "PRISM":
        return Grating(float(reference.value("groovedensity")), order)
    warmer = float(header.get("GWA_TILT") or 0.0) - float(reference.value("tref"))
    if warmer >= GLASS_TOLERANCE:
        reference.refuse(f"the prism is {warmer:.0f} K warmer than at its tref")
    strengths, resonances = (np.array(reference.value(name), float) for name in ("kcoef", "lcoef"))
    return Prism(np.deg2rad(float(reference.value("angle"))), strengths, resonances)


def wavelengths(reference, header):
    """
    Return the spectral order and the range of wavelengths [m] of an exposure.

    Where filter and grating are not listed, those of the grating with any filter.
    """
    grating = str(header.get("GRATING")).strip()
    listed = [str(name) for name in reference.value("waverange_selector")]
    wanted = f"{str(header.get('FILTER')).strip()}_{grating}"
    if wanted in listed:
        number = listed.index(wanted)
    else:
        gratings = [name.split("_")[1] for name in listed]
        if grating not in gratings:
            reference.refuse(f"has no wavelengths of GRATING={grating}")
        number = gratings.index(grating)
    least, most = reference.value("wavelengthrange", number)
    return int(reference.value("order", number)), (float(least), float(most))
