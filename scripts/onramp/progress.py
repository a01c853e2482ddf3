"""How far a run is: what is done, running, failed and left, how fast, and how long it may take."""

import time
from collections import deque
from typing import NamedTuple

WINDOW = 200
"""Exposures over which the throughput is measured."""

DONE, FAILED, RUNNING = "done", "failed", "running"


class Standing(NamedTuple):
    """How far a run is."""

    total: int
    done: int
    failed: int
    running: int
    left: int
    """Not begun."""
    per_minute: float | None
    """Exposures ended a minute, of late; None before the first."""
    seconds_to_go: float | None


class Tally:
    """
    Count a run's exposures.

    Parameters
    ----------
    total : int
        Exposures that the run is to process.
    clock : callable, optional
        Returns the time [s].
    """

    def __init__(self, total, clock=time.monotonic):
        self.total, self.clock = total, clock
        self.states = {}
        self.counts = dict.fromkeys((DONE, FAILED, RUNNING), 0)
        self.ended = deque([clock()], maxlen=WINDOW + 1)

    def begin(self, exposure) -> None:
        """Note that an exposure's job has begun, for the first time or after a failure."""
        self._put(exposure, RUNNING)

    def end(self, exposure, done) -> None:
        """Note that an exposure's work has ended; said again, it does not count as another."""
        known = self.states.get(exposure) in (DONE, FAILED)
        self._put(exposure, DONE if done else FAILED)
        if not known:
            self.ended.append(self.clock())

    def withdraw(self, exposure) -> None:
        """Note that an exposure's job has ended before it came to it."""
        if self.states.get(exposure) == RUNNING:
            del self.states[exposure]
            self.counts[RUNNING] -= 1

    def _put(self, exposure, state):
        before = self.states.get(exposure)
        if before is not None:
            self.counts[before] -= 1
        self.states[exposure] = state
        self.counts[state] += 1

    def standing(self) -> Standing:
        """Return how far the run is now."""
        left = max(0, self.total - len(self.states))
        rate = None
        passed = self.clock() - self.ended[0]
        if len(self.ended) > 1 and passed > 0:
            rate = (len(self.ended) - 1) / passed
        to_go = (left + self.counts[RUNNING]) / rate if rate else None
        per_minute = 60 * rate if rate else None
        return Standing(self.total, *self.counts.values(), left, per_minute, to_go)


def line(standing: Standing) -> str:
    """Return a standing in words."""
    words = [f"{standing.done} of {standing.total} done"]
    if standing.failed:
        words.append(f"{standing.failed} failed")
    words += [f"{standing.running} running", f"{standing.left} left"]
    if standing.per_minute is not None:
        words.append(f"{standing.per_minute:.3g} a minute")
    if standing.seconds_to_go:
        words.append(f"{duration(standing.seconds_to_go)} to go")
    return ", ".join(words)


def duration(seconds) -> str:
    """Return a time as a person says it."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 120:
        return f"{minutes} min"
    hours = round(minutes / 60)
    return f"{hours} h" if hours < 72 else f"{hours / 24:.1f} days"
