"""References that only MIRI has, in the layout of the archive's."""

import numpy as np
from astropy.io import fits

from onramp.simulation import miri_effects

PATTERNS = "FASTR1", "SLOWR1", "FAST", "SLOW"


def reset_image(mode, shape, header):
    """Return the reset anomaly, (integrations, groups, ny, nx) float32 [DN]."""
    anomaly = miri_effects.reset_anomaly(mode, *shape)
    header["NINTS"] = (anomaly.shape[0], "Number of integrations")
    header["NGROUPS"] = (anomaly.shape[1], "Number of groups in integration")
    return anomaly


def rscd_table(mode):
    """Return the table of groups to leave out."""
    first, later = mode.rscd_groups
    names = [*miri_effects.CLOCKS, "FULL", "GENERIC"]
    rows = [(name, pattern, first, later) for name in names for pattern in PATTERNS]
    subarrays, patterns, firsts, laters = zip(*rows)
    return fits.BinTableHDU.from_columns(
        [
            fits.Column("subarray", "17A", array=np.array(subarrays)),
            fits.Column("readpatt", "12A", array=np.array(patterns)),
            fits.Column("group_skip1", "J", array=np.array(firsts)),
            fits.Column("group_skip", "J", array=np.array(laters)),
        ],
        name="RSCD_GROUP_SKIP",
    )


def save_waves(mode, path):
    """Write an emicorr reference."""
    import asdf

    frequencies = {
        f"Hz{number}": {
            "frequency": frequency, "phase_amplitudes": miri_effects.wave_shape(number),
        }
        for number, (frequency, _) in enumerate(mode.interference)
    }  # fmt: skip
    names = list(frequencies)
    detectors = dict.fromkeys(("MIRIMAGE", "MIRIFULONG", "MIRIFUSHORT"), names)
    cases = {
        name: {"rowclocks": row, "frameclocks": frame,
               "freqs": {"FAST": names, "SLOW": detectors}}
        for name, (row, frame) in miri_effects.CLOCKS.items()
    }  # fmt: skip
    meta = {
        "telescope": "JWST", "instrument": {"name": "MIRI"}, "reftype": "EMICORR",
        "useafter": "2022-01-01T00:00:00", "pedigree": "GROUND", "author": "onramp simulator",
        "description": "Simulated waves of interference", "model_type": "EmiModel",
    }  # fmt: skip
    tree = {"meta": meta, "frequencies": frequencies, "subarray_cases": cases}
    partial = path.with_name(f".{path.name}.partial")
    asdf.AsdfFile(tree).write_to(partial)
    partial.replace(path)
    return path
