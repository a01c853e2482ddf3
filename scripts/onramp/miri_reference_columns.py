"""MIRI's reference pixels of whole frames, calibrated on their own, and the offsets they show."""

from functools import partial

import numpy as np

from onramp.steps import dark_current, linearity, refpix_miri, reset, saturation

BORDER = 4  # reference columns at either side
ROWS = 64  # read at once


class _Side:
    """
    Some columns of the frame, and all that calibrates them.

    Parameters
    ----------
    calibration : onramp.miri_calibration.MiriCalibration
    columns : slice
        The reference columns, and as many as their saturation flags depend on.
    kept : slice
        The reference columns among them.
    """

    def __init__(self, calibration, columns, kept):
        self._calibration = calibration
        self._columns = columns
        self._rows = calibration.exposure.shape[2]
        self.kept = kept
        references = calibration.references
        self._mask = calibration.mask[:, columns]
        self.pixeldq = calibration.pixeldq[:, columns].copy()
        if calibration.saturated:
            saturated = references["saturation"]
            self._threshold, self._unchecked = saturation.thresholds(
                self._cut(partial(saturated.read, "SCI")), self._cut(saturated.dq)
            )
        if calibration.resets:
            self._anomaly = self._cut(lambda *rows: calibration.reset_anomaly(*rows)[0])
            self._planes = calibration.reset_anomaly(0, 0)[1]
            self.pixeldq |= self._cut(references["reset"].dq)
        if calibration.linear:
            reference = references["linearity"]
            self._coefficients = self._cut(partial(reference.read, "COEFFS"))
            self.pixeldq |= linearity.prepare_coefficients(
                self._coefficients, self._cut(reference.dq), self.pixeldq
            )
        if calibration.dark:
            self._dark = {
                plane: self._cut(partial(calibration.dark_signal, plane))
                for plane in set(calibration.dark_planes)
            }
            self.pixeldq |= self._cut(references["dark"].dq)

    def _cut(self, read):
        """Return the columns of what `read` gives for rows [first, last)."""
        parts = [
            read(first, min(first + ROWS, self._rows))[..., self._columns]
            for first in range(0, self._rows, ROWS)
        ]
        return np.concatenate(parts, axis=-2)

    def calibrate(self, integration):
        """Return the reference columns of an integration after dark_current, (ngroups, ny, 4)."""
        calibration = self._calibration
        one = (slice(integration, integration + 1),)
        raw = self._cut(lambda *rows: calibration.exposure.sci.read(*rows, one))
        data = calibration.scaled(raw)
        if calibration.emi:
            quad = self._columns.start // BORDER
            calibration.emi.subtract(data, 0, quad, integration)
        groupdq = np.empty(data.shape, np.uint8)
        groupdq[...] = self._mask
        if calibration.saturated:
            chosen = calibration.parameters.saturation
            nframes = calibration.exposure.readout.nframes if chosen.use_readpatt else None
            saturation.flag_saturation(
                data, groupdq, self._threshold, self._unchecked, None, chosen.n_pix_grow_sat,
                nframes,
            )  # fmt: skip
        if calibration.resets:
            reset.subtract_reset(data, self._anomaly, self._planes[integration : integration + 1])
        if calibration.linear:
            linearity.correct(data, groupdq, self._coefficients)
        if calibration.dark:
            signal = self._dark[calibration.dark_planes[integration]]
            dark_current.subtract_dark(data, signal)
        return data[0][..., self.kept]


def survey_offsets(calibration):
    """
    Measure what refpix subtracts from each group of a full-frame exposure.

    Parameters
    ----------
    calibration : onramp.miri_calibration.MiriCalibration
        After its survey of emicorr.

    Returns
    -------
    (nints, ngroups, 2, 4) float32
        By parity of the row and by output [DN].
    """
    nints, ngroups, _, nx = calibration.exposure.shape
    reach = saturation.halo(calibration.parameters.saturation.n_pix_grow_sat)
    reach = -(-reach // BORDER) * BORDER
    sides = (
        _Side(calibration, slice(0, BORDER + reach), slice(0, BORDER)),
        _Side(calibration, slice(nx - BORDER - reach, nx), slice(-BORDER, None)),
    )
    usable = [refpix_miri.usable_pixels(side.pixeldq)[:, side.kept] for side in sides]
    parameters = calibration.parameters.refpix
    lanes = refpix_miri.Lanes(
        np.concatenate(usable, axis=1), parameters.odd_even_rows, parameters.siglimit
    )
    offsets = np.zeros((nints, ngroups, 2, refpix_miri.OUTPUTS), np.float32)
    for i in range(nints):
        columns = np.concatenate([side.calibrate(i) for side in sides], axis=-1)
        for g in range(1, ngroups):
            offsets[i, g] = lanes.offsets(columns[g] - columns[0])
    return offsets
