"""The steps before jump detection in MIRI's own order; see `onramp.calibration`."""

import functools
import io
import logging

import numpy as np

from onramp.calibration import Calibration
from onramp.limits import MIRI_SHAPE
from onramp.loading import LIGHT_BORDER
from onramp.miri_reference_columns import survey_offsets
from onramp.steps import dark_current, first_last_frame, refpix_miri, reset, rscd, saturation

log = logging.getLogger("onramp")


class MiriCalibration(Calibration):
    """
    The steps from group_scale to refpix for one MIRI exposure; see `Calibration`.

    emicorr comes before saturation and is surveyed first; refpix comes last and is surveyed on
    the reference columns alone.
    """

    lit = (0, MIRI_SHAPE[0]), (LIGHT_BORDER, MIRI_SHAPE[1] - LIGHT_BORDER)

    def __init__(self, exposure, references, parameters, folder=None, threads=1):
        super().__init__(exposure, references, parameters, folder, threads)
        self.emi = self._plan_emicorr()
        self.first = self._enough("firstframe", first_last_frame.FEWEST_FOR_FIRST)
        self.last = self._enough("lastframe", first_last_frame.FEWEST_FOR_LAST)
        self.resets = self.runs("reset", "reset")
        self.skip = self._plan_rscd() if self.runs("rscd", "rscd") else None
        self.states["rscd"] = "SKIPPED" if self.skip is None else "COMPLETE"
        self.refpix = self.refpix and exposure.shape[2:] == MIRI_SHAPE
        self.states["refpix"] = "COMPLETE" if self.refpix else "SKIPPED"
        self._back_off = np.zeros((2, 2, exposure.shape[2]), np.int64)
        self._asked = np.zeros((2, exposure.shape[2]), bool)

    def _plan_emicorr(self):
        onthefly = self.parameters.emicorr.onthefly_corr_freq is not None
        if not self.runs("emicorr", *(() if onthefly else ("emicorr",))):
            return None
        from onramp.emi_waves import EmiCorrection

        reference = self.references.get("emicorr")
        emi = EmiCorrection(self.exposure, reference, self.parameters.emicorr)
        self.states["emicorr"] = "COMPLETE" if emi.runs else "SKIPPED"
        return emi if emi.runs else None

    def _enough(self, step, fewest):
        """Return whether a step runs that needs some groups; note its state."""
        runs = self.runs(step) and self.exposure.shape[1] >= fewest
        self.states[step] = "COMPLETE" if runs else "SKIPPED"
        return runs

    def _plan_rscd(self):
        exposure, ngroups = self.exposure, self.exposure.shape[1]
        listed = self.references["rscd"].groups_to_skip(exposure)
        if listed is None or ngroups < rscd.FEWEST_GROUPS:
            log.warning(
                "%s: rscd is skipped: %s", exposure.name,
                f"{ngroups} groups are too few" if listed else
                f"{exposure.subarray.name} {exposure.readpatt} is not in the reference",
            )  # fmt: skip
            return None
        return rscd.plan(*listed, ngroups, int(exposure.primary["NINTS"]))

    def survey(self, stopwatch):
        """Look at what needs whole frames; to be called once, before any band."""
        since = stopwatch.now()
        self.pixeldq = self.find_quality()
        since = stopwatch.add("dq_init", since)
        if self.emi:
            ny, nx = self.exposure.shape[2:]
            quality = np.zeros((ny, nx), np.uint32)
            if self.masked:
                quality = self.references["mask"].dq(0, ny)
            self.emi.survey(self._read, quality)
            since = stopwatch.add("emicorr", since)
        if self.refpix:
            self.offsets = survey_offsets(self)
            stopwatch.add("refpix", since)

    def _read(self, first, last, integrations):
        return self._floats(first, last, (integrations,))

    def _floats(self, first, last, some=None):
        return self.scaled(self.exposure.sci.read_floats(first, last, some))

    def emi_corrected(self, first, last):
        """Return rows [first, last) after emicorr, float32 [DN]."""
        data = self._floats(first, last)
        if self.emi:
            self.emi.subtract(data, first)
        return data

    def _samples(self, first, last, some):
        if not self.emi:
            return super()._samples(first, last, some)
        samples = self._floats(first, last, some)
        self.emi.subtract(samples, first, 0, some[0].start)
        return samples

    @functools.cached_property
    def groups_in_doubt(self):
        """Groups that are not unusable by a rule alone."""
        always = self.first and not self.parameters.firstframe.bright_use_group1
        return slice(int(always), -1 if self.last else None)

    def _groups_to_look_at(self, unusable):
        every = unusable.shape[1]
        early = max(int(self.first), *(self.skip or (0,)))
        if self.charged or unusable[:, early : self.groups_in_doubt.stop].any():
            return every
        return min(max(early + 2, first_last_frame.FEWEST_FOR_FIRST), every)

    def _rows_to_look_at(self, first, last, unusable):
        """Leave out rows without saturated samples, where what a step flags always stays so."""
        ngroups = self._groups_to_look_at(unusable)
        groups = np.arange(unusable.shape[1])[:ngroups]
        in_doubt = unusable[:, :ngroups] & (groups >= self.left_out[:, None])
        if ngroups == unusable.shape[1] or in_doubt.any() or not self.saturated:
            return [(first, last)]
        reach = saturation.halo(self.parameters.saturation.n_pix_grow_sat)
        outer = max(0, first - reach), min(self.exposure.shape[2], last + reach)
        largest = self.exposure.sci.read(*outer, (slice(None), slice(ngroups))).max(axis=(0, 1))
        margin = self.emi.largest if self.emi else 0.0
        full = self.scaled(largest) + margin >= self._thresholds(*outer)[0]
        near = np.flatnonzero(full.any(axis=1)) + outer[0]
        parts = np.split(near, np.flatnonzero(np.diff(near) > 2 * reach) + 1) if near.size else []
        spans = [(max(first, p[0] - reach), min(last, p[-1] + reach + 1)) for p in parts]
        return [(int(start), int(end)) for start, end in spans if start < end]

    def _flags(self, first, last, ngroups):
        if self.charged:
            return super()._flags(first, last, ngroups)
        data, groupdq = self.load(first, last, ngroups)
        pixeldq = np.zeros(groupdq.shape[2:], np.uint32)
        self._flag_first(first, data, groupdq, pixeldq)
        if ngroups == self.exposure.shape[1]:
            self._flag_last(first, data, groupdq, pixeldq)
        self._flag_rscd(first, data, groupdq, pixeldq)
        return groupdq

    def corrections(self):
        """Return the steps after ipc, in order; as `Calibration.corrections`."""
        shared = dict(super().corrections())
        for name in ("superbias", "refpix"):
            del shared[name]
        own = {
            "firstframe": self._flag_first,
            "lastframe": self._flag_last,
            "reset": self._subtract_reset,
            "linearity": shared.pop("linearity"),
            "rscd": self._flag_rscd,
            "dark_current": self._subtract_dark,
            "refpix": self._correct_refpix,
        }
        shared.pop("dark_current")
        return (*own.items(), *shared.items())

    def _flag_first(self, _first, _data, groupdq, pixeldq):
        if self.first:
            bright = self.parameters.firstframe.bright_use_group1
            first_last_frame.flag_first(groupdq, pixeldq, bright)

    def _flag_last(self, _first, _data, groupdq, _pixeldq):
        if self.last:
            first_last_frame.flag_last(groupdq)

    def _subtract_reset(self, first, data, _groupdq, pixeldq):
        if not self.resets:
            return
        rows = first, first + data.shape[2]
        anomaly, planes = self.reset_anomaly(*rows)
        reset.subtract_reset(data, anomaly, planes)
        pixeldq |= self.references["reset"].dq(*rows)

    def reset_anomaly(self, first, last, columns=slice(None)):
        """Return the reset anomaly of rows [first, last), and which plane an integration takes."""
        reference, exposure = self.references["reset"], self.exposure
        header = reference.header
        known = min(int(header["NINTS"]), reference.shape("SCI")[0])
        planes = reset.planes_used(exposure.first_integration, exposure.shape[0], known)
        used = slice(planes[0], planes[-1] + 1)
        groups = slice(min(exposure.shape[1], int(header["NGROUPS"])))
        anomaly = reference.read("SCI", first, last, (used, groups), columns)
        return anomaly, planes - planes[0]

    def _flag_rscd(self, first, _data, groupdq, pixeldq):
        if self.skip is None:
            return
        starts = self.exposure.first_integration == 0
        rows = slice(first, first + groupdq.shape[2])
        parts = []
        if starts:
            parts.append((0, slice(0, 1), self.skip.first))
        if int(self.exposure.primary["NINTS"]) > 1 and len(groupdq) > starts:
            parts.append((1, slice(int(starts), None), self.skip.later))
        for which, integrations, skip in parts:
            found = rscd.flag_rscd(groupdq[integrations], pixeldq, skip)
            self._asked[which, rows] = found.asked
            self._back_off[which, :, rows] = found.lowered, found.none_left_out

    @property
    def left_out(self):
        """How many groups a step flags at the start of nearly all ramps, (nints,) int."""
        groups = np.full(self.exposure.shape[0], self.first, np.int64)
        if self.skip is not None:
            later = 1 if self.exposure.first_integration == 0 else 0
            groups[:later] = np.maximum(groups[:later], self.skip.first)
            groups[later:] = np.maximum(groups[later:], self.skip.later)
        return groups

    def further_files(self, date):
        """Return the waves that emicorr has found on the fly, if they are asked for."""
        if not (self.emi and self.emi.found and self.parameters.emicorr.save_intermediate_results):
            return {}
        import asdf

        content = io.BytesIO()
        asdf.AsdfFile(self.emi.reference_tree(date)).write_to(content)
        return {"_emi_ref_waves.asdf": content.getvalue()}

    def outcome_keywords(self):
        """Return what rscd says in the header, by keyword."""
        if self.skip is None:
            return {}
        words = {}
        runs = self.exposure.first_integration == 0, int(self.exposure.primary["NINTS"]) > 1
        for which, (name, skip) in enumerate(zip(("INT1", "INT2"), self.skip)):
            if not runs[which]:
                continue
            lowered, none_left_out = self._back_off[which].sum(axis=1)
            words[f"{name}SKIP"] = skip
            words[f"{name}UGP1"] = int(none_left_out) if self._asked[which].any() else 0
            words[f"{name}BORS"] = int(lowered)
        return words

    def _subtract_dark(self, first, data, _groupdq, pixeldq):
        if not self.dark:
            return
        rows = first, first + data.shape[2]
        signals = {plane: self.dark_signal(plane, *rows) for plane in set(self.dark_planes)}
        for integration, plane in zip(data, self.dark_planes):
            dark_current.subtract_dark(integration[None], signals[plane])
        pixeldq |= self.references["dark"].dq(*rows)

    @functools.cached_property
    def dark_planes(self):
        """Which integration of the dark each one of the exposure takes."""
        last = self.references["dark"].shape("SCI")[0] - 1
        if self.exposure.first_integration:
            return [last] * self.exposure.shape[0]
        return [min(i, last) for i in range(self.exposure.shape[0])]

    def dark_signal(self, plane, first, last, columns=slice(None)):
        """Return the dark of rows [first, last) in one of its integrations, (ngroups, ...) [DN]."""
        science = self.exposure.readout
        groups = slice(dark_current.groups_needed(science, self.dark_readout))
        one = slice(plane, plane + 1)
        signal = self.references["dark"].read("SCI", first, last, (one, groups), columns)[0]
        return dark_current.match_readout(signal, science, self.dark_readout)

    def _correct_refpix(self, first, data, _groupdq, _pixeldq):
        if self.refpix:
            refpix_miri.subtract(data, first, self.offsets)
