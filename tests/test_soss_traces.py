from types import SimpleNamespace

import asdf
import numpy as np
import pytest
from onramp.errors import InputError, ReferenceFileError
from onramp.steps.soss_traces import Order, _along, box, light, trace, wavelengths_of_columns
from onramp.trace_reference import TraceReference

X = np.arange(0.0, 200, 4)
LINEAR = np.array([3.0, -2.0, 0.0])  # 3 to 1 um along the columns
EXTENTS = np.array([[0.0, -1.0], [199.0, 1.0]])
WAVELENGTHS = np.linspace(0.8, 3.2, 500)


def an_order(y, **changes):
    order = Order(1, np.column_stack([X, y]), (100.0, 20.0), LINEAR, EXTENTS)
    return order._replace(**changes)


def test_a_straight_trace_goes_on_beyond_its_ends():
    x, y = trace(an_order(20 + 0.05 * X), 0.0, WAVELENGTHS)
    assert np.allclose(x, (3 - WAVELENGTHS) / 2 * 199)
    assert np.allclose(y, 20 + 0.05 * x)


@pytest.mark.parametrize("rotation", [-0.4, 0.7])
def test_a_trace_turns_about_its_pivot(rotation):
    """A line that passes the pivot five rows above it."""
    x, y = trace(an_order(np.full(X.size, 25.0)), rotation, WAVELENGTHS)
    angle = np.radians(rotation)
    assert np.allclose(y, 20 + (x - 100) * np.tan(angle) + 5 / np.cos(angle), atol=1e-9)


def test_ends_are_as_steep_as_their_last_two_points():
    known, values = np.array([2.0, 0.0, 1.0]), np.array([3.0, 0.0, 1.0])
    assert _along(np.array([-1.0, 0.5, 5.0]), known, values).tolist() == [-1.0, 0.5, 9.0]


def test_terms_of_wavelengths_are_in_the_order_of_the_reference():
    coefficients = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 0.5])  # 1 + x r + r^2 / 2
    order = an_order(np.full(X.size, 20.0), coefficients=coefficients)
    x, _ = trace(order, 0.5, np.array([1.5]))
    turn = 0.75
    assert x[0] == pytest.approx((1.5 - 1 - turn**2 / 2) / turn * 199)


def test_rows_beside_the_trace_are_light():
    found = light([an_order(np.full(X.size, 30.5))], 0.0, WAVELENGTHS, (64, 220))
    rows = np.flatnonzero(found[:, 100])
    assert (rows[0], rows[-1]) == (14, 47)
    assert (found.sum(axis=0) == rows.size).all()


def test_pixels_are_in_the_box_by_their_part():
    found = box(an_order(np.full(X.size, 20.25)), 0.0, (48, 220))
    assert found[:, X.astype(int)].sum(axis=0) == pytest.approx(15)
    assert found[:, 1].sum() == found[:, 210].sum() == 0
    assert found[12:15, 8].tolist() == [0.0, 0.75, 1.0]
    assert found[26:29, 8].tolist() == [1.0, 1.0, 0.25]


def test_a_box_is_cut_at_the_edge():
    assert box(an_order(np.full(X.size, 2.0)), 0.0, (48, 220))[:, 8].sum() == 10


def test_columns_have_wavelengths_where_the_reference_has_some():
    order = an_order(np.full(X.size, 20.0))
    at = wavelengths_of_columns(order, 0.0, np.linspace(1.5, 2.5, 50), 220)
    assert at[100] == pytest.approx(3 - 2 * 100 / 199)
    assert np.isnan(at[[0, 219]]).all()


def test_what_a_reference_has_beyond_the_subarray_is_no_part_of_the_trace():
    """The trace goes on straight from its last row within."""
    rows = np.where(X <= 36, 100 + 4 * X, 400.0)
    x, y = trace(an_order(rows), 0.0, WAVELENGTHS)
    assert np.allclose(y, 100 + 4 * x)


@pytest.fixture
def tree():
    meta = {"reftype": "pastasoss", "pwcpos_cmd": 245.76, "pwcpos_bounds": [245.5, 246.0],
            "wavemap_wlmin": 0.5, "wavemap_wlmax": 5.5, "wavemap_nwl": 50}  # fmt: skip
    traces = [
        {
            "spectral_order": 1,
            "trace": np.column_stack([X, 20 + 0 * X]),
            "pivot_x": 100.0,
            "pivot_y": 20.0,
        }
    ]
    models = [{"coefficients": LINEAR, "scale_extents": EXTENTS}]
    return {"meta": meta, "traces": traces, "wavecal_models": models}


def opened(tree, folder, subarray="SUBSTRIP256"):
    path = folder / "pastasoss.asdf"
    asdf.AsdfFile(tree).write_to(path)
    reference = SimpleNamespace(path=path, type="pastasoss")
    return TraceReference(reference, SimpleNamespace(subarray=SimpleNamespace(name=subarray)))


def an_exposure(**keywords):
    return SimpleNamespace(path="x_uncal.fits", primary=keywords)


def test_reference_is_read(tree, tmp_path):
    found = opened(tree, tmp_path)
    assert found.wavelengths[[0, -1]].tolist() == [0.5, 5.5]
    assert found.orders[0].trace[:, 1].tolist() == [20.0] * X.size
    assert found.rotation(an_exposure(PWCPOS=245.86)) == pytest.approx(0.1)


def test_traces_of_the_smaller_subarray_lie_lower(tree, tmp_path):
    found = opened(tree, tmp_path, "SUBSTRIP96")
    assert found.orders[0].trace[0].tolist() == [0.0, 10.0]
    assert found.first.trace[0].tolist() == [0.0, 20.0]


def test_a_reference_may_lack_the_first_order(tree, tmp_path):
    tree["traces"][0]["spectral_order"] = 2
    assert opened(tree, tmp_path).first is None


@pytest.mark.parametrize(
    ("keywords", "says"),
    [({}, "PWCPOS missing"), ({"PWCPOS": 247.0}, r"PWCPOS=247.0 is not from 245\.5 to 246\.0")],
)
def test_wheel_has_to_be_where_the_reference_knows_it(tree, tmp_path, keywords, says):
    with pytest.raises(InputError, match=says) as error:
        opened(tree, tmp_path).rotation(an_exposure(**keywords))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["meta", "traces", "wavecal_models"])
def test_incomplete_references_are_refused(tree, tmp_path, name):
    del tree[name]
    if name == "meta":
        tree["meta"] = {"reftype": "pastasoss"}
    with pytest.raises(ReferenceFileError, match=r"pastasoss\.asdf: .*override_pastasoss"):
        opened(tree, tmp_path)


def test_models_of_other_orders_are_refused(tree, tmp_path):
    tree["wavecal_models"] *= 2
    with pytest.raises(ReferenceFileError, match=r"pastasoss\.asdf: "):
        opened(tree, tmp_path)
