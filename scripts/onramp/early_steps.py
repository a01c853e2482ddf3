"""The outputs of the first steps one by one, which `Calibration.load` takes all at once."""

import numpy as np

from onramp.flags import DO_NOT_USE
from onramp.steps import saturation

EARLY_STEPS = "group_scale", "dq_init", "emicorr", "saturation", "ipc"


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
    if step in ("saturation", "ipc"):
        data, groupdq = calibration.load(first, last)
    if step in ("group_scale", "dq_init"):
        data = calibration.scaled(calibration.exposure.sci.read(first, last))
    elif step == "emicorr" or (step == "saturation" and calibration.ipc):
        data = calibration.emi_corrected(first, last)
    pixeldq = np.zeros(data.shape[2:], np.uint32)
    if step != "group_scale" and calibration.masked:
        pixeldq |= calibration.references["mask"].dq(first, last)
    if step in ("group_scale", "dq_init", "emicorr"):
        groupdq = np.zeros(data.shape, np.uint8)
        groupdq |= (pixeldq & DO_NOT_USE).astype(np.uint8)
    elif calibration.saturated:
        reference = calibration.references["saturation"]
        pixeldq |= saturation.quality(reference.read("SCI", first, last), reference.dq(first, last))
    return data, groupdq, pixeldq
