"""What another thread works on until it is asked for."""

import functools
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

TURN = 3e-4
"""How long a thread may keep the interpreter from another that waits for it [s]."""

_turns, _short, _before = threading.Lock(), 0, 0.0


class Later(AbstractContextManager):
    """
    The result of a function, which is called by a thread of its own, or when it is asked for.

    Parameters
    ----------
    function : callable
    *arguments
    aside : bool
        Call it at once, in a thread of its own.
    """

    def __init__(self, function, *arguments, aside):
        self._pool = ThreadPoolExecutor(1) if aside else None
        if aside:
            self._call = self._pool.submit(function, *arguments).result
        else:
            self._call = functools.cache(functools.partial(function, *arguments))

    def result(self):
        """Return the result; raise what the function has raised."""
        return self._call()

    def __exit__(self, *_):
        """Wait for the thread."""
        if self._pool:
            self._pool.shutdown()


@contextmanager
def short_turns():
    """
    Have threads take short turns at the interpreter.

    A thread that computes without it and comes back for a moment waits as long as a turn lasts
    while another is busy in Python; by default that is 5 ms.
    """
    global _short, _before  # several threads may ask for them at once
    with _turns:
        if not _short:
            _before = sys.getswitchinterval()
            sys.setswitchinterval(min(TURN, _before))
        _short += 1
    try:
        yield
    finally:
        with _turns:
            _short -= 1
            if not _short:
                sys.setswitchinterval(_before)
