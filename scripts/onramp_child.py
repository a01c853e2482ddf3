"""Work in a child process, whose end is not that of its parent."""

import logging
import os
import signal


def in_child(function, *arguments):
    """Call a function in a child process; return its status, negative for a signal."""
    child = os.fork()
    if not child:
        status = 1
        try:
            function(*arguments)
            status = 0
        finally:
            logging.shutdown()
            os._exit(status)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except BaseException:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        raise
