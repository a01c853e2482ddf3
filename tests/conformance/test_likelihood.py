"""The likelihood fit against the reference's, on random ramps with dense flags."""

import subprocess

import numpy as np
import pytest
from comparison import relative_difference
from onramp.steps.covariance import Covariance, read_times, split_first_group
from onramp.steps.likelihood import fit_likelihood
from onramp.steps.ramp_fit import Noise
from random_likelihood import random_case
from running import HERE

SEEDS = range(300)
THEIR_NAMES = {"sci": "slope"}
NOTHING = 1e-12  # fraction of its error below which a slope is zero but for rounding
LONG = 8  # differences from which the reference adds up a single ramp in another order


@pytest.fixture(scope="module")
def reference_slopes(jwst_python, tmp_path_factory):
    """The folder with the reference's results for every seed."""
    folder = tmp_path_factory.mktemp("likelihood")
    for seed in SEEDS:
        np.savez(folder / f"ramps_{seed}.npz", **random_case(seed))
    subprocess.run([jwst_python, HERE / "run_likelihood.py", folder], check=True)
    return folder


def process(case):
    """Return what the reference's `run_likelihood.py` writes."""
    ngroups = case["data"].shape[1]
    if "reads" in case:
        times = np.split(case["reads"], np.cumsum(case["reads_of_group"])[:-1])
    else:
        nframes, groupgap = case["nframes"].item(), case["groupgap"].item()
        times = read_times(nframes, groupgap, case["frame_time"].item(), ngroups)
    zeroframe = case.get("zeroframe") if times[0].size > 1 else None
    if zeroframe is not None:
        times = split_first_group(times)
    rate, rateints, chisq = fit_likelihood(
        case["data"], case["groupdq"], case["pixeldq"],
        Noise(case["gain"], case["readnoise"], case["dark"]), Covariance.of(times), zeroframe,
    )  # fmt: skip
    result = {"groupdq": case["groupdq"], "rate_chisq": chisq}
    for product, slopes in (("rate", rate), ("rateints", rateints)):
        for name, values in slopes._asdict().items():
            result[f"{product}_{THEIR_NAMES.get(name, name)}"] = values
    return result


def check(name, ours, theirs):
    """Return what is wrong with one array, or nothing."""
    if theirs.dtype.kind in "iu":
        where = np.argwhere(ours != theirs)
        return f"{name}: {len(where)} differ, first {where[:3].tolist()}" if len(where) else ""
    if not np.array_equal(np.isnan(ours), np.isnan(theirs)):
        where = np.argwhere(np.isnan(ours) != np.isnan(theirs))
        return f"{name}: {len(where)} NaN differ, first {where[:3].tolist()}"
    infinite = np.isinf(theirs)
    if not np.array_equal(ours[infinite], theirs[infinite]):
        return f"{name}: infinities differ"
    known = np.isfinite(theirs)
    values = [np.where(known, array, 0.0).astype(np.float64) for array in (ours, theirs)]
    worst, fraction, where = relative_difference(*values)
    if worst > 1e-5:
        return f"{name}{where}: {ours[where]} is not {theirs[where]}, {fraction} agree"
    return ""


def undefined(case, ours, theirs):
    """
    Return the pixels in which the last bits of the reference decide (ny, nx).

    Integrations whose slopes are zero but for rounding have any weight in the mean. Without
    photon noise, of five groups alike in a row, two differences at an end are left out by a
    division of zero by zero; its last bits, once a jump has been found in a long ramp, depend on
    how many more ramps of the row have one.
    """
    slopes = ours["rateints_slope"], theirs["rateints_slope"]
    nothing = np.abs(slopes).max(axis=0) < NOTHING * theirs["rateints_err"]
    nothing &= slopes[0] != slopes[1]
    pixels = nothing.any(axis=0) & (len(nothing) > 1)
    unlike = (ours["groupdq"] != theirs["groupdq"]).any(axis=1)
    with np.errstate(invalid="ignore"):
        dark = np.median(np.diff(case["data"], axis=1), axis=1) <= 0
    if case["data"].shape[1] > LONG - 1 and np.count_nonzero(unlike & dark) == 1:
        pixels |= (unlike & dark).any(axis=0)
    return pixels


@pytest.mark.parametrize("seed", SEEDS)
def test_random_ramps(seed, reference_slopes):
    with np.load(reference_slopes / f"slopes_{seed}.npz") as arrays:
        theirs = {name: values for name, values in arrays.items() if name != "rateints_chisq"}
    case = random_case(seed)
    ours = process(case)
    assert ours.keys() == theirs.keys()
    spared = undefined(case, ours, theirs)
    assert spared.mean() < 0.03
    problems = [
        check(name, ours[name][..., ~spared], values[..., ~spared])
        for name, values in theirs.items()
    ]
    assert not [problem for problem in problems if problem]
