"""The light of all sources in all orders: the simulated frame, and each cutout's own part of it."""

import collections
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from onramp.wfss.cutouts import cut, cut_as_reference
from onramp.wfss.disperse import Window
from onramp.wfss.orders import FRAME

WHOLE, REFERENCE = "whole", "jwst"
TOGETHER = 8  # sources that a thread takes at a time, if there are many
SHARES = 4  # of all sources that each thread gets at least, one after the other
LEAST_WAITING = 64  # sources that may wait to be added
PLACE = Window(0, FRAME[1], 0, FRAME[0])


class Scene(NamedTuple):
    """What is predicted for a grism exposure."""

    frame: np.ndarray
    """(2048, 2048) float64 [DN/s]."""
    own: list
    """Of each cutout: (ny, nx) float32, the source's own light in it; None if it is unknown."""
    lit: frozenset
    """Labels and orders whose light falls on the frame."""


def in_order(function, tasks, threads):
    """
    Yield a function's results in the order of its tasks, a few ahead of what is asked for.

    The caller's thread is one of them: it takes what no other has begun.
    """
    if threads == 1:
        yield from map(function, tasks)
        return
    tasks, waiting = [*tasks], collections.deque()
    size = max(1, min(TOGETHER, len(tasks) // (SHARES * threads)))
    most = max(LEAST_WAITING, SHARES * threads) // size

    def several(together):
        return [function(task) for task in together]

    with ThreadPoolExecutor(threads - 1) as pool:
        for first in range(0, len(tasks), size):
            waiting.append(_Share(pool, several, tasks[first : first + size]))
            if len(waiting) > most:
                yield from _first_of(waiting)
        while waiting:
            yield from _first_of(waiting)


class _Share:
    """Some tasks, done by a thread of the pool or by whoever takes them from it."""

    def __init__(self, pool, function, tasks):
        self.function, self.tasks, self.found = function, tasks, None
        self._future = pool.submit(function, tasks)

    def take(self):
        """Do the tasks, if they are not begun; return whether."""
        if self.found is None and self._future.cancel():
            self.found = self.function(self.tasks)
            return True
        return False

    def done(self):
        """Return whether the results are there."""
        return self.found is not None or self._future.done()

    def result(self):
        """Return the results, once they are there."""
        return self._future.result() if self.found is None else self.found


def _first_of(waiting):
    """Take the results of the first share; meanwhile do others."""
    first = waiting.popleft()
    while not first.done() and any(share.take() for share in (first, *waiting)):
        pass
    return first.result()


def compose(orders, cutouts, threads, how=WHOLE):
    """
    Disperse all sources in all orders.

    The sum is taken source by source in a fixed order: it does not depend on the threads.

    Parameters
    ----------
    orders : list of DispersedOrder
    cutouts : list of Cutout
    threads : int
    how : str
        "whole" or "jwst": see `own_light`.

    Returns
    -------
    Scene
    """
    frame, own, lit = np.zeros(FRAME), [None] * len(cutouts), set()
    wanted = collections.defaultdict(list)
    for n, cutout in enumerate(cutouts):
        wanted[cutout.source, cutout.order].append(n)
    tasks = ((order, int(label)) for order in orders for label in order.labels)

    def work(task):
        order, label = task
        found = order.disperse(label)
        if found is None:
            return (label, order.order), None, []
        parts = [
            (n, own_light(order, label, found, cutouts[n], how))
            for n in wanted.get((label, order.order), ())
        ]
        return (label, order.order), (found.window, found.images[0]), parts

    for key, light, parts in in_order(work, tasks, threads):
        if light is not None:
            window, image = light
            frame[window.slices] += image
            lit.add(key)
        for n, part in parts:
            own[n] = part if part is None else part[0].astype(np.float32)
    if how == WHOLE:
        own = [_known(part, cutout) for part, cutout in zip(own, cutouts)]
    return Scene(frame, own, frozenset(lit))


def _known(part, cutout):
    return np.zeros(cutout.window.shape, np.float32) if part is None else part


def own_light(order, label, found, cutout, how):
    """
    Return a source's own light in its cutout.

    Parameters
    ----------
    order : DispersedOrder
    label : int
    found : SourceImages
    cutout : Cutout
    how : str
        "whole": all of it; "jwst": as far as the reference takes it.

    Returns
    -------
    (degree + 1, ny, nx) float64 or None
    """
    if how == WHOLE:
        return cut(found.images, found.window, cutout.window)
    touched = order.touched(label)
    if touched is None:
        return None
    return cut_as_reference(found.images, found.window, touched, cutout.window)


def contamination(scene, cutout, own):
    """
    Return what other sources leave in a cutout.

    Parameters
    ----------
    scene : (2048, 2048) float64
        Simulated frame [DN/s].
    cutout : Cutout
    own : (ny, nx) float32 or None
        The source's own light; None: nothing is known, and nothing is to be subtracted.

    Returns
    -------
    (ny, nx) float64
        DN/s.
    """
    if own is None:
        return np.zeros(cutout.window.shape)
    return cut(scene, PLACE, cutout.window) - own


def most_telling(lights):
    """
    Return which cutout shows the step at work: both its own light and its neighbours' are bright.

    Parameters
    ----------
    lights : iterable of (float, float)
        Own light and contamination of each cutout [DN/s].

    Returns
    -------
    int or None
        None if no cutout has both.
    """
    least = [min(own, others) for own, others in lights]
    if not least or not max(least) > 0:
        return None
    return int(np.argmax(least))
