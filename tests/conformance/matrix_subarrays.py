"""Subarrays and readout patterns of the matrix: corners, sizes, outputs and times as in flight."""

from typing import NamedTuple

from onramp.simulate import MODES

READOUTS = {
    "NIRCAM": {
        "RAPID": (1, 0), "BRIGHT1": (1, 1), "BRIGHT2": (2, 0), "SHALLOW2": (2, 3),
        "SHALLOW4": (4, 1), "MEDIUM2": (2, 8), "MEDIUM8": (8, 2), "DEEP2": (2, 18),
        "DEEP8": (8, 12),
    },
    "NIRISS": {"NISRAPID": (1, 0), "NIS": (4, 0)},
    "NIRSPEC": {
        "NRSRAPID": (1, 0), "NRS": (4, 0), "NRSRAPIDD1": (1, 1), "NRSRAPIDD6": (1, 6),
    },
    "FGS": {"FGSRAPID": (1, 0), "FGS": (4, 0), "FGS60": (1, 60)},
    "MIRI": {"FASTR1": (1, 0), "SLOWR1": (1, 0)},
}  # fmt: skip
"""Frames averaged to a group and frames dropped between groups, by pattern."""


class Subarray(NamedTuple):
    """A subarray of one detector; corner (from 1) and size in science orientation."""

    base: str
    """The simulator's mode whose other fields it takes."""
    detector: str
    name: str
    xstart: int
    ystart: int
    nx: int
    ny: int
    noutputs: int
    tframe: float
    """Time from frame to frame [s]."""
    exp_type: str
    keywords: tuple
    fastaxis: int
    slowaxis: int
    readouts: tuple = ()
    """By default all of the instrument's."""
    uncut: bool = False
    """Whether it would be none if it were smaller."""

    @property
    def instrument(self):
        """Name of the instrument."""
        return MODES[self.base].instrument

    @property
    def fast_is_x(self):
        """Whether pixels are read along rows."""
        return abs(self.fastaxis) == 1

    @property
    def region(self):
        """Corner and size."""
        return {"xstart": self.xstart, "ystart": self.ystart, "nx": self.nx, "ny": self.ny}


def _nircam(detector, name, ystart, xstart, shape, noutputs, tframe, exp_type="NRC_IMAGE"):
    long = detector.endswith("LONG")
    optics = "F444W" if long else "F200W"
    pupil = {"NRC_TSGRISM": "GRISMR", "NRC_CORON": "MASKRND"}.get(exp_type, "CLEAR")
    keywords = (
        ("CHANNEL", "LONG" if long else "SHORT"), ("MODULE", detector[3]), ("FILTER", optics),
        ("PUPIL", pupil),
    )  # fmt: skip
    to_the_left = detector in ("NRCA1", "NRCA3", "NRCALONG", "NRCB2", "NRCB4")
    axes = (-1, 2) if to_the_left else (1, -2)
    ny, nx = shape
    return Subarray("nircam_sub", detector, name, xstart, ystart, nx, ny, noutputs, tframe,
                    exp_type, keywords, *axes)  # fmt: skip


def _niriss(name, ystart, xstart, shape, noutputs, tframe, exp_type, *optics):
    keywords = (("FILTER", optics[0]), ("PUPIL", optics[1]))
    ny, nx = shape
    return Subarray("niriss_soss", "NIS", name, xstart, ystart, nx, ny, noutputs, tframe,
                    exp_type, keywords, -2, -1)  # fmt: skip


def _nirspec(detector, name, ystart, xstart, shape, tframe, exp_type="NRS_BRIGHTOBJ"):
    keywords = (("FILTER", "F290LP"), ("GRATING", "G395H"), ("FXD_SLIT", "S1600A1"))
    axes = (2, 1) if detector == "NRS1" else (-2, -1)
    ny, nx = shape
    return Subarray("nirspec_bots", detector, name, xstart, ystart, nx, ny,
                    4 if name == "FULL" else 1, tframe, exp_type, keywords, *axes)  # fmt: skip


def _fgs(detector, name, start, shape, noutputs, tframe, readouts):
    ny, nx = shape
    axes = (-2 if detector == "GUIDER1" else 2, -1)
    return Subarray("fgs_full", detector, name, *start, nx, ny, noutputs, tframe, "FGS_IMAGE", (),
                    *axes, readouts)  # fmt: skip


def _miri(mode):
    made = MODES[mode]
    readouts = ("FASTR1", "SLOWR1") if made.subarray == "FULL" else ("FASTR1",)
    return Subarray(mode, made.detector, made.subarray, made.xstart, made.ystart, made.nx, made.ny,
                    made.noutputs, made.tframe, made.exp_type, made.keywords, made.fastaxis,
                    made.slowaxis, readouts, made.subarray == "FULL")  # fmt: skip


FULL = 2048, 2048
FULL_FRAME = 10.73677
"""Time of a full frame on four outputs [s]."""

