"""IRS2 frames as they are before reference pixels are cut off: for the products of early steps."""

import numpy as np

from onramp.errors import ParameterError
from onramp.flags import DO_NOT_USE
from onramp.interleaving import COLUMNS, SCIENCE, science_rows
from onramp.parameters import STEPS
from onramp.superstripe_products import in_stripes

LATER = (
    *("linearity", "dark_current", "charge_migration", "jump"),
    *("picture_frame", "clean_flicker_noise", "persistence", "ramp_fit"),
)


def keeps_reference_pixels(step, parameters) -> bool:
    """Tell whether what a step leaves of an IRS2 exposure still holds the reference pixels."""
    refpix = parameters.refpix
    return STEPS.index(step) < STEPS.index("refpix") or refpix.skip or refpix.preserve_irs2_refpix


def check_parameters(exposure, parameters):
    """
    Refuse to keep the reference pixels where a later step has no use for them.

    Raises
    ------
    ParameterError
        If a step is on whose references cover the science pixels alone.
    """
    if not (exposure.interleaved and keeps_reference_pixels("refpix", parameters)):
        return
    on = [step for step in LATER if not getattr(parameters, step).skip]
    if on:
        cause = "refpix.skip" if parameters.refpix.skip else "refpix.preserve_irs2_refpix"
        raise ParameterError(
            f"{exposure.path}: {cause}=true leaves IRS2 reference pixels in the frames, which "
            f"{on[0]} cannot take; skip {', '.join(on)} as well"
        )


def shape_after(step, exposure, parameters):
    """Return nints, ngroups, ny, nx of what a step leaves."""
    if exposure.interleaved and keeps_reference_pixels(step, parameters):
        return exposure.raw_shape
    return exposure.raw_shape if in_stripes(exposure, step) else exposure.shape


def whole_frames(step, calibration, first, science):
    """
    Put the science rows of a band where they are in the frames, among the others.

    Parameters
    ----------
    step : str
        The step that left them.
    calibration : Calibration
    first : int
        First science row.
    science : three arrays
        Data (nints, ngroups, ny, nx), groupdq of the same shape, pixeldq (ny, nx).

    Returns
    -------
    int
        First row in the frame.
    list of array
        The same three, of all rows from there to the next band.
    """
    rows = science_rows(calibration.exposure.detector)
    last = first + science[0].shape[2]
    start = 0 if first == 0 else int(rows[first])
    stop = COLUMNS if last == SCIENCE else int(rows[last])
    frames = _others(step, calibration, start, stop)
    mine = rows[first:last] - start
    for whole, part in zip(frames, science):
        whole[..., mine, :] = part
    return start, frames


def _others(step, calibration, start, stop):
    """Return data, groupdq and pixeldq of all rows after a step, science rows undefined."""
    references, done = calibration.references, STEPS[: STEPS.index(step) + 1]
    data = calibration.scaled(calibration.exposure.raw.read(start, stop))
    pixeldq = np.zeros(data.shape[2:], np.uint32)
    if "dq_init" in done and calibration.masked:
        pixeldq |= references["mask"].dq_interleaved(start, stop)
    groupdq = np.empty(data.shape, np.uint8)
    groupdq[...] = (pixeldq & DO_NOT_USE).astype(np.uint8)
    if "superbias" in done and calibration.biased:
        bias = references["superbias"].read_interleaved("SCI", start, stop)
        data -= np.nan_to_num(bias, nan=0.0)
        pixeldq |= references["superbias"].dq_interleaved(start, stop)
    if "refpix" in done and calibration.interleaved is not None:
        calibration.interleaved.preserve(start, data, pixeldq)
    return [data, groupdq, pixeldq]
