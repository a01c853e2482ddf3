"""
References of a NIRSpec of simple optics, in the forms of those in CRDS.

Focal lengths, detectors, shutters and slits have about the sizes of the real ones.
"""

import json

import asdf
import numpy as np
from astropy.io import fits
from astropy.modeling import models
from astropy.table import Table

PIXEL, CAMERA, COLLIMATOR = 18e-6, 0.2828, 0.64  # m
OFFSET = 0.0195  # of the detectors' middles from the axis [m]
GROOVES = {"G140H": 2.9e5, "G395H": 1.0e5, "G235M": 4.0e4}  # 1/m
RANGES = {
    "F100LP_G140H": (0.97e-6, 1.82e-6), "F070LP_G140H": (0.7e-6, 1.27e-6),
    "F290LP_G395H": (2.87e-6, 5.14e-6), "F170LP_G235M": (1.66e-6, 3.07e-6),
    "CLEAR_PRISM": (0.6e-6, 5.3e-6),
}  # fmt: skip
PITCH = 105e-6, 204e-6  # of shutters [m]


def references(folder, grating):
    """
    Write every reference that says where light falls.

    Parameters
    ----------
    folder : Path
    grating : str
        GRATING of the exposures that they are for.

    Returns
    -------
    dict of str to Path
        By type; those that only lead to the sky are among them.
    """
    trees = {
        "camera": {"model": _camera()},
        "collimator": {"model": _collimator()},
        "disperser": _disperser(grating),
        "fpa": _focal_plane(),
        "msa": _microshutters(),
        "wavelengthrange": {
            "waverange_selector": list(RANGES), "order": [-1] * len(RANGES),
            "wavelengthrange": [list(limits) for limits in RANGES.values()],
        },
        "ifuslicer": {"model": models.Shift(1e-5) & models.Shift(-2e-5), "data": _slices()},
        "ifupost": {f"slice_{number}": _slice(number) for number in range(30)},
        "ifufore": {"model": _plain()},
        "fore": {"model": _plain()},
        "ote": {"model": models.Scale(50.0) & models.Scale(50.0)},
        "chromcorr": {"model": _chromatic()},
    }  # fmt: skip
    found = {}
    for kind, tree in trees.items():
        instrument = {"name": "NIRSPEC"} | ({"grating": grating} if kind == "disperser" else {})
        meta = {"reftype": kind, "instrument": instrument, "telescope": "JWST",
                "author": "x", "description": "x", "pedigree": "DUMMY",
                "useafter": "2020-01-01T00:00:00"}  # fmt: skip
        found[kind] = folder / f"{kind}.asdf"
        asdf.AsdfFile({"meta": meta, **tree}).write_to(found[kind])
    found["msaoper"] = folder / "msaoper.json"
    found["msaoper"].write_text(
        json.dumps(
            {
                "reftype": "msaoper",
                "instrument": "NIRSPEC",
                "telescope": "JWST",
                "useafter": "2020-01-01T00:00:00",
                "exp_type": "NRS_IFU|NRS_MSASPEC",
                "msaoper": [*_shutters()],
            }
        )
    )
    return found


def _camera():
    turn = models.AffineTransformation2D(
        np.array([[1.0, 0.004], [-0.004, 1.0]]) / CAMERA, [2e-4, -3e-4]
    )
    return turn | _curved(1.0, 0.01, -0.01)


def _curved(scale, bend, back):
    """Return a transform that is a little curved, and its inverse, but for the third order."""

    def model(scale, bend):
        x = models.Polynomial2D(2, c1_0=scale, c0_2=bend)
        y = models.Polynomial2D(2, c0_1=scale, c1_1=-bend / 3)
        return models.Mapping((0, 1, 0, 1)) | x & y

    found = model(scale, bend)
    found.inverse = model(1 / scale, back)
    return found


def _collimator():
    """Return slopes at the grating wheel to the plane of apertures."""
    return _curved(COLLIMATOR, 0.02, -0.02 / COLLIMATOR**3)


def _disperser(grating):
    tilt = {"tilt_model": models.Polynomial1D(1, c0=3.0, c1=40.0), "zeroreadings": [0.2],
            "temperatures": [39.0], "unit": "arcsec"}  # fmt: skip
    tree = {"theta_x": 0.02, "theta_y": -0.01, "theta_z": 0.03, "gwa_tiltx": tilt,
            "gwa_tilty": {**tilt, "zeroreadings": [0.1]}}  # fmt: skip
    if grating == "PRISM":
        return tree | {
            "tilt_y": -27.6, "angle": 16.6, "tref": 40.0, "pref": 0.0,
            "kcoef": [0.8, 0.4, 1.0], "lcoef": [0.01, 0.03, 900.0], "tcoef": [0.0] * 6,
        }  # fmt: skip
    limits = next(limits for name, limits in RANGES.items() if name.endswith(grating))
    middle = GROOVES[grating] * sum(limits) / 2
    return tree | {"tilt_y": -float(np.degrees(np.arcsin(middle / 2))),
                   "groovedensity": GROOVES[grating]}  # fmt: skip


def _focal_plane():
    centred = models.Shift(-1023.5) & models.Shift(-1023.5)
    first = centred | models.Scale(PIXEL) & models.Scale(PIXEL)
    second = centred | models.Scale(-PIXEL) & models.Scale(-PIXEL)
    return {
        "nrs1_model": first | models.Shift(-OFFSET) & models.Shift(1e-5),
        "nrs2_model": second | models.Shift(OFFSET) & models.Shift(-2e-5),
    }


