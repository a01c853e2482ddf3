from types import SimpleNamespace

import asdf
import numpy as np
import pytest
from astropy.modeling import models
from onramp.wfss import polynomials
from onramp.wfss.traces import Grism

RNG = np.random.default_rng(3)
X, Y = RNG.uniform(-1, 2048, (2, 500))


def some(degree, **intervals):
    """Return astropy's polynomial in two variables."""
    names = [f"c{i}_{j}" for i in range(degree + 1) for j in range(degree + 1 - i)]
    return models.Polynomial2D(degree, **{name: RNG.normal() for name in names}, **intervals)


def read_back(model, path):
    """Write a model and read it with the extension."""
    asdf.AsdfFile({"model": model}).write_to(path)
    with asdf.open(path, lazy_tree=True, memmap=False, extensions=polynomials.extension()) as file:
        return file.tree["model"]


@pytest.mark.parametrize("degree", [0, 1, 2, 5])
def test_two_variables(degree, tmp_path):
    model = some(degree)
    found = read_back(model, tmp_path / "model.asdf")
    assert isinstance(found, polynomials.Polynomial2D)
    np.testing.assert_allclose(found(X, Y), model(X, Y), rtol=1e-13, atol=1e-9)
    np.testing.assert_allclose(found(3.5, 2), model(3.5, 2), rtol=1e-13)


@pytest.mark.parametrize("intervals", [{}, {"domain": [0, 2048]}, {"window": [2, 4]}])
def test_one_variable(intervals, tmp_path):
    model = models.Polynomial1D(3, c0=1.0, c1=-0.2, c2=3e-4, c3=2e-7, **intervals)
    found = read_back(model, tmp_path / "model.asdf")
    assert isinstance(found, polynomials.Polynomial1D)
    np.testing.assert_allclose(found(X), model(X), rtol=1e-10)
    powers = X[:, None] ** np.arange(4)
    np.testing.assert_allclose(powers @ found.coefficients, model(X), rtol=1e-10)


@pytest.mark.parametrize("intervals", [{"x_domain": [0, 9]}, {"y_window": [-2, 2]}])
def test_intervals_of_two_variables_are_left_to_astropy(intervals, tmp_path):
    model = some(2, **intervals)
    found = read_back(model, tmp_path / "model.asdf")
    np.testing.assert_allclose(found(X, Y), model(X, Y), rtol=1e-13, atol=1e-9)


def test_powers_beyond_the_degree_do_not_count(tmp_path):
    content = b"""#ASDF 1.0.0
#ASDF_STANDARD 1.6.0
%YAML 1.1
%TAG ! tag:stsci.edu:asdf/
--- !core/asdf-1.1.0
model: !transform/polynomial-1.3.0
  coefficients: !core/ndarray-1.1.0 [[1.0, 2.0], [3.0, 7.0]]
  inputs: [x, y]
  outputs: [z]
...
"""
    path = tmp_path / "model.asdf"
    path.write_bytes(content)
    with asdf.open(path) as theirs, asdf.open(path, extensions=polynomials.extension()) as ours:
        assert isinstance(ours["model"], polynomials.Polynomial2D)
        assert ours["model"](10.0, 0.5) == theirs["model"](10.0, 0.5) == 32.0


def test_polynomials_in_the_trace_alone():
    for model in models.Polynomial1D(1, c0=2, c1=-3), polynomials.Polynomial1D(np.array([2.0, -3])):
        grism = SimpleNamespace(orders=[1], sampling=40, inv_lmodels=[], lmodels=[[model]],
                                xmodels=[[model]], ymodels=[[model]])  # fmt: skip
        trace = Grism.trace(SimpleNamespace(_model=grism, orders=[1]), 1)
        assert trace.x == trace.y == trace.solution == [2.0, -3.0]


def test_parameters_that_are_fixed(tmp_path):
    model = some(1)
    model.c0_0.fixed, model.c1_0.bounds = True, (-9, 9)
    found = read_back(model, tmp_path / "model.asdf")
    np.testing.assert_allclose(found(X, Y), model(X, Y), rtol=1e-13)


def test_inverses_and_combinations(tmp_path):
    forward, backward = some(1), some(2)
    both = models.Mapping((0, 1, 0, 1)) | forward & backward
    both.inverse = models.Identity(1) & backward | models.Scale(2.0) & models.Identity(1)
    found = read_back(both, tmp_path / "model.asdf")
    np.testing.assert_allclose(found(X, Y), both(X, Y), rtol=1e-13, atol=1e-9)
    np.testing.assert_allclose(found.inverse(X, X, Y), both.inverse(X, X, Y), rtol=1e-13, atol=1e-9)
