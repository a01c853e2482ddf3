"""The light curve of a time series, from a table such as the archive keeps of it."""

import numpy as np

from onramp.errors import InputError

FLUXES = "whitelight_flux", "whitelight_flux_order_1", "aperture_sum", "flux"
TIMES = "MJD_UTC", "MJD"


def read(path, exposure):
    """
    Return the flux of each integration of an exposure.

    Rows are found by their times if both table and exposure have some, else they are those of the
    integrations.

    Parameters
    ----------
    path : str
        A table that astropy reads as text, as `_whtlt.ecsv` and `_phot.ecsv` are.
    exposure : Exposure

    Returns
    -------
    (nints,) float64

    Raises
    ------
    InputError
        If the file is no such table, or lacks integrations.
    """
    table = _table(path)
    fluxes, times = (_column(table, names, exposure.detector, path) for names in (FLUXES, TIMES))
    if fluxes is None:
        raise InputError(
            f"{path}: no column {' or '.join(FLUXES)}; give another clean_flicker_noise.light_curve"
        )
    middles, nints = exposure.integration_times("mid"), exposure.shape[0]
    if times is not None and len(middles) == nints:
        return _at(middles, times, fluxes, path, exposure)
    if len(fluxes) != nints:
        raise InputError(
            f"{path}: {len(fluxes)} rows; {exposure.name} has {nints} integrations; give the "
            f"light curve of this exposure, or one with a column {TIMES[0]}"
        )
    return fluxes


def _table(path):
    from astropy.table import Table

    try:
        return Table.read(path, format="ascii.ecsv" if path.endswith(".ecsv") else "ascii")
    except Exception as problem:  # whatever is wrong with a table that others wrote
        text = " ".join(str(problem).split())[:200]
        raise InputError(
            f"{path}: cannot be read as a table ({text}); give another "
            "clean_flicker_noise.light_curve"
        ) from problem


def _column(table, names, detector, path):
    """Return the first column there is, that of the detector before others; or None."""
    for name in names:
        for found in (f"{name}_{detector}", name):
            if found in table.colnames:
                try:
                    return np.ma.filled(np.ma.asarray(table[found], np.float64), np.nan)
                except ValueError as problem:
                    raise InputError(
                        f"{path}: {found} is no column of numbers; give another "
                        "clean_flicker_noise.light_curve"
                    ) from problem
    return None


def _at(middles, times, fluxes, path, exposure):
    lengths = exposure.integration_times("end") - exposure.integration_times("start")
    known = np.flatnonzero(np.isfinite(times))
    known = known[np.argsort(times[known], kind="stable")]
    ordered = np.concatenate([[-np.inf], times[known], [np.inf]])
    after = np.searchsorted(ordered, middles)
    closer = after - (middles - ordered[after - 1] <= ordered[after] - middles)
    missing = np.flatnonzero(np.abs(ordered[closer] - middles) > lengths / 2)
    if missing.size:
        raise InputError(
            f"{path}: no row at MJD {middles[missing[0]]:.6f}, when integration "
            f"{missing[0] + 1} of {exposure.name} is; give the light curve of its visit"
        )
    return fluxes[known[closer - 1]]
