import numpy as np
import pytest
from onramp.flags import count_flagged
from onramp.pixels import changed_in_one_row, in_one_row


@pytest.mark.parametrize("shape", [(3, 4), (2, 5, 3, 4), (0, 3, 4)])
def test_a_band_is_one_row_of_the_same_memory(shape):
    values = np.arange(np.prod(shape), dtype=float).reshape(shape)
    row = changed_in_one_row(values)
    assert row.shape == (*shape[:-2], 1, 12)
    row[...] = -1
    assert (values == -1).all()


def test_what_does_not_lie_together_is_read_but_not_changed():
    values = np.zeros((2, 3, 4))[:, 1:]
    assert in_one_row(values).shape == (2, 1, 8)
    with pytest.raises(ValueError, match="do not lie together"):
        changed_in_one_row(values)


@pytest.mark.parametrize("rows", [(0, 4), (1, 3), (2, 2)])
def test_flagged_samples_are_counted_in_each_plane(rows):
    rng = np.random.default_rng(7)
    dq = rng.integers(0, 256, (3, 2, 4, 70)).astype(np.uint8)
    counts = np.empty((3, 2), np.int64)
    count_flagged(dq, rows, np.uint8(5), counts)
    assert np.array_equal(counts, np.count_nonzero(dq[:, :, slice(*rows)] & 5, axis=(2, 3)))
