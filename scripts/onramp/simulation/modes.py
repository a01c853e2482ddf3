"""Observing modes that the simulator knows, and how to change them."""

import difflib
from dataclasses import dataclass, fields, replace

from onramp import interleaving
from onramp.errors import ParameterError
from onramp.simulation.miri_modes import miri_modes
from onramp.simulation.striped_modes import striped_modes

FULL = 2048
MIRI_ROWS, MIRI_COLUMNS = 1024, 1032
BORDER = 4


@dataclass(frozen=True, kw_only=True)
class Mode:
    """
    How an exposure is taken, and what its references look like.

    Starts and sizes are in science orientation, starts counted from 1 as SUBSTRT1 and SUBSTRT2 are.
    `keywords` are (keyword, value) pairs for the primary header; `observation` numbers the files.
    Of MIRI alone: integrations that the dark tells apart, samples of a pixel, (frequency [Hz],
    amplitude [DN]) of each wave of interference, and groups that rscd leaves out of the first and
    of later integrations. `pattern` says how stripes are read, if they are; with superstripes
    integrations are those of whole frames.
    """

    name: str
    instrument: str
    detector: str
    exp_type: str
    readpatt: str
    subarray: str
    tframe: float
    observation: int
    keywords: tuple = ()
    scene: str = "field"
    xstart: int = 1
    ystart: int = 1
    nx: int = FULL
    ny: int = FULL
    nints: int = 1
    ngroups: int = 10
    nframes: int = 1
    groupgap: int = 0
    frame_divisor: int | None = None
    noutputs: int = 4
    fastaxis: int = 1
    slowaxis: int = 2
    zero_frame: bool = False
    tso: bool = False
    sky_e_per_s: float = 1.0
    cosmic_rays_per_s_cm2: float = 5.0
    sources_per_megapixel: float = 150.0
    one_over_f_dn: float = 2.0
    dense_flags: bool = False
    full_frame_references: bool = False
    gain_factor: float | None = None
    inverse_linearity: bool = False
    dark_groups: int | None = None
    dark_nframes: int = 1
    dark_groupgap: int = 0
    dark_integrations: int = 2
    nsamples: int = 1
    interference: tuple = ()
    rscd_groups: tuple = (4, 2)
    pattern: tuple = ()

    @property
    def miri(self):
        """Whether it is an exposure of MIRI."""
        return self.instrument == "MIRI"

    @property
    def detector_shape(self):
        """Rows and columns of the whole detector."""
        return (MIRI_ROWS, MIRI_COLUMNS) if self.miri else (FULL, FULL)

    @property
    def tgroup(self):
        """Time from group to group [s]."""
        return (self.nframes + self.groupgap) * self.tframe

    @property
    def frames(self):
        """Frames from the reset to the last one that is read, dropped ones included."""
        return self.ngroups * self.nframes + (self.ngroups - 1) * self.groupgap

    @property
    def integration_time(self):
        """Time from the reset to the last read of an integration [s]."""
        return self.frames * self.tframe

    @property
    def interleaved(self):
        """Whether frames hold interleaved reference pixels (IRS2)."""
        return interleaving.is_interleaved(self.readpatt)

    @property
    def fast_is_x(self):
        """Whether pixels are read along the rows of the science image."""
        return abs(self.fastaxis) == 1

    @property
    def dark_samples(self):
        """Number of groups in the dark reference."""
        if self.dark_groups is not None:
            return self.dark_groups
        step = self.dark_nframes + self.dark_groupgap
        return -(-(self.frames + self.dark_groupgap) // step)


def change(mode, **changes):
    """
    Copy a mode with some fields changed.

    A full frame that is cut becomes subarray GENERIC.

    Raises
    ------
    ParameterError
        If a field is unknown or a size impossible.
    """
    known = [field.name for field in fields(Mode)]
    for name in changes:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f", did you mean {near[0]!r}?" if near else ""
            raise ParameterError(f"simulate: mode {mode.name} has no field {name!r}{hint}")
    mode = replace(mode, **changes)
    rows, columns = mode.detector_shape
    if mode.subarray == "FULL" and (mode.ny, mode.nx) != (rows, columns):
        mode = replace(mode, subarray="GENERIC")
    if min(mode.nints, mode.ngroups, mode.nframes, mode.nx, mode.ny, mode.xstart, mode.ystart) < 1:
        raise ParameterError(f"simulate: mode {mode.name}: counts, sizes and starts must be >= 1")
    slow = mode.pattern and abs(mode.slowaxis)
    outside = [
        axis
        for axis, start, size, full in ((1, mode.xstart, mode.nx, columns),
                                        (2, mode.ystart, mode.ny, rows))
        if start + size > full + 1 and axis != slow
    ]  # fmt: skip
    if outside:
        raise ParameterError(f"simulate: mode {mode.name}: the subarray leaves the detector")
    if mode.pattern:
        _check_stripes(mode)
    if mode.interleaved and (mode.subarray != "FULL" or mode.zero_frame):
        raise ParameterError(
            f"simulate: mode {mode.name}: IRS2 has full frames only, and no zero frames"
        )
    return mode


def _check_stripes(mode):
    from onramp.simulation.striped import stripes_of

    try:
        stripes_of(mode).runs()
    except ValueError as problem:
        raise ParameterError(f"simulate: mode {mode.name}: {problem}") from None


def _nircam(detector, optics="F200W"):
    return (
        ("CHANNEL", "LONG" if detector.endswith("LONG") else "SHORT"),
        ("MODULE", detector[3]),
        ("FILTER", optics),
        ("PUPIL", "CLEAR"),
    )


NIRCAM_FULL = Mode(
    name="nircam_full",
    instrument="NIRCAM",
    detector="NRCA1",
    exp_type="NRC_IMAGE",
    readpatt="RAPID",
    subarray="FULL",
    tframe=10.73677,
    observation=1,
    keywords=_nircam("NRCA1"),
    fastaxis=-1,
    slowaxis=2,
)
NIRCAM_BRIGHT = Mode(
    name="nircam_bright",
    instrument="NIRCAM",
    detector="NRCA4",
    exp_type="NRC_IMAGE",
    readpatt="SHALLOW2",
    subarray="FULL",
    tframe=10.73677,
    observation=2,
    keywords=_nircam("NRCA4"),
    ngroups=6,
    nframes=2,
    groupgap=3,
    fastaxis=1,
    slowaxis=-2,
    zero_frame=True,
)
NIRCAM_SUB = Mode(
    name="nircam_sub",
    instrument="NIRCAM",
    detector="NRCB1",
    exp_type="NRC_IMAGE",
    readpatt="RAPID",
    subarray="SUB160",
    tframe=0.27864,
    observation=3,
    keywords=_nircam("NRCB1"),
    xstart=1,
    ystart=1889,
    nx=160,
    ny=160,
    nints=3,
    noutputs=1,
    fastaxis=1,
    slowaxis=-2,
    sky_e_per_s=20.0,
    cosmic_rays_per_s_cm2=300.0,
    sources_per_megapixel=800.0,
)
NIRISS_SOSS = Mode(
    name="niriss_soss",
    instrument="NIRISS",
    detector="NIS",
    exp_type="NIS_SOSS",
    readpatt="NISRAPID",
    subarray="SUBSTRIP256",
    tframe=5.494,
    observation=4,
    keywords=(("FILTER", "CLEAR"), ("PUPIL", "GR700XD")),
    scene="soss",
    ystart=1793,
    ny=256,
    nints=10,
    ngroups=5,
    noutputs=1,
    fastaxis=-2,
    slowaxis=-1,
    tso=True,
    sky_e_per_s=2.0,
)
NIRSPEC_BOTS = Mode(
    name="nirspec_bots",
    instrument="NIRSPEC",
    detector="NRS1",
    exp_type="NRS_BRIGHTOBJ",
    readpatt="NRSRAPID",
    subarray="SUB512",
    tframe=0.22552,
    observation=5,
    keywords=(("FILTER", "CLEAR"), ("GRATING", "PRISM"), ("FXD_SLIT", "S1600A1")),
    scene="bots",
    xstart=1025,
    ystart=957,
    nx=512,
    ny=32,
    nints=60,
    noutputs=1,
    fastaxis=2,
    slowaxis=1,
    tso=True,
    sky_e_per_s=0.0,
)
NIRSPEC_IRS2 = Mode(
    name="nirspec_irs2",
    instrument="NIRSPEC",
    detector="NRS1",
    exp_type="NRS_FIXEDSLIT",
    readpatt="NRSIRS2",
    subarray="FULL",
    tframe=14.58889,
    observation=7,
    keywords=(
        ("FILTER", "F290LP"),
        ("GRATING", "G395H"),
        ("FXD_SLIT", "S200A1"),
        ("NRS_NORM", interleaving.NORMAL),
        ("NRS_REF", interleaving.REFERENCE),
    ),
    nframes=5,
    noutputs=interleaving.OUTPUTS,
    fastaxis=2,
    slowaxis=1,
    sky_e_per_s=0.1,
)
NIRSPEC_IRS2_RAPID = replace(
    NIRSPEC_IRS2,
    name="nirspec_irs2_rapid",
    detector="NRS2",
    readpatt="NRSIRS2RAPID",
    observation=8,
    nframes=1,
    fastaxis=-2,
    slowaxis=-1,
)
FGS_FULL = Mode(
    name="fgs_full",
    instrument="FGS",
    detector="GUIDER1",
    exp_type="FGS_IMAGE",
    readpatt="FGSRAPID",
    subarray="FULL",
    tframe=10.73677,
    observation=6,
    ngroups=8,
    fastaxis=-1,
    slowaxis=-2,
    sky_e_per_s=3.0,
)

MODES = {
    mode.name: mode
    for mode in (
        *(NIRCAM_FULL, NIRCAM_BRIGHT, NIRCAM_SUB, NIRISS_SOSS, NIRSPEC_BOTS, FGS_FULL),
        *(NIRSPEC_IRS2, NIRSPEC_IRS2_RAPID),
        *miri_modes(Mode),
        *striped_modes(Mode, _nircam),
    )
}
