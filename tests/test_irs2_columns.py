import numpy as np
import pytest
from onramp.steps import irs2_columns as columns
from onramp.steps import irs2_fourier as fourier

ROWS = columns.SHORT


def naive_transform(values, sign):
    """The definition, in double precision."""
    number = np.arange(ROWS)
    return np.exp(-2j * np.pi * sign * np.outer(number, number) / ROWS) @ values


@pytest.mark.parametrize("width", [1, columns.WIDTH // 2, columns.WIDTH // 2 + 3])
def test_transform_is_the_definition(width):
    rng = np.random.default_rng(2)
    values = rng.normal(size=(ROWS, 2 * width)).astype(np.float32).view(np.complex64)
    expected = naive_transform(values, 1)
    fourier._transform_columns(values.view(np.float32), columns.orders(), columns.matrices())
    assert np.abs(values - expected).max() < 1e-5 * np.abs(expected).std()


def test_back_and_forth_is_89_times_the_same():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(ROWS, 10)).astype(np.float32)
    given = values.copy()
    unity = np.ones((ROWS, 5), np.float32)
    fourier._smooth_columns(values, unity, columns.orders(), columns.matrices())
    assert np.allclose(values / ROWS, given, atol=1e-5)


def test_orders_hold_every_row_once():
    for order in columns.orders():
        assert np.array_equal(np.sort(order.ravel()), np.arange(1, ROWS))
