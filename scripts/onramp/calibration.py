"""
The steps before jump detection, for one exposure: what is surveyed once, and the bands of rows.

What needs whole frames (data quality, reference pixels, groups in which no pixel is usable) is
surveyed first and leaves a small result; then any band can be calibrated on its own.
"""

import functools

import numpy as np

from onramp.flags import DO_NOT_USE
from onramp.parameters import STEPS
from onramp.pipelines import steps_of
from onramp.steps import (
    charge_migration,
    dark_current,
    group_scale,
    ipc,
    linearity,
    refpix,
    saturation,
    superbias,
)

LIGHT_BORDER = 4  # reference pixels at each edge of the detector
DETECTOR_SIZE = 2048
BLOCK_SAMPLES = 1 << 18  # loaded at once: they stay in a core's cache


class Calibration:
    """
    The steps from group_scale to dark_current for one exposure.

    Parameters
    ----------
    exposure : Exposure
    references : dict of str to OpenReference or None
        By type; None stands for N/A.
    parameters : Detector1Parameters
    folder : path, optional
        For what is kept on disk while the exposure passes.
    threads : int
        For what is surveyed group by group.

    Attributes
    ----------
    lit : ((int, int), (int, int))
        Rows and columns of the detector that see light, first and past-the-last.
    states : dict of str to str
        COMPLETE or SKIPPED for each step of the exposure's instrument, in order.
    pixeldq : (ny, nx) uint32
        Data quality as it is after superbias; there after `survey`.
    """

    lit = 2 * ((LIGHT_BORDER, DETECTOR_SIZE - LIGHT_BORDER),)

    def __init__(self, exposure, references, parameters, folder=None, threads=1):
        self.exposure = exposure
        self.folder, self.threads = folder, threads
        self.references = references
        self.parameters = parameters
        self.states = dict.fromkeys(steps_of(exposure.instrument), "SKIPPED")
        readout = exposure.readout
        self.scale = group_scale.scale_factor(readout.nframes, exposure.frame_divisor)
        if not (self.scale and self.runs("group_scale")):
            self.scale = None
        self.masked = self.runs("dq_init", "mask")
        self.saturated = self.runs("saturation", "saturation")
        self.ipc = self.runs("ipc", "ipc")
        self.biased = self.runs("superbias", "superbias")
        self.interleaved = None
        self.refpix = self.runs("refpix")
        self.linear = self.runs("linearity", "linearity")
        self.dark = self.runs("dark_current", "dark") and self._plan_dark()
        self.charged = self._plan_charge_migration()
        self.zeroframe = exposure.zeroframe
        self.offsets = self.zero_offsets = None

    def runs(self, step, *types):
        """Return whether a step runs; note its state."""
        if step not in self.states:
            return False
        wanted = not getattr(self.parameters, step).skip
        runs = wanted and all(self.references.get(kind) is not None for kind in types)
        self.states[step] = "COMPLETE" if runs else "SKIPPED"
        return runs

    def _plan_dark(self):
        header = self.references["dark"].header
        shape = self.references["dark"].shape("SCI")
        self.dark_readout = dark_current.Readout(
            shape[-3], int(header["NFRAMES"]), int(header["GROUPGAP"])
        )
        usable = dark_current.usable(self.exposure.readout, self.dark_readout)
        self.states["dark_current"] = "COMPLETE" if usable else "SKIPPED"
        return usable

    def _plan_charge_migration(self):
        enough = self.exposure.shape[1] >= charge_migration.FEWEST_GROUPS
        runs = self.runs("charge_migration") and enough
        self.states["charge_migration"] = "COMPLETE" if runs else "SKIPPED"
        return runs

    @property
    def halo(self):
        """Rows on either side that the flags of a band depend on, those `load` reads aside."""
        return charge_migration.HALO if self.charged else 0

    def survey(self, stopwatch):
        """Look at what needs whole frames; to be called once, before any band."""
        since = stopwatch.now()
        self.pixeldq = self._pixel_quality()
        since = stopwatch.add("dq_init", since)
        if self.refpix and self.exposure.interleaved:
            from onramp import irs2_survey  # compiles what other exposures do without

            self.interleaved = irs2_survey.survey(self)
        elif self.refpix:
            self.measure_offsets(self.refpix_method(self.pixeldq))
        stopwatch.add("refpix", since)

    def further_files(self, _date):
        """Return the content of further files to write, bytes by the ending of the name."""
        return {}

    def outcome_keywords(self):
        """Return what the steps say in the header once all bands have passed, by keyword."""
        return {}

    def _pixel_quality(self):
        masked, dq = self.quality(0, self.exposure.shape[2])
        self.mask = (masked & DO_NOT_USE).astype(np.uint8)
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

    def close(self):
        """Give up what is kept on disk."""
        if self.interleaved is not None:
            self.interleaved.close()

    def _bias(self, first, last):
        reference = self.references.get("superbias")
        return None if reference is None else reference.read("SCI", first, last)

    def refpix_method(self, pixeldq):
        """Return how reference pixels are used; None if there are none to use."""
        placement, parameters = self.exposure.subarray, self.parameters.refpix
        if self.exposure.stripes and not placement.full:
            from onramp.steps.refpix_stripes import StripedOutputs

            return StripedOutputs(placement, pixeldq, parameters)
        return refpix.prepare(placement, pixeldq, parameters, self._kernels())

    def measure_offsets(self, correction):
        """Find what `refpix_method` subtracts from each group."""
        if correction is None:
            return
        nints, ngroups, ny, _ = self.exposure.shape
        bias = self._bias(0, ny) if self.biased else None
        zero_bias = None
        if self.biased:
            zero_bias = np.where(np.isnan(bias), np.float32(0), bias).ravel()

        def frames():
            for i in range(nints):
                for g in range(ngroups):
                    raw = self.exposure.sci.read(0, ny, (slice(i, i + 1), slice(g, g + 1)))
                    yield (i, g), functools.partial(self._unbiased, raw.ravel(), zero_bias)

        def zero_frames():
            for i in range(nints):
                frame = self._zero_frames(0, ny, slice(i, i + 1), bias)[0]
                yield (i, 0), frame.ravel().__getitem__

        self.offsets = correction.survey(frames(), (nints, ngroups))
        if self.zeroframe is not None:
            self.zero_offsets = correction.survey(zero_frames(), (nints, 1))

    @property
    def looks_at_kernels(self):
        """Whether the sirskernel reference matters: with `sirs`, for full frames."""
        return self.parameters.refpix.uses_kernels and "FULL" in self.exposure.subarray.name

    def _kernels(self):
        """Return the kernels of `sirs`, or None if rows are corrected by running medians."""
        parameters = self.parameters.refpix
        reference = self.references.get("sirskernel")
        if not (self.looks_at_kernels and reference and reference.coefficients):
            return None
        from onramp.steps import sirs

        return sirs.make_kernels(
            *reference.coefficients, parameters.gaussmooth, parameters.halfwidth
        )

    @staticmethod
    def _subtract_offsets(data, first, offsets):
        if isinstance(offsets, refpix.Offsets):
            refpix.subtract(data, first, offsets)
        else:
            from onramp.steps import sirs

            sirs.subtract(data, first, offsets)

    def _unbiased(self, raw, bias, where):
        """Return some of a frame's samples (flat), scaled and less the superbias, float32."""
        samples = self.scaled(raw[where])
        return samples if bias is None else samples - bias[where]

    def _zero_frames(self, first, last, integrations, bias, saturated=True):
        """Return zero frames, saturation and superbias (None: none) taken care of."""
        outer_first, outer_last = self._grown(first, last)
        frames = self.zeroframe.read(outer_first, outer_last, (integrations,)).astype(np.float32)
        if self.saturated and saturated:
            threshold, _ = self._thresholds(outer_first, outer_last)
            saturation.flag_zeroframe(frames, threshold, self.parameters.saturation.n_pix_grow_sat)
        frames = frames[:, first - outer_first : last - outer_first].copy()
        if bias is not None:
            superbias.subtract_from_zeroframe(frames, bias)
        return frames

    def scaled(self, raw):
        """Return raw samples after group_scale, float32."""
        data = raw.astype(np.float32)
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

    def unusable_groups(self, height):
        """
        Return (nints, ngroups) bool: groups in which every pixel is DO_NOT_USE.

        Parameters
        ----------
        height : int
            Rows to look at at once.
        """
        nints, ngroups, ny, _ = self.exposure.shape
        unusable = np.ones((nints, ngroups), bool)
        middle = ny // 2 // height * height
        for first in [*range(middle, ny, height), *range(0, middle, height)]:
            groupdq = self._flags(first, min(first + height, ny), self._groups_to_look_at(unusable))
            bad = (groupdq & DO_NOT_USE) != 0
            unusable[:, : groupdq.shape[1]] &= bad.all(axis=(2, 3))
            if not unusable[:, self.groups_in_doubt].any():
                break
        return unusable

    def _groups_to_look_at(self, _unusable):
        """Return how many groups have to be looked at, those known to be usable left alone."""
        return self.exposure.shape[1]

    @property
    def groups_in_doubt(self):
        """Groups that are not unusable by a rule alone."""
        return slice(None)

    def _flags(self, first, last, ngroups):
        """Return the flags of some groups of rows [first, last) as they come to jump detection."""
        if not self.charged:
            return self.load(first, last, ngroups)[1]
        outer_first = max(0, first - self.halo)
        outer_last = min(self.exposure.shape[2], last + self.halo)
        data, groupdq = self.load(outer_first, outer_last)
        pixeldq = self.pixeldq[outer_first:outer_last].copy()
        for _, correct in self.corrections():
            correct(outer_first, data, groupdq, pixeldq)
        return groupdq[:, :, first - outer_first : last - outer_first]

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
        return *self._thresholds(first, last), self._bias(first, last)

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

    def corrections(self):
        """Return the steps after ipc, in order: name and function of first row, data, flags, dq."""
        return (
            ("superbias", self._subtract_superbias),
            ("refpix", self._correct_refpix),
            ("linearity", self._linearise),
            ("dark_current", self._subtract_dark),
            ("charge_migration", self._flag_charge_migration),
        )

    def _subtract_superbias(self, first, data, _groupdq, _pixeldq):
        if self.biased:
            superbias.subtract_superbias(data, self._bias(first, first + data.shape[2]))

    def _correct_refpix(self, first, data, _groupdq, pixeldq):
        if self.interleaved is not None:
            self.interleaved.subtract(first, data, pixeldq)
        elif self.offsets is not None:
            self._subtract_offsets(data, first, self.offsets)

    def _linearise(self, first, data, groupdq, pixeldq):
        if not self.linear:
            return
        reference = self.references["linearity"]
        rows = first, first + data.shape[2]
        coefficients, dq = reference.read("COEFFS", *rows), reference.dq(*rows)
        inverse = None
        readout = self.exposure.readout
        even = self.exposure.read_times is None and not reference.striped
        if reference.has("INV_COEFFS") and readout.nframes > 1 and readout.ngroups > 1 and even:
            inverse = reference.read("INV_COEFFS", *rows)
        pixeldq |= linearity.prepare_coefficients(coefficients, dq, pixeldq)
        if inverse is None:
            linearity.correct(data, groupdq, coefficients)
        else:
            pixeldq |= linearity.prepare_coefficients(inverse, dq, pixeldq)
            linearity.correct_frames(data, groupdq, coefficients, inverse, readout.nframes)

    def _subtract_dark(self, first, data, _groupdq, pixeldq):
        if not self.dark:
            return
        reference = self.references["dark"]
        rows = first, first + data.shape[2]
        science = self.exposure.readout
        needed = dark_current.groups_needed(science, self.dark_readout)
        signal = reference.read("SCI", *rows, leading=(slice(needed),))
        dark_current.subtract_dark(
            data, dark_current.match_readout(signal, science, self.dark_readout)
        )
        pixeldq |= reference.dq(*rows)

    def _flag_charge_migration(self, _first, data, groupdq, _pixeldq):
        if self.charged:
            threshold = np.float32(self.parameters.charge_migration.signal_threshold)
            charge_migration.flag_charge_migration(data, groupdq, threshold)

    def average_dark_current(self, first, last):
        """
        Return the mean dark current of rows [first, last), (rows, nx) float32 [e-/s].

        From the parameter, else the reference's AVDRKCUR keyword; 0 if it is not known.
        """
        shape = (last - first, self.exposure.shape[3])
        value = self.parameters.dark_current.average_dark_current
        if not self.dark_current_known:
            value = 0.0
        elif value is None:
            value = self.references["dark"].header.get("AVDRKCUR") or 0.0
        return np.full(shape, value, np.float32)

    @functools.cached_property
    def dark_current_known(self):
        """
        Whether ramps get an AVDRKCUR extension.

        As in the reference pipeline, an AVDRKCUR image in the dark is not applied but keeps the
        keyword from being used, unless it is zero.
        """
        reference = self.references.get("dark")
        if self.parameters.dark_current.skip or reference is None:
            return False
        if self.parameters.dark_current.average_dark_current is not None:
            return True
        return not (reference.has("AVDRKCUR") and np.sum(reference.read("AVDRKCUR")) != 0.0)

    def corrected_zeroframe(self, first, last, through=STEPS[-1]):
        """Return the zero frames of rows [first, last) after a step, (nints, rows, nx) float32."""
        done = STEPS[: STEPS.index(through) + 1]
        frames = self.early_zeroframe(first, last, done)
        ramps = frames[:, None]
        if self.linear and "linearity" in done:
            reference = self.references["linearity"]
            coefficients = reference.read("COEFFS", first, last)
            dq = reference.dq(first, last)
            linearity.prepare_coefficients(coefficients, dq, np.zeros_like(dq))
            unusable = frames == 0.0
            linearity.correct(ramps, np.zeros(ramps.shape, np.uint8), coefficients)
            frames[unusable] = 0.0
        return frames

    def early_zeroframe(self, first, last, done):
        """Return the zero frames of rows [first, last) after those steps up to refpix in `done`."""
        bias = self._bias(first, last) if self.biased and "superbias" in done else None
        frames = self._zero_frames(first, last, slice(None), bias, "saturation" in done)
        unusable = frames == 0.0
        if self.zero_offsets is not None and "refpix" in done:
            self._subtract_offsets(frames[:, None], first, self.zero_offsets)
            frames[unusable] = 0.0
        return frames


def calibration_of(exposure, references, parameters, folder=None, threads=1):
    """Return the steps before jump detection as the exposure's instrument has them."""
    if exposure.instrument == "MIRI":
        from onramp.miri_calibration import MiriCalibration

        return MiriCalibration(exposure, references, parameters, folder, threads)
    kind = Calibration
    if exposure.stripes:
        from onramp import superstripes

        kind = superstripes.SuperstripeCalibration if exposure.superstriped else Calibration
    calibration = kind(exposure, references, parameters, folder, threads)
    if exposure.stripes:
        superstripes.check_steps(exposure, calibration)
    return calibration
