"""Flags that a user gives beside those of the mask reference (dq_init.user_supplied_dq)."""

from onramp.errors import InputError
from onramp.fitsrows import FitsImages
from onramp.interleaving import COLUMNS, ScienceRows


class MaskWithMore:
    """
    A mask reference together with further flags; all else is the reference's.

    Parameters
    ----------
    mask : OpenReference
    path : str or Path
        FITS file whose first image holds standard bits, of the size of the exposure's frames.
    exposure : Exposure

    Raises
    ------
    InputError
        If the file is no such image, or if frames are put together from stripes.
    """

    def __init__(self, mask, path, exposure):
        self._mask = mask
        self._file = FitsImages(path, InputError)
        try:
            self._stored = self._image(path, exposure)
        except BaseException:
            self._file.close()
            raise
        separate = exposure.interleaved
        self._image_rows = (
            ScienceRows(self._stored, exposure.detector) if separate else self._stored
        )

    def _image(self, path, exposure):
        if exposure.superstriped:
            raise InputError(
                f"{exposure.path}: frames are put together from stripes; leave out "
                "dq_init.user_supplied_dq"
            )
        name = next((n for n in self._file.names if self._file.header(n).get("NAXIS")), None)
        if name is None:
            raise InputError(f"{path}: no image; give another dq_init.user_supplied_dq")
        image, expected = self._file.image(name), exposure.raw_shape[2:]
        if image.shape != expected or image.dtype.kind not in "iu":
            raise InputError(
                f"{path}[{name}]: {image.dtype.name} values of shape {image.shape}; "
                f"dq_init.user_supplied_dq takes integers of shape {expected} for {exposure.name}"
            )
        return image

    def __getattr__(self, name):
        return getattr(self._mask, name)

    def close(self):
        """Close both files."""
        self._file.close()
        self._mask.close()

    def dq(self, first=0, last=None, columns=slice(None)):
        """Return rows of the flags; see `OpenReference.dq`."""
        flags = self._mask.dq(first, last, columns)
        last = self._image_rows.shape[0] if last is None else last
        flags |= self._image_rows.read(first, last, None, columns).astype(flags.dtype)
        return flags

    def dq_interleaved(self, first=0, last=COLUMNS, rows=slice(None)):
        """Return rows of an IRS2 frame's flags; see `OpenReference.dq_interleaved`."""
        flags = self._mask.dq_interleaved(first, last, rows)
        flags |= self._stored.read(first, last)[rows].astype(flags.dtype)
        return flags
