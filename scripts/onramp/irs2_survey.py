"""The survey of an IRS2 exposure's reference pixels: what it needs of references and flags."""

import numpy as np

from onramp.interleaving import science_rows
from onramp.irs2 import Irs2Correction
from onramp.irs2_frames import InterleavedFrames
from onramp.irs2_reference import read_bad_pixels, read_weights


def survey(calibration) -> Irs2Correction:
    """Return the correction of an exposure, all of whose frames have been looked at."""
    bias = calibration.references["superbias"] if calibration.biased else None
    science = None
    if calibration.ipc:

        def science(first, last):
            return calibration.load(first, last)[0]

    frames = InterleavedFrames(calibration.exposure, calibration.scaled, bias, science)
    reference = calibration.references["refpix"]
    correction = Irs2Correction(
        frames, read_weights(reference), read_bad_pixels(reference),
        calibration.parameters.refpix, calibration.folder, calibration.threads,
    )  # fmt: skip
    try:
        correction.survey(quality(calibration))
    except BaseException:
        correction.close()
        raise
    return correction


def quality(calibration):
    """Return the data quality after superbias with the reference pixels, (3200, 2048) uint32."""
    dq = np.zeros(calibration.exposure.raw_shape[2:], np.uint32)
    science = science_rows(calibration.exposure.detector)
    dq[science] = calibration.pixeldq
    others = np.setdiff1d(np.arange(len(dq)), science)
    for kind, used in (("mask", calibration.masked), ("superbias", calibration.biased)):
        if used:
            dq[others] |= calibration.references[kind].dq_interleaved(rows=others)
    return dq
