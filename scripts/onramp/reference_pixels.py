"""The reference pixels of near-infrared exposures: measured in frames, subtracted in bands."""

import functools

import numpy as np

from onramp.steps import refpix


def method_of(calibration, pixeldq):
    """
    Return how reference pixels are used; None if there are none to use.

    Parameters
    ----------
    calibration : onramp.calibration.Calibration
    pixeldq : (ny, nx) uint32
        Data quality when the step runs.
    """
    placement, parameters = calibration.exposure.subarray, calibration.parameters.refpix
    if calibration.exposure.stripes and not placement.full:
        from onramp.steps.refpix_stripes import StripedOutputs

        return StripedOutputs(placement, pixeldq, parameters)
    return refpix.prepare(placement, pixeldq, parameters, _kernels(calibration))


def measure(calibration, method):
    """Find what a method subtracts from each group and zero frame, for `calibration` to keep."""
    if method is None:
        return
    nints, ngroups, ny, _ = calibration.exposure.shape
    bias = calibration.bias(0, ny) if calibration.biased else None
    flat_bias = None if bias is None else bias.ravel()

    def frames():
        for i in range(nints):
            for g in range(ngroups):
                raw = calibration.exposure.sci.read(0, ny, (slice(i, i + 1), slice(g, g + 1)))
                yield (i, g), functools.partial(_unbiased, calibration, raw.ravel(), flat_bias)

    def zero_frames():
        for i in range(nints):
            frame = calibration.zero_frames(0, ny, slice(i, i + 1), bias)[0]
            yield (i, 0), frame.ravel().__getitem__

    calibration.offsets = method.survey(frames(), (nints, ngroups))
    if calibration.zeroframe is not None:
        calibration.zero_offsets = method.survey(zero_frames(), (nints, 1))


def subtract(data, first, offsets):
    """
    Subtract what has been measured from a band, in place.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
    first : int
        The band's first row.
    offsets : onramp.steps.refpix.Offsets or onramp.steps.sirs.TemplateOffsets
    """
    if isinstance(offsets, refpix.Offsets):
        refpix.subtract(data, first, offsets)
    else:
        from onramp.steps import sirs

        sirs.subtract(data, first, offsets)


def _kernels(calibration):
    """Return the kernels of `sirs`, or None if rows are corrected by running medians."""
    parameters = calibration.parameters.refpix
    reference = calibration.references.get("sirskernel")
    if not (calibration.looks_at_kernels and reference and reference.coefficients):
        return None
    from onramp.steps import sirs

    return sirs.make_kernels(*reference.coefficients, parameters.gaussmooth, parameters.halfwidth)


def _unbiased(calibration, raw, bias, where):
    """Return some of a frame's samples (flat), scaled and less the superbias, float32."""
    samples = calibration.scaled(raw[where])
    if bias is None:
        return samples
    known = bias[where]
    return samples - np.where(np.isnan(known), np.float32(0), known)
