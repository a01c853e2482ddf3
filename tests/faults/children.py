"""Work in a forked process that can be killed, limited, or made to fail at a call of the system."""

import errno
import os
import signal
import time
import traceback
from typing import NamedTuple

from onramp.errors import OnrampError

CALLS = "open", "pwrite", "posix_fallocate", "fsync", "close", "replace", "unlink"
REFUSED, FAILED = 1, 2


class Ended(NamedTuple):
    """How a child ended."""

    status: int
    """Exit status, or minus the signal that killed it."""
    said: str
    """The line of an OnrampError, or a traceback."""
    seconds: float


def run(work, prepare=None, kill_after=None) -> Ended:
    """
    Call a function in a child.

    Parameters
    ----------
    work : callable
    prepare : callable, optional
        Called in the child before; may limit it.
    kill_after : float, optional
        When to send SIGKILL [s].
    """
    reading, writing = os.pipe()
    begun = time.perf_counter()
    child = os.fork()
    if not child:
        _work(work, prepare, writing)
    os.close(writing)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    return Ended(os.waitstatus_to_exitcode(status), said, time.perf_counter() - begun)


def _work(work, prepare, writing):
    status = 0
    try:
        if prepare:
            prepare()
        work()
    except OnrampError as error:
        status = REFUSED
        os.write(writing, str(error).encode())
    except BaseException:
        status = FAILED
        os.write(writing, traceback.format_exc().encode())
    finally:
        os._exit(status)


class CallCounter:
    """
    Count the calls that touch files, and do something at one of them.

    Parameters
    ----------
    at : int
        Number of the call, from 0.
    action : callable
        Gets the original function and its arguments; returns what the call returns.
    names : sequence of str
        Functions of `os`.
    """

    def __init__(self, at=-1, action=None, names=CALLS):
        self.at, self.action, self.count = at, action, 0
        for name in names:
            setattr(os, name, self._counted(name, getattr(os, name)))

    def _counted(self, name, original):
        def call(*arguments, **options):
            number, self.count = self.count, self.count + 1
            if number == self.at:
                return self.action(name, original, arguments, options)
            return original(*arguments, **options)

        return call


def kill_before(_name, _original, _arguments, _options):
    """Die before a call."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_halfway(name, original, arguments, options):
    """Die after half of what a call writes, or after the call."""
    if name == "pwrite":
        file, content, offset = arguments
        original(file, memoryview(content)[: len(content) // 2], offset)
    else:
        original(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)


def fail_with(number):
    """Return an action that fails as the system does."""

    def fail(*_):
        raise OSError(number, os.strerror(number))

    return fail


NO_SPACE, QUOTA, DEVICE = (fail_with(n) for n in (errno.ENOSPC, errno.EDQUOT, errno.EIO))
