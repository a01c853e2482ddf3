"""
Time onramp's jump detection and ramp fit on a case, by bands of rows as when exposures pass.

Usage: python steps_onramp.py CASE FOLDER [OUTPUT]; prints what the steps took as JSON, and writes
flags and slopes to the folder OUTPUT.
"""

import json
import resource
import statistics
import sys
import time
from collections import Counter
from functools import partial
from typing import NamedTuple

import numpy as np
from in_turn import compare_threads
from onramp import bands
from onramp.flags import DO_NOT_USE
from onramp.parameters import Jump
from onramp.steps import jump, ramp_fit
from onramp.steps.jump_census import HALO, take_census
from onramp.steps.outputs import Outputs
from ramps import draw, load, save
from step_cases import CASES, small

STREAMS = 5  # passes of the bytes alone


class Results(NamedTuple):
    """What the steps give."""

    groupdq: np.ndarray
    """After the jump step."""
    rate: ramp_fit.Slopes | tuple = ()
    rateints: ramp_fit.Slopes | tuple = ()

    def arrays(self):
        """Return every array by name."""
        named = {"groupdq": self.groupdq}
        for product in ("rate", "rateints"):
            slopes = getattr(self, product)
            names = [f"{product}_{field}" for field in ramp_fit.Slopes._fields]
            named |= dict(zip(names, slopes))
        return named


class Passage:
    """
    The ramps of a case, and how they pass through its steps.

    Parameters
    ----------
    case : step_cases.StepCase
        Where `snowballs` are flagged, the jump step is the only one.
    arrays : dict of str to array
        From `ramps.draw`; they stay as they are.
    """

    def __init__(self, case, arrays):
        self.case, self.arrays, self.shape = case, arrays, arrays["data"].shape
        group_time, ngroups = case.field.group_time, self.shape[1]
        self.parameters = Jump(expand_large_events=case.snowballs)
        unusable = ((arrays["groupdq"] & DO_NOT_USE) != 0).all(axis=(2, 3))
        self.detection = jump.plan(self.parameters, unusable, 1, group_time, 0.0)
        self.halo = HALO if "jump" in case.steps else 0
        self.timing = ramp_fit.Timing.of(group_time, group_time, 1)
        self.covariance = None
        self.reports = False
        if case.algorithm == "LIKELY":
            from onramp.steps.covariance import Covariance

            self.covariance = Covariance.of([[group_time * (n + 1)] for n in range(ngroups)])

    def results(self):
        """Return room for the results, in memory that is there already."""
        nints, _, ny, nx = self.shape
        slopes = ()
        if "fit" in self.case.steps:
            slopes = ramp_fit.Slopes.empty(ny, nx), ramp_fit.Slopes.empty(nints, ny, nx)
        results = Results(np.empty(self.shape, np.uint8), *slopes)
        for values in (results.groupdq, *results.rate, *results.rateints):
            values.fill(0)
        return results

    def parts(self, threads=1, halo=0):
        """Return the bands of rows."""
        return bands.split(self.shape[2], bands.band_height(self.shape, threads), halo)

    def run(self, results, threads=1):
        """Pass all bands; return CPU seconds by step, `rows` for moving them in and out."""
        seconds = Counter()
        work = partial(self._run_band, results)
        for spent in bands.in_threads(work, self.parts(threads, self.halo), threads):
            seconds.update(spent)
        if self.case.snowballs:
            start = time.process_time()
            self._flag_snowballs(results.groupdq)
            seconds["snowballs"] = time.process_time() - start
        return seconds

    def _run_band(self, results, band):
        seconds = {}
        clock = time.thread_time()
        rows = slice(band.outer_first, band.outer_last)
        data = np.ascontiguousarray(self.arrays["data"][:, :, rows])
        groupdq = self.arrays["groupdq"][:, :, rows].copy()
        planes = [self.arrays[name][rows] for name in ("gain", "readnoise", "dark", "pixeldq")]
        seconds["rows"] = time.thread_time() - clock
        if "jump" in self.case.steps:
            clock = time.thread_time()
            ramps = data, groupdq, *planes[:2]
            _, medians = jump.search(*ramps, self.detection, band.inner)
            if self.reports:
                self._report(band, *ramps, planes[3])
            jump.grow(*ramps, self.detection, medians)
            seconds["jump"] = time.thread_time() - clock
        clock = time.thread_time()
        results.groupdq[:, :, band.rows] = groupdq[:, :, band.inner]
        seconds["rows"] += time.thread_time() - clock
        if "fit" in self.case.steps:
            clock = time.thread_time()
            fitted = self._fit(band.inner, data, groupdq, *planes)
            seconds["fit"] = time.thread_time() - clock
            clock = time.thread_time()
            for product, slopes in zip((results.rate, results.rateints), fitted):
                for whole, part in zip(product, slopes):
                    whole[..., band.rows, :] = part
            seconds["rows"] += time.thread_time() - clock
        return seconds

    def _report(self, band, data, groupdq, gain, readnoise, pixeldq):
        variance = jump.noise_variance(readnoise, gain)
        outputs = Outputs(
            4, np.arange(data.shape[3]) * 4 // data.shape[3], np.zeros(len(gain), int)
        )
        take_census(data, groupdq, pixeldq, gain, variance, 1, outputs, band.inner)

    def _fit(self, rows, data, groupdq, gain, readnoise, dark, pixeldq):
        if self.case.algorithm == "LIKELY":
            from onramp.steps.likelihood import fit_likelihood

            noise = ramp_fit.Noise(gain, readnoise, dark)
            return fit_likelihood(data, groupdq, pixeldq, noise, self.covariance)[:2]
        noise = ramp_fit.Noise(gain, ramp_fit.group_noise(readnoise, gain, 1), dark)
        return ramp_fit.fit_slopes(data, groupdq, pixeldq, noise, self.timing, True, rows=rows)

    def _flag_snowballs(self, groupdq):
        from onramp.steps.snowballs import SnowballRules, flag_snowballs

        rules = SnowballRules.of(self.parameters, self.case.field.group_time)
        flag_snowballs(groupdq, rules)

    def stream(self):
        """Copy the same bytes once, in and out, by the same bands; return the CPU seconds."""
        results, room = self.results(), {}
        start = time.process_time()
        for band in self.parts():
            for values in self.arrays.values():
                part = values[..., band.rows, :]
                _room(room, part)[...] = part
            for values in (results.groupdq, *results.rate, *results.rateints):
                part = values[..., band.rows, :]
                part[...] = _room(room, part)
        return time.process_time() - start


