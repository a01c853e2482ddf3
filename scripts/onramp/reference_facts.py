"""What in an exposure's primary header decides its reference files, read for thousands of them."""

import contextlib
import re
from types import MappingProxyType
from typing import NamedTuple

from onramp.errors import InputError

START = 32768  # bytes; primary headers of uncal files are a little shorter
LARGEST = 1 << 20  # bytes
CARD = re.compile(
    rb"(?:^|(?<=\n))([A-Z0-9_-]{1,8}) *= *(?:'((?:[^']|'')*)'|([^/\n' ]+))", re.MULTILINE
)

READING = "FASTAXIS", "SLOWAXIS", "NOUTPUTS"
STRIPED = re.compile(rb"MSTR_RD1|SSTR_NST")

META = MappingProxyType(
    {
        "TELESCOP": "META.TELESCOPE",
        "INSTRUME": "META.INSTRUMENT.NAME",
        "DETECTOR": "META.INSTRUMENT.DETECTOR",
        "MODULE": "META.INSTRUMENT.MODULE",
        "CHANNEL": "META.INSTRUMENT.CHANNEL",
        "BAND": "META.INSTRUMENT.BAND",
        "FILTER": "META.INSTRUMENT.FILTER",
        "PUPIL": "META.INSTRUMENT.PUPIL",
        "GRATING": "META.INSTRUMENT.GRATING",
        "FXD_SLIT": "META.INSTRUMENT.FIXED_SLIT",
        "CORONMSK": "META.INSTRUMENT.CORONAGRAPH",
        "LAMP": "META.INSTRUMENT.LAMP_STATE",
        "OPMODE": "META.INSTRUMENT.LAMP_MODE",
        "EXP_TYPE": "META.EXPOSURE.TYPE",
        "READPATT": "META.EXPOSURE.READPATT",
        "NOUTPUTS": "META.EXPOSURE.NOUTPUTS",
        "NINTS": "META.EXPOSURE.NINTS",
        "NGROUPS": "META.EXPOSURE.NGROUPS",
        "NFRAMES": "META.EXPOSURE.NFRAMES",
        "GROUPGAP": "META.EXPOSURE.GROUPGAP",
        "ZEROFRAM": "META.EXPOSURE.ZERO_FRAME",
        "SUBARRAY": "META.SUBARRAY.NAME",
        "SUBSTRT1": "META.SUBARRAY.XSTART",
        "SUBSTRT2": "META.SUBARRAY.YSTART",
        "SUBSIZE1": "META.SUBARRAY.XSIZE",
        "SUBSIZE2": "META.SUBARRAY.YSIZE",
        "FASTAXIS": "META.SUBARRAY.FASTAXIS",
        "SLOWAXIS": "META.SUBARRAY.SLOWAXIS",
        "TSOVISIT": "META.VISIT.TSOVISIT",
        "VISITYPE": "META.VISIT.TYPE",
        "CROWDFLD": "META.VISIT.CROWDED_FIELD",
        "DATE-OBS": "META.OBSERVATION.DATE",
        "TIME-OBS": "META.OBSERVATION.TIME",
        "PATTTYPE": "META.DITHER.PRIMARY_TYPE",
    }
)
"""Keywords by which references may be chosen, each with its name in CRDS's rules."""


class Region(NamedTuple):
    """Where a subarray lies on the detector, counted from 1 [pixel]."""

    name: str
    xstart: int
    ystart: int
    nx: int
    ny: int


class ExposureFacts(NamedTuple):
    """An exposure as far as the choice of its references goes; named as `Exposure`'s attributes."""

    path: str
    name: str
    instrument: str
    detector: str
    exp_type: str
    readpatt: str
    date_obs: str
    subarray: Region
    area: Region
    """What references have to cover: more than the subarray where it is striped."""
    keywords: dict
    """Value of each keyword of META that the header has."""

    @property
    def grating(self) -> str:
        """GRATING, upper case; nothing if there is none."""
        return _text(self.keywords.get("GRATING", ""))


