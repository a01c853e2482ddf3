"""The refpix reference of IRS2 exposures: weights by frequency, and a list of bad pixels."""

import numpy as np

from onramp.errors import ReferenceFileError
from onramp.interleaving import FRAME_READS
from onramp.reference_types import IRS2_WEIGHTS
from onramp.steps.irs2_columns import SHORT
from onramp.steps.irs2_fourier import FREQUENCIES, add_weights, sort_weights

CHUNK = 2 * 4096  # rows of the table


def read_weights(reference) -> np.ndarray:
    """
    Return the weights of a refpix reference.

    Real and imaginary parts stand in turn in each column of its table.

    Parameters
    ----------
    reference : OpenReference

    Returns
    -------
    (89, 8, 8193) complex64
        In the order of IRS2_WEIGHTS, where a transform has the frequencies.

    Raises
    ------
    ReferenceFileError
        If the number of rows is not twice that of the frequencies, or a weight is not finite.
    """
    length = reference.length_of_table("IRS2")
    path = reference.reference.path
    if length != 2 * FRAME_READS:
        raise ReferenceFileError(
            f"{path}[IRS2]: {length} rows; expected {2 * FRAME_READS}; give another file with "
            "override_refpix"
        )
    weights = np.zeros((SHORT, FREQUENCIES, 2 * len(IRS2_WEIGHTS)), np.float32)
    first = 0
    for rows in reference.rows_of_table("IRS2", CHUNK):
        values = _columns(rows)
        if not np.isfinite(values).all():
            raise ReferenceFileError(
                f"{path}[IRS2]: values that are not finite; give another file with override_refpix"
            )
        add_weights(values, first, weights)
        first += len(values) // 2
    return sort_weights(weights)


def _columns(rows):
    """Return the weights of some rows of the table, (nrows, 8) float32."""
    names = {name.lower(): name for name in rows.dtype.names}
    columns = [names[name] for name in IRS2_WEIGHTS]
    simple = {rows.dtype[name] for name in rows.dtype.names} == {np.dtype(">f4")}
    if simple and tuple(columns) == rows.dtype.names:
        return rows.view(">f4").reshape(len(rows), -1).astype(np.float32)
    return np.stack([rows[name].astype(np.float32) for name in columns], axis=1)


def read_bad_pixels(reference) -> list[tuple[int, int, int]]:
    """
    Return what a refpix reference lists as bad: amplifier, parity of reads, mask of blocks.

    Raises
    ------
    ReferenceFileError
        If the table holds other amplifiers than 1 to 4 or other parities than 1 and 2.
    """
    table = reference.table("DQ")
    if table is None:
        return []
    path = reference.reference.path
    try:
        columns = [table[name].tolist() for name in ("OUTPUT", "ODD_EVEN", "MASK")]
    except KeyError as problem:
        raise ReferenceFileError(
            f"{path}[DQ]: no column {problem.args[0]}; give another file with override_refpix"
        ) from problem
    rows = [(int(a), int(p), int(m) & 0xFFFFFFFF) for a, p, m in zip(*columns)]
    for amplifier, parity, _ in rows:
        if amplifier not in range(1, 5) or parity not in (1, 2):
            raise ReferenceFileError(
                f"{path}[DQ]: OUTPUT={amplifier}, ODD_EVEN={parity}; expected 1 to 4, and 1 or 2; "
                "give another file with override_refpix"
            )
    return rows
