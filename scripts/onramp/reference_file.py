"""An open reference file: checked, cut to the exposure's subarray, read by bands of rows."""

import copy

import numpy as np

from onramp.errors import ReferenceFileError
from onramp.fitsrows import FitsImages
from onramp.flags import translate
from onramp.interleaving import COLUMNS, ScienceRows, is_interleaved
from onramp.limits import LARGEST_FACTOR, MOST_FRAMES, detector_shape
from onramp.reference_index import text, wrong_detector
from onramp.reference_types import REFERENCE_TYPES, Reference, type_for
from onramp.stripes import StripedRows

OPTICS = "camera", "collimator", "disperser", "fpa", "msa", "ifupost", "ifuslicer"
OWN_WAVELENGTHS = "wavelengthrange", "NIRSPEC"


def open_reference(reference: Reference, exposure):
    """
    Open a reference file for an exposure.

    Parameters
    ----------
    reference : Reference
    exposure : Exposure

    Returns
    -------
    OpenReference, or what its type has in its place

    Raises
    ------
    ReferenceFileError
        If the file is not what its type asks for, or does not cover the exposure's subarray.
    """
    if REFERENCE_TYPES[reference.type].image:
        return OpenReference(reference, exposure)
    if reference.type == "sirskernel":
        from onramp.kernel_reference import KernelReference

        return KernelReference(reference, exposure)
    if reference.type == "pastasoss":
        from onramp.trace_reference import TraceReference

        return TraceReference(reference, exposure)
    if reference.type == "msaoper":
        from onramp.nirspec_references import ShutterReference

        return ShutterReference(reference, exposure)
    if reference.type in OPTICS or (reference.type, exposure.instrument) == OWN_WAVELENGTHS:
        from onramp.nirspec_references import OpticsReference

        return OpticsReference(reference, exposure)
    if reference.type in ("bkg", "wavelengthrange"):
        from onramp import soss_references

        templates = reference.type == "bkg"
        kind = soss_references.TemplateReference if templates else soss_references.RangeReference
        return kind(reference, exposure)
    from onramp import miri_references

    if reference.type == "emicorr":
        return miri_references.EmiReference(reference, exposure)
    return miri_references.RscdReference(reference, exposure)


