"""The dark as it was subtracted, in a reference file of its own (dark_current.dark_output)."""

import math

import numpy as np

from onramp.headers import renewed
from onramp.products import Extension
from onramp.steps import dark_current

OF_EXPOSURE = "SUBARRAY", "SUBSTRT1", "SUBSTRT2", "SUBSIZE1", "SUBSIZE2", "TGROUP"
BAND = 32e6  # bytes that are read at once
SAMPLE = 8  # bytes, at most


def header(file_name, calibration, exposure, date):
    """
    Return the primary header: the reference's, with the read pattern that the dark has now.

    Parameters
    ----------
    file_name : str
    calibration : onramp.calibration.Calibration
        Whose dark is usable.
    exposure : Exposure
    date : datetime
    """
    readout = dark_current.whole_readout(exposure.readout, calibration.dark_readout)
    model = "DarkMIRIModel" if exposure.instrument == "MIRI" else "DarkModel"
    found = renewed(calibration.references["dark"].header, file_name, model, date)
    found["NFRAMES"], found["NGROUPS"], found["GROUPGAP"] = (
        readout.nframes, readout.ngroups, readout.groupgap,
    )  # fmt: skip
    for keyword in OF_EXPOSURE:
        if keyword in exposure.primary:
            found[keyword] = exposure.primary[keyword]
    return found


def extensions(calibration, exposure):
    """Return the extensions: the dark of each integration it has and group, and its flags."""
    *integrations, _, ny, nx = calibration.references["dark"].shape("SCI")
    groups = dark_current.whole_readout(exposure.readout, calibration.dark_readout).ngroups
    flags = (*integrations, 1, ny, nx) if integrations else (ny, nx)
    return [
        Extension("SCI", (*integrations, groups, ny, nx), np.float32),
        Extension("DQ", flags, np.uint32),
    ]


def write(product, calibration, exposure):
    """Fill the product band by band; integrations that the exposure is too short for stay 0."""
    reference = calibration.references["dark"]
    science, dark = exposure.readout, calibration.dark_readout
    *integrations, ngroups, ny, nx = reference.shape("SCI")
    number = math.prod(integrations)
    used = min(number, exposure.shape[0]) if dark_current.averages(science, dark) else number
    groups = dark_current.whole_readout(science, dark).ngroups
    height = max(1, int(BAND / (SAMPLE * number * (ngroups + groups) * nx)))
    for first in range(0, ny, height):
        rows = first, min(first + height, ny)
        signal = reference.read("SCI", *rows)
        signal = signal.reshape(number, *signal.shape[-3:])
        values = np.zeros((number, groups, *signal.shape[-2:]), np.float32)
        for plane in range(used):
            values[plane] = dark_current.match_whole(signal[plane], science, dark)
        product.write_rows("SCI", first, values.reshape(*integrations, *values.shape[1:]))
        product.write_rows("DQ", first, reference.dq_of_integrations(*rows))
