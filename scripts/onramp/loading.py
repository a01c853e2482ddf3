"""The first steps of an exposure: from stored samples to bands as superbias finds them."""

import numpy as np

from onramp.flags import DO_NOT_USE
from onramp.limits import FULL
from onramp.pipelines import steps_of
from onramp.steps import group_scale, ipc, saturation

LIGHT_BORDER = 4  # reference pixels at each edge of the detector
BLOCK_SAMPLES = 1 << 18  # loaded at once: they stay in a core's cache


class Loading:
    """
    The steps group_scale, dq_init, saturation and ipc for one exposure.

    Parameters
    ----------
    exposure : Exposure
    references : dict of str to OpenReference or None
        By type; None stands for N/A.
    parameters : Detector1Parameters

    Attributes
    ----------
    lit : ((int, int), (int, int))
        Rows and columns of the detector that see light, first and past-the-last.
    states : dict of str to str
        COMPLETE or SKIPPED for each step of the exposure's instrument, in order.
    mask : (ny, nx) uint8
        DO_NOT_USE as dq_init sets it; there after `find_quality`.
    """

    lit = 2 * ((LIGHT_BORDER, FULL - LIGHT_BORDER),)

    def __init__(self, exposure, references, parameters):
        self.exposure = exposure
        self.references = references
        self.parameters = parameters
        self.states = dict.fromkeys(steps_of(exposure.instrument), "SKIPPED")
        self.scale = group_scale.scale_factor(exposure.readout.nframes, exposure.frame_divisor)
        if not (self.scale and self.runs("group_scale")):
            self.scale = None
        self.masked = self.runs("dq_init", "mask")
        self.saturated = self.runs("saturation", "saturation")
        self.ipc = self.runs("ipc", "ipc")
        self.biased = self.runs("superbias", "superbias")

    def runs(self, step, *types):
        """Return whether a step runs; note its state."""
        if step not in self.states:
            return False
        wanted = not getattr(self.parameters, step).skip
        runs = wanted and all(self.references.get(kind) is not None for kind in types)
        self.states[step] = "COMPLETE" if runs else "SKIPPED"
        return runs

    def find_quality(self):
        """Return the data quality of all pixels after superbias, (ny, nx) uint32."""
        ny, nx = self.exposure.shape[2:]
        dq, self.mask = np.empty((ny, nx), np.uint32), np.empty((ny, nx), np.uint8)
        step = max(1, BLOCK_SAMPLES // nx)
        for first in range(0, ny, step):
            rows = slice(first, min(first + step, ny))
            masked, dq[rows] = self.quality(rows.start, rows.stop)
            self.mask[rows] = masked & DO_NOT_USE
        return dq

    def quality(self, first, last):
        """Return the data quality of rows [first, last) after dq_init and after superbias."""
        dq = np.zeros((last - first, self.exposure.shape[3]), np.uint32)
        if self.masked:
            dq |= self.references["mask"].dq(first, last)
        masked = dq.copy()
        if self.saturated:
            reference = self.references["saturation"]
            dq |= saturation.quality(reference.read("SCI", first, last), reference.dq(first, last))
        if self.biased:
            dq |= self.references["superbias"].dq(first, last)
        return masked, dq

    def bias(self, first, last):
        """Return the superbias of rows [first, last) [DN], or None if there is none."""
        reference = self.references.get("superbias")
        return None if reference is None else reference.read("SCI", first, last)

    def scaled(self, raw):
        """Return raw samples after group_scale, float32."""
        data = raw.astype(np.float32, copy=False)
        if self.scale is not None:
            data *= np.float32(self.scale)
        return data

    def emi_corrected(self, first, last):
        """Return rows [first, last) as saturation looks at them, float32 [DN]."""
        return self.scaled(self.exposure.sci.read(first, last))

    def _grown(self, first, last):
        """Return the rows that saturation flags and ipc of [first, last) depend on."""
        reach = 0
        if self.saturated:
            reach = saturation.halo(self.parameters.saturation.n_pix_grow_sat)
        if self.ipc:
            reach = max(reach, self.references["ipc"].shape("SCI")[0])
        return max(0, first - reach), min(self.exposure.shape[2], last + reach)

    def _thresholds(self, first, last):
        reference = self.references["saturation"]
        return saturation.thresholds(reference.read("SCI", first, last), reference.dq(first, last))

    def _samples(self, first, last, some):
        """
        Return the samples of rows [first, last) that saturation looks at, raw if they may be.

        `some`: slices of integrations and groups.
        """
        raw = self.exposure.sci.read(first, last, some)
        return self.scaled(raw) if self.scale is not None or self.ipc else raw

    def load(self, first, last, ngroups=None):
        """
        Return the scaled raw samples and their flags after dq_init, saturation and ipc.

        Parameters
        ----------
        first, last : int
            Rows.
        ngroups : int, optional
            Take only so many groups of each integration.
        """
        nints, every, _, nx = self.exposure.shape
        ngroups = every if ngroups is None else ngroups
        outer_first, outer_last = self._grown(first, last)
        rows = slice(first - outer_first, last - outer_first)
        data = np.empty((nints, ngroups, last - first, nx), np.float32)
        groupdq = np.empty(data.shape, np.uint8)
        limits = self._limits(outer_first, outer_last) if self.saturated else None
        step = max(1, BLOCK_SAMPLES // (ngroups * (outer_last - outer_first) * nx))
        for start in range(0, nints, step):
            some = slice(start, min(start + step, nints))
            samples = self._samples(outer_first, outer_last, (some, slice(ngroups)))
            flags = np.empty(samples.shape, np.uint8)
            flags[...] = self.mask[outer_first:outer_last]
            if limits is not None:
                self._flag_saturation(samples, flags, *limits)
            if self.ipc:
                self._correct_ipc(samples, outer_first)
            data[some], groupdq[some] = samples[:, :, rows], flags[:, :, rows]
        return data, groupdq

    def _limits(self, first, last):
        return *self._thresholds(first, last), self.bias(first, last)

    def _flag_saturation(self, samples, groupdq, threshold, unchecked, bias):
        parameters = self.parameters.saturation
        nframes = self.exposure.readout.nframes if parameters.use_readpatt else None
        grow = parameters.n_pix_grow_sat
        if self.exposure.interleaved:
            from onramp.steps import irs2_saturation

            irs2_saturation.flag_saturation(samples, groupdq, threshold, bias, grow, nframes)
        else:
            saturation.flag_saturation(samples, groupdq, threshold, unchecked, bias, grow, nframes)

    def _correct_ipc(self, data, first):
        placement = self.exposure.subarray
        reference = self.references["ipc"]
        if len(reference.shape("SCI")) == 2:
            kernel = reference.read("SCI", 0, reference.shape("SCI")[0])
        else:
            kernel = reference.read("SCI", first, first + data.shape[2])
        corner = placement.ystart - 1 + first, placement.xstart - 1
        light = [
            slice(max(0, low - start), min(size, high - start))
            for (low, high), start, size in zip(self.lit, corner, data.shape[2:])
        ]
        ipc.correct(data, kernel, light)
