import numpy as np
import pytest
from onramp import reference_pixels
from onramp.bands import Stopwatch
from onramp.calibration import calibration_of
from onramp.exposure import Exposure
from onramp.parameters import parse_steps
from onramp.references import open_reference, select
from onramp.simulate import simulate

SHAPE = {"nints": 3, "ngroups": 4, "ny": 24, "nx": 32}
TOP = {"ystart": 2025, "xstart": 801, "subarray": "GENERIC"}
CORNER = {"ystart": 2025, "xstart": 1, "subarray": "GENERIC"}


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
    for rows in (4, 24):
        for frames in (1, 3, 4, 8):
            monkeypatch.setattr(reference_pixels, "BLOCK_SAMPLES", frames * rows * SHAPE["nx"])
            for threads in (1, 2):
                for found, expected in zip(offsets_of(files, threads), whole):
                    np.testing.assert_array_equal(found.fast, expected.fast)


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
