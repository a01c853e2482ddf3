"""
Make an exposure of many integrations by repeating those of a small simulated one, byte by byte.

Usage: python large_exposure.py CASE INTEGRATIONS FOLDER
"""

import sys
from pathlib import Path

from astropy.io import fits
from onramp.simulate import simulate
from whole import LARGE

BLOCK = 2880
COUNTS = "NINTS", "INTEND"
BY_INTEGRATION = "SCI", "GROUP", "INT_TIMES"


def make(case, nints, folder):
    """
    Simulate an exposure and repeat its integrations.

    Parameters
    ----------
    case : whole.LargeCase
    nints : int
        A multiple of the integrations that are simulated.
    folder : path
        For `uncal/`, `references/` and `truth/`.

    Returns
    -------
    SimulatedExposure
    """
    _, ngroups, ny, nx = case.shape
    exposure = simulate(
        case.mode, folder, 1, nints=case.simulated, ngroups=ngroups, ny=ny, nx=nx, **case.changes
    )
    whole = exposure.uncal.with_suffix(".partial")
    with (
        fits.open(exposure.uncal, memmap=False, lazy_load_hdus=False) as hdus,
        open(exposure.uncal, "rb") as source,
        open(whole, "wb") as target,
    ):
        for hdu in hdus:
            repeat(hdu, nints // case.simulated, source, target)
    whole.replace(exposure.uncal)
    return exposure


def repeat(hdu, times, source, target):
    """Copy an extension, repeated along its slowest axis where that counts integrations."""
    header, size = hdu.header.copy(), hdu.size
    for keyword in COUNTS:
        if keyword in header:
            header[keyword] *= times
    if hdu.name in BY_INTEGRATION:
        header[f"NAXIS{header['NAXIS']}"] *= times
    else:
        times = 1
    target.write(header.tostring().encode("ascii"))
    source.seek(hdu.fileinfo()["datLoc"])
    data = source.read(size)
    for _ in range(times):
        target.write(data)
    target.write(b"\0" * (-size * times % BLOCK))


if __name__ == "__main__":
    make(LARGE[sys.argv[1]], int(sys.argv[2]), Path(sys.argv[3]))