def _room(room, part):
    """Return a buffer of the shape and type of a band of an array, each made once."""
    key = part.shape, part.dtype
    if key not in room:
        room[key] = np.zeros(*key)
    return room[key]


def peak_mb():
    """Return the most memory that this process has held [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _timed(passage, results):
    """Pass a case some times; return the CPU seconds of each, and those by step."""
    totals, passes = [], []
    for _ in range(passage.case.repeats):
        start = time.process_time()
        passes.append(passage.run(results))
        totals.append(time.process_time() - start)
    return totals, passes


def measure(case, arrays):
    """Load all kernels on a few pixels, then time the case; return results and costs."""
    few = small(case)
    passage = Passage(few, draw(few.field))
    for passage.reports in (False, True):
        passage.run(passage.results())
    passage = Passage(case, arrays)
    results = passage.results()
    before = peak_mb()
    totals, passes = _timed(passage, results)
    took = {
        "cpu": statistics.median(totals),
        "seconds": {step: statistics.median(p[step] for p in passes) for step in passes[0]},
        "before_mb": before,
        "peak_mb": peak_mb(),
    }
    took["stream"] = statistics.median(passage.stream() for _ in range(STREAMS))
    if "jump" in case.steps and not case.snowballs:
        passage.reports = True
        took["reported"] = statistics.median(_timed(passage, results)[0])
        passage.reports = False
    if case.threads:
        expected = {name: values.tobytes() for name, values in results.arrays().items()}

        def same(_):
            return all(values.tobytes() == expected[n] for n, values in results.arrays().items())

        took["threads"] = compare_threads(partial(passage.run, results), same)
    return results, took


def main(name, folder, output=None):
    """Measure a case, print what it took."""
    results, took = measure(CASES[name], load(folder))
    print(json.dumps(took))
    if output:
        save(results.arrays(), output)


if __name__ == "__main__":
    main(*sys.argv[1:])
