import math
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from onramp import compilation
from onramp.bands import band_height
from onramp.errors import InputError
from onramp.glance import Glance, glance
from onramp.memory import predict_mb, predict_shape_mb
from onramp.parameters import parse_steps
from onramp.simulate import simulate

ONRAMP = str(Path(sys.executable).with_name("onramp"))
# A process's peak begins with that of the process it was forked from: start it from a small one.
LAUNCHER = """
import os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
THREADS = "--steps.jump.maximum_cores=all", "--steps.ramp_fit.maximum_cores=all"
FLICKER = ("--steps.clean_flicker_noise.skip=false",)
CASES = {
    "full frame": ("nircam_full", {}, 1, ()),
    "full frame, two threads": ("nircam_full", {}, 2, THREADS),
    "full frame, two groups": ("fgs_full", {"ngroups": 2}, 1, ()),
    "soss": ("niriss_soss", {}, 1, ()),
    "soss, two threads": ("niriss_soss", {}, 2, THREADS),
    "bots": ("nirspec_bots", {}, 1, ("--save_calibrated_ramp=true",)),
    "miri, many integrations": ("miri_slitlessprism", {"nints": 100, "ngroups": 20}, 1, ()),
    "small subarray": ("nircam_sub", {}, 1, ()),
    "many integrations": ("nirspec_bots", {"nints": 300}, 1, ()),
    "many integrations, two threads": ("nirspec_bots", {"nints": 300}, 2, THREADS),
    "many integrations, ramp saved": (
        "nirspec_bots", {"nints": 300}, 1, ("--save_calibrated_ramp=true",),
    ),
    "full frame, flicker noise": ("nircam_full", {}, 1, FLICKER),
    "full frame, flicker noise, two threads": ("nircam_full", {}, 2, (*THREADS, *FLICKER)),
    "full frame, flicker noise, background modelled": (
        "nircam_full", {}, 1, (*FLICKER, "--steps.clean_flicker_noise.background_method=model"),
    ),
    "soss, flicker noise": ("niriss_soss", {}, 1, FLICKER),
    "small subarray, flicker noise": ("nircam_sub", {}, 1, FLICKER),
    "many integrations, flicker noise": ("nirspec_bots", {"nints": 300}, 1, FLICKER),
    "images of a source, flicker noise beside their median": (
        "nircam_sub", {"nints": 30, "exp_type": "NRC_TSIMAGE", "tso": True},
        1, (*FLICKER, "--steps.clean_flicker_noise.background_method=median_image"),
    ),
    "full frame, flicker noise in Fourier space": (
        "nirspec_bots",
        {"subarray": "FULL", "nx": 2048, "ny": 2048, "xstart": 1, "ystart": 1, "noutputs": 4,
         "nints": 1, "ngroups": 2},
        1, (*FLICKER, "--steps.clean_flicker_noise.fit_method=fft"),
    ),
    "interleaved": ("nirspec_irs2", {"nints": 1}, 1, ()),
    "interleaved, two threads": ("nirspec_irs2", {"nints": 1}, 2, THREADS),
    "interleaved, two threads, optional results": (
        "nirspec_irs2_rapid",
        {"nints": 2, "ngroups": 20}, 2, (*THREADS, "--steps.ramp_fit.save_opt=true"),
    ),
    "many integrations of averaged frames": (
        "nirspec_bots",
        {"nints": 300, "ngroups": 5, "nframes": 4, "inverse_linearity": True},
        1,
        ("--steps.saturation.save_results=true", "--steps.jump.save_results=true"),
    ),
}  # fmt: skip

RUNS = 4


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Simulate an exposure, each only once."""
    found = {}

    def simulated(mode, changes):
        key = mode, *changes.items()
        if key not in found:
            found[key] = simulate(mode, tmp_path_factory.mktemp(mode), 1, **changes)
        return found[key]

    return simulated


def peak_mb(command):
    """Run a command; return the most memory that it held [MB]."""
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", LAUNCHER, *map(str, command)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return int(done.stdout.splitlines()[-1]) * 1024 / 1e6


def steps_of(arguments):
    """Return the parameters that are given on the command line."""
    given = defaultdict(dict)
    for argument in arguments:
        name, _, value = argument.removeprefix("--").partition("=")
        if name.startswith("steps."):
            _, step, parameter = name.split(".")
            given[step][parameter] = value
    return parse_steps(given, "test")


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_prediction_is_enough_and_not_too_much(name, simulated, tmp_path):
    mode, changes, cores, arguments = CASES[name]
    exposure = simulated(mode, changes)
    steps = steps_of(arguments)
    predicted = predict_mb(glance(exposure.uncal), cores, steps=steps)
    references = exposure.references["gain"].parent
    command = [ONRAMP, "detector1", exposure.uncal, "--references", references,
               "--output_dir", tmp_path, "--quiet", "--cores", cores, *arguments]  # fmt: skip
    peak = 0.0
    compilation.ensure(exposure.uncal, steps)  # as jobs do
    for _ in range(RUNS):  # on a busy machine threads may not hold their bands at the same time
        measured = peak_mb(command)
        assert measured <= predicted
        peak = max(peak, measured)
        if predicted <= 1.5 * peak:
            return
    pytest.fail(f"{predicted / peak:.2f} times the peak")


def test_measurement_sees_what_a_process_holds():
    held = [sys.executable, "-S", "-c", "block = bytearray(b'x') * 300_000_000"]
    assert 300 < peak_mb(held) < 340
    assert peak_mb([sys.executable, "-S", "-c", ""]) < 40


def test_more_integrations_need_no_more_for_the_frame():
    """Only a band holds all integrations; the predicted growth is that of a band's rows."""
    short, long = (predict_shape_mb((nints, 10, 2048, 2048)) for nints in (1, 2))
    assert short == long


@pytest.mark.parametrize("axis", range(4))
def test_prediction_never_falls_with_size(axis):
    shape = [4, 10, 256, 512]
    larger = list(shape)
    larger[axis] *= 4
    assert predict_shape_mb(larger) >= predict_shape_mb(shape)


def test_uneven_groups_are_fitted_by_likelihood():
    even = Glance("NIRCAM", "NRCALONG", (100, 40, 256, 2048), False)
    likely = steps_of(["--steps.ramp_fit.algorithm=LIKELY"])
    assert predict_mb(even._replace(uneven=True)) == predict_mb(even, steps=likely)
    assert predict_mb(even._replace(uneven=True)) > 2 * predict_mb(even)


def test_very_many_integrations_are_taken_by_fewer_rows():
    assert band_height((1000, 5, 32, 2048)) == 8
    assert [band_height((n * 1000, 5, 32, 2048)) for n in (2, 3, 12)] == [4, 2, 1]


def test_each_thread_holds_a_band():
    one, two, three = (predict_shape_mb((600, 10, 32, 512), cores) for cores in (1, 2, 3))
    assert two > one
    assert math.isclose(three - two, two - one, abs_tol=2)


def test_prediction_reads_the_header_only(simulated, tmp_path):
    path = tmp_path / "torn_uncal.fits"
    path.write_bytes(b"SIMPLE  =")
    with pytest.raises(InputError, match="torn_uncal"):
        predict_mb(glance(path))
    exposure = simulated("nircam_sub", {})
    assert predict_mb(glance(exposure.uncal)) == predict_shape_mb((3, 10, 160, 160))
