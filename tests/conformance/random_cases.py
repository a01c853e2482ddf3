"""Exposures with random parameters of the jump step and the fit: all in turn, as in a pipeline."""

import edits
import miri_edits
import numpy as np
from case import Case
from corner_cases import all_of, stray_samples, unusable_values

SEEDS = range(40)
WHERE = {
    "miri_sub64": {"nx": 72, "ny": 48, "xstart": 1, "ystart": 779, "subarray": "SUB64"},
    "nircam_sub": {"nx": 64, "ny": 48},
    "nircam_bright": {"nx": 64, "ny": 33},
}
JUMP = {
    "rejection_threshold": (3.0, 4.0, 5.5),
    "three_group_rejection_threshold": (6.0, 2.0, 1.0),
    "four_group_rejection_threshold": (5.0, 2.0, 8.0),
    "flag_4_neighbors": (True, True, False),
    "min_jump_to_flag_neighbors": (10.0, 2.0, 0.0, -1.0),
    "max_jump_to_flag_neighbors": (1000.0, 20.0),
    "min_diffs_single_pass": (10, 3, 30, 1),
    "minimum_groups": (3, 1, 8),
    "minimum_sigclip_groups": (100, 100, 12, 3, 1),
    "only_use_ints": (True, False),
}
AFTER = {
    "after_jump_flag_dn1": (0.0, 20.0, -5.0),
    "after_jump_flag_time1": (0.0, 0.6, 1000.0),
    "after_jump_flag_dn2": (0.0, 300.0),
    "after_jump_flag_time2": (0.0, 1.2, 5.0),
}
SNOWBALLS = {
    "expand_large_events": (True,),
    "min_sat_area": (0.0, 1.0, 6.0),
    "min_jump_area": (5.0, 0.0, 20.0),
    "expand_factor": (2.0, 1.0, 0.3, 3.0),
    "sat_required_snowball": (True, False),
    "min_sat_radius_extend": (2.5, 0.0, -2.0, 1.0),
    "sat_expand": (2, 0, 7),
    "edge_size": (25, 0, 3, 100),
    "mask_snowball_core_next_int": (True, True, False),
    "snowball_time_masked_next_int": (4000, 1, 0, 2),
    "max_extended_radius": (200, 3, 10),
}
SHOWERS = {
    "find_showers": (True,),
    "extend_snr_threshold": (1.2, 0.9, 2.0),
    "extend_min_area": (90, 30, 5),
    "extend_inner_radius": (1.0, 0.0, 2.5, 0.5),
    "extend_outer_radius": (2.6, 1.0, 4.3),
    "extend_ellipse_expand_ratio": (1.1, 1.0, 2.0, 0.5),
    "time_masked_after_shower": (15.0, 0.0, 0.3, 1.0),
    "max_shower_amplitude": (4.0, 0.1),
}
PERSISTENCE = {
    "skip": (False,),
    "persistence_time": (1,),
    "dn_threshold": (200.0,),
    "persistence_dnu": (True, False),
}


def _some(rng, choices):
    """Choose a value for each parameter."""
    return {name: values[rng.integers(len(values))] for name, values in choices.items()}


def _case(seed):
    rng = np.random.default_rng([seed, 3])

    def often(share):
        return rng.random() < share

    mode = list(WHERE)[rng.choice(3, p=(0.5, 0.3, 0.2))]
    miri = mode == "miri_sub64"
    ngroups = int(rng.choice([1, 2, 3, 4, 5, 7, 9, 13, 20]))
    ngroups = max(ngroups, 5) if miri else ngroups
    changes = {**WHERE[mode], "nints": int(rng.choice([1, 1, 2, 3, 5, 9])), "ngroups": ngroups,
               "dense_flags": often(0.4)}  # fmt: skip
    if often(0.4):
        changes["cosmic_rays_per_s_cm2"] = 1e5
    if mode == "nircam_sub":
        changes["zero_frame"] = often(0.5)
    jump = _some(rng, JUMP)
    for share, more in ((0.4, AFTER), (0.5, SNOWBALLS), (0.6, SHOWERS)):
        jump |= _some(rng, more) if often(share) else {}
    fit = {"suppress_one_group": often(0.6), "save_opt": often(0.4)}
    if often(0.3):
        fit["firstgroup"] = int(rng.integers(-1, max(2, ngroups - 2)))
    if often(0.3):
        fit["lastgroup"] = int(rng.integers(2, ngroups + 2))
    steps = {"jump": jump, "ramp_fit": fit}
    if often(0.4):
        threshold = 12400.0 if miri else float(rng.choice([100.0, 300.0, 800.0]))
        steps["charge_migration"] = {"skip": False, "signal_threshold": threshold}
    if often(0.25):
        steps["persistence"] = _some(rng, PERSISTENCE)
    return Case(f"random_{seed}", mode, changes, steps, _edit(rng, miri, ngroups))


def _edit(rng, miri, ngroups):
    events = [edits.showers, edits.many_saturated, edits.snowballs]
    if miri:
        events[1] = miri_edits.early_saturation
    chosen = [events[rng.integers(3)] if ngroups > 5 else events[1]]
    if rng.random() < 0.4:
        chosen.append(stray_samples(int(rng.choice([0, 65535])), float(rng.choice([0.002, 0.03]))))
    if rng.random() < 0.3:
        chosen.append(unusable_values("gain", np.nan, 0.0, -1.0))
    if rng.random() < 0.3:
        chosen.append(unusable_values("readnoise", np.nan, 0.0))
    return all_of(*chosen)


def _lost_groups():
    """Return exposures of MIRI whose last groups turn out to be of no use after the jumps."""
    kept = {"ngroups": 8, "nints": 2, **WHERE["miri_sub64"]}
    asked = {
        "showers": {"jump": {"find_showers": True}},
        "snowballs": {"jump": {"expand_large_events": True}},
        "optional": {"ramp_fit": {"save_opt": True}},
    }
    for name, steps in asked.items():
        steps = {**steps, "ramp_fit": {"lastgroup": 5, **steps.get("ramp_fit", {})}}
        yield Case(f"lost_groups_{name}", "miri_sub64", kept, steps)
    persistence = {"skip": False, "persistence_time": 1, "dn_threshold": 200.0}
    steps = {
        "jump": {"expand_large_events": True},
        "persistence": {**persistence, "persistence_dnu": True},
        "ramp_fit": {"save_opt": True},
    }
    few = {**kept, "ngroups": 5, "nints": 3}
    yield Case("lost_groups_persistence", "miri_sub64", few, steps)


def _too_few_groups():
    """Return an exposure that is not searched for jumps, but for showers."""
    changes = {**WHERE["miri_sub64"], "ngroups": 3, "nints": 12}  # one is not used
    steps = {"jump": {"find_showers": True, "extend_min_area": 30}}
    edit = all_of(edits.showers, stray_samples(0, 0.02))
    return Case("showers_without_search", "miri_sub64", changes, steps, edit)


def _single_groups():
    """Return exposures of one group, saturated in it, whose first frames stand in."""
    for mode in ("nircam_sub", "nircam_bright"):
        changes = {**WHERE[mode], "ngroups": 1, "nints": 2, "zero_frame": True}
        yield Case(f"one_group_{mode}", mode, changes, edit=edits.many_saturated)


RANDOM_CASES = [*map(_case, SEEDS), *_lost_groups(), *_single_groups(), _too_few_groups()]
"""The last ones are what random exposures have led to."""
