import numpy as np
import pytest
from onramp import interleaving
from onramp.interleaving import ScienceRows


def naive_columns():
    """What each of the 3200 detector columns reads: "o" reference output, "s" science, "r"."""
    amplifier = "s" * 8 + ("r" * 4 + "s" * 16) * 31 + "r" * 4 + "s" * 8
    return np.array(list("o" * 640 + 4 * amplifier))


def naive_ticks():
    """Walk through a row: a tick for each read, one for each step to reference pixels or back."""
    ticks, now, kind = [], 0, "s"
    for here in naive_columns()[640:1280]:
        now += here != kind
        kind = here
        ticks.append(now)
        now += 1
    return ticks


class FakeImage:
    name, header = "SCI", {}

    def __init__(self, values):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def read(self, first, last, leading=(), columns=slice(None)):
        return self.native(self.stored(first, last, leading)[..., columns])

    def stored(self, first, last, leading=()):
        return ~self.values[(*(leading or ()), ..., slice(first, last), slice(None))]

    def native(self, stored):
        return ~stored


def test_science_columns():
    assert np.array_equal(interleaving.science_columns(), naive_columns() == "s")
    assert np.count_nonzero(interleaving.science_columns()) == 2048


def test_rows_of_nrs2_are_those_of_nrs1_from_the_other_end():
    rows = interleaving.science_rows("NRS1")
    assert np.array_equal(rows, np.flatnonzero(naive_columns() == "s"))
    assert np.array_equal(3199 - interleaving.science_rows("NRS2"), rows[::-1])


def test_ticks():
    assert interleaving.read_ticks().tolist() == naive_ticks()
    assert interleaving.read_ticks()[-1] == interleaving.ROW_READS - 9


@pytest.mark.parametrize("detector", ["NRS1", "NRS2"])
@pytest.mark.parametrize(("first", "last"), [(0, 2048), (0, 1), (500, 530), (2047, 2048), (7, 7)])
def test_science_rows_are_read_like_an_image(detector, first, last):
    values = np.random.default_rng(1).integers(0, 60000, (2, 3, 3200, 5)).astype(np.uint16)
    rows = ScienceRows(FakeImage(values), detector)
    assert rows.shape == (2, 3, 2048, 5)
    expected = values[:, 1:2, interleaving.science_rows(detector)[first:last]]
    assert np.array_equal(rows.read(first, last, (slice(None), slice(1, 2))), expected)


def test_turning_a_frame():
    frame = np.arange(12).reshape(3, 4)
    assert np.array_equal(interleaving.to_detector(frame, "NRS1"), frame.T)
    assert np.array_equal(interleaving.to_detector(frame, "NRS2"), frame[::-1, ::-1].T)
