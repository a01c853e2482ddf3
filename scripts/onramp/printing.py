"""Texts from files, made fit for a terminal or a log."""

import logging
import math
import re


def printable(text: str) -> str:
    """
    Return a text in one line that does nothing to a terminal.

    Parameters
    ----------
    text : str
        From a file's name or header, so of any content; what is not printable is escaped.
    """
    line = re.sub(r"\s*[\r\n]\s*", " ", text)
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def with_error(value: float, error: float, between: str = " +- ") -> str:
    """Return a value and its error, which has two digits, with the same decimals."""
    decimals = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 0
    return f"{value:.{decimals}f}{between}{error:.{decimals}f}"


class PlainFormatter(logging.Formatter):
    """Format messages, each in a line, and tracebacks with nothing but printable characters."""

    def formatMessage(self, record):  # noqa: N802
        """Return a record's line."""
        record.message = printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei):  # noqa: N802
        """Return a traceback."""
        return printable_lines(super().formatException(ei))


def printable_lines(text: str) -> str:
    """Return a text of several lines, each made printable."""
    return "\n".join(printable(line) for line in text.split("\n"))
