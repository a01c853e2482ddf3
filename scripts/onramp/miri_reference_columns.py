"""MIRI's reference pixels of whole frames, calibrated on their own, and the offsets they show."""

from functools import partial

import numpy as np

from onramp.steps import dark_current, linearity, refpix_miri, reset, saturation

BORDER = 4  # reference columns at either side
ROWS = 64  # read at once


class _Columns:
    """
    The reference columns, those their saturation flags depend on, and all that calibrates them.

    Parameters
    ----------
    calibration : onramp.miri_calibration.MiriCalibration
    """

    def __init__(self, calibration):
        nx = calibration.exposure.shape[3]
        reach = saturation.halo(calibration.parameters.saturation.n_pix_grow_sat)
        side = BORDER - (-reach // BORDER) * BORDER
        self._calibration = calibration
        self._rows = calibration.exposure.shape[2]
        self._columns = np.r_[:side, nx - side : nx]
        self._sides = ((slice(0, side), 0), (slice(side, None), (nx - side) // BORDER))
        self.kept = np.r_[:BORDER, 2 * side - BORDER : 2 * side]
        references = calibration.references
        self._mask = np.ascontiguousarray(calibration.mask[:, self._columns])
        self.pixeldq = calibration.pixeldq[:, self._columns].copy()
        if calibration.saturated:
            saturated = references["saturation"]
            self._threshold, self._unchecked = saturation.thresholds(
                self._cut(partial(saturated.read, "SCI")), self._cut(saturated.dq)
            )
        if calibration.resets:
            self._anomaly = self._cut(
                lambda *rows, columns: calibration.reset_anomaly(*rows, columns)[0]
            )
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
            read(first, min(first + ROWS, self._rows), columns=self._columns)
            for first in range(0, self._rows, ROWS)
        ]
        return np.concatenate(parts, axis=-2)

    def calibrate(self, integration):
        """Return the reference columns of an integration after dark_current, (ngroups, ny, 8)."""
        calibration = self._calibration
        one = (slice(integration, integration + 1),)
        data = calibration.scaled(self._cut(partial(calibration.exposure.sci.read, leading=one)))
        if calibration.emi:
            for side, quad in self._sides:
                part = np.ascontiguousarray(data[..., side])
                calibration.emi.subtract(part, 0, quad, integration)
                data[..., side] = part
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
    nints, ngroups = calibration.exposure.shape[:2]
    columns = _Columns(calibration)
    parameters = calibration.parameters.refpix
    lanes = refpix_miri.Lanes(
        refpix_miri.usable_pixels(columns.pixeldq)[:, columns.kept],
        parameters.odd_even_rows, parameters.siglimit,
    )  # fmt: skip
    offsets = np.zeros((nints, ngroups, 2, refpix_miri.OUTPUTS), np.float32)
    for i in range(nints):
        frames = columns.calibrate(i)
        for g in range(1, ngroups):
            offsets[i, g] = lanes.offsets(frames[g] - frames[0])
    return offsets
