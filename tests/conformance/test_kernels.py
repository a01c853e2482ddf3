"""Jump detection and ramp fit against the reference's, on random ramps with dense flags."""

import subprocess

import numpy as np
import pytest
from comparison import relative_difference
from onramp.flags import DO_NOT_USE, NO_GAIN_VALUE, SATURATED
from onramp.parameters import Jump
from onramp.steps import fitted_groups, jump, ramp_fit
from onramp.steps.optional_results import first_read, optional_results
from random_ramps import random_case
from running import HERE

SEEDS = range(500)
THEIR_NAMES = {"sci": "slope"}


@pytest.fixture(scope="module")
def reference_slopes(jwst_python, tmp_path_factory):
    """The folder with the reference's results for every seed."""
    folder = tmp_path_factory.mktemp("kernels")
    for seed in SEEDS:
        np.savez(folder / f"ramps_{seed}.npz", **random_case(seed))
    subprocess.run([jwst_python, HERE / "run_kernels.py", folder], check=True)
    return folder


def detect_jumps(case):
    """Flag jumps in place; return their number."""
    ny, nx = case["data"].shape[2:]
    parameters = Jump(
        rejection_threshold=case["rejection_threshold"].item(),
        max_jump_to_flag_neighbors=case["neighbours_below"].item(),
        min_jump_to_flag_neighbors=case["neighbours_above"].item(),
        flag_4_neighbors=case["flag_neighbours"].item(),
        after_jump_flag_dn1=case["after_dn1"].item(),
        after_jump_flag_dn2=case["after_dn2"].item(),
        after_jump_flag_time1=case["after_groups1"].item() + 0.5,
        after_jump_flag_time2=case["after_groups2"].item() + 0.5,
        minimum_sigclip_groups=case["clip_from"].item(),
        only_use_ints=case["across_integrations"].item(),
        min_diffs_single_pass=case["single_pass_from"].item(),
    )
    unusable = ((case["groupdq"] & DO_NOT_USE) != 0).all(axis=(2, 3))
    finite = np.isfinite(case["gain"]).any()
    median = np.nanmedian(case["gain"]) if finite else np.nan
    plan = jump.plan(parameters, unusable, case["nframes"].item(), 1.0, median)
    original = case["groupdq"].copy()
    arrays = [case[name] for name in ("data", "groupdq", "gain", "readnoise")]
    jumps, touched = jump.detect_jumps(*arrays, plan, slice(0, ny))
    spared = [tuple(plane) for plane in np.argwhere(touched == ny * nx)]
    if spared:
        case["groupdq"][...] = original
        jumps, _ = jump.detect_jumps(*arrays, plan, slice(0, ny), spared)
    return -99 if plan.branch == jump.TOO_FEW_GROUPS else jumps


def process(case):
    """Return what the reference's `run_kernels.py` writes."""
    result = {}
    if case["data"].shape[1] > 2:
        result["jumps"] = detect_jumps(case)
    result["groupdq"] = case["groupdq"]
    case["pixeldq"][~(case["gain"] > 0)] |= np.uint32(DO_NOT_USE | NO_GAIN_VALUE)
    return result | fit(case)


def fit(case):
    """Return the arrays of all products, or nothing where there is nothing to fit."""
    gain, groupdq = case["gain"], case["groupdq"].copy()
    limits = (case[name].item() if name in case else None for name in ("firstgroup", "lastgroup"))
    groupdq[:, ramp_fit.ignored_groups(*limits, groupdq.shape[1])] |= np.uint8(DO_NOT_USE)
    suppress = case["suppress_one_group"].item() and groupdq.shape[1] > 1
    kept = kept_groups(groupdq, suppress) if case["miri"] else slice(0, groupdq.shape[1])
    if kept is None or ((groupdq[:, kept.start] & SATURATED) != 0).all():
        return {}
    nframes = case["nframes"].item()
    timing = ramp_fit.Timing.of(case["group_time"].item(), case["frame_time"].item(), nframes)
    readnoise = ramp_fit.group_noise(case["readnoise"], gain, nframes)
    noise = ramp_fit.Noise(gain, readnoise, case["dark"])
    rules = ramp_fit.Rules(suppress, trimmed=kept.start > 0)
    ramps = (np.ascontiguousarray(array[:, kept]) for array in (case["data"], groupdq))
    data, groupdq = ramps
    fitted = ramp_fit.fit_slopes(
        data, groupdq, case["pixeldq"], noise, timing, rules,
        case.get("zeroframe"),
    )  # fmt: skip
    middle = first_read(nframes, case["groupgap"].item(), case["drop_frames"].item())
    zeroframe = case.get("zeroframe")
    optional = optional_results(data, groupdq, noise, timing, rules, fitted[1], middle, zeroframe)
    products = zip(("rate", "rateints", "fitopt"), (*fitted, optional))
    return {
        f"{product}_{THEIR_NAMES.get(name, name)}": values
        for product, arrays in products
        for name, values in arrays._asdict().items()
    }


def kept_groups(groupdq, suppress):
    """Return the groups that are fitted of a MIRI exposure, in two steps as bands allow."""
    unusable = ((groupdq & DO_NOT_USE) != 0).all(axis=(2, 3))
    kept = fitted_groups.kept_groups(unusable)
    if kept is None:
        return None
    unusable[:, kept] = ~fitted_groups.usable_groups(groupdq[:, kept], ramp_fit.Rules(suppress))
    return fitted_groups.kept_groups(unusable)


def check(name, ours, theirs):
    """Return what is wrong with one array, or nothing."""
    if ours.shape != theirs.shape:
        return f"{name}: {ours.shape} is not {theirs.shape}"
    if theirs.dtype.kind in "iu":
        return "" if np.array_equal(ours, theirs) else f"{name}: {np.sum(ours != theirs)} differ"
    if not np.array_equal(np.isnan(ours), np.isnan(theirs)):
        return f"{name}: NaN differ"
    infinite = [np.where(np.isinf(array), array, 0.0) for array in (ours, theirs)]
    if not np.array_equal(*infinite):
        return f"{name}: infinite values differ"
    values = [np.nan_to_num(array.astype(np.float64), posinf=0.0) for array in (ours, theirs)]
    worst, fraction, where = relative_difference(*values)
    if worst > 1e-5:
        return f"{name}{where}: {ours[where]} is not {theirs[where]}, {fraction} agree"
    return ""


@pytest.mark.parametrize("seed", SEEDS)
def test_random_ramps(seed, reference_slopes):
    with np.load(reference_slopes / f"slopes_{seed}.npz") as arrays:
        theirs = {name: values for name, values in arrays.items() if name != "pixeldq"}
    ours = process(random_case(seed))
    assert ours.keys() == theirs.keys()
    problems = [check(name, np.asarray(ours[name]), theirs[name]) for name in theirs]
    assert not [problem for problem in problems if problem]
