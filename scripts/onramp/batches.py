"""Which exposures go together into one job, and how long they take."""

import math
from collections.abc import Mapping

SECONDS = 300.0
"""Predicted time of a batch [s] where a scheduler starts jobs, if none is given."""

LEAST_SCHEDULED = 30.0  # a scheduled job costs about six seconds before its first exposure
LEAST_LOCAL = 1.5  # one on this machine about one
PER_SLOT = 2  # batches for each place in which a job can run, so that none idles for long

EXPOSURE = 0.15  # to open files and write products
SAMPLE = 2.5e-8
COSTLY_SAMPLE = 1e-7  # more for LIKELY, showers, optional results
PICTURE = 1.0

START = 300.0  # with kernels to compile first, on a slow node
SLOWNESS = 4.0  # of the slowest node, on a busy file system, against the prediction


def predict_seconds(shape, steps=None, picture=False) -> float:
    """
    Return about how long an exposure takes on one core once all is compiled and loaded [s].

    Parameters
    ----------
    shape : (int, int, int, int)
        nints, ngroups, ny, nx.
    steps : Detector1Parameters, optional
        The defaults if left out.
    picture : bool
        Draw its picture as well.
    """
    costly = steps is not None and (
        steps.ramp_fit.algorithm != "OLS_C" or steps.ramp_fit.save_opt or steps.jump.find_showers
    )
    sample = SAMPLE + COSTLY_SAMPLE * costly
    return EXPOSURE + sample * math.prod(shape) + PICTURE * picture


def time_limit(seconds: float) -> int:
    """Return the minutes to ask a scheduler for, for a batch of so many predicted seconds."""
    return math.ceil((START + SLOWNESS * seconds) / 60)


def longest(costs: Mapping[str, float], asked: float, slots: int, scheduled: bool) -> float:
    """
    Return the predicted time to which batches are filled [s].

    Parameters
    ----------
    costs : dict of str to float
        Predicted time of each exposure [s].
    asked : float
        The most that is wanted [s].
    slots : int
        Jobs that can run at once; few exposures are spread over all of them.
    scheduled : bool
        A scheduler starts the jobs, which costs more for each.
    """
    least = LEAST_SCHEDULED if scheduled else LEAST_LOCAL
    return min(asked, max(least, sum(costs.values()) / (PER_SLOT * slots)))


def compose(costs: Mapping[str, float], seconds: float) -> list[list[str]]:
    """
    Fill batches with exposures in their order.

    Parameters
    ----------
    costs : dict of str to float
        Predicted time of each exposure [s].
    seconds : float
        A batch that would take longer with one more exposure is closed; an exposure that takes
        longer by itself has a batch of its own.
    """
    batches, total = [], math.inf
    for name, cost in costs.items():
        if total + cost > seconds:
            batches.append([])
            total = 0.0
        batches[-1].append(name)
        total += cost
    return batches
