"""
Compare two folders of arrays, flags and slopes by name: flags are equal, values close.

Usage: python agreement.py OURS THEIRS; prints what is wrong, one line for each array, or nothing.
"""

import sys
from pathlib import Path

import numpy as np

RELATIVE = 1e-5
LOOSE = 1e-3, 1e-4  # larger relative differences, and the fraction of values that may have them
ROUNDING = 1e-7  # of the median magnitude: zero but for rounding


def problem(ours, theirs):
    """Return what is wrong with an array, or nothing."""
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return f"{ours.dtype}{ours.shape} is not {theirs.dtype}{theirs.shape}"
    if ours.dtype.kind in "iu":
        unequal = np.count_nonzero(ours != theirs)
        return f"{unequal} flags differ" if unequal else ""
    if not np.array_equal(np.isnan(ours), np.isnan(theirs)):
        return f"{np.count_nonzero(np.isnan(ours) != np.isnan(theirs))} NaN differ"
    known = np.isfinite(theirs) & (ours != theirs)
    x, y = ours[known].astype(np.float64), theirs[known].astype(np.float64)
    magnitude = np.abs(y)
    counted = np.abs(x - y) > ROUNDING * np.median(magnitude) if y.size else np.zeros(0, bool)
    relative = np.abs(x - y)[counted] / np.maximum(magnitude[counted], 1e-300)
    wrong = np.count_nonzero(relative > RELATIVE)
    if wrong > LOOSE[1] * ours.size or np.any(relative > LOOSE[0]):
        return f"{wrong} values differ by more than {RELATIVE:g}, up to {relative.max():.1e}"
    return ""


def main(ours, theirs):
    """Compare every array of the reference."""
    for path in sorted(Path(theirs).glob("*.npy")):
        own = Path(ours) / path.name
        fault = problem(np.load(own), np.load(path)) if own.exists() else "missing"
        if fault:
            print(f"{path.stem}: {fault}")


if __name__ == "__main__":
    main(*sys.argv[1:])
