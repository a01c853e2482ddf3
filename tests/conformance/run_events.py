"""
Run the reference's search for snowballs and showers on random flags, in its own environment.

Usage: run_events.py FOLDER; for every snowballs_<seed>.npz and showers_<seed>.npz in it,
flags_<kind>_<seed>.npz is written.
"""

import logging
import sys
import warnings
from pathlib import Path

import numpy as np


def main(folder):
    """Process every file of flags."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    searches = {"snowballs": find_snowballs, "showers": find_showers}
    for kind, search in searches.items():
        for path in sorted(Path(folder).glob(f"{kind}_*.npz")):
            with np.load(path) as arrays:
                case = dict(arrays)
            settings = {name: value.item() for name, value in case.items() if value.ndim == 0}
            groupdq, events = search(case, settings)
            np.savez(path.with_name(f"flags_{path.name}"), groupdq=groupdq, events=events)


def find_snowballs(case, settings):
    """Return flags and the count of snowballs."""
    from stcal.jump.jump import flag_large_events

    jump = jump_data(settings)
    time = settings["group_time"]
    jump.set_snowball_info(
        True, *(settings[name] for name in (
            "min_jump_area", "min_sat_area", "expand_factor", "sat_required_snowball",
            "min_sat_radius_extend",
        )), settings["sat_expand"] * 2, settings["edge_size"],
    )  # fmt: skip
    jump.mask_persist_grps_next_int = settings["mask_snowball_core_next_int"]
    jump.persist_grps_flagged = int(settings["snowball_time_masked_next_int"] // time)
    return flag_large_events(case["groupdq"], jump.fl_jump, jump.fl_sat, jump)


def find_showers(case, settings):
    """Return flags and the count of showers."""
    from stcal.jump.jump import find_faint_extended

    jump = jump_data(settings)
    time = settings["group_time"]
    jump.set_shower_info(
        True, *(settings[f"extend_{name}"] for name in (
            "snr_threshold", "min_area", "inner_radius", "outer_radius", "ellipse_expand_ratio",
        )), 10, settings["max_extended_radius"] * 2,
    )  # fmt: skip
    jump.nframes = settings["nframes"]
    jump.minimum_sigclip_groups = settings["minimum_sigclip_groups"]
    jump.grps_masked_after_shower = int(settings["time_masked_after_shower"] // time)
    if settings["honour_max_shower_amplitude"]:
        jump.max_shower_amplitude = settings["max_shower_amplitude"]
    jump.max_shower_amplitude = jump.max_shower_amplitude * time
    arrays = (case[name] for name in ("data", "groupdq", "pixeldq", "readnoise"))
    return find_faint_extended(*arrays, jump)


def jump_data(settings):
    """Return the reference's settings with what both searches look at."""
    from stcal.jump.jump_class import JumpData
    from stdatamodels.jwst.datamodels import dqflags

    jump = JumpData(dqflags=dqflags.pixel)
    jump.max_extended_width = settings["max_extended_radius"] * 2
    return jump


if __name__ == "__main__":
    main(sys.argv[1])
