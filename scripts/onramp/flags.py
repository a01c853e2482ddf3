"""Data-quality bits, once (JWST science calibration pipeline, "Data Quality Flags")."""

import numpy as np

from onramp.kernels import kernel

GOOD = 0
DO_NOT_USE = 1 << 0
SATURATED = 1 << 1
JUMP_DET = 1 << 2
DROPOUT = 1 << 3
OUTLIER = 1 << 4
PERSISTENCE = 1 << 5
AD_FLOOR = 1 << 6
CHARGELOSS = 1 << 7
RESERVED = 1 << 8
NON_SCIENCE = 1 << 9
DEAD = 1 << 10
HOT = 1 << 11
WARM = 1 << 12
LOW_QE = 1 << 13
RC = 1 << 14
TELEGRAPH = 1 << 15
NONLINEAR = 1 << 16
BAD_REF_PIXEL = 1 << 17
NO_FLAT_FIELD = 1 << 18
NO_GAIN_VALUE = 1 << 19
NO_LIN_CORR = 1 << 20
NO_SAT_CHECK = 1 << 21
UNRELIABLE_BIAS = 1 << 22
UNRELIABLE_DARK = 1 << 23
UNRELIABLE_SLOPE = 1 << 24
UNRELIABLE_FLAT = 1 << 25
OPEN = 1 << 26
ADJ_OPEN = 1 << 27
FLUX_ESTIMATED = 1 << 28
MSA_FAILED_OPEN = 1 << 29
OTHER_BAD_PIXEL = 1 << 30
REFERENCE_PIXEL = 1 << 31

PIXEL = {name: bit for name, bit in list(globals().items()) if isinstance(bit, int)}
"""Every flag by the mnemonic that DQ_DEF tables of reference files use."""


_TABLE_BITS = 16  # data quality with no higher bit is translated through a table


def translate(dq, definition):
    """
    Translate a reference file's data quality to the standard bits.

    Parameters
    ----------
    dq : (..., ny, nx) integer
        Data quality as stored in the reference file.
    definition : iterable of (int, str), or None
        The value and the mnemonic of each row of the file's DQ_DEF table; unknown mnemonics are
        dropped. With None or nothing in it, `dq` already holds standard bits.

    Returns
    -------
    (..., ny, nx) uint32
    """
    dq = np.asarray(dq).astype(np.uint32, order="C")
    if not definition:
        return dq
    present = int(np.bitwise_or.reduce(dq, axis=None))
    if present >= 1 << _TABLE_BITS:
        return _translate_values(dq, definition)
    values = np.arange(present + 1, dtype=np.uint32)
    _look_up(dq.reshape(-1), _translate_values(values, definition))
    return dq


@kernel
def _look_up(dq, table):
    """Replace each value by that of a table."""
    for n in range(dq.size):
        dq[n] = table[dq[n]]


@kernel
def count_flagged(dq, rows, bits, counts):
    """
    Count the samples of some rows of each plane that have any of some bits.

    Parameters
    ----------
    dq : (nints, ngroups, ny, nx) uint8
    rows : (int, int)
        The first, and the one past the last.
    bits : uint8
    counts : (nints, ngroups) int64
        To be filled.
    """
    nints, ngroups, _, nx = dq.shape
    first, last = rows
    for i in range(nints):
        for g in range(ngroups):
            count = 0
            for y in range(first, last):
                flags = dq[i, g, y]
                some = np.int32(0)
                for x in range(nx):
                    some += np.int32((flags[x] & bits) != 0)
                count += some
            counts[i, g] = count


def _translate_values(dq, definition):
    standard = np.zeros_like(dq)
    for value, name in definition:
        standard |= np.where(dq & np.uint32(value), np.uint32(PIXEL.get(name.strip(), 0)), 0)
    return standard
