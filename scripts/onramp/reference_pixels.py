"""The reference pixels of near-infrared exposures: measured in frames, subtracted in bands."""

from functools import partial

import numpy as np

from onramp.bands import in_threads
from onramp.loading import BLOCK_SAMPLES
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
    exposure = calibration.exposure
    nints, ngroups, _, nx = exposure.shape
    first, last = _rows(method.positions, nx)
    bias = calibration.bias(first, last) if calibration.biased else None
    flat_bias = None if bias is None else bias.ravel()

    def read_groups(*some):
        raw = exposure.sci.read(first, last, some).reshape(-1, (last - first) * nx)
        return partial(_unbiased, calibration, raw, flat_bias, first * nx)

    def read_zero_frames(integrations, _):
        frames = calibration.zero_frames(first, last, integrations, bias)
        return partial(_samples, frames.reshape(len(frames), -1), first * nx)

    def survey(read, shape):
        parts = _parts(shape, max(1, BLOCK_SAMPLES // ((last - first) * nx)))
        blocks = [refpix.Block(*numbers, partial(read, *some)) for numbers, some in parts]
        return method.survey(blocks, shape, partial(in_threads, threads=calibration.threads))

    calibration.offsets = survey(read_groups, (nints, ngroups))
    if calibration.zeroframe is not None:
        calibration.zero_offsets = survey(read_zero_frames, (nints, 1))


def _rows(positions, nx):
    """Return the first and past-the-last row of flat positions; -1 is none."""
    used = np.concatenate([np.ravel(where) for where in positions])
    used = used[used >= 0] // nx
    return (int(used.min()), int(used.max()) + 1) if used.size else (0, 1)


def _parts(shape, most):
    """Yield all frames by at most `most`: how many come before, their number, and their slices."""
    nints, ngroups = shape
    together = max(1, most // ngroups)
    for i in range(0, nints, together):
        some = slice(i, min(i + together, nints))
        for g in range(0, ngroups, most):
            groups = slice(g, min(g + most, ngroups))
            number = (some.stop - i) * (groups.stop - g)
            yield (i * ngroups + g, number), (some, groups)


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


def _samples(frames, skipped, positions):
    """Return samples of frames (flat, without so many pixels) at positions in a whole one."""
    return np.take(frames, np.maximum(positions - skipped, 0), axis=1)


def _unbiased(calibration, raw, bias, skipped, positions):
    """Return samples as `_samples` does, scaled and less the superbias, float32."""
    samples = calibration.scaled(_samples(raw, skipped, positions))
    if bias is not None:
        known = bias[np.maximum(positions - skipped, 0)]
        samples -= np.where(np.isnan(known), np.float32(0), known)
    return samples
