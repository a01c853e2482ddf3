"""References of MIRI that are no images: the waves of emicorr, the groups that rscd leaves out."""

from typing import NamedTuple

import numpy as np

from onramp.asdf_reference import AsdfReference
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


class EmiReference(AsdfReference):
    """An open emicorr reference file (ASDF); see `AsdfReference`."""

    remedy = "skip emicorr"

    def _take(self, tree, _exposure):
        self._cases = tree["subarray_cases"]
        self._frequencies = {
            name: (float(known["frequency"]), np.array(known["phase_amplitudes"], float))
            for name, known in tree["frequencies"].items()
        }

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
