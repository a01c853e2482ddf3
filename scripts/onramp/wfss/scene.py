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
MOST_WAITING = 8  # batches that may wait to be added, if there are few threads
PLACE = Window(0, FRAME[1], 0, FRAME[0])


class Scene(NamedTuple):
    """What is predicted for a grism exposure."""

    frame: np.ndarray
    """(2048, 2048) float64 [DN/s]."""
    own: list
    """Of each cutout: (ny, nx) float32, the source's own light in it; None if it is unknown."""
    lit: frozenset
    """Labels and orders whose light falls on the frame."""


def batches(tasks, threads):
    """Yield slices of some tasks: as many together as leave each thread enough of them."""
    size = max(1, min(TOGETHER, len(tasks) // (SHARES * threads)))
    for first in range(0, len(tasks), size):
        yield tasks[first : first + size]


def in_order(function, tasks, threads):
    """
    Yield what a function returns for each batch of tasks, in order, a few ahead of what is asked.

    The caller's thread is one of them: it takes what no other has begun.

    Parameters
    ----------
    function : callable
        Takes a batch and returns a list.
    tasks : iterable
        Batches.
    threads : int

    Yields
    ------
    object
        The members of the lists.
    """
    if threads == 1:
        for batch in tasks:
            yield from function(batch)
        return
    waiting, most = collections.deque(), max(MOST_WAITING, SHARES * threads)
    with ThreadPoolExecutor(threads - 1) as pool:
        for batch in tasks:
            waiting.append(_Share(pool, function, batch))
            if len(waiting) > most:
                yield from _first_of(waiting)
        while waiting:
            yield from _first_of(waiting)


class _Share:
    """A batch, done by a thread of the pool or by whoever takes it from there."""

    def __init__(self, pool, function, batch):
        self.function, self.batch, self.found = function, batch, None
        self._future = pool.submit(function, batch)

    def take(self):
        """Do the batch, if it is not begun; return whether."""
        if self.found is None and self._future.cancel():
            self.found = self.function(self.batch)
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

    The sum is taken source by source in a fixed order: it does not depend on the threads. An
    order's sources are begun with while the next order is made.

    Parameters
    ----------
    orders : iterable of DispersedOrder
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
    tasks = (
        (order, batch) for order in orders for batch in batches(order.labels.tolist(), threads)
    )

    def work(task):
        order, labels = task
        return [
            ((label, order.order), found, list(parts(order, label, found)))
            for label, found in zip(labels, order.disperse(labels))
            if found is not None
        ]

    def parts(order, label, found):
        for n in wanted.get((label, order.order), ()):
            part = own_light(order, label, found, cutouts[n], how)
            yield n, part if part is None else part[0].astype(np.float32)

    for key, found, known in in_order(work, tasks, threads):
        frame[found.window.slices] += found.images[0]
        lit.add(key)
        for n, part in known:
            own[n] = part
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
