"""An order's sensitivity from the photom reference."""

import warnings
from typing import NamedTuple

import numpy as np
from astropy import units
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

from onramp.errors import ReferenceFileError

UNIT = "MJy micron s / (DN sr)"


class Response(NamedTuple):
    """An order's flux calibration."""

    wavelengths: np.ndarray
    """(n,) float64, increasing [micron]."""
    values: np.ndarray
    """(n,) float64, flux for 1 DN/s [MJy/sr micron]; 0 where uncalibrated."""

    def at(self, wavelengths):
        """Return the response at wavelengths [micron], 0 where there is none."""
        found = np.interp(wavelengths, *self, left=0.0, right=0.0)
        return np.where(np.isnan(found), 0.0, found)

    def least(self):
        """Return the smallest response of a calibrated wavelength, NaN if there is none."""
        good = (self.wavelengths > 0) & (self.values > 0)
        return self.values[good].min() if good.any() else np.nan


class Photom:
    """
    A photom reference of a grism mode.

    Parameters
    ----------
    path : path

    Raises
    ------
    ReferenceFileError
        If it cannot be read or is none.
    """

    def __init__(self, path):
        self.path = path
        try:
            with (
                warnings.catch_warnings(category=AstropyUserWarning, action="ignore"),
                fits.open(path) as hdus,
            ):
                extension = hdus["PHOTOM"]
                self.table = np.array(extension.data)
                unit = extension.header.get("PHOTUNIT")
        except (OSError, KeyError, TypeError) as problem:
            raise ReferenceFileError(
                f"{path}: is no photom reference: it has no readable extension PHOTOM; give the "
                "one of the grism mode"
            ) from problem
        self._factor = self._conversion(unit)
        wanted = {"filter", "pupil", "order", "photmjsr", "nelem", "wavelength", "relresponse"}
        missing = wanted.difference(self.table.dtype.names)
        if missing:
            raise ReferenceFileError(
                f"{path}: its table has no column {sorted(missing)[0]}; give the photom reference "
                "of the grism mode"
            )

    def _conversion(self, unit):
        try:
            return units.Unit(unit).to(units.Unit(UNIT))
        except (TypeError, ValueError, units.UnitConversionError) as problem:
            raise ReferenceFileError(
                f"{self.path}: PHOTUNIT={unit!r} cannot be converted to {UNIT}; give the photom "
                "reference of the grism mode"
            ) from problem

    def response(self, filter_name, pupil, order):
        """
        Return an order's response.

        Parameters
        ----------
        filter_name, pupil : str
            FILTER and PUPIL.
        order : int

        Raises
        ------
        ReferenceFileError
            If not exactly one row is for them, or it calibrates nothing.
        """
        table = self.table
        names = (
            np.char.upper(table["filter"].astype(str)),
            np.char.upper(table["pupil"].astype(str)),
        )
        rows = np.flatnonzero(
            (names[0] == filter_name) & (names[1] == pupil) & (table["order"] == order)
        )
        what = f"FILTER={filter_name}, PUPIL={pupil}, order {order}"
        if rows.size != 1:
            raise ReferenceFileError(
                f"{self.path}: has {rows.size or 'no'} row{'s' * (rows.size > 1)} of sensitivity "
                f"for {what}; give a photom reference that has one, or leave the order out "
                "with 'orders'"
            )
        row = table[rows[0]]
        count = int(row["nelem"])
        waves = row["wavelength"][:count].astype(float)
        scale = np.float32(self._factor * row["photmjsr"])
        found = (scale * row["relresponse"][:count]).astype(float)
        order_of = slice(None) if np.all(np.diff(waves) > 0) else np.argsort(waves)
        response = Response(waves[order_of], found[order_of])
        if not np.isfinite(response.least()):
            raise ReferenceFileError(f"{self.path}: the row for {what} calibrates no wavelength")
        return response
