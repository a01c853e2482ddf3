"""The waves of an exposure's electromagnetic interference, from bands of its raw samples."""

import logging

import numpy as np

from onramp.bands import split
from onramp.steps import emicorr

log = logging.getLogger("onramp")

SURVEY_SAMPLES = 1 << 20  # looked at together: whole frames of subarrays, read at once


class EmiCorrection:
    """
    What emicorr subtracts from an exposure.

    Parameters
    ----------
    exposure : Exposure
    reference : EmiReference or None
    parameters : onramp.parameters.EmiCorr

    Attributes
    ----------
    runs : bool
        Whether there is anything to correct.
    waves : list of Smooth or Table
        In the order in which they are subtracted; there after `survey`.
    found : dict of float to (nbins,) float64
        By frequency [Hz], what is found without a reference, less its median [DN].
    """

    def __init__(self, exposure, reference, parameters):
        self.exposure = exposure
        self.parameters = parameters
        self.waves = []
        self.found = {}
        self._plan = self._choose(reference)
        self.runs = self._plan is not None

    def _choose(self, reference):
        """Return clock, frequencies and shapes (None: to be found), or None if there are none."""
        exposure = self.exposure
        problem = None
        if emicorr.speed_of(exposure.readpatt) is None:
            problem = f"READPATT={exposure.readpatt} is not known"
        elif exposure.shape[1] < emicorr.FEWEST_GROUPS:
            problem = f"{exposure.shape[1]} groups are too few"
        else:
            plan = self._listed(reference)
            if plan is not None:
                return plan
            problem = f"nothing is known of {exposure.subarray.name} {exposure.readpatt}"
        log.warning("%s: emicorr is skipped: %s", exposure.name, problem)
        return None

    def _listed(self, reference):
        frequencies = self.parameters.onthefly_corr_freq
        if frequencies is not None:
            case = emicorr.subarray_case(self.exposure.subarray.name, self.exposure.readpatt)
            clocks = emicorr.CLOCKS.get(case)
            shapes = None
        else:
            waves = reference.waves(self.exposure)
            clocks = waves and waves[:2]
            frequencies, shapes = waves[2:] if waves else (None, None)
        if clocks is None:
            return None
        samples = int(self.exposure.primary.get("NSAMPLES") or 1)
        ny = self.exposure.shape[2]
        clock = emicorr.Clock.of(self.exposure.readpatt, samples, *clocks, ny)
        return clock, frequencies, shapes

    def survey(self, read, pixeldq, samples=SURVEY_SAMPLES):
        """
        Find the waves.

        Parameters
        ----------
        read : callable
            Gives rows [first, last) of some integrations (a slice), (n, ngroups, rows, nx) float32
            [DN], without any wave subtracted.
        pixeldq : (ny, nx) uint32
            After dq_init.
        samples : int
            To look at at once; what is found does not depend on it.
        """
        clock, frequencies, shapes = self._plan
        if shapes is not None and self.parameters.algorithm == "joint":
            for frequency, shape in zip(frequencies, shapes):
                self.waves.append(self._fit(read, pixeldq, samples, clock, frequency, shape))
            return
        used = self.parameters
        for n, frequency in enumerate(frequencies):
            shape = None if shapes is None else shapes[n]
            wave, count = self._find(read, samples, clock, frequency, shape, used)
            used = used.model_copy(update={"nints_to_phase": count})
            self.waves.append(wave)

    def reference_tree(self, date):
        """
        Return what is found as the tree of an emicorr reference.

        As in the reference pipeline, a file of full frames is listed as FULL, under which it looks
        for nothing.

        Parameters
        ----------
        date : datetime
        """
        exposure, names = self.exposure, [repr(frequency) for frequency in self.found]
        of_pattern = names if "FAST" in exposure.readpatt else {exposure.detector: names}
        case = emicorr.subarray_case(exposure.subarray.name, exposure.readpatt)
        rows, frame = emicorr.CLOCKS[case]
        return {
            "meta": {
                "telescope": "JWST", "instrument": {"name": "MIRI"}, "reftype": "emicorr",
                "author": "onramp", "description": "EMI correction file", "pedigree": "GROUND",
                "useafter": date.strftime("%Y-%m-%dT%H:%M:%S"), "model_type": "EmiModel",
            },
            "frequencies": {
                name: {"frequency": frequency, "phase_amplitudes": wave}
                for name, (frequency, wave) in zip(names, self.found.items())
            },
            "subarray_cases": {
                exposure.subarray.name: {
                    "rowclocks": rows, "frameclocks": frame,
                    "freqs": {exposure.readpatt: of_pattern},
                },
            },
        }  # fmt: skip

    def subtract(self, data, first_row, first_quad=0, first_integration=0):
        """Subtract the waves known so far from a band, in place; as `Smooth.subtract`."""
        for wave in self.waves:
            wave.subtract(data, first_row, first_quad, first_integration)

    @property
    def largest(self):
        """More than the waves known so far can change a sample by [DN]."""
        return sum(wave.largest for wave in self.waves) * (1 + 1e-6) + 1e-2

    def _corrected(self, read, band, integrations):
        """Return a band of some integrations, a slice with a start, less the waves known so far."""
        data = read(band.first, band.last, integrations)
        self.subtract(data, band.first, 0, integrations.start)
        return data

    def _parts(self, samples):
        """Yield all parts of the exposure, as integrations (a slice) and Band: a frame in order."""
        nints, ngroups, ny, nx = self.exposure.shape
        step = max(1, samples // (ngroups * ny * nx))
        height = max(1, samples // (ngroups * nx))
        for first in range(0, nints, step):
            for band in split(ny, height):
                yield slice(first, min(first + step, nints)), band

    def _fit(self, read, pixeldq, samples, clock, frequency, shape):
        from onramp.steps import emicorr_joint

        nints, ngroups, ny, nx = self.exposure.shape
        period = emicorr.period_of(frequency)
        spread = np.empty((nints, ny, nx), np.float32)
        for some, band in self._parts(samples):
            data = self._corrected(read, band, some)
            spread[some, band.rows] = emicorr_joint.spread(data)
        limit = np.float32(emicorr_joint.QUIET) * emicorr_joint.median(spread)
        quiet = (spread < limit) & (pixeldq == 0)
        del spread
        sums = emicorr_joint.Sums.none(len(shape), ngroups, nints)
        for some, band in self._parts(samples):
            data = self._corrected(read, band, some)
            part = np.ascontiguousarray(quiet[some, band.rows])
            sums.add(data, part, clock, period, band.first, some.start)
        curve = emicorr.wave_shape(shape)
        amplitudes, phases = emicorr_joint.fit(
            sums, curve, clock, period, self.parameters.fit_ints_separately
        )
        return emicorr.Smooth(curve, clock, period, amplitudes, phases)

    def _find(self, read, samples, clock, frequency, shape, parameters):
        from onramp.steps import emicorr_sequential as sequential

        nints, ngroups, ny, nx = self.exposure.shape
        period = emicorr.period_of(frequency)
        late = sequential.late_quad(self.exposure.subarray.xstart, nx)
        count = sequential.integrations_used(parameters, period, clock, ngroups, nints)
        nbins = sequential.bins_of(parameters.nbins, period)
        edges = sequential.edges_of(nbins)
        size = min(count, nints), ngroups, ny, nx // emicorr.QUAD
        noise = np.zeros(size, np.float32)
        bins = np.full(size, -1, np.int32)
        for i in range(size[0] if ngroups >= sequential.FEWEST_GROUPS else 0):
            for band in split(ny, max(1, samples // (ngroups * nx))):
                data = self._corrected(read, band, slice(i, i + 1))
                noise[i, :, band.rows] = sequential.noise_of(data[0])
            sequential.repair(noise[i])
            noise[i] -= np.median(noise[i], axis=(1, 2))[:, None, None]
            start = i * (clock.frame * ngroups + clock.reset)
            sequential.bin_numbers(noise[i], start, clock[:3], late, period, edges, bins[i])
        wave = sequential.clipped_means(noise.ravel(), bins.ravel(), nbins)
        if shape is None:
            self.found[frequency] = wave - np.median(wave)
        values = sequential.table_of(wave, shape, period, parameters.scale_reference)
        return emicorr.Table(values, clock, period, late, ngroups), count