def read_facts(uncal, name) -> ExposureFacts:
    """
    Read what decides an exposure's references, without checking anything else.

    Parameters
    ----------
    uncal : str or Path
    name : str
        Name of the exposure.

    Raises
    ------
    InputError
        If the file cannot be read, or keywords are missing.
    """
    header = _primary(uncal)
    found = keywords_of(header)
    try:
        region = Region(
            _text(found["SUBARRAY"]),
            *(int(found[key]) for key in ("SUBSTRT1", "SUBSTRT2", "SUBSIZE1", "SUBSIZE2")),
        )
        words = (_text(found[keyword]) for keyword in ("INSTRUME", "DETECTOR", "EXP_TYPE"))
        date = f"{found['DATE-OBS']}T{found['TIME-OBS']}"
        return ExposureFacts(
            str(uncal), name, *words, _text(found.get("READPATT", "N/A")), date, region,
            _area(region, header), found,
        )  # fmt: skip
    except KeyError as missing:
        raise InputError(f"{uncal}: {missing.args[0]} missing; is this an uncal file?") from None
    except (TypeError, ValueError):
        raise InputError(f"{uncal}: SUBSTRT, SUBSIZE: no whole numbers; mend the header") from None


def read_keywords(path, names=META) -> dict:
    """Return the values of a file's keywords that may decide the choice of references."""
    return keywords_of(_primary(path), names)


def _area(region, header):
    """Return what references have to cover; the job says so if the keywords are no good."""
    if not STRIPED.search(header):
        return region
    from onramp.placement import Placement
    from onramp.stripe_keywords import KEYWORDS
    from onramp.stripes import Pattern, Stripes

    words = keywords_of(header, (*KEYWORDS, *READING))
    with contextlib.suppress(KeyError, TypeError, ValueError):
        pattern = Pattern(*(int(words[keyword]) for keyword in KEYWORDS))
        fastaxis, slowaxis, noutputs = (int(words[keyword]) for keyword in READING)
        if any(pattern):
            placement = Placement(*region[1:], fastaxis, slowaxis, region.name, noutputs)
            stripes = Stripes(pattern, placement)
            place = stripes.whole if stripes.number else stripes.area
            return Region(region.name, place.xstart, place.ystart, place.nx, place.ny)
    return region


def keywords_of(header: bytes, names=META) -> dict:
    """Return the values of a header's cards that may decide the choice: text, numbers, booleans."""
    lines = b"\n".join(header[n : n + 80] for n in range(0, len(header), 80))
    found = {}
    for keyword, text, plain in CARD.findall(lines):
        name = keyword.decode("ascii")
        if name in names:
            found.setdefault(name, _value(plain) if plain else _unquoted(text))
    return found


def _primary(uncal):
    """Return the cards of a file's primary header, up to END."""
    try:
        with open(uncal, "rb") as file:
            content = file.read(START)
            end = _end(content)
            while end is None and len(content) < LARGEST:
                more = file.read(START)
                if not more:
                    break
                content += more
                end = _end(content)
    except OSError as problem:
        raise InputError(f"{uncal}: {problem.strerror or 'cannot be read'}") from problem
    if end is None or not content.startswith(b"SIMPLE  ="):
        raise InputError(f"{uncal}: does not begin as a FITS file does; fetch it again")
    return content[:end]


def _end(content):
    place = content.find(b"END" + b" " * 77)
    while place >= 0 and place % 80:
        place = content.find(b"END" + b" " * 77, place + 1)
    return None if place < 0 else place


def _unquoted(text):
    return text.decode("ascii", "replace").replace("''", "'").strip()


def _value(plain):
    if plain in (b"T", b"F"):
        return plain == b"T"
    for kind in (int, float):
        try:
            return kind(plain)
        except ValueError:
            continue
    return plain.decode("ascii", "replace")


def _text(value):
    return str(value).strip().upper()
