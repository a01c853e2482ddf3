"""What can go wrong, in one line for the person at the terminal."""

from onramp.printing import printable


class OnrampError(Exception):
    """
    A problem the user can mend: the message says what, where and the remedy, in one line.

    Parameters
    ----------
    message : str
        Characters that are not printable are shown as escapes.
    """

    def __init__(self, message):
        super().__init__(printable(message))


class InputError(OnrampError):
    """The uncal file cannot be used."""


class ReferenceFileError(OnrampError):
    """A reference file is missing, ambiguous or unusable."""


class ParameterError(OnrampError):
    """A step, parameter or value is unknown or out of range."""


class OutputError(OnrampError):
    """The products cannot be written."""


class KernelCacheError(OnrampError):
    """The folder of compiled kernels cannot be trusted."""
