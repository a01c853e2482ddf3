"""
The steps before jump detection, for one exposure: what is surveyed once, and the bands of rows.

What needs whole frames (data quality, reference pixels, groups in which no pixel is usable) is
surveyed first and leaves a small result; then any band can be calibrated on its own.
"""

import functools

import numpy as np

from onramp import reference_pixels
from onramp.flags import DO_NOT_USE
from onramp.loading import Loading
from onramp.parameters import STEPS
from onramp.steps import charge_migration, dark_current, linearity, saturation, superbias


class Calibration(Loading):
    """
    The steps from group_scale to dark_current for one exposure; see `Loading`.

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
    pixeldq : (ny, nx) uint32
        Data quality as it is after superbias; there after `survey`.
    """

    def __init__(self, exposure, references, parameters, folder=None, threads=1):
        super().__init__(exposure, references, parameters)
        self.folder, self.threads = folder, threads
        self.interleaved = None
        self.refpix = self.runs("refpix")
        self.linear = self.runs("linearity", "linearity")
        self.dark = self.runs("dark_current", "dark") and self._plan_dark()
        self.charged = self._plan_charge_migration()
        self.zeroframe = exposure.zeroframe
        self.offsets = self.zero_offsets = None

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
        self.pixeldq = self.find_quality()
        since = stopwatch.add("dq_init", since)
        if self.refpix and self.exposure.interleaved:
            from onramp import irs2_survey  # compiles what other exposures do without

            self.interleaved = irs2_survey.survey(self)
        elif self.refpix:
            reference_pixels.measure(self, reference_pixels.method_of(self, self.pixeldq))
        stopwatch.add("refpix", since)

    @property
    def left_out(self):
        """How many groups a step flags at the start of nearly all ramps, (nints,) int."""
        return np.zeros(self.exposure.shape[0], np.int64)

    def further_files(self, _date):
        """Return the content of further files to write, bytes by the ending of the name."""
        return {}

    def outcome_keywords(self):
        """Return what the steps say in the header once all bands have passed, by keyword."""
        return {}

    def close(self):
        """Give up what is kept on disk."""
        if self.interleaved is not None:
            self.interleaved.close()

    @property
    def looks_at_kernels(self):
        """Whether the sirskernel reference matters: with `sirs`, for full frames."""
        return self.parameters.refpix.uses_kernels and "FULL" in self.exposure.subarray.name

    def zero_frames(self, first, last, integrations, bias, saturated=True):
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
        middle = ny // 2
        parts = [(middle, middle + 1)]  # nearly always tells all
        for start, stop in ((middle + 1, ny), (0, middle)):
            parts += [(first, min(first + height, stop)) for first in range(start, stop, height)]
        for part in parts:
            ngroups = self._groups_to_look_at(unusable)
            for rows in self._rows_to_look_at(*part, unusable):
                bad = (self._flags(*rows, ngroups) & DO_NOT_USE) != 0
                unusable[:, :ngroups] &= bad.all(axis=(2, 3))
            if not unusable[:, self.groups_in_doubt].any():
                break
        return unusable

    def _groups_to_look_at(self, _unusable):
        """Return how many groups have to be looked at, those known to be usable left alone."""
        return self.exposure.shape[1]

    def _rows_to_look_at(self, first, last, _unusable):
        """Return the rows [first, last) without those that tell no more of the unusable groups."""
        return [(first, last)]

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
            superbias.subtract_superbias(data, self.bias(first, first + data.shape[2]))

    def _correct_refpix(self, first, data, _groupdq, pixeldq):
        if self.interleaved is not None:
            self.interleaved.subtract(first, data, pixeldq)
        elif self.offsets is not None:
            reference_pixels.subtract(data, first, self.offsets)

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
        bias = self.bias(first, last) if self.biased and "superbias" in done else None
        frames = self.zero_frames(first, last, slice(None), bias, "saturation" in done)
        unusable = frames == 0.0
        if self.zero_offsets is not None and "refpix" in done:
            reference_pixels.subtract(frames[:, None], first, self.zero_offsets)
            frames[unusable] = 0.0
        return frames


def calibration_of(exposure, references, parameters, folder=None, threads=1):
    """Return the steps before jump detection as the exposure's instrument has them."""
    if exposure.instrument == "MIRI":
        from onramp.miri_calibration import MiriCalibration

        return MiriCalibration(exposure, references, parameters, folder, threads)
    if exposure.stripes:
        from onramp import superstripes

        kind = superstripes.SuperstripeCalibration if exposure.superstriped else Calibration
        calibration = kind(exposure, references, parameters, folder, threads)
        superstripes.check_steps(exposure, calibration)
        return calibration
    return Calibration(exposure, references, parameters, folder, threads)
