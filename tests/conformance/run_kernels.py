"""
Run the reference's jump detection and ramp fit on random ramps, in its own environment.

Usage: run_kernels.py FOLDER; for every ramps_<seed>.npz in it, slopes_<seed>.npz is written.
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
        settings = {name: value.item() for name, value in case.items() if value.ndim == 0}
        result = {"groupdq": case["groupdq"], "pixeldq": case["pixeldq"]}
        if case["data"].shape[1] > 2:
            result |= detect_jumps(case, settings)
        result |= fit_ramps(case | result, settings)
        np.savez(path.with_name(path.name.replace("ramps", "slopes")), **result)


def detect_jumps(case, settings):
    """Return flags and the count of cosmic rays."""
    from stcal.jump.jump import detect_jumps_data
    from stcal.jump.jump_class import JumpData
    from stdatamodels.jwst.datamodels import dqflags

    jump = JumpData(None, case["gain"].copy(), case["readnoise"].copy(), dqflags.pixel)
    jump.init_arrays_from_arrays(
        case["data"].copy(), case["groupdq"].copy(), case["pixeldq"].copy()
    )
    jump.nframes = settings["nframes"]
    jump.dt_group = np.ones(1)
    jump.n_reads_groupdiff = np.ones(1) * 2 * settings["nframes"]
    jump.set_detection_settings(
        settings["rejection_threshold"], 6.0, 5.0, settings["neighbours_below"],
        settings["neighbours_above"], settings["flag_neighbours"],
    )  # fmt: skip
    jump.set_after_jump(
        *(settings[f"after_{name}"] for name in ("dn1", "groups1", "dn2", "groups2"))
    )
    jump.set_sigma_clipping_info(3, settings["clip_from"], settings["across_integrations"])
    jump.min_diffs_single_pass = settings["single_pass_from"]
    jump.max_cores = "1"
    groupdq, pixeldq, jumps, _ = detect_jumps_data(jump)
    return {"groupdq": groupdq, "pixeldq": pixeldq, "jumps": jumps}


def fit_ramps(case, settings):
    """Return the slopes of the exposure as rate_*, of the integrations as rateints_*, fitopt_*."""
    from jwst.ramp_fitting.ramp_fit_step import set_groupdq
    from stcal.ramp_fitting.ramp_fit import ramp_fit_data
    from stcal.ramp_fitting.ramp_fit_class import RampData
    from stdatamodels.jwst.datamodels import dqflags

    ramp = RampData()
    ramp.algorithm = "OLS_C"
    zeroframe = case["zeroframe"].copy() if "zeroframe" in case else None
    groupdq = case["groupdq"].copy()
    limits = settings.get("firstgroup"), settings.get("lastgroup")
    if limits != (None, None):
        set_groupdq(*limits, groupdq.shape[1], groupdq, dqflags.group)
    lost = (groupdq & dqflags.group["CHARGELOSS"]).any()
    ramp.set_arrays(
        case["data"].copy(), groupdq, case["pixeldq"].copy(), case["dark"].copy(),
        orig_gdq=groupdq.copy() if lost else None, zeroframe=zeroframe,
    )  # fmt: skip
    times = settings["frame_time"], settings["group_time"]
    ramp.set_meta(
        "MIRI" if settings["miri"] else "NIRCAM", *times, settings["groupgap"],
        settings["nframes"], settings["drop_frames"],
    )  # fmt: skip
    ramp.set_dqflags(dqflags.pixel)
    ramp.start_row, ramp.num_rows = 0, case["data"].shape[2]
    ramp.suppress_one_group_ramps = settings["suppress_one_group"] and case["data"].shape[1] > 1
    noise = case["readnoise"].copy(), case["gain"].copy()
    fitted = ramp_fit_data(ramp, True, *noise, "OLS_C", "optimal", "none")
    if fitted[0] is None:
        return {}
    products = zip(("rate", "rateints", "fitopt"), fitted)
    return {f"{name}_{k}": v for name, values in products for k, v in values.items()}


if __name__ == "__main__":
    main(sys.argv[1])
