"""Persistence of one exposure: when integrations begin, and windows that others left open."""

import logging
from pathlib import Path

import numpy as np

from onramp.errors import InputError, OutputError
from onramp.flags import DO_NOT_USE, PERSISTENCE
from onramp.replacing import replacing
from onramp.steps import persistence

log = logging.getLogger("onramp")

STEP = "persistence"


class PersistenceWindows:
    """
    The windows of an exposure's pixels.

    Parameters
    ----------
    exposure : Exposure
    calibration : Calibration
        Whose states say whether the step has run.
    parameters : Persistence
    """

    def __init__(self, exposure, calibration, parameters):
        self._exposure = exposure
        self._parameters = parameters
        self.runs = calibration.runs(STEP)
        if self.runs and not (parameters.persistence_time or 0) > 0:
            log.warning("%s: persistence.persistence_time is not given: FAILED", exposure.name)
            calibration.states[STEP] = "FAILED"
            self.runs = False
        if not self.runs:
            return
        threshold = parameters.dn_threshold
        self._rules = (
            exposure.group_time,
            float(parameters.persistence_time),
            np.float32(np.inf if threshold is None else threshold),
        )
        self._flag = np.uint8(PERSISTENCE | (DO_NOT_USE if parameters.persistence_dnu else 0))
        self._starts = self._integration_starts()
        self._before = self._windows_of_file()
        self._after = np.zeros_like(self._before)

    def _integration_starts(self):
        nints = self._exposure.shape[0]
        header = self._exposure.primary
        try:
            times = self._exposure.integration_times("start")
            begin = persistence.unix_time(float(header["EXPSTART"])) if len(times) < nints else 0.0
            length = float(header["EFFINTTM"]) if len(times) < nints else 0.0
        except KeyError as error:
            raise InputError(
                f"{self._exposure.path}: {error.args[0]} missing, and INT_TIMES does not say when "
                "integrations begin; fetch the file again, or skip persistence"
            ) from None
        return np.array([
            persistence.unix_time(times[i]) if i < len(times) else begin + i * length
            for i in range(nints)
        ])  # fmt: skip

    def _windows_of_file(self):
        path = self._parameters.persistence_array_file
        windows = np.zeros(self._exposure.shape[2:])
        if path is None:
            return windows
        if not Path(path).exists():
            log.info("%s: no such file; windows begin with this exposure", path)
            return windows
        found = _read(path).get(self._exposure.detector)
        if found is None or found.get("pers_time") != self._parameters.persistence_time:
            log.info("%s: no windows of %s and %s s; they begin with this exposure", path,
                     self._exposure.detector, self._parameters.persistence_time)  # fmt: skip
            return windows
        try:
            windows[np.asarray(found["rows"]), np.asarray(found["cols"])] = found["vals"]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise InputError(
                f"{path}: {self._exposure.detector}: rows, cols and vals are not of a frame of "
                f"{windows.shape}: {error}; give another persistence_array_file"
            ) from error
        return windows

    def apply(self, band, ramps):
        """Flag the samples of a band, with the rows around it, in place."""
        if not self.runs:
            return
        ends = self._before[band.outer_first : band.outer_last].copy()
        persistence.flag_persistence(
            ramps.data, ramps.groupdq, ends, self._starts, self._rules, self._flag
        )
        self._after[band.rows] = ends[band.inner]

    def save(self):
        """Write the windows that are open after the exposure, beside those of other detectors."""
        name = self._parameters.save_persistence
        if not self.runs or name is None:
            return
        path = Path(name).with_suffix(".asdf")
        tree = _read(path) if path.exists() else {}
        rows, columns = np.nonzero(self._after)
        tree[self._exposure.detector] = {
            "filename": str(self._exposure.primary.get("FILENAME", self._exposure.path.name)),
            "rows": rows,
            "cols": columns,
            "vals": self._after[rows, columns],
            "pers_time": self._parameters.persistence_time,
        }
        _write(path, tree)


def _read(path):
    import asdf

    try:
        with asdf.open(path, memmap=False, lazy_load=False) as file:
            return {key: value for key, value in file.tree.items() if isinstance(value, dict)
                    and "vals" in value}  # fmt: skip
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: no ASDF file: {reason}; give another one") from error


def _write(path, tree):
    import asdf

    try:
        with replacing(path) as part:
            asdf.AsdfFile(tree).write_to(part)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: {error.strerror}; choose another save_persistence"
        ) from error
