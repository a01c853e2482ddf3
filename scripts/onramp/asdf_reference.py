"""References kept in ASDF, of plain values and arrays."""

from abc import abstractmethod
from contextlib import AbstractContextManager

from onramp import asdf_arrays
from onramp.errors import ReferenceFileError


def read_tree(path) -> dict:
    """Return the tree of an ASDF file, arrays included; by asdf if it has more than plain ones."""
    try:
        return asdf_arrays.read(path)
    except asdf_arrays.UnusualError:
        import asdf

        with asdf.open(path, memmap=False, lazy_load=False) as file:
            return dict(file.tree)


class AsdfReference(AbstractContextManager):
    """
    An open reference file whose values are read at once.

    Parameters
    ----------
    reference : Reference
    exposure : Exposure

    Attributes
    ----------
    reference : Reference
    header : dict
        Empty; there are no keywords.

    Raises
    ------
    ReferenceFileError
        If the file cannot be read or lacks what it must hold.
    """

    header = {}  # noqa: RUF012
    remedy = ""
    """What else may be done than to give another file."""

    def __init__(self, reference, exposure):
        self.reference = reference
        try:
            self._take(self._read(reference.path), exposure)
        except (KeyError, TypeError, AttributeError) as problem:
            self._refuse(f"no {problem} as such a reference has it")
        except (OSError, ValueError, RuntimeError) as problem:
            self._refuse(f"cannot be read as ASDF ({str(problem).splitlines()[0]})")

    _read = staticmethod(read_tree)

    @abstractmethod
    def _take(self, tree, exposure):
        """Keep what is wanted of the file's tree."""

    def _refuse(self, problem):
        kind = self.reference.type
        raise ReferenceFileError(
            f"{self.reference.path}: {problem}; give another {kind} reference with "
            f"override_{kind}, or {self.remedy}"
        )

    def __exit__(self, *_):
        """Close nothing: all has been read."""
