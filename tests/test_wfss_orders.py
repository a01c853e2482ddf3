from types import SimpleNamespace

import numpy as np
import pytest
from onramp.errors import InputError
from onramp.wfss import disperse
from onramp.wfss.field import Field
from onramp.wfss.orders import CHUNKS, FRAME, DispersedOrder, Rules
from onramp.wfss.sampling import OrderRange
from onramp.wfss.traces import Trace

SPAN = OrderRange(1, 1.0, 2.0, SimpleNamespace(at=np.ones_like))
STRAIGHT = Trace([0.0, 120.0], [0.0, 3.0], 0.0, [1.0, 1.0], None, 40)
PLACES = [(300, 500), (1900, 700), (-400, 60), (-130, 900), (40, -1), (1000, 1500)]


def grism(trace):
    """Transforms of one order with a trace."""

    def to_grism(x, y, wave, _order):
        return x + np.polyval(trace.x[::-1], wave - 1), y + np.polyval(trace.y[::-1], wave - 1)

    return SimpleNamespace(
        path="cutouts.fits", trace=lambda _: trace, model_wavelengths=lambda waves, _: waves,
        to_grism=lambda x, y, wave, order: (y, to_grism(x, y, wave, order)[0]),
    )  # fmt: skip


def some(trace=STRAIGHT, rules=Rules(), places=PLACES):  # noqa: B008
    """An order of sources of five pixels each."""
    x, y = (np.repeat(np.array(places, float)[:, n], 5) for n in (0, 1))
    flux = np.linspace(1, 2, x.size)
    starts = np.arange(0, x.size + 1, 5)
    x += np.tile(np.arange(5), len(places))
    field = Field(np.arange(1, len(places) + 1), starts, flux, x, y)
    return DispersedOrder(grism(trace), SPAN, field, rules)


@pytest.mark.parametrize("chunk", [None, 3, 5, 7, 100])
def test_sources_of_a_batch_are_those_one_by_one(chunk):
    rules = Rules(degree=2) if chunk is None else Rules(degree=2, grid=CHUNKS, chunk=chunk)
    order = some(rules=rules)
    labels = order.labels.tolist()
    together = order.disperse(labels, degree=2)
    alone = [order.disperse([label], degree=2)[0] for label in labels]
    assert [found is None for found in together] == [False, False, True, True, False, False]
    for one, other in zip(together, alone):
        assert (one is None) == (other is None)
        if one is not None:
            assert one.window == other.window
            assert one.images.tobytes() == other.images.tobytes()
            assert one.images.shape[0] == 3


def test_windows_hold_the_light_within_the_frame():
    order = some()
    for label in order.labels.tolist():
        (found,), touched = order.disperse([label]), order.touched(label)
        if found is None:
            assert touched is None
            continue
        rows, columns = np.nonzero(found.images[0])
        x, y = found.window.x, found.window.y
        lit = x + columns.min(), x + columns.max() + 1, y + rows.min(), y + rows.max() + 1
        assert touched == lit
        assert 0 <= x < found.window.x_end <= FRAME[1]
        assert 0 <= y < found.window.y_end <= FRAME[0]


@pytest.mark.parametrize("solution", [[1.0, 0.1, -0.2], [5.0, 0.0, 0.0]])
def test_wavelengths_without_a_place_are_told(solution):
    order = some(STRAIGHT._replace(solution=[1.0, 1.0, 0.0]))
    order.disperse(order.labels.tolist())
    order._pixels.wavelength[5:] = solution
    with pytest.raises(InputError, match="source 2, order 1: the trace does not reach all wave"):
        order.disperse(order.labels.tolist())


@pytest.mark.parametrize("rules", [Rules(), Rules(grid=CHUNKS)])
def test_an_order_whose_trace_does_not_reach_its_wavelengths(rules):
    with pytest.raises(InputError, match=r"order 1: the trace does not reach 1.0 to 2.0 micron"):
        some(STRAIGHT._replace(solution=[1.0, 0.1, -0.2], x=[0.0, np.nan]), rules)


def test_light_that_a_window_would_not_hold_is_told(monkeypatch):
    monkeypatch.setattr(disperse, "STRIDE", 1000)  # so that only both ends are looked at
    bent = STRAIGHT._replace(y=[0.0, 400.0, -400.0])
    with pytest.raises(InputError, match=r"source 2, order 1: \d+ samples lie beyond"):
        some(bent).disperse([3, 2, 1])
