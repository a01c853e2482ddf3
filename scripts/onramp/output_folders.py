"""The folder that products go to."""

import os

from onramp.errors import OutputError


def make_output_folder(path):
    """
    Make a folder unless it is there.

    Parameters
    ----------
    path : Path

    Raises
    ------
    OutputError
        If it cannot be made, or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be made: {error.strerror}; choose another output_dir"
        ) from error
    if not os.access(path, os.W_OK):
        raise OutputError(f"{path}: is not writable; choose another output_dir")
