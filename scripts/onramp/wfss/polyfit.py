"""Legendre polynomials fitted to each source's spectrum, so that its light is predicted better."""

import logging
from typing import NamedTuple

import numpy as np

from onramp.flags import DO_NOT_USE
from onramp.wfss.cutouts import cut
from onramp.wfss.scene import PLACE, Scene, batches, in_order, own_light

log = logging.getLogger("onramp")


class FitRules(NamedTuple):
    """See the step's parameters of these names."""

    degree: int
    iterations: int
    alpha: float
    rejection: float | None
    how: str
    """`cutouts`."""


class Observed(NamedTuple):
    """A cutout's data."""

    data: np.ndarray
    """(ny, nx) float32 [DN/s]."""
    err: np.ndarray | None
    dq: np.ndarray | None


def solve(observed, bases, alpha):
    """
    Fit a combination of images by regularised least squares, weighted by the errors.

    Parameters
    ----------
    observed : Observed
        Without contamination.
    bases : (nterms, ny, nx) float64
        The first is the flat spectrum's; pixels where it is 0 are left out.
    alpha : float
        Added to the diagonal of the normal equations.

    Returns
    -------
    (nterms,) float64 or None
        None if too few pixels are usable, or they do not tell the terms apart.
    """
    usable = np.isfinite(observed.data) & np.isfinite(bases[0]) & (bases[0] != 0)
    if observed.dq is not None:
        usable &= (observed.dq & DO_NOT_USE) == 0
    if np.count_nonzero(usable) < len(bases):
        return None
    weight = np.ones(np.count_nonzero(usable))
    if observed.err is not None:
        err = observed.err[usable].astype(float)
        known = np.isfinite(err) & (err > 0)
        if not known.any():
            return None
        weight = np.divide(1.0, err, out=np.zeros_like(err), where=known)
    design = bases[:, usable] * weight
    target = observed.data[usable] * weight
    if alpha == 0:
        return np.linalg.lstsq(design.T, target, rcond=None)[0]
    try:
        return np.linalg.solve(design @ design.T + alpha * np.eye(len(bases)), design @ target)
    except np.linalg.LinAlgError:  # too little regularisation for what the pixels tell
        return None


def fit(scene, orders, cutouts, read, rules, threads):
    """
    Fit all spectra, the brightest first, each with what is known of the others by then.

    Parameters
    ----------
    scene : Scene
        With flat spectra.
    orders : list of DispersedOrder
        Made for polynomials of the degree.
    cutouts : list of Cutout
    read : callable
        Returns a cutout's Observed.
    rules : FitRules
    threads : int
        Disperse sources ahead of their fit; the result does not depend on it.

    Returns
    -------
    scene : Scene
    fitted : int
        Cutouts that were fitted in the last iteration.
    """
    by_number = {order.order: order for order in orders}
    places = [n for n, own in enumerate(scene.own) if own is not None and _lit(scene, cutouts[n])]
    sums = {n: np.nansum(scene.own[n]) for n in places}
    places.sort(key=lambda n: -sums[n])
    frame, own, fitted = scene.frame.copy(), list(scene.own), 0
    shapes = {n: np.eye(1, rules.degree + 1)[0] for n in places}

    def work(batch):
        return [(n, *terms(cutouts[n])) for n in batch]

    def terms(cutout):
        order = by_number[cutout.order]
        (found,) = order.disperse([cutout.source], degree=rules.degree)
        return found, own_light(order, cutout.source, found, cutout, rules.how)

    for iteration in range(rules.iterations):
        fitted = 0
        for n, found, own_terms in in_order(work, batches(places, threads), threads):
            current = np.tensordot(shapes[n], own_terms, 1).astype(np.float32)
            others = cut(frame, PLACE, cutouts[n].window) - current
            observed = read(cutouts[n])
            observed = observed._replace(data=(observed.data - others).astype(np.float32))
            bases = np.concatenate([current[None], own_terms[1:]])
            change = solve(observed, bases, rules.alpha)
            if change is None or _rejected(change, rules.rejection):
                continue
            shape = change[0] * shapes[n]
            shape[1:] += change[1:]
            frame[found.window.slices] += np.tensordot(shape - shapes[n], found.images, 1)
            own[n] = np.tensordot(shape, own_terms, 1).astype(np.float32)
            shapes[n] = shape
            fitted += 1
        log.info("polynomials: %d of %d cutouts fitted, iteration %d", fitted, len(cutouts),
                 iteration + 1)  # fmt: skip
        if not fitted:
            log.warning("no spectrum could be fitted: is the background subtracted?")
            break
    return Scene(frame, own, scene.lit), fitted


def _lit(scene, cutout):
    return (cutout.source, cutout.order) in scene.lit


def _rejected(coefficients, threshold):
    return threshold is not None and abs(coefficients[0] - 1) > threshold
