"""What can go wrong, in one line for the person at the terminal."""


class OnrampError(Exception):
    """A problem the user can mend: the message says what, where and the remedy, in one line."""


class InputError(OnrampError):
    """The uncal file cannot be used."""


class ReferenceFileError(OnrampError):
    """A reference file is missing, ambiguous or unusable."""


class ParameterError(OnrampError):
    """A step, parameter or value is unknown or out of range."""


class OutputError(OnrampError):
    """The products cannot be written."""
