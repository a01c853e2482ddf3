"""
Time the reference's jump detection and ramp fit on a case, in its own environment, on one core.

Usage: steps_reference.py CASE FOLDER [OUTPUT]; prints what the steps took as JSON, and writes flags
and slopes to the folder OUTPUT.
"""

import json
import logging
import resource
import statistics
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from stcal.jump.jump import detect_jumps_data
from stcal.jump.jump_class import JumpData
from stcal.ramp_fitting.ramp_fit import ramp_fit_data
from stcal.ramp_fitting.ramp_fit_class import RampData
from stdatamodels.jwst.datamodels import dqflags
from step_cases import CASES

THEIR_NAMES = {"slope": "sci"}


def main(name, folder, output=None):
    """Load all code on a few pixels, time the steps, print CPU seconds and memory."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    case = CASES[name]
    arrays = {path.stem: np.load(path) for path in Path(folder).glob("*.npy")}
    process(case, {name: values[..., :40, :72].copy() for name, values in arrays.items()})
    before, passes = peak_mb(), []
    for rest in reversed(range(case.repeats)):
        given = {name: values.copy() for name, values in arrays.items()} if rest else arrays
        passes.append(process(case, given, None if rest else output))
    seconds = {step: statistics.median(p[step] for p in passes) for step in passes[0]}
    took = {"cpu": sum(seconds.values()), "seconds": seconds}
    print(json.dumps({**took, "before_mb": before, "peak_mb": peak_mb()}))


def peak_mb():
    """Return the most memory that this process has held [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def process(case, arrays, output=None):
    """Run a case's steps, which change the arrays; return the CPU seconds of each."""
    seconds = {}
    if "jump" in case.steps:
        start = time.process_time()
        detect_jumps(case, arrays)
        seconds["jump"] = time.process_time() - start
        _save({"groupdq": arrays["groupdq"]}, output)
    if "fit" in case.steps:
        start = time.process_time()
        slopes = fit_ramps(case, arrays)
        seconds["fit"] = time.process_time() - start
        _save(slopes, output)
    return seconds


def _save(arrays, output):
    for name, values in arrays.items() if output else ():
        np.save(Path(output) / f"{name}.npy", values)


def detect_jumps(case, arrays):
    """Flag jumps as the pipeline's step does with its defaults."""
    jump = JumpData(None, arrays["gain"], arrays["readnoise"], dqflags.pixel)
    jump.init_arrays_from_arrays(arrays["data"], arrays["groupdq"], arrays["pixeldq"])
    jump.nframes = 1
    jump.dt_group = np.ones(1)
    jump.n_reads_groupdiff = np.ones(1) * 2
    jump.set_detection_settings(4.0, 6.0, 5.0, 1000.0, 10.0, True)
    jump.set_after_jump(0.0, 0, 0.0, 0)
    jump.set_snowball_info(case.snowballs, 5.0, 1.0, 2.0, True, 2.5, 4, 25)
    jump.max_extended_width = 400
    jump.persist_grps_flagged = int(4000 // case.field.group_time)
    jump.set_sigma_clipping_info(3, 100, True)
    jump.min_diffs_single_pass = 10
    jump.max_cores = "1"
    arrays["groupdq"], arrays["pixeldq"], _, _ = detect_jumps_data(jump)


def fit_ramps(case, arrays):
    """Return slopes, errors and flags as `rate_sci` and so on."""
    ramp = RampData()
    ramp.algorithm = case.algorithm
    ramp.set_arrays(*(arrays[name] for name in ("data", "groupdq", "pixeldq", "dark")))
    ramp.set_meta("NIRCAM", case.field.group_time, case.field.group_time, 0, 1, 0)
    ramp.set_dqflags(dqflags.pixel)
    ramp.start_row, ramp.num_rows = 0, ramp.data.shape[2]
    ramp.suppress_one_group_ramps = True
    noise = arrays["readnoise"], arrays["gain"]
    rate, rateints, _ = ramp_fit_data(ramp, False, *noise, case.algorithm, "optimal", "none")
    return {
        f"{product}_{THEIR_NAMES.get(name, name)}": values
        for product, slopes in (("rate", rate), ("rateints", rateints))
        for name, values in slopes.items()
        if name != "chisq"
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
