"""The steps before jump detection for superstripes: in stripes, then put together to frames."""

from typing import NamedTuple

import numpy as np

from onramp import reference_pixels
from onramp.calibration import Calibration
from onramp.errors import ParameterError
from onramp.flags import DO_NOT_USE, REFERENCE_PIXEL

OF_STRIPES = "mask", "saturation", "superbias"
"""References of the steps that look at stripes."""


def check_steps(exposure, calibration):
    """
    Refuse what the steps cannot do with a striped exposure.

    Raises
    ------
    ParameterError
        If ipc is on, or refpix is off where it puts superstripes together.
    """
    if calibration.ipc:
        raise ParameterError(
            f"{exposure.path}: ipc is not for striped subarrays; give ipc.skip: true"
        )
    if exposure.superstriped and not calibration.refpix:
        raise ParameterError(
            f"{exposure.path}: superstripes are put together by refpix; give refpix.skip: false"
        )


class PositionRows:
    """
    The integrations of an image that read one position of the stripes.

    Parameters
    ----------
    image : onramp.fitsrows.ImageRows
    position, number : int
        Which of how many.

    Attributes
    ----------
    shape : tuple of int
    """

    def __init__(self, image, position, number):
        self._image, self._position, self._number = image, position, number
        self.shape = (image.shape[0] // number, *image.shape[1:])

    def read(self, first, last, leading=None, columns=slice(None)):
        """Read rows; see `onramp.fitsrows.ImageRows.read`."""
        wanted, *others = leading or (slice(None),)
        chosen = range(self._position, self._image.shape[0], self._number)[wanted]
        mine = slice(chosen.start, chosen.stop, chosen.step)
        return self._image.read(first, last, (mine, *others), columns)


class Position:
    """An exposure's view of the integrations that read one position of its stripes."""

    def __init__(self, exposure, position):
        self._exposure = exposure
        number = exposure.stripes.number
        self.sci = PositionRows(exposure.raw, position, number)
        self.shape = self.sci.shape
        self.subarray = exposure.stripes.placement
        zeroframe = exposure.zeroframe
        self.zeroframe = zeroframe and PositionRows(zeroframe, position, number)

    def __getattr__(self, name):
        return getattr(self._exposure, name)


class UnusablePixels:
    """What the mask calls DO_NOT_USE, read when it is asked for."""

    def __init__(self, reference):
        self._reference = reference

    def __getitem__(self, rows):
        if self._reference is None:
            return np.uint8(0)
        dq = self._reference.dq(rows.start, rows.stop)
        return (dq & DO_NOT_USE).astype(np.uint8)


class PositionCalibration(Calibration):
    """The steps from group_scale to refpix for the integrations of one position."""

    def __init__(self, exposure, position, references, parameters):
        lines = exposure.stripes.rows_and_columns(position)
        cut = {kind: references[kind].cut(*lines) for kind in OF_STRIPES if references.get(kind)}
        super().__init__(Position(exposure, position), cut, parameters)
        self.mask = UnusablePixels(cut["mask"] if self.masked else None)

    def subtract_bias(self, first, data):
        """Subtract the superbias from rows that begin at `first`, in place."""
        self._subtract_superbias(first, data, None, None)

    def ramps(self, first, last):
        """Return the samples of rows [first, last) and their flags after refpix."""
        data, groupdq = self.load(first, last)
        self.subtract_bias(first, data)
        self._correct_refpix(first, data, groupdq, None)
        return data, groupdq


class Place(NamedTuple):
    """Part of a band that comes from one stripe."""

    position: int
    repeat: int
    rows: tuple[int, int]
    """First and past-the-last of the stored frame."""
    columns: slice
    """Of the stored frame."""
    target: tuple[slice, slice]
    """Rows and columns of the band."""


class SuperstripeCalibration(Calibration):
    """
    The steps from group_scale to dark_current for superstripes; see `Calibration`.

    Up to refpix each position of the stripes is an exposure of its own; `load` puts what comes out
    together.
    """

    def __init__(self, exposure, references, parameters, folder=None, threads=1):
        super().__init__(exposure, references, parameters, folder, threads)
        self._pieces = exposure.stripes.pieces()
        self.positions = [
            PositionCalibration(exposure, n, references, parameters)
            for n in range(exposure.stripes.number)
        ]

    def survey(self, stopwatch):
        """Look at what needs whole frames; to be called once, before any band."""
        since = stopwatch.now()
        shape = self.exposure.shape[2:]
        self.pixeldq = np.full(shape, REFERENCE_PIXEL, np.uint32)
        for place in self._places(0, shape[0]):
            _, dq = self.positions[place.position].quality(*place.rows)
            self.pixeldq[place.target] = dq[:, place.columns]
        since = stopwatch.add("dq_init", since)
        first = self.positions[0]
        _, dq = first.quality(0, first.exposure.shape[2])
        method = reference_pixels.method_of(first, dq)
        for position in self.positions:
            reference_pixels.measure(position, method)
        stopwatch.add("refpix", since)

    def _places(self, first, last):
        """Yield the parts of rows [first, last), later repeats last."""
        along_y = self.exposure.stripes.along_y
        for repeat in range(len(self._pieces[0])):
            for position, pieces in enumerate(self._pieces):
                frame, whole = pieces[repeat]
                if not along_y:
                    yield Place(position, repeat, (first, last), frame, (slice(None), whole))
                    continue
                low, high = max(first, whole.start), min(last, whole.stop)
                if low < high:
                    rows = tuple(frame.start + row - whole.start for row in (low, high))
                    target = slice(low - first, high - first), slice(None)
                    yield Place(position, repeat, rows, slice(None), target)

    def load(self, first, last, ngroups=None):
        """Return samples and flags of rows [first, last) after refpix; as `Calibration.load`."""
        nints, every, _, nx = self.exposure.shape
        repeats = len(self._pieces[0])
        data = np.full((nints, every, last - first, nx), np.nan, np.float32)
        groupdq = np.zeros(data.shape, np.uint8)
        for place in self._places(first, last):
            parts = self.positions[place.position].ramps(*place.rows)
            for whole, part in zip((data, groupdq), parts):
                whole[:, place.repeat :: repeats, *place.target] = part[..., place.columns]
        return data[:, :ngroups], groupdq[:, :ngroups]

    def early_zeroframe(self, first, last, done):
        """Return the zero frames of rows [first, last) after those steps up to refpix in `done`."""
        shape = self.exposure.shape
        frames = np.full((shape[0], last - first, shape[3]), np.nan, np.float32)
        for place in self._places(first, last):
            part = self.positions[place.position].early_zeroframe(*place.rows, done)
            frames[:, *place.target] = part[..., place.columns]
        return frames

    def _subtract_superbias(self, _first, _data, _groupdq, _pixeldq):
        """Leave what `load` has done already."""

    def _correct_refpix(self, _first, _data, _groupdq, _pixeldq):
        """Leave what `load` has done already."""