def _table(rows):
    names = "NO", "XC", "YC", "SIZEX", "SIZEY"
    return np.array([tuple(row) for row in rows], [(name, "f8") for name in names])


def _microshutters():
    y, x = np.divmod(np.arange(365 * 171), 365)
    rows = np.column_stack([
        np.arange(1, x.size + 1), x * PITCH[0], y * PITCH[1],
        np.full(x.size, 78e-6), np.full(x.size, 178e-6),
    ])  # fmt: skip
    corners = {"Q1": (1e-3, 2e-3), "Q2": (1e-3, -3.7e-2), "Q3": (-3.95e-2, 2e-3),
               "Q4": (-3.95e-2, -3.7e-2)}  # fmt: skip
    found = {
        name: {"data": _table(rows), "model": models.Shift(x) & models.Shift(y)}
        for name, (x, y) in corners.items()
    }
    slits = [(1, -3e-3, 2e-4, 8e-5, 1.2e-3), (2, 4e-3, -6e-4, 8e-5, 1.2e-3),
             (3, -8e-3, 9e-4, 1.6e-4, 1.4e-3), (4, 9e-3, 6e-4, 6e-4, 6e-4),
             (5, 3.5e-2, 3e-4, 8e-5, 1.2e-3)]  # fmt: skip
    return found | {"Q5": {"data": _table(slits), "model": models.Shift(1e-5) & models.Shift(0.0)}}


def _slices():
    return _table([n + 1, (n - 14.5) * 8e-4, 0.0, 8e-4, 1.2e-3] for n in range(30))


def _slice(number):
    """Return what a slice's light passes after the slicer: slices come to lie above each other."""
    x = models.Polynomial2D(1, c0_0=-(number - 14.5) * 8e-4 + 1e-3 * (number % 2), c1_0=1.0)
    y = models.Polynomial2D(1, c0_0=(number - 14.5) * 2.3e-3, c0_1=1.0)
    return {
        "linear": models.AffineTransformation2D(np.array([[1.0, 0.01], [-0.01, 1.0]]), [0, 1e-5]),
        "xpoly": x, "ypoly": y,
        "xpoly_distortion": models.Polynomial2D(1, c0_0=2.0, c0_1=0.1),
        "ypoly_distortion": models.Polynomial2D(1, c0_0=-3.0, c1_0=0.2),
    }  # fmt: skip


def _plain():
    """Return a transform of the sky side: both coordinates grow with the wavelength."""
    grown = models.Polynomial2D(1, c1_0=1.0, c0_1=1e-3)
    model = models.Mapping((0, 2, 1, 2)) | grown & grown.copy()
    model.inverse = models.Mapping((0, 1), n_inputs=3) | models.Scale(1.0) & models.Scale(1.0)
    return model


def _chromatic():
    model = models.Identity(3)
    model.inverse = models.Identity(2)
    return model


def _shutters():
    """Yield shutters that fail: some are open in one sense or another, some are closed."""
    for quadrant, x, y, *states in (
        (1, 100, 90, "open", "normal", "normal"), (2, 365, 171, "normal", "open", "normal"),
        (3, 7, 60, "normal", "normal", "open"), (4, 1, 1, "open", "open", "open"),
        (4, 200, 100, "closed", "closed", "closed"), (3, 300, 150, "open", "closed", "open"),
    ):  # fmt: skip
        names = "Internal state", "TA state", "state"
        yield {"Q": quadrant, "x": x, "y": y, **dict(zip(names, states, strict=True))}


def write_configuration(path, fixed_slits=()):
    """
    Write an MSA metadata file of slitlets with and without a source, in configuration 2.

    Parameters
    ----------
    path : Path
    fixed_slits : iterable of (str, str)
        Fixed slits that are listed, each with Y if it has a source, else N.
    """
    slitlets = (
        (1, 2, 1, 100, (40, 41, 42), 41), (2, 2, 3, 250, (100,), 100), (3, 2, 2, 30, (5, 6), None),
        (4, 2, 4, 365, (170,), None), (5, 3, 1, 10, (10,), 10),
    )  # fmt: skip
    rows = [
        (number, configuration, quadrant, row, column, number,
         "N" if column == main or main is None else "Y", "OPEN", 0.4, 0.6, dither,
         "Y" if column == main else "N", "NONE")
        for number, configuration, quadrant, row, columns, main in slitlets
        for column in columns
        for dither in (1, 2)
    ]  # fmt: skip
    rows += [(90 + n, 2, 0, 0, 0, 90 + n, "N", "OPEN", 0.5, 0.5, 1, used, name)
             for n, (name, used) in enumerate(fixed_slits)]  # fmt: skip
    names = ("slitlet_id", "msa_metadata_id", "shutter_quadrant", "shutter_row", "shutter_column",
             "source_id", "background", "shutter_state", "estimated_source_in_shutter_x",
             "estimated_source_in_shutter_y", "dither_point_index", "primary_source",
             "fixed_slit")  # fmt: skip
    source = Table({"program": [1], "source_id": [1], "source_name": ["a"], "alias": ["a"],
                    "ra": [80.0], "dec": [-69.0], "preimage_id": ["x"],
                    "stellarity": [1.0]})  # fmt: skip
    tables = {"SHUTTER_INFO": Table(rows=rows, names=names), "SOURCE_INFO": source}
    hdus = [fits.BinTableHDU(table, name=name) for name, table in tables.items()]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)
