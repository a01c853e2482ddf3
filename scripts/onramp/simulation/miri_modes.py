"""MIRI's observing modes for the simulator."""

WAVES = (390.625, 4.0), (218.520470, 1.5)
FULL_WAVES = ((10.039216, 3.0),)
"""390 Hz does not show in full frames, which take whole periods of it."""

SUBARRAYS = {
    "FULL": (1, 1, 1032, 1024, 2.775),
    "BRIGHTSKY": (457, 51, 512, 512, 0.865),
    "SUB256": (413, 51, 256, 256, 0.300),
    "SUB128": (1, 889, 136, 128, 0.119),
    "SUB64": (1, 779, 72, 64, 0.085),
    "SLITLESSPRISM": (1, 529, 72, 416, 0.159),
    "MASK1065": (1, 19, 288, 224, 0.240),
    "MASK1140": (1, 245, 288, 224, 0.240),
    "MASK1550": (1, 467, 288, 224, 0.240),
    "MASKLYOT": (1, 717, 320, 304, 0.324),
}
"""First column and row, columns, rows, and frame time [s] by subarray."""


def miri_modes(make):
    """Return all of MIRI's modes, as `make` makes them of the fields of a mode."""
    imager = (("FILTER", "F770W"),)
    modes = [
        _mode(make, f"miri_{name.lower()}", name, 10 + n, keywords=_imager(name, imager))
        for n, name in enumerate(SUBARRAYS)
    ]
    slow = {"readpatt": "SLOWR1", "tframe": 23.890, "nsamples": 9, "interference": FULL_WAVES}
    modes.append(_mode(make, "miri_slow", "FULL", 30, keywords=imager, **slow))
    for n, (detector, channel) in enumerate((("MIRIFULONG", "34"), ("MIRIFUSHORT", "12"))):
        modes.append(
            _mode(
                make,
                f"miri_mrs_{'long' if channel == '34' else 'short'}",
                "FULL",
                31 + n,
                detector=detector,
                exp_type="MIR_MRS",
                scene="slices",
                keywords=(("CHANNEL", channel), ("BAND", "SHORT")),
            )
        )
    return modes


def _imager(name, imager):
    if name.startswith("MASK"):
        mask = "LYOT_2300" if name == "MASKLYOT" else f"4QPM_{name[4:]}"
        optics = {"MASKLYOT": "F2300C"}.get(name, f"F{name[4:]}C")
        return (("FILTER", optics), ("CORONMSK", mask))
    if name == "SLITLESSPRISM":
        return (("FILTER", "P750L"),)
    return imager


def _mode(make, name, subarray, observation, **fields):
    xstart, ystart, nx, ny, tframe = SUBARRAYS[subarray]
    exp_type = "MIR_IMAGE"
    if subarray.startswith("MASK"):
        exp_type = "MIR_LYOT" if subarray == "MASKLYOT" else "MIR_4QPM"
    prism = subarray == "SLITLESSPRISM"
    defaults = {
        "detector": "MIRIMAGE", "exp_type": "MIR_LRS-SLITLESS" if prism else exp_type,
        "readpatt": "FASTR1", "tframe": tframe,
        "interference": FULL_WAVES if subarray == "FULL" else WAVES, "tso": prism,
        "sky_e_per_s": 200.0,
    }  # fmt: skip
    return make(
        name=name, instrument="MIRI", subarray=subarray, observation=observation, xstart=xstart,
        ystart=ystart, nx=nx, ny=ny, nints=2, **(defaults | fields),
    )  # fmt: skip
