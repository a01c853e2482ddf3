from types import SimpleNamespace

import numpy as np
import pytest
from onramp import reference_pixels
from onramp.bands import Stopwatch
from onramp.calibration import Calibration, calibration_of
from onramp.exposure import Exposure
from onramp.flags import DO_NOT_USE
from onramp.parameters import parse_steps
from onramp.references import open_reference, select
from onramp.simulate import simulate

SHAPE = {"nints": 3, "ngroups": 4, "ny": 22, "nx": 32}
TOP = {"ystart": 2027, "xstart": 801, "subarray": "GENERIC"}
CORNER = {"ystart": 2027, "xstart": 1, "subarray": "GENERIC"}


def offsets_of(files, threads=1):
    """Return what is subtracted from groups, and from zero frames."""
    with Exposure(files.uncal) as exposure:
        parameters = parse_steps({}, "test")
        chosen = select(exposure, parameters, None, {"ipc": "N/A", **files.references})
        opened = {kind: one and open_reference(one, exposure) for kind, one in chosen.items()}
        calibration = calibration_of(exposure, opened, parameters, threads=threads)
        calibration.survey(Stopwatch())
        return calibration.offsets, calibration.zero_offsets


@pytest.mark.parametrize("place", [TOP, CORNER])
def test_what_is_measured_does_not_depend_on_blocks_or_threads(place, tmp_path, monkeypatch):
    files = simulate("nircam_sub", tmp_path, 3, **SHAPE, **place, zero_frame=True)
    whole = offsets_of(files)
    assert len(np.unique(whole[0].fast)) > 3
    assert np.ptp(whole[1].fast) > 0
    for rows in (4, 22):
        for frames in (1, 3, 4, 8):
            monkeypatch.setattr(reference_pixels, "BLOCK_SAMPLES", frames * rows * SHAPE["nx"])
            for threads in (1, 2):
                for found, expected in zip(offsets_of(files, threads), whole):
                    np.testing.assert_array_equal(found.fast, expected.fast)
    monkeypatch.setattr(reference_pixels, "_rows", lambda *_: (0, SHAPE["ny"]))
    for found, expected in zip(offsets_of(files), whole):
        np.testing.assert_array_equal(found.fast, expected.fast)


@pytest.mark.parametrize("height", [1, 2, 3, 7, 9])
@pytest.mark.parametrize("ny", [1, 2, 7])
def test_one_usable_row_anywhere_makes_a_group_usable(ny, height, monkeypatch):
    calibration = object.__new__(Calibration)
    calibration.exposure = SimpleNamespace(shape=(1, 2, ny, 3))
    flags = np.full((1, 2, ny, 3), DO_NOT_USE, np.uint8)
    monkeypatch.setattr(calibration, "_flags", lambda a, b, n: flags[:, :n, a:b], raising=False)
    assert calibration.unusable_groups(height).all()
    for row in range(ny):
        flags[...] = DO_NOT_USE
        flags[0, 1, row, 2] = 0
        assert calibration.unusable_groups(height).tolist() == [[True, False]]


def test_only_rows_with_reference_pixels_are_read():
    positions = [np.array([70, 65, -1]), np.array([[99, -1]])]
    assert reference_pixels._rows(positions, 10) == (6, 10)
    assert reference_pixels._rows([np.array([-1])], 10) == (0, 1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (5, 4)])
@pytest.mark.parametrize("most", [1, 2, 3, 4, 9, 100])
def test_blocks_hold_every_frame_once_and_in_order(shape, most):
    numbers = np.arange(np.prod(shape)).reshape(shape)
    end = 0
    for (first, number), some in reference_pixels._parts(shape, most):
        assert first == end
        assert numbers[some].ravel().tolist() == list(range(first, first + number))
        assert number <= most
        end = first + number
    assert end == numbers.size
