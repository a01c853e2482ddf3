"""The products' bits depend neither on threads nor on the height of the bands."""

import numpy as np
import pytest
from astropy.io import fits
from onramp import bands
from onramp.detector1 import process_exposure
from onramp.parameters import parse_steps
from onramp.simulate import simulate

SHAPES = {
    "iterative": {"ngroups": 6, "nints": 2},
    "single_pass": {"ngroups": 12, "nints": 1},
    "clipped": {"ngroups": 4, "nints": 100},
}
SPLITS = [(1, 1), (1, 7), (2, 16), (3, 5), (3, None)]


@pytest.fixture(scope="module", params=SHAPES)
def exposure(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return simulate(
        "nircam_sub", folder, 8, nx=40, ny=48, zero_frame=True, dense_flags=True,
        **SHAPES[request.param],
    )  # fmt: skip


OPTIONS = {
    "events_and_optional": {
        "jump": {"expand_large_events": True, "find_showers": True, "extend_min_area": 10,
                 "sat_required_snowball": False, "extend_snr_threshold": 0.8},
        "ramp_fit": {"save_opt": True},
    },
    "likelihood": {"ramp_fit": {"algorithm": "LIKELY", "save_opt": True}},
    "charge_migration": {"charge_migration": {"skip": False, "signal_threshold": 300.0,
                                              "save_results": True}},
    "whole_frames": {
        "charge_migration": {"skip": False, "signal_threshold": 300.0, "save_results": True},
        "clean_flicker_noise": {"skip": False, "single_mask": False, "save_mask": True,
                                "save_background": True, "save_noise": True,
                                "background_method": "model"},
        "persistence": {"skip": False, "persistence_time": 2, "dn_threshold": 100.0},
        "ramp_fit": {"save_opt": True},
    },
}  # fmt: skip


def products(exposure, folder, threads, rows, options=None):
    """Process with many neighbours to flag and grow; return the products' arrays."""
    steps = {
        "saturation": {"n_pix_grow_sat": 2},
        "jump": {"maximum_cores": "all", "min_jump_to_flag_neighbors": 2, "save_results": True},
        "ramp_fit": {"maximum_cores": "all", "suppress_one_group": False},
    }
    for step, values in (options or {}).items():
        steps[step] = steps.get(step, {}) | values
    references = {"ipc": "N/A", **exposure.references}
    process_exposure(
        exposure.uncal, folder, parse_steps(steps, "test"), None, references, cores=threads,
        save_calibrated_ramp=True, rows=rows,
    )  # fmt: skip
    arrays = {}
    for path in sorted(folder.glob("*.fits")):
        with fits.open(path, memmap=False) as hdus:
            arrays |= {(path.name, hdu.name): hdu.data for hdu in hdus if hdu.data is not None}
    return arrays


@pytest.fixture(scope="module")
def whole_frame(exposure, tmp_path_factory):
    return products(exposure, tmp_path_factory.mktemp("whole"), 1, 48)


@pytest.mark.parametrize(("threads", "rows"), SPLITS)
def test_bits_depend_on_neither_threads_nor_bands(exposure, whole_frame, tmp_path, threads, rows):
    split = products(exposure, tmp_path, threads, rows)
    assert split.keys() == whole_frame.keys()
    assert len(whole_frame) > 15
    for name, values in whole_frame.items():
        assert split[name].tobytes() == values.tobytes(), name


def test_exposure_has_jumps_and_flags_across_every_band_edge(whole_frame):
    (groupdq,) = (v for (path, name), v in whole_frame.items()
                  if name == "GROUPDQ" and path.endswith("ramp.fits"))  # fmt: skip
    for bit in (2, 4):
        flagged = (groupdq & bit != 0).any(axis=(0, 1, 3))
        assert np.mean(flagged) > 0.3


@pytest.mark.parametrize("name", OPTIONS)
def test_bits_of_options_depend_on_neither(exposure, tmp_path, name):
    options = OPTIONS[name]
    whole = products(exposure, tmp_path / "whole", 1, 48, options)
    split = products(exposure, tmp_path / "split", 3, 5, options)
    assert split.keys() == whole.keys()
    for key, values in whole.items():
        assert split[key].tobytes() == values.tobytes(), key


@pytest.mark.parametrize(
    ("shape", "height"),
    [
        ((1, 10, 2048, 2048), 32),  # 6 MB
        ((500, 60, 256, 256), 8),  # never less
        ((100, 20, 416, 72), 56),  # short rows: planes of 4096 pixels
        ((200, 20, 416, 72), 41),  # but no more than 96 MB for that
        ((3000, 20, 416, 72), 8),
        ((1, 2, 2048, 16), 128),  # never more
        ((1, 5, 32, 32), 32),  # than there are
    ],
)
def test_height_of_bands(shape, height):
    assert bands.band_height(shape) == height
