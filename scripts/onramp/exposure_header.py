"""What the primary header of a raw exposure says, checked."""

import math
from datetime import datetime

from astropy.io import fits

from onramp.errors import InputError
from onramp.interleaving import is_interleaved
from onramp.limits import LARGEST_FACTOR, LONGEST, MOST_FRAMES, SHORTEST, detector_shape

DETECTORS = {
    "NIRCAM": (*(f"NRC{m}{n}" for m in "AB" for n in "1234"), "NRCALONG", "NRCBLONG"),
    "NIRISS": ("NIS",),
    "NIRSPEC": ("NRS1", "NRS2"),
    "FGS": ("GUIDER1", "GUIDER2"),
    "MIRI": ("MIRIMAGE", "MIRIFULONG", "MIRIFUSHORT"),
}
TEXTS = ("INSTRUME", "DETECTOR", "EXP_TYPE", "DATE-OBS", "TIME-OBS", "SUBARRAY")
SECONDS = ("TGROUP", "TFRAME")
COUNTS = (
    *("NINTS", "NGROUPS", "NFRAMES", "GROUPGAP"),
    *("SUBSTRT1", "SUBSTRT2", "SUBSIZE1", "SUBSIZE2", "FASTAXIS", "SLOWAXIS"),
)
OPTIONAL_COUNTS = ("INTSTART", "INTEND", "NOUTPUTS", "FRMDIVSR", "DRPFRMS1", "NSAMPLES")
OPTIONAL_NUMBERS = "GAINFACT", "EFFINTTM", "EXPSTART"
GUIDE_STAR = ("FGS_ID-IMAGE", "FGS_ID-STACK", "FGS_ACQ1", "FGS_ACQ2", "FGS_TRACK", "FGS_FINEGUIDE")


class HeaderFacts:
    """
    The facts of an exposure that its primary header alone tells.

    Attributes
    ----------
    path : Path
        Of the file, for messages.
    primary : astropy.io.fits.Header
    """

    @property
    def instrument(self) -> str:
        """INSTRUME."""
        return str(self.primary["INSTRUME"]).strip().upper()

    @property
    def detector(self) -> str:
        """DETECTOR."""
        return str(self.primary["DETECTOR"]).strip().upper()

    @property
    def detector_shape(self) -> tuple[int, int]:
        """Rows and columns of the whole detector."""
        return detector_shape(self.instrument)

    @property
    def first_integration(self) -> int:
        """Which integration of the whole exposure is the file's first, counted from 0."""
        return int(self._value("INTSTART") or 1) - 1

    @property
    def exp_type(self) -> str:
        """EXP_TYPE."""
        return str(self.primary["EXP_TYPE"]).strip().upper()

    @property
    def readpatt(self) -> str:
        """READPATT."""
        return str(self.primary.get("READPATT", "N/A")).strip().upper()

    @property
    def grating(self) -> str:
        """GRATING, upper case; nothing if there is none."""
        return str(self.primary.get("GRATING", "")).strip().upper()

    @property
    def interleaved(self) -> bool:
        """Whether frames hold interleaved reference pixels (IRS2)."""
        return is_interleaved(self.readpatt)

    @property
    def date_obs(self) -> str:
        """DATE-OBS and TIME-OBS as one ISO date."""
        return f"{self.primary['DATE-OBS']}T{self.primary['TIME-OBS']}"

    @property
    def group_time(self) -> float:
        """TGROUP [s]."""
        return float(self.primary["TGROUP"])

    @property
    def frame_time(self) -> float:
        """TFRAME [s]."""
        return float(self.primary["TFRAME"])

    @property
    def integration_time(self) -> float:
        """EFFINTTM [s], or 1 if it is missing."""
        found = self._value("EFFINTTM")
        return 1.0 if found is None else float(found)

    @property
    def frame_divisor(self) -> int | None:
        """FRMDIVSR, if known."""
        return self._value("FRMDIVSR")

    def _refuse(self, keyword, problem, remedy):
        raise InputError(f"{self.path}: {keyword} {problem}; {remedy}")

    def _check_types(self):
        for keyword in (*TEXTS, *SECONDS, *COUNTS):
            if keyword not in self.primary:
                self._refuse(keyword, "missing", "is this an uncal file?")
        for keyword in TEXTS:
            self._expect(keyword, "a text", lambda value: isinstance(value, str))
        for keyword in SECONDS:
            self._expect(keyword, "a number", _is_number)
        for keyword in (*COUNTS, *OPTIONAL_COUNTS):
            if keyword in COUNTS or self._value(keyword) is not None:
                self._expect(keyword, "an integer", lambda v: _is_number(v) and v == int(v))
        for keyword in OPTIONAL_NUMBERS:
            if self._value(keyword) is not None:
                self._expect(keyword, "a number", _is_number)
        try:
            datetime.fromisoformat(self.date_obs)
        except ValueError:
            self._refuse(f"DATE-OBS, TIME-OBS={self.date_obs}", "is no date", "mend the header")

    def _value(self, keyword):
        try:
            value = self.primary.get(keyword)
        except fits.VerifyError:
            self._refuse(keyword, "is not a valid FITS value", "mend the header")
        return None if isinstance(value, fits.card.Undefined) else value

    def _expect(self, keyword, kind, fits_kind):
        value = self._value(keyword)
        if not fits_kind(value):
            self._refuse(f"{keyword}={value!r}", f"is not {kind}", "mend the header")

    def _check_mode(self):
        if self.instrument not in DETECTORS:
            self._refuse(
                f"INSTRUME={self.instrument}", "is unknown", f"known: {', '.join(DETECTORS)}"
            )
        known = DETECTORS[self.instrument]
        if self.detector not in known:
            self._refuse(f"DETECTOR={self.detector}", "is unknown", f"known: {', '.join(known)}")
        if self.exp_type in GUIDE_STAR:
            self._refuse(
                f"EXP_TYPE={self.exp_type}", "is a guide-star mode", "only science is processed"
            )

    def _check_values(self):
        header = self.primary
        axes = abs(header["FASTAXIS"]), abs(header["SLOWAXIS"])
        if sorted(axes) != [1, 2]:
            self._refuse("FASTAXIS, SLOWAXIS", f"are {axes}", "expected one of 1 and one of 2")
        for keyword, least in {"NFRAMES": 1, **dict.fromkeys(SECONDS, SHORTEST)}.items():
            if not header[keyword] >= least:
                problem = "is not positive" if header[keyword] <= 0 else f"is below {least}"
                self._refuse(f"{keyword}={header[keyword]}", problem, "mend the header")
        limits = dict.fromkeys(SECONDS, LONGEST) | dict.fromkeys(
            ("NFRAMES", "GROUPGAP", "DRPFRMS1", "FRMDIVSR", "NOUTPUTS"), MOST_FRAMES
        )
        limits["GAINFACT"] = LARGEST_FACTOR
        for keyword, most in limits.items():
            if abs(self._value(keyword) or 0) > most:
                self._refuse(f"{keyword}={header[keyword]}", f"is beyond {most}", "mend the header")
        if header["GROUPGAP"] < 0:
            self._refuse(f"GROUPGAP={header['GROUPGAP']}", "is negative", "mend the header")


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
