"""References of NIRISS's single-object slitless spectra: templates of background, wavelengths."""

import numpy as np

from onramp.asdf_reference import AsdfReference
from onramp.errors import ReferenceFileError
from onramp.fitsrows import FitsImages
from onramp.reference_index import stranger

TALL, LOW = 256, 96  # rows of SUBSTRIP256 and of SUBSTRIP96
FIRST_ROW = 10  # of SUBSTRIP96 within SUBSTRIP256


class TemplateReference:
    """
    An open bkg reference: templates of the background.

    Parameters
    ----------
    reference : Reference
    exposure : Exposure

    Attributes
    ----------
    reference : Reference
    header : astropy.io.fits.Header

    Raises
    ------
    ReferenceFileError
        If the file has no templates.
    """

    def __init__(self, reference, exposure):
        self.reference = reference
        self._file = FitsImages(reference.path, ReferenceFileError)
        self.header = self._file.primary
        try:
            wrong = stranger(self.header, reference.type, exposure)
            if wrong:
                self._refuse(f"{wrong} is not of {exposure.name}")
            self._image = self._file.image("SCI") if "SCI" in self._file else None
            if self._image is None or len(self._image.shape) != 3:
                self._refuse("no templates (numbers, rows, columns)")
            if self._image.shape[2] != exposure.shape[3]:
                self._refuse(f"{self._image.shape[2]} columns; {exposure.name} has "
                             f"{exposure.shape[3]}")  # fmt: skip
        except BaseException:
            self._file.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def templates(self, height):
        """Return the templates of a subarray, (n, height, nx) float32, or None: not of it."""
        rows = self._image.shape[1]
        first = FIRST_ROW if (rows, height) == (TALL, LOW) else 0
        if first == 0 and rows != height:
            return None
        return self._image.read(first, first + height).astype(np.float32)

    def _refuse(self, problem):
        raise ReferenceFileError(
            f"{self.reference.path}: {problem}; give another bkg reference with override_bkg, "
            "or N/A to do without it"
        )


class RangeReference(AsdfReference):
    """
    An open wavelengthrange reference file (ASDF); see `AsdfReference`.

    Attributes
    ----------
    ranges : dict of (int, str) to (float, float)
        Least and largest wavelength of an order and a filter [um].
    """

    remedy = "override_wavelengthrange=N/A for all wavelengths"

    def _take(self, tree, exposure):
        self.ranges = {
            (int(order), str(band)): (float(least), float(most))
            for order, band, least, most in tree["wavelengthrange"]
        }

    def of(self, order, exposure):
        """
        Return the range of an order of an exposure.

        Raises
        ------
        ReferenceFileError
            If there is none for the order and the exposure's filter.
        """
        band = str(exposure.primary.get("FILTER")).strip()
        if (order, band) not in self.ranges:
            self._refuse(f"no wavelengths of order {order} and FILTER={band}")
        return self.ranges[order, band]
