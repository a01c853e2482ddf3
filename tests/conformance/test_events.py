"""Snowballs and showers against the reference's, on random flags: same bits, same counts."""

import subprocess

import numpy as np
import pytest
from onramp.parameters import Jump
from onramp.steps.showers import ShowerRules, flag_showers
from onramp.steps.snowballs import SnowballRules, flag_snowballs
from random_events import random_showers, random_snowballs
from running import HERE

SNOWBALL_SEEDS = range(200)
SHOWER_SEEDS = range(60)


@pytest.fixture(scope="module")
def reference_flags(jwst_python, tmp_path_factory):
    """The folder with the reference's flags for every seed."""
    folder = tmp_path_factory.mktemp("events")
    for seed in SNOWBALL_SEEDS:
        np.savez(folder / f"snowballs_{seed}.npz", **random_snowballs(seed))
    for seed in SHOWER_SEEDS:
        np.savez(folder / f"showers_{seed}.npz", **random_showers(seed))
    subprocess.run([jwst_python, HERE / "run_events.py", folder], check=True)
    return folder


def settings_of(case):
    settings = {name: value.item() for name, value in case.items() if value.ndim == 0}
    names = settings.keys() & Jump.model_fields.keys()
    return Jump(**{name: settings[name] for name in names}), settings


def check(groupdq, events, path):
    with np.load(path) as theirs:
        assert events == theirs["events"]
        np.testing.assert_array_equal(groupdq, theirs["groupdq"])


@pytest.mark.parametrize("seed", SNOWBALL_SEEDS)
def test_snowballs(seed, reference_flags):
    case = random_snowballs(seed)
    parameters, settings = settings_of(case)
    rules = SnowballRules.of(parameters, settings["group_time"])
    events = flag_snowballs(case["groupdq"], rules)
    check(case["groupdq"], events, reference_flags / f"flags_snowballs_{seed}.npz")


@pytest.mark.parametrize("seed", SHOWER_SEEDS)
def test_showers(seed, reference_flags):
    case = random_showers(seed)
    parameters, settings = settings_of(case)
    rules = ShowerRules.of(parameters, settings["group_time"])
    arrays = [case[name] for name in ("data", "groupdq", "pixeldq", "readnoise")]
    events = flag_showers(*arrays, rules, settings["nframes"])
    check(case["groupdq"], events, reference_flags / f"flags_showers_{seed}.npz")
