import numpy as np
import pytest
from onramp.errors import OutputError
from onramp.ramp_store import RampStore


@pytest.mark.parametrize("shape", [(2, 3, 7, 5), (3, 7, 5), (7, 5)])
def test_rows_and_planes_are_those_written(tmp_path, shape):
    samples = np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)
    store = RampStore(shape, tmp_path)
    for first in (4, 0):
        store.write_rows(first, samples[..., first : first + 4, :])
    np.testing.assert_array_equal(store.read_rows(2, 6), samples[..., 2:6, :])
    for place in np.ndindex(shape[:-2]):
        np.testing.assert_array_equal(store.read_plane(place), samples[place])
        store.write_plane(place, -samples[place])
    np.testing.assert_array_equal(store.read_rows(0, 7), -samples)
    store.close()
    assert not list(tmp_path.iterdir())


def test_a_folder_without_room_is_said(tmp_path):
    with pytest.raises(OutputError, match="no scratch file of"):
        RampStore((2, 3, 4), tmp_path / "missing")
