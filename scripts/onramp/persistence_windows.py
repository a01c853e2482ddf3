"""Persistence of one exposure: when integrations begin, and windows that others left open."""

import logging
import os
from pathlib import Path

import numpy as np

from onramp.errors import InputError, OutputError
from onramp.flags import DO_NOT_USE, PERSISTENCE
from onramp.replacing import folder_lock, replacing
from onramp.steps import persistence

log = logging.getLogger("onramp")

STEP = "persistence"
OF_ASDF = "asdf_library", "history"  # of any ASDF file


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
        self._check_target()
        self._after = np.zeros_like(self._before)

    def _integration_starts(self):
        nints = self._exposure.shape[0]
        header = self._exposure.primary
        try:
            times = self._exposure.integration_times("start")
            begin = length = 0.0
            if len(times) < nints:
                begin, length = (float(header[keyword]) for keyword in ("EXPSTART", "EFFINTTM"))
                begin = persistence.unix_time(begin)
        except (KeyError, TypeError):  # missing, or without a value
            raise InputError(
                f"{self._exposure.path}: INT_TIMES does not say when integrations begin, nor do "
                "EXPSTART and EFFINTTM; fetch the file again, or skip persistence"
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
        if not _are_windows(found) or found.get("pers_time") != self._parameters.persistence_time:
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

    def _check_target(self):
        """Check that windows can be saved, before there is anything to lose."""
        if self._parameters.save_persistence is None:
            return
        path = self._target
        _windows_alone(path)
        if not os.access(path.parent, os.W_OK):
            raise OutputError(
                f"{path}: its folder is not there or cannot be written to; choose another "
                "save_persistence"
            )

    @property
    def _target(self):
        return Path(self._parameters.save_persistence).with_suffix(".asdf")

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
        if not self.runs or self._parameters.save_persistence is None:
            return
        path = self._target
        rows, columns = np.nonzero(self._after)
        with folder_lock(path.parent):  # exposures of other detectors may end now, too
            tree = _windows_alone(path)
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
            return {key: value for key, value in file.tree.items() if key not in OF_ASDF}
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: no ASDF file: {reason}; give another one") from error


def _windows_alone(path):
    """Return the windows of a file that is to be written anew, by detector."""
    tree = _read(path) if path.exists() else {}
    others = [key for key, value in tree.items() if not _are_windows(value)]
    if others:
        raise InputError(
            f"{path}: holds {others[0]}, which is no detector's windows; choose another "
            "save_persistence"
        )
    return tree


def _are_windows(value):
    return isinstance(value, dict) and "vals" in value


def _write(path, tree):
    import asdf

    try:
        with replacing(path) as part:
            asdf.AsdfFile(tree).write_to(part)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: {error.strerror}; choose another save_persistence"
        ) from error
