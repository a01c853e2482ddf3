"""A Gaussian fitted to the histogram of an image's values, by Levenberg and Marquardt."""

import numpy as np

BINS = 2000
REACH = 4.0  # standard deviations on either side that the histogram covers
TOLERANCE = 1e-12  # of the sum of squares, at which the fit has converged
ROUNDS = 200


def fit_gaussian(values, centre, spread):
    """
    Return mean and standard deviation of a Gaussian fitted to a histogram, or None.

    Parameters
    ----------
    values : (n,) float32
    centre, spread : float
        A first guess, which also sets the histogram's range.
    """
    if not spread > 0:
        return None
    counts, edges = np.histogram(
        values.astype(np.float64),
        bins=BINS,
        range=(centre - REACH * spread, centre + REACH * spread),
    )
    x = (edges[1:] + edges[:-1]) / 2.0
    peak = int(np.argmax(counts))
    start = np.array([counts[peak], x[peak], spread], np.float64)
    found = _least_squares(x, counts.astype(np.float64), start)
    if found is None:
        return None
    _, mean, width = found
    if not (x[0] <= mean <= x[-1] and 0 < abs(width) <= x[-1] - x[0]):
        return None
    return float(mean), float(abs(width))


def _model(x, parameters):
    """Return the Gaussian and its derivatives by amplitude, mean and width."""
    amplitude, mean, width = parameters
    z = (x - mean) / width
    shape = np.exp(-0.5 * z * z)
    y = amplitude * shape
    return y, np.stack([shape, y * z / width, y * z * z / width])


def _least_squares(x, y, parameters):
    """Return the parameters of least squares, or None if it does not converge."""
    damping = 1e-3
    model, slopes = _model(x, parameters)
    cost = np.sum((y - model) ** 2)
    for _ in range(ROUNDS):
        matrix = slopes @ slopes.T
        if not np.all(np.diag(matrix) > 0):
            return None
        step = np.linalg.solve(matrix + damping * np.diag(np.diag(matrix)), slopes @ (y - model))
        trial = parameters + step
        if trial[2] == 0:
            return None
        trial_model, trial_slopes = _model(x, trial)
        trial_cost = np.sum((y - trial_model) ** 2)
        if trial_cost <= cost:
            gained = cost - trial_cost
            parameters, model, slopes, cost = trial, trial_model, trial_slopes, trial_cost
            if gained <= TOLERANCE * cost:
                return parameters
            damping = max(damping * 0.1, 1e-12)
        elif damping > 1e12:
            return parameters
        else:
            damping *= 10.0
    return None