SUBARRAYS = (
    _nircam("NRCA1", "FULL", 1, 1, FULL, 4, FULL_FRAME),
    _nircam("NRCB1", "SUB160", 1, 1, (160, 160), 1, 0.27864),
    _nircam("NRCB4", "SUB160", 1889, 1889, (160, 160), 1, 0.27864),
    _nircam("NRCALONG", "SUB160", 945, 945, (160, 160), 1, 0.27864),
    _nircam("NRCA2", "SUB320", 1729, 1, (320, 320), 1, 1.06904),
    _nircam("NRCB2", "SUB640", 1, 1409, (640, 640), 1, 4.18584),
    _nircam("NRCB1", "SUB64P", 1985, 1985, (64, 64), 1, 0.05016),
    _nircam("NRCA3", "SUB160P", 1889, 1, (160, 160), 1, 0.27864),
    _nircam("NRCALONG", "SUB400P", 1649, 1, (400, 400), 1, 1.65624),
    _nircam("NRCALONG", "SUBGRISM256", 1, 1, (256, 2048), 4, 1.34669, "NRC_TSGRISM"),
    _nircam("NRCA1", "SUBGRISM128", 103, 1, (128, 2048), 4, 0.67597, "NRC_TSIMAGE"),
    _nircam("NRCBLONG", "SUBGRISM64", 1985, 1, (64, 2048), 1, 1.3596, "NRC_TSGRISM"),
    _nircam("NRCALONG", "SUB320A335R", 1502, 492, (320, 320), 1, 1.06904, "NRC_CORON"),
    _nircam("NRCA2", "SUB640A210R", 1186, 392, (640, 640), 1, 4.18584, "NRC_CORON"),
    _nircam("NRCBLONG", "SUB32TATS", 1817, 2009, (32, 32), 1, 0.01496, "NRC_TACQ"),
    _nircam("NRCA3", "SUB8FP1A", 1407, 458, (8, 8), 1, 0.0022),
    _niriss("FULL", 1, 1, FULL, 4, FULL_FRAME, "NIS_IMAGE", "CLEAR", "F150W"),
    _niriss("SUB64", 1985, 1985, (64, 64), 1, 0.05016, "NIS_IMAGE", "CLEAR", "F150W"),
    _niriss("SUB256", 1793, 1793, (256, 256), 1, 0.69144, "NIS_IMAGE", "CLEAR", "F150W"),
    _niriss("SUB80", 1, 1045, (80, 80), 1, 0.07544, "NIS_AMI", "F480M", "NRM"),
    _niriss("SUBSTRIP256", 1793, 1, (256, 2048), 1, 5.494, "NIS_SOSS", "CLEAR", "GR700XD"),
    _niriss("SUBSTRIP96", 1803, 1, (96, 2048), 1, 2.214, "NIS_SOSS", "CLEAR", "GR700XD"),
    _niriss("WFSS64C", 1985, 1, (64, 2048), 1, 1.558, "NIS_WFSS", "GR150C", "F150W"),
    _niriss("WFSS64R", 1, 1985, (2048, 64), 4, 0.34061, "NIS_WFSS", "GR150R", "F150W"),
    _niriss("SUBAMPCAL", 1, 1, (1792, 512), 1, 9.27256, "NIS_IMAGE", "CLEAR", "F150W"),
    _niriss("SUBTASOSS", 1167, 1923, (64, 64), 1, 0.05016, "NIS_TACQ", "F480M", "CLEARP"),
    _nirspec("NRS1", "FULL", 1, 1, FULL, FULL_FRAME, "NRS_IFU"),
    _nirspec("NRS2", "FULL", 1, 1, FULL, FULL_FRAME, "NRS_MSASPEC"),
    _nirspec("NRS1", "ALLSLITS", 897, 1, (256, 2048), 5.494, "NRS_FIXEDSLIT"),
    _nirspec("NRS2", "SUBS200A1", 1056, 1, (64, 2048), 1.558, "NRS_FIXEDSLIT"),
    _nirspec("NRS1", "SUBS400A1", 978, 1, (64, 2048), 1.558, "NRS_FIXEDSLIT"),
    _nirspec("NRS1", "SUB2048", 963, 1, (32, 2048), 0.902),
    _nirspec("NRS1", "SUB1024A", 963, 1, (32, 1024), 0.45144),
    _nirspec("NRS2", "SUB1024A", 963, 1025, (32, 1024), 0.45144),
    _nirspec("NRS1", "SUB1024B", 963, 1025, (32, 1024), 0.45144),
    _nirspec("NRS2", "SUB512", 963, 513, (32, 512), 0.22616),
    _nirspec("NRS1", "SUB512S", 971, 1025, (16, 512), 0.14392),
    _nirspec("NRS1", "SUB32", 975, 1399, (32, 32), 0.01496, "NRS_WATA"),
    _fgs("GUIDER1", "FULL", (1, 1), FULL, 4, FULL_FRAME, ("FGSRAPID", "FGS")),
    _fgs("GUIDER2", "FULL", (1, 1), FULL, 4, FULL_FRAME, ("FGSRAPID", "FGS")),
    _fgs("GUIDER1", "SUB128CNTR", (961, 961), (128, 128), 1, 0.182, ("FGS60",)),
    _fgs("GUIDER1", "SUB32LL", (1969, 1969), (32, 32), 1, 0.01254, ("FGSRAPID", "FGS")),
    *(_miri(name) for name in MODES if name.startswith("miri") and name != "miri_slow"),
)
