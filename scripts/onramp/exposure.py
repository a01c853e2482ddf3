"""Raw exposures: what an uncal file holds, checked before anything is done with it."""

from pathlib import Path

import numpy as np

from onramp import explicit_times, stripe_keywords
from onramp.errors import InputError
from onramp.exposure_header import HeaderFacts
from onramp.fitsrows import FitsImages
from onramp.interleaving import COLUMNS, NORMAL, REFERENCE, SCIENCE, ScienceRows
from onramp.placement import Placement
from onramp.steps.dark_current import Readout


class Exposure(HeaderFacts):
    """
    An uncal file, open for reading by bands of rows.

    Parameters
    ----------
    path : str or Path

    Attributes
    ----------
    name : str
        File name without ``_uncal.fits``.
    primary : astropy.io.fits.Header
    shape : (int, int, int, int)
        nints, ngroups, ny, nx; of science pixels alone where frames are interleaved, of whole
        frames where stripes are put together to these.
    raw_shape : (int, int, int, int)
        As in the file.
    sci, raw : ScienceRows or ImageRows
        The samples, without and with interleaved reference pixels.
    subarray : Placement
        Where frames of `shape` lie and how they are read.
    stripes : Stripes or None
        How stored frames are made of stripes, if they are.
    read_times : list of list of float or None
        When the reads of each group end [s], if they are not evenly spaced.

    Raises
    ------
    InputError
        If the file cannot be used; the message names the keyword or extension and the remedy.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.name = self.path.name.removesuffix(".fits").removesuffix("_uncal")
        if not (self.name and self.path.name.isascii() and self.path.name.isprintable()):
            raise InputError(
                f"{self.path}: no header can hold this file's name; use ASCII, or list the file in "
                "a sheet under another name"
            )
        self._file = FitsImages(self.path, InputError)
        try:
            self._check()
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

    def _check(self):
        self.primary = self._file.primary
        self._check_types()
        self._check_mode()
        for extension in ("SCI", "ASDF"):
            if extension not in self._file:
                raise InputError(
                    f"{self.path}[{extension}]: extension missing; the file is truncated or no "
                    "uncal file: fetch it again"
                )
        self.sci = self.raw = self._file.image("SCI")
        if len(self.sci.shape) != 4 or self.sci.dtype != "uint16":
            raise InputError(
                f"{self.path}[SCI]: {len(self.sci.shape)}-dimensional {self.sci.dtype}; expected "
                "4-dimensional uint16 (integrations, groups, rows, columns): give the _uncal.fits"
            )
        self.raw_shape = self.shape = self.raw.shape
        if 0 in self.shape:
            raise InputError(f"{self.path}[SCI]: holds no samples {self.shape}; fetch it again")
        if self.interleaved:
            self._check_interleaving()
            self.sci = ScienceRows(self.raw, self.detector)
            self.shape = self.sci.shape
        self._check_values()
        self.subarray = self._placement()
        keywords = {keyword: self._value(keyword) for keyword in stripe_keywords.KEYWORDS}
        self.stripes = stripe_keywords.find_stripes(self, keywords)
        self._check_sizes()
        if self.superstriped:
            stripe_keywords.check_positions(self)
            self.subarray = self.stripes.whole
            self.shape = self.stripes.whole_shape(self.raw_shape)
        self.read_times = self._find_read_times()

    def _check_interleaving(self):
        expected = COLUMNS, SCIENCE
        if self.raw_shape[2:] != expected:
            self._refuse(
                f"READPATT={self.readpatt}",
                f"disagrees with the SCI data {self.raw_shape}: IRS2 frames are {expected}",
                "fetch the file again",
            )
        for keyword, reads in (("NRS_NORM", NORMAL), ("NRS_REF", REFERENCE)):
            if self._value(keyword) != reads:
                self._refuse(
                    f"{keyword}={self._value(keyword)}",
                    "is no known way to interleave",
                    f"expected {reads}: mend the header",
                )
        if self.primary.get("ZEROFRAM"):
            self._refuse("ZEROFRAM=T", "is unknown in IRS2 exposures", "mend the header")

    def _check_sizes(self):
        nints, ngroups, ny, nx = self.shape
        header = self.primary
        expected = {"NGROUPS": ngroups, "SUBSIZE1": nx, "SUBSIZE2": ny}
        first, last = self._value("INTSTART"), self._value("INTEND")
        if first is None or last is None or last - first + 1 != nints:
            expected["NINTS"] = nints
        for keyword, actual in expected.items():
            if header[keyword] != actual:
                self._refuse(
                    f"{keyword}={header[keyword]}",
                    f"disagrees with the SCI data {self.shape}",
                    "fetch the file again",
                )
        rows, columns = self.detector_shape
        slow = f"SUBSTRT{abs(header['SLOWAXIS'])}"
        for start, size, full in (("SUBSTRT1", nx, columns), ("SUBSTRT2", ny, rows)):
            size = 1 if self.stripes and start == slow else size
            if not 1 <= header[start] <= full + 1 - size:
                self._refuse(
                    f"{start}={header[start]}",
                    f"places the subarray outside the {full} pixel detector",
                    "fetch the file again",
                )

    def _find_read_times(self):
        if self.superstriped:
            return explicit_times.of_stripes(self) if self.stripes.repeats > 1 else None
        return explicit_times.stored(self, self._file.data_bytes("ASDF"))

    @property
    def area(self) -> Placement:
        """What references have to cover."""
        striped = self.stripes is not None and not self.superstriped
        return self.stripes.area if striped else self.subarray

    @property
    def superstriped(self) -> bool:
        """Whether stripes are put together to whole frames."""
        return self.stripes is not None and self.stripes.number > 0

    @property
    def readout(self) -> Readout:
        """NGROUPS, NFRAMES and GROUPGAP."""
        return Readout(self.shape[1], int(self.primary["NFRAMES"]), int(self.primary["GROUPGAP"]))

    def _placement(self):
        header = self.primary
        return Placement(
            int(header["SUBSTRT1"]),
            int(header["SUBSTRT2"]),
            self.shape[3],
            self.shape[2],
            int(header["FASTAXIS"]),
            int(header["SLOWAXIS"]),
            str(header["SUBARRAY"]).strip().upper(),
            int(self._value("NOUTPUTS") or 0),
        )

    @property
    def zeroframe(self):
        """The ZEROFRAME image (nints, ny, nx), or None if none was downlinked."""
        if not self.primary.get("ZEROFRAM") or "ZEROFRAME" not in self._file:
            return None
        image = self._file.image("ZEROFRAME")
        nints, _, ny, nx = self.raw_shape
        if image.shape != (nints, ny, nx):
            raise InputError(
                f"{self.path}[ZEROFRAME]: shape {image.shape}; expected {(nints, ny, nx)}; fetch "
                "the file again"
            )
        return image

    @property
    def reference_output(self):
        """The REFOUT image (nints, ngroups, rows, columns), or None if there is none."""
        if "REFOUT" not in self._file:
            return None
        image = self._file.image("REFOUT")
        if len(image.shape) != 4 or image.shape[:2] != self.shape[:2]:
            raise InputError(
                f"{self.path}[REFOUT]: shape {image.shape}; expected 4 dimensions, the first two "
                f"{self.shape[:2]}; fetch the file again"
            )
        return image

    def first_ramp(self, y, x):
        """
        Return a pixel's raw samples in the first integration.

        Parameters
        ----------
        y, x : int
            In frames of `shape`.

        Returns
        -------
        times : (ngroups,) float64
            Since the first group [s].
        samples : (ngroups,) uint16
            [DN]; 0 where no stripe holds the pixel.
        """
        times = np.arange(self.shape[1]) * self.group_time
        if self.read_times is not None:
            times = np.array([np.mean(reads) for reads in self.read_times])
            times -= times[0]
        if not self.superstriped:
            return times, _samples(self.sci, 0, y, x)
        samples = np.zeros(self.shape[1], np.uint16)
        along_y, repeats = self.stripes.along_y, self.stripes.repeats
        for position, pieces in enumerate(self.stripes.pieces()):
            for repeat, (frame, whole) in enumerate(pieces):
                shift = frame.start - whole.start
                if whole.start <= (y if along_y else x) < whole.stop:
                    place = (y + shift, x) if along_y else (y, x + shift)
                    samples[repeat::repeats] = _samples(self.raw, position, *place)
        return times, samples

    def sci_keywords(self):
        """Return the SCI extension's keywords that do not describe its array."""
        return keywords(self._file.header("SCI"))

    def integration_times(self, part):
        """
        Return when integrations are as INT_TIMES says [MJD, UTC], float64; may be empty.

        Parameters
        ----------
        part : str
            start, mid or end.
        """
        if "INT_TIMES" not in self._file:
            return np.zeros(0)
        table = self._file.table("INT_TIMES")
        try:
            times = {name: np.asarray(table[f"int_{name}_MJD_UTC"], np.float64)
                     for name in ("start", "mid", "end")}  # fmt: skip
        except (KeyError, ValueError) as problem:
            raise InputError(
                f"{self.path}[INT_TIMES]: does not say when integrations begin and end: {problem}; "
                "fetch the file again"
            ) from problem
        if self.superstriped:
            number = self.stripes.number
            start, end = times["start"][::number], times["end"][number - 1 :: number]
            times = {"start": start, "mid": (start[: len(end)] + end) / 2, "end": end}
        return times[part]

    def table(self, name) -> bytes | None:
        """Return a table extension as bytes, header and data, or None if there is none."""
        if name not in self._file:
            return None
        header = self._file.header(name).copy()
        header["EXTVER"] = (header.get("EXTVER", 1), "extension value")
        return header.tostring().encode("ascii") + self._file.data_bytes(name)


def _samples(image, integration, y, x):
    leading = (slice(integration, integration + 1),)
    return image.read(y, y + 1, leading, slice(x, x + 1)).ravel()


def keywords(header):
    """Return a copy of an image header without the cards that describe its array."""
    copy = header.copy(strip=True)
    for keyword in ("EXTNAME", "EXTVER", "BSCALE", "BZERO", "BUNIT"):
        copy.remove(keyword, ignore_missing=True)
    return copy
