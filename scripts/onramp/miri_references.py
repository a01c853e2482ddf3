"""References of MIRI that are no images: the waves of emicorr, the groups that rscd leaves out."""

from typing import NamedTuple

import numpy as np

from onramp import asdf_arrays
from onramp.errors import ReferenceFileError
from onramp.fitsrows import FitsImages
from onramp.steps.emicorr import speed_of, subarray_case

OLD_NAMES = {"SUBPRISM": "SLITLESSPRISM"}
FEWEST_SAMPLES = 2  # of a wave


class Waves(NamedTuple):
    """What an emicorr reference has for an exposure."""

    rowclocks: float
    frameclocks: float
    frequencies: tuple[float, ...]
    """[Hz], in the order of correction."""
    shapes: tuple[np.ndarray, ...]
    """One period of each, float64."""


class EmiReference:
    """
    An emicorr reference file (ASDF).

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

    def __init__(self, reference, _exposure):
        self.reference = reference
        try:
            try:
                self._take(asdf_arrays.read(reference.path))
            except asdf_arrays.UnusualError:
                import asdf

                with asdf.open(reference.path, memmap=False, lazy_load=False) as file:
                    self._take(file)
        except (KeyError, TypeError, AttributeError) as problem:
            self._refuse(f"no {problem} as an emicorr reference has it")
        except (OSError, ValueError, RuntimeError) as problem:
            self._refuse(f"cannot be read as ASDF ({str(problem).splitlines()[0]})")

    def _take(self, tree):
        self._cases = tree["subarray_cases"]
        self._frequencies = {
            name: (float(known["frequency"]), np.array(known["phase_amplitudes"], float))
            for name, known in tree["frequencies"].items()
        }

    def _refuse(self, problem):
        raise ReferenceFileError(
            f"{self.reference.path}: {problem}; give another one with override_emicorr, or skip "
            "emicorr"
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def waves(self, exposure) -> Waves | None:
        """Return what there is for an exposure, None if it is not listed."""
        speed = speed_of(exposure.readpatt)
        case = self._cases.get(subarray_case(exposure.subarray.name, exposure.readpatt))
        if case is None:
            return None
        try:
            names = case["freqs"].get(speed)
            if names is not None and speed == "SLOW":
                names = names.get(exposure.detector)
            clocks = float(case["rowclocks"]), float(case["frameclocks"])
        except (KeyError, TypeError, ValueError, AttributeError):
            self._refuse(f"subarray_cases of {exposure.subarray.name} is incomplete")
        if not names:
            return None
        missing = [name for name in names if name not in self._frequencies]
        if missing:
            self._refuse(f"frequencies has no {missing[0]}")
        found = [self._frequencies[name] for name in names]
        for name, (frequency, shape) in zip(names, found):
            if not frequency > 0 or shape.ndim != 1 or shape.size < FEWEST_SAMPLES:
                self._refuse(f"frequencies: {name} is no wave")
        return Waves(*clocks, *(tuple(part) for part in zip(*found)))


class RscdReference:
    """
    An rscd reference file.

    Attributes
    ----------
    reference : Reference
    header : astropy.io.fits.Header

    Raises
    ------
    ReferenceFileError
        If the file has no table of groups to leave out.
    """

    def __init__(self, reference, _exposure):
        self.reference = reference
        with FitsImages(reference.path, ReferenceFileError) as file:
            self.header = file.primary
            self._table = file.table("RSCD_GROUP_SKIP")
        names = [name.lower() for name in self._table.dtype.names]
        self._table.dtype.names = names
        missing = {"subarray", "readpatt", "group_skip"}.difference(names)
        if missing:
            raise ReferenceFileError(
                f"{reference.path}[RSCD_GROUP_SKIP]: no column {missing.pop()}; give another "
                "one with override_rscd, or skip rscd"
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def groups_to_skip(self, exposure) -> tuple[int, int] | None:
        """
        Return how many groups the first and the later integrations leave out, None if not listed.

        The first is negative if the file does not say.
        """
        name = OLD_NAMES.get(exposure.subarray.name, exposure.subarray.name)
        for row in self._table:
            if (_text(row["subarray"]), _text(row["readpatt"])) == (name, exposure.readpatt):
                known = "group_skip1" in self._table.dtype.names
                return int(row["group_skip1"]) if known else -1, int(row["group_skip"])
        return None


def _text(value):
    return (value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)).strip()