class OpenReference:
    """
    A reference file, cut to an exposure's subarray; several threads may read at once.

    Attributes
    ----------
    reference : Reference
    header : astropy.io.fits.Header
        Primary header.
    striped : bool
        Whether it is cut to stripes.
    """

    def __init__(self, reference, exposure):
        self.reference = reference
        self._kind = type_for(reference.type, exposure.instrument)
        self._detector_shape = detector_shape(exposure.instrument)
        self._interleaved = is_interleaved(exposure.readpatt) and self._kind.covers_interleaved
        self._file = FitsImages(reference.path, ReferenceFileError)
        try:
            self.header = self._file.primary
            self._check_identity(exposure)
            self._check_keywords()
            self._images = self._stored_images = self._check_images()
            if self._interleaved:
                self._separate(exposure)
            self._check_tables()
            self._definition = self._read_definition()
            self.striped = False
            self._rows, self._columns = self._place(exposure)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the file."""
        self._file.close()

    def has(self, name) -> bool:
        """Return whether the file has an image that this type of reference may have."""
        return name in self._images

    def shape(self, name) -> tuple[int, ...]:
        """Return the shape of an image after the cut."""
        *outer, ny, nx = self._images[name].shape
        rows, columns = range(ny)[self._rows], range(nx)[self._columns]
        return (*outer, len(rows), len(columns))

    def read(self, name, first=0, last=None, leading=None, columns=slice(None)) -> np.ndarray:
        """
        Read rows of the cut image.

        Parameters
        ----------
        name : str
            Extension.
        first, last : int, optional
            First and past-the-last row, counted from the subarray's first; by default all.
        leading : slice or tuple of slice, optional
            What to take of each axis before the last two; by default all.
        columns : slice or (n,) int array, optional
            Of the cut image.

        Returns
        -------
        (..., last - first, nx) float32
            Values as stored, NaN included.
        """
        with np.errstate(over="ignore"):
            stored = self._stored(name, first, last, leading, columns)
            return stored.astype(np.float32, copy=False)

    def dq(self, first=0, last=None, columns=slice(None)) -> np.ndarray:
        """
        Read rows of the cut data quality; that of several integrations is combined.

        Returns
        -------
        (last - first, nx) uint32
            Standard bits; zeros if the file holds no data quality.
        """
        if not self.has("DQ"):
            ny, nx = self.shape(next(iter(self._kind.dimensions)))[-2:]
            return np.zeros((len(range(ny)[first:last]), nx), np.uint32)[:, columns]
        of_integrations = (slice(None), slice(0, 1)) if len(self._images["DQ"].shape) == 4 else None
        stored = self._stored("DQ", first, last, of_integrations, columns)
        stored = np.bitwise_or.reduce(stored.reshape(-1, *stored.shape[-2:]), axis=0)
        return translate(stored, self._definition)

    def dq_of_integrations(self, first=0, last=None) -> np.ndarray:
        """Return rows of the cut data quality as it is stored, (..., last - first, nx) uint32."""
        if not self.has("DQ"):
            found = self.dq(first, last)
            return found if len(self.shape("SCI")) < 4 else found[None, None]
        return translate(self._stored("DQ", first, last, None, slice(None)), self._definition)

    def read_interleaved(self, name, first=0, last=COLUMNS) -> np.ndarray:
        """Return rows of an IRS2 image with the reference pixels, (rows, 2048) float32."""
        with np.errstate(over="ignore"):
            rows = self._stored_images[name].read(first, last)
            return rows.astype(np.float32, copy=False)

    def dq_interleaved(self, first=0, last=COLUMNS, rows=slice(None)) -> np.ndarray:
        """Return some rows of an IRS2 data quality with the reference pixels, uint32."""
        if not self.has("DQ"):
            width = next(iter(self._stored_images.values())).shape[-1]
            return np.zeros((last - first, width), np.uint32)[rows]
        image = self._stored_images["DQ"]
        return translate(image.native(image.stored(first, last)[rows]), self._definition)

    def table(self, name):
        """Return a small table, or None if there is none."""
        return self._file.table(name) if name in self._file else None

    def rows_of_table(self, name, height):
        """Yield the rows of a table, as stored; see `onramp.fitsrows.FitsImages.table_rows`."""
        return self._file.table_rows(name, height)

    def length_of_table(self, name) -> int:
        """Return the number of rows of a table."""
        return self._file.header(name)["NAXIS2"]

    def _stored(self, name, first, last, leading, columns):
        height = self.shape(name)[-2]
        last = height if last is None else last
        if not 0 <= first <= last <= height:
            raise ValueError(f"rows {first} to {last} of {height}")
        start = self._rows.start or 0
        leading = (leading,) if isinstance(leading, slice) else leading
        image = self._images[name]
        cut = self._columns
        if not isinstance(columns, slice) or columns != slice(None):
            cut = np.arange(image.shape[-1])[cut][columns]
        return image.read(start + first, start + last, leading, cut)

    def _refuse(self, place, problem, remedy=None):
        kind = self.reference.type
        remedy = remedy or f"fetch the file again or give another one with override_{kind}"
        raise ReferenceFileError(f"{self.reference.path}{place}: {problem}; {remedy}")

    def _check_identity(self, exposure):
        kind = self.reference.type
        found = text(self.header.get("REFTYPE"))
        if found and found != kind.upper():
            self._refuse("", f"REFTYPE={found}; expected {kind.upper()}",
                         f"give a {kind} file with override_{kind}")  # fmt: skip
        wrong = wrong_detector(self.header, exposure)
        if wrong:
            self._refuse(
                "",
                f"{wrong} is not of {exposure.name} ({exposure.instrument} {exposure.detector})",
                f"give that detector's file with override_{kind}",
            )

    def _check_keywords(self):
        for keyword in self._kind.integers:
            value, least = self.header.get(keyword), int(keyword == "NFRAMES")
            if not _is_number(value, int):
                self._refuse("", f"{keyword}={value}; expected an integer", "mend the header")
            if not least <= value <= MOST_FRAMES:
                self._refuse("", f"{keyword}={value}; expected {least} to {MOST_FRAMES}",
                             "mend the header")  # fmt: skip
        for keyword in self._kind.numbers:
            value = self.header.get(keyword)
            if value is None:
                continue
            if not _is_number(value, (int, float)) or not abs(value) <= LARGEST_FACTOR:
                self._refuse("", f"{keyword}={value}; expected a number up to {LARGEST_FACTOR:.0g}",
                             "mend the header")  # fmt: skip

    def _check_images(self):
        images = {}
        for name, dimensions in ({**self._kind.dimensions, **self._kind.also}).items():
            if name not in self._file and name in self._kind.also:
                continue
            if name not in self._file:
                self._refuse(f"[{name}]", "extension missing")
            image = images[name] = self._file.image(name)
            if len(image.shape) not in dimensions or 0 in image.shape:
                expected = " or ".join(str(n) for n in dimensions)
                self._refuse(f"[{name}]", f"shape {image.shape}; expected {expected} dimensions")
            if name == "DQ" and image.dtype.kind not in "iu":
                self._refuse("[DQ]", f"{image.dtype.name} values; expected integers")
        main, *others = images.values() or (None,)
        for image in others:
            if image.shape[-2:] != main.shape[-2:]:
                self._refuse(f"[{image.name}]", f"shape {image.shape} disagrees with {main.name}'s "
                             f"{main.shape}")  # fmt: skip
        return images

    def _separate(self, exposure):
        """Make the images those of the science pixels."""
        for name, image in self._images.items():
            if image.shape[-2] != COLUMNS:
                self._refuse(
                    f"[{name}]", f"shape {image.shape}; IRS2 exposures need {COLUMNS} rows"
                )
        self._images = {
            name: ScienceRows(image, exposure.detector) for name, image in self._images.items()
        }

    def _check_tables(self):
        for name, columns in self._kind.tables.items():
            if name not in self._file:
                self._refuse(f"[{name}]", "extension missing")
            header = self._file.header(name)
            found = {str(header.get(f"TTYPE{n}")).strip().lower()
                     for n in range(1, header.get("TFIELDS", 0) + 1)}  # fmt: skip
            missing = [column for column in columns if column not in found]
            if missing:
                self._refuse(f"[{name}]", f"no column {missing[0]}")

    def _read_definition(self):
        """Return the value and mnemonic of each bit that the file defines, or None."""
        if "DQ" not in self._images or "DQ_DEF" not in self._file:
            return None
        rows = self._file.table("DQ_DEF")
        try:
            return [
                (int(value) & 0xFFFFFFFF, str(name))
                for value, name in zip(rows["VALUE"], rows["NAME"])
            ]
        except (KeyError, ValueError, TypeError, OverflowError):
            self._refuse("[DQ_DEF]", "no table with columns VALUE and NAME")

    def _place(self, exposure):
        """Return the rows and columns that the exposure's subarray covers."""
        if not self._images:
            return slice(None), slice(None)
        main = next(iter(self._images.values()))
        if self.reference.type == "ipc" and len(main.shape) == 2:
            if not all(n % 2 for n in main.shape):
                self._refuse("[SCI]", f"shape {main.shape}; a kernel's sides are odd")
            return slice(None), slice(None)
        wanted = exposure.subarray
        xstart, ystart = self._corner(main)
        ny, nx = main.shape[-2:]
        alike = (xstart, ystart, ny, nx) == (wanted.xstart, wanted.ystart, wanted.ny, wanted.nx)
        if exposure.stripes and not exposure.superstriped and not alike:
            self._keep_lines(*exposure.stripes.rows_and_columns())
            return slice(None), slice(None)
        x, y = wanted.xstart - xstart, wanted.ystart - ystart
        height, width = exposure.shape[-2:]
        if x < 0 or y < 0 or x + width > nx or y + height > ny:
            self._refuse(
                f"[{main.name}]",
                f"covers columns {_span(xstart, nx)} and rows {_span(ystart, ny)} of the detector, "
                f"but {exposure.name} needs {_span(wanted.xstart, width)} and "
                f"{_span(wanted.ystart, height)}",
                f"give a file that covers them with override_{self.reference.type}",
            )
        return slice(y, y + height), slice(x, x + width)

    def cut(self, rows, columns):
        """Return the same reference cut to other rows and columns of the detector, from 0."""
        other = copy.copy(self)
        other._images = self._stored_images
        other._keep_lines(rows, columns)
        other._rows = other._columns = slice(None)
        return other

    def _keep_lines(self, rows, columns):
        """Make the images those of a striped frame."""
        main = next(iter(self._images.values()))
        xstart, ystart = self._corner(main)
        rows, columns = rows + 1 - ystart, columns + 1 - xstart
        for lines, size, start, name in (
            (rows, main.shape[-2], ystart, "rows"), (columns, main.shape[-1], xstart, "columns"),
        ):  # fmt: skip
            if lines.min() < 0 or lines.max() >= size:
                first, last = lines.min() + start, lines.max() + start
                self._refuse(
                    f"[{main.name}]",
                    f"covers {name} {_span(start, size)} of the detector, but the exposure's "
                    f"stripes are among {first}-{last}",
                    f"give a file that covers them with override_{self.reference.type}",
                )
        self.striped = True
        self._images = {
            name: StripedRows(image, rows, columns) for name, image in self._images.items()
        }

    def _corner(self, main):
        corner = [self.header.get(keyword) for keyword in ("SUBSTRT1", "SUBSTRT2")]
        placed = [self.header.get(keyword) for keyword in ("SUBSIZE1", "SUBSIZE2")]
        if None in (*corner, *placed) and main.shape[-2:] == self._detector_shape:
            return 1, 1
        for keyword, value in zip(("SUBSTRT1", "SUBSTRT2"), corner):
            if not _is_number(value, int) or value < 1:
                self._refuse("", f"{keyword}={value} does not place the image {main.shape[-2:]} on "
                             "the detector", "mend the header")  # fmt: skip
        return corner


def _is_number(value, types):
    return isinstance(value, types) and not isinstance(value, bool)


def _span(start, length):
    return f"{start}-{start + length - 1}"
