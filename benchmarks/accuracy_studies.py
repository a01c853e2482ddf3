"""What the accuracy page measures: noise and bias, false alarms, and hits of many sizes."""

from typing import NamedTuple

import numpy as np
from accuracy_ramps import (
    best_fit,
    jumps,
    least_squares,
    likelihood,
    optimum,
    simulate,
    single_guess_fit,
    two_point,
)

SEED = 20240404


class Quality(NamedTuple):
    """How a fit compares with the best linear fit of the same ramps, and with the truth."""

    ratio: float
    """Its noise over the best fit's."""
    ratio_error: float
    """Monte Carlo error of it."""
    bias: float
    """In units of the best fit's noise."""
    bias_error: float
    pull: float
    """Root mean square of error over stated uncertainty; NaN if none is stated."""
    chisq: float
    """Mean chi-squared per degree of freedom of ramps without a jump; NaN if there is none."""
    chisq_error: float


class Hits(NamedTuple):
    """What becomes of hits of one size."""

    found: float
    """Fraction whose difference is flagged as a jump."""
    bias: float
    """Mean error of the rate, in units of the best fit's noise without a hit."""
    scatter: float
    """Root mean square of the same."""
    lost: float
    """Fraction of the ramps without a rate, left out of the two."""


class Alarms(NamedTuple):
    """False alarms of three searches, in differences without a hit."""

    two_point_4: int
    two_point_5: int
    likelihood: int
    differences: int


def generator(*stream):
    """Return the random numbers of one case, the same whatever else is run."""
    return np.random.default_rng([SEED, *stream])


def _compare(rates, best, truth, noise):
    """
    Return noise over that of the best fit and bias, each with its Monte Carlo error.

    The best fit of the same ramps takes most of the Monte Carlo noise out: it is unbiased, and
    its noise is known.
    """
    difference = rates - best
    correlation = np.corrcoef(rates, best)[0, 1]
    ratio = rates.std() / best.std()
    ratio_error = ratio * np.sqrt((1.0 - correlation**2) / rates.size)
    bias_error = difference.std() / np.sqrt(rates.size)
    return ratio, ratio_error, difference.mean() / noise, bias_error / noise


def _chisq(fit, pattern):
    """Return chi-squared per degree of freedom of the ramps without a jump."""
    freedom = pattern.nints * (pattern.ngroups - 2)
    return fit.chisq[~jumps(fit.flags).any(axis=(0, 1))] / freedom


def measure_fits(pattern, rate, nbands):
    """
    Fit ramps without hits.

    Returns
    -------
    dict of str to Quality
        Of `OLS_C` and `LIKELY`; of `LIKELY, each`, the plain mean of LIKELY's integrations; and of
        `single guess`, a fit whose weights come from a ramp's median difference.
    """
    rng = generator(1, *pattern, round(rate * 10))
    noise = optimum(pattern, rate)
    best, chisq = [], []
    rates = {"OLS_C": [], "LIKELY": [], "LIKELY, each": [], "single guess": []}
    pulls = {"OLS_C": [], "LIKELY": []}
    for _ in range(nbands):
        data, _ = simulate(rng, pattern, rate)
        best.append(best_fit(data, pattern, rate))
        fits = {"OLS_C": least_squares(data, pattern), "LIKELY": likelihood(data, pattern)}
        for name, fit in fits.items():
            rates[name].append(fit.rate)
            pulls[name].append((fit.rate - rate) / fit.err)
        chisq.append(_chisq(fits["LIKELY"], pattern))
        rates["LIKELY, each"].append(fits["LIKELY"].each.mean(axis=0))
        rates["single guess"].append(single_guess_fit(data, pattern))
    best = np.ravel(best)
    chisq = np.concatenate(chisq)
    goodness = {"LIKELY": (chisq.mean(), chisq.std() / np.sqrt(chisq.size))}
    return {
        name: Quality(
            *_compare(np.ravel(rates[name]), best, rate, noise),
            np.sqrt(np.mean(np.square(pulls.get(name, np.nan)))),
            *goodness.get(name, (np.nan, np.nan)),
        )
        for name in rates
    }


def count_alarms(pattern, rate, nbands):
    """Search ramps without hits for jumps; return `Alarms`."""
    rng = generator(2, *pattern, round(rate * 10))
    total = np.zeros(4, int)
    for _ in range(nbands):
        data, _ = simulate(rng, pattern, rate)
        found = (
            two_point(data, pattern, 4.0),
            two_point(data, pattern, 5.0),
            likelihood(data, pattern).flags,
        )
        total += [*(np.count_nonzero(jumps(flags)) for flags in found), data[:, 1:].size]
    return Alarms(*(int(count) for count in total))


def measure_hits(pattern, rate, size, nbands):
    """
    Search and fit ramps with a hit of `size` [e-] in each.

    Returns
    -------
    dict of str to Hits
        Of `no search` (OLS_C without flags), `two-point` (jump step, then OLS_C), `LIKELY`, and
        `both` (jump step, then LIKELY).
    """
    rng = generator(3, *pattern, round(rate * 10), round(size))
    noise = optimum(pattern, rate)
    results = {"no search": [], "two-point": [], "LIKELY": [], "both": []}
    for _ in range(nbands):
        data, groups = simulate(rng, pattern, rate, size)
        fits = {
            "no search": least_squares(data, pattern),
            "two-point": least_squares(data, pattern, two_point(data, pattern)),
            "LIKELY": likelihood(data, pattern),
            "both": likelihood(data, pattern, two_point(data, pattern)),
        }
        for name, fit in fits.items():
            found = np.take_along_axis(jumps(fit.flags), groups - 1, axis=1)
            errors = (fit.rate - rate) / noise
            results[name].append(
                (
                    found.mean(),
                    np.nanmean(errors),
                    np.nanmean(errors**2),
                    np.isnan(errors).mean(),
                )
            )
    means = {name: np.mean(result, axis=0) for name, result in results.items()}
    return {
        name: Hits(found, bias, np.sqrt(square), lost)
        for name, (found, bias, square, lost) in means.items()
    }


def size_found(sizes, fractions, level):
    """Return the size of which a fraction is found, between the sizes tried; NaN outside them."""
    above = np.flatnonzero(np.asarray(fractions) >= level)
    if not above.size or above[0] == 0:
        return np.nan
    high = above[0]
    return float(np.interp(level, fractions[high - 1 : high + 1], sizes[high - 1 : high + 1]))
