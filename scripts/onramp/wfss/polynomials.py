"""
Polynomials of a WCS, as models that are not to be fitted.

astropy's own have a `Parameter` for each coefficient. The WCS of a grism exposure has hundreds of
coefficients, and to make their parameters takes as long as all else that is done to read it.
"""

import functools

import asdf
import numpy as np
from asdf.extension import Extension
from asdf.util import uri_match
from asdf_astropy.converters import PolynomialConverter
from astropy.modeling import Model

UNCHANGED = -1, 1  # domain and window of a polynomial in its variables themselves


class Polynomial1D(Model):
    """
    A polynomial in one variable.

    Parameters
    ----------
    coefficients : (degree + 1,) float64
        Lowest power first.
    """

    n_inputs, n_outputs = 1, 1

    def __init__(self, coefficients):
        self.coefficients = coefficients
        super().__init__()

    def evaluate(self, x):
        """Return the polynomial at each value of an array."""
        return _horner(self.coefficients, x)


class Polynomial2D(Model):
    """
    A polynomial in two variables.

    Parameters
    ----------
    coefficients : (degree + 1, degree + 1) float64
        By power of the first and of the second variable; a sum of powers beyond the degree does
        not count.
    """

    n_inputs, n_outputs = 2, 1

    def __init__(self, coefficients):
        self.coefficients = coefficients
        super().__init__()

    def evaluate(self, x, y):
        """Return the polynomial at each pair of two arrays."""
        size = len(self.coefficients)
        rows = [_horner(row[: size - n], y) for n, row in enumerate(self.coefficients)]
        return _horner(rows, x)


def _horner(coefficients, x):
    """Return the polynomial, of coefficients that may be arrays, lowest power first."""
    out = np.zeros(np.shape(x))
    for coefficient in reversed(coefficients):
        out *= x
        out += coefficient
    return out


class _Converter(PolynomialConverter):
    types = ()

    def select_tag(self, model, tags, ctx):
        raise TypeError("these models are only read")

    def from_yaml_tree_transform(self, node, tag, ctx):
        model = _model(node)
        if model is None:
            return super().from_yaml_tree_transform(node, tag, ctx)
        for of_parameters in ("fixed", "bounds"):
            node.pop(of_parameters, None)
        return model


def _model(node):
    """Return the model, None if it is of another kind."""
    coefficients = np.array(node["coefficients"], float)
    intervals = [node.get(name) for name in ("domain", "window")]
    if coefficients.ndim == 1:
        polynomial = np.polynomial.Polynomial(coefficients, *intervals)
        plain = np.array_equal(polynomial.domain, polynomial.window)
        return Polynomial1D(coefficients if plain else polynomial.convert().coef)
    plain = all(given is None or np.all(np.equal(given, UNCHANGED)) for given in intervals)
    square = coefficients.ndim == 2 and coefficients.shape[0] == coefficients.shape[1]
    return Polynomial2D(coefficients) if plain and square else None


class _Extension(Extension):
    extension_uri = "asdf://onramp/polynomials-1.0.0"
    converters = (_Converter(),)
    tags = ()

    def __init__(self):
        known = (tag.tag_uri for each in asdf.get_config().extensions for tag in each.tags)
        (pattern,) = PolynomialConverter.tags
        self.tags = sorted({tag for tag in known if uri_match(pattern, tag)})


@functools.cache
def extension():
    """Return what has asdf make these models of a file's polynomials."""
    return _Extension()
