"""
Run the reference's likelihood fit on random ramps, in its own environment.

Usage: run_likelihood.py FOLDER; for every ramps_<seed>.npz in it, slopes_<seed>.npz is written.
"""

import logging
import sys
import warnings
from pathlib import Path

import numpy as np


def main(folder):
    """Process every file of ramps."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    for path in sorted(Path(folder).glob("ramps_*.npz")):
        with np.load(path) as arrays:
            case = dict(arrays)
        np.savez(path.with_name(path.name.replace("ramps", "slopes")), **fit_ramps(case))


def fit_ramps(case):
    """Return the slopes, those of the exposure as rate_*, of the integrations as rateints_*."""
    from stcal.ramp_fitting.ramp_fit import ramp_fit_data
    from stcal.ramp_fitting.ramp_fit_class import RampData
    from stdatamodels.jwst.datamodels import dqflags

    ramp = RampData()
    ramp.algorithm = "LIKELY"
    ramp.set_arrays(
        case["data"], case["groupdq"], case["pixeldq"], case["dark"],
        zeroframe=case.get("zeroframe"),
    )  # fmt: skip
    frame_time = case["frame_time"].item()
    nframes, groupgap = case["nframes"].item(), case["groupgap"].item()
    ramp.set_meta("NIRCAM", frame_time, frame_time * (nframes + groupgap), groupgap, nframes, 0)
    if "reads" in case:
        ramp.read_pattern = np.split(case["reads"], np.cumsum(case["reads_of_group"])[:-1])
    ramp.set_dqflags(dqflags.pixel)
    ramp.start_row, ramp.num_rows = 0, case["data"].shape[2]
    noise = case["readnoise"], case["gain"]
    rate, rateints, _ = ramp_fit_data(ramp, False, *noise, "LIKELY", "optimal", "none")
    products = {"rate": rate, "rateints": rateints}
    slopes = {f"{name}_{k}": v for name, values in products.items() for k, v in values.items()}
    return slopes | {"groupdq": ramp.groupdq}


if __name__ == "__main__":
    main(sys.argv[1])
