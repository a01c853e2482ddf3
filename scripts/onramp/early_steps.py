"""The outputs of the first steps one by one, which `Calibration.load` takes all at once."""

import numpy as np

from onramp.flags import DO_NOT_USE
from onramp.steps import saturation

EARLY_STEPS = "group_scale", "dq_init", "saturation", "ipc"


def output_of(step, calibration, first, last):
    """
    Return what a step leaves of the rows [first, last).

    Parameters
    ----------
    step : str
        One of EARLY_STEPS.
    calibration : Calibration
    first, last : int

    Returns
    -------
    data : (nints, ngroups, nrows, nx) float32 [DN]
    groupdq : (nints, ngroups, nrows, nx) uint8
    pixeldq : (nrows, nx) uint32
    """
    data = calibration.scaled(calibration.exposure.sci.read(first, last))
    groupdq = np.zeros(data.shape, np.uint8)
    pixeldq = np.zeros(data.shape[2:], np.uint32)
    if step == "group_scale":
        return data, groupdq, pixeldq
    if calibration.masked:
        pixeldq |= calibration.references["mask"].dq(first, last)
        groupdq |= (pixeldq & DO_NOT_USE).astype(np.uint8)
    if step == "dq_init":
        return data, groupdq, pixeldq
    corrected, groupdq = calibration.load(first, last)
    if calibration.saturated:
        reference = calibration.references["saturation"]
        _, _, dq = saturation.thresholds(
            reference.read("SCI", first, last), reference.dq(first, last)
        )
        pixeldq |= dq
    return corrected if step == "ipc" else data, groupdq, pixeldq
