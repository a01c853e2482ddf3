"""The kinds of reference files, and which steps need them."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple


class ReferenceType(NamedTuple):
    """What is known of one type of reference file."""

    type: str
    steps: tuple[str, ...]
    """Steps that need it."""
    keyword: str
    """Keyword of the products that records its name, if one does."""
    dimensions: Mapping[str, tuple[int, ...]]
    """Numbers of axes allowed, by extension that must be there; the first one sets the shape."""
    also: Mapping[str, tuple[int, ...]] = MappingProxyType({})
    """The same for extensions that may be there."""
    optional: bool = False
    """Whether it may be absent without a word."""
    indispensable: tuple[str, ...] = ()
    """Steps that cannot be done without, so that N/A is refused."""
    integers: tuple[str, ...] = ()
    """Keywords that must be there."""
    numbers: tuple[str, ...] = ()
    """Keywords that may be there."""
    parameter: str = ""
    """What its steps' parameters say, or say of an exposure's type, if they look at it."""
    instruments: tuple[str, ...] = ()
    """Instruments that have it; all if none is named."""
    image: bool = True
    """Whether it is an image of the detector."""
    tables: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """Columns by table that must be there."""
    interleaved: bool = False
    """Whether only IRS2 exposures need it."""
    covers_interleaved: bool = False
    """Whether it covers the reference pixels of IRS2 frames too."""


NEAR_INFRARED = "NIRCAM", "NIRISS", "NIRSPEC", "FGS"
ON_FRAMES = "picture_frame", "clean_flicker_noise"
IRS2_WEIGHTS = tuple(f"{name}_{n}" for name in ("alpha", "beta") for n in range(4))

REFERENCE_TYPES = MappingProxyType(
    {
        kind.type: kind
        for kind in (
            ReferenceType(
                "mask", ("dq_init",), "R_MASK", {"DQ": (2,)}, covers_interleaved=True
            ),
            ReferenceType(
                "emicorr", ("emicorr",), "R_MIREMI", {}, parameter="uses_reference",
                instruments=("MIRI",), image=False,
            ),
            ReferenceType("saturation", ("saturation",), "R_SATURA", {"SCI": (2,)}, {"DQ": (2,)}),
            ReferenceType("ipc", ("ipc",), "R_IPC", {"SCI": (2, 4)}, optional=True),
            ReferenceType(
                "superbias", ("saturation", "superbias"), "R_SUPERB", {"SCI": (2,)}, {"DQ": (2,)},
                instruments=NEAR_INFRARED, covers_interleaved=True,
            ),
            ReferenceType(
                "refpix", ("refpix",), "R_REFPIX", {}, indispensable=("refpix",),
                tables={"IRS2": IRS2_WEIGHTS}, interleaved=True, instruments=("NIRSPEC",),
            ),
            ReferenceType(
                "reset", ("reset",), "R_RESET", {"SCI": (4,)}, {"DQ": (2,)},
                integers=("NINTS", "NGROUPS"), instruments=("MIRI",),
            ),
            ReferenceType(
                "linearity", ("linearity",), "R_LINEAR", {"COEFFS": (3,)},
                {"INV_COEFFS": (3,), "DQ": (2,)},
            ),
            ReferenceType("rscd", ("rscd",), "R_RSCD", {}, instruments=("MIRI",), image=False),
            ReferenceType(
                "dark", ("dark_current",), "R_DARK", {"SCI": (3,)}, {"DQ": (2,), "AVDRKCUR": (2,)},
                integers=("NFRAMES", "GROUPGAP"), numbers=("AVDRKCUR",),
            ),
            ReferenceType(
                "sirskernel", ("refpix",), "R_SIRSKL", {}, optional=True, parameter="uses_kernels",
                instruments=NEAR_INFRARED, image=False,
            ),
            ReferenceType("pictureframe", ("picture_frame",), "R_PICFRM", {"SCI": (2,)}),
            ReferenceType(
                "flat", ("clean_flicker_noise",), "R_FLAT", {"SCI": (2,)},
                {"DQ": (2,), "ERR": (2,)}, parameter="looks_at_flat",
            ),
            ReferenceType(
                "pastasoss", ("clean_flicker_noise",), "R_PSTSOS", {}, optional=True,
                parameter="looks_at_traces", instruments=("NIRISS",), image=False,
            ),
            ReferenceType(
                "bkg", ("clean_flicker_noise",), "", {"SCI": (3,)}, optional=True,
                parameter="looks_at_templates", instruments=("NIRISS",), image=False,
            ),
            ReferenceType(
                "wavelengthrange", ON_FRAMES, "", {}, optional=True,
                parameter="looks_at_wavelengths", instruments=("NIRISS", "NIRSPEC"), image=False,
            ),
            *(
                ReferenceType(
                    name, ON_FRAMES, "", {}, optional=True, parameter=f"looks_at_{purpose}",
                    instruments=("NIRSPEC",), image=False,
                )
                for purpose, names in {
                    "optics": ("camera", "collimator", "disperser", "fpa", "msa"),
                    "slicer": ("ifupost", "ifuslicer"),
                    "shutters": ("msaoper",),
                }.items()
                for name in names
            ),
            ReferenceType(
                "gain", ("jump", "ramp_fit", "gain_scale"), "R_GAIN", {"SCI": (2,)},
                indispensable=("jump", "ramp_fit"), numbers=("GAINFACT",),
            ),
            ReferenceType(
                "readnoise", ("jump", "ramp_fit"), "R_READNO", {"SCI": (2,)},
                indispensable=("jump", "ramp_fit"),
            ),
        )
    }
)  # fmt: skip
"""Every type, in the order in which the steps first need it."""

_MIRI_DARK = REFERENCE_TYPES["dark"]._replace(
    dimensions={"SCI": (4,)}, also={"DQ": (4,), "AVDRKCUR": (2,)}
)


def type_for(kind, instrument) -> ReferenceType:
    """
    Return what is known of a type of reference as an instrument has it.

    Parameters
    ----------
    kind : str
    instrument : str
        INSTRUME, upper case.
    """
    if (kind, instrument) == ("dark", "MIRI"):
        return _MIRI_DARK
    return REFERENCE_TYPES[kind]


def belongs_to(kind, instrument) -> bool:
    """Return whether an instrument has a type of reference."""
    instruments = REFERENCE_TYPES[kind].instruments
    return not instruments or instrument in instruments


class Reference(NamedTuple):
    """A reference file chosen for an exposure."""

    type: str
    path: Path
    name: str
    """File name without its folder."""
    sha256: str
    """Digest of the whole file, hexadecimal."""
