"""The truth of a simulated exposure, and how well a product recovers it."""

import numpy as np
from astropy.io import fits

from onramp import flags

DETECTABLE_SIGMA = 8.0
BRIGHT_SIGMA = 100.0


def write_truth(mode, name, light, detector, hits, folder):
    """
    Write what a perfect measurement of an exposure would find.

    Extensions: RATE (ny, nx) [DN/s]; GOOD (ny, nx), 1 where the rate can be known; COSMIC_RAYS, one
    row a pixel hit, with the significance of its step against the noise of a group difference.

    Returns
    -------
    pathlib.Path
    """
    folder.mkdir(parents=True, exist_ok=True)
    rate = light / detector.gain * np.float32(mode.gain_factor or 1.0)
    good = ~(detector.border | detector.dead | detector.low | detector.hot)
    path = folder / f"{name}_truth.fits"
    primary = fits.PrimaryHDU()
    primary.header["MODE"] = (mode.name, "Simulated mode")
    primary.header["NINTS"] = mode.nints
    primary.header["NGROUPS"] = mode.ngroups
    image = fits.ImageHDU(rate, name="RATE")
    image.header["BUNIT"] = "DN/s"
    table = fits.BinTableHDU(_with_significance(mode, light, detector, hits), name="COSMIC_RAYS")
    hdus = [primary, image, fits.ImageHDU(good.astype(np.uint8), name="GOOD"), table]
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def _with_significance(mode, light, detector, hits):
    place = hits["y"], hits["x"]
    noise = (detector.read_noise * detector.gain)[place] ** 2 * 2 / mode.nframes
    noise = np.sqrt(noise + (light + detector.dark)[place] * mode.tgroup)
    table = np.zeros(len(hits), [*hits.dtype.descr, ("significance", "f4")])
    for column in hits.dtype.names:
        table[column] = hits[column]
    table["significance"] = hits["electrons"] * _largest_step(mode, hits) / noise
    return table


def _largest_step(mode, hits):
    """Fraction of each hit's charge in the larger of the group differences that share it."""
    place = hits["frame"] % (mode.nframes + mode.groupgap)
    first = np.where(place < mode.nframes, 1 - place / mode.nframes, 1.0)
    second = np.where(hits["group"] < mode.ngroups - 1, 1 - first, 0.0)
    return np.maximum(first, second)


def score(rate_path, truth_path):
    """
    Compare a rate or rateints product with the truth.

    Parameters
    ----------
    rate_path : path
        Product with SCI, ERR and DQ, (ny, nx) or (nints, ny, nx).
    truth_path : path
        Truth file of the same exposure.

    Returns
    -------
    dict
        pixels : good pixels (of all integrations) compared;
        pull_median, pull_scatter : median and robust standard deviation of (rate - truth)/ERR;
        bright_bias : median of rate/truth - 1 where the truth exceeds 100 ERR;
        cosmic_rays : hits that stand 8 sigma or more above the noise, in good pixels after the
        first group; cosmic_rays_found : the fraction of them with JUMP_DET;
        false_flags : fraction with JUMP_DET of the good pixels that no hit touched or neighbours.
        A value is NaN if there is nothing to compute it from.
    """
    with fits.open(rate_path) as product, fits.open(truth_path) as truth:
        sci, err, dq = (_cube(product[name].data) for name in ("SCI", "ERR", "DQ"))
        expected = truth["RATE"].data
        good = truth["GOOD"].data.astype(bool)
        hits = np.array(truth["COSMIC_RAYS"].data)
        nints = truth[0].header["NINTS"]
    spoilt = (dq & (flags.DO_NOT_USE | flags.SATURATED)) != 0
    use = good & ~spoilt & np.isfinite(sci) & (err > 0)
    pull = ((sci - expected) / np.where(err > 0, err, 1))[use]
    bright = use & (expected > BRIGHT_SIGMA * err)
    ratio = sci[bright] / np.broadcast_to(expected, sci.shape)[bright] - 1
    return {
        "pixels": int(np.count_nonzero(use)),
        "pull_median": _median(pull),
        "pull_scatter": 1.4826 * _median(np.abs(pull - _median(pull))),
        "bright_bias": _median(ratio),
        **_jumps(dq, use, hits, len(sci) == 1 and nints > 1),
    }


def _cube(array):
    return array if array.ndim == 3 else array[None]


def _median(values):
    return float(np.median(values)) if values.size else float("nan")


def _jumps(dq, use, hits, combined):
    """Count the cosmic rays that are flagged; `combined`: one plane for all integrations."""
    flagged = (dq & flags.JUMP_DET) != 0
    plane = np.zeros(len(hits), int) if combined else hits["integration"]
    touched = np.zeros(dq.shape, bool)
    ny, nx = dq.shape[-2:]
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            y = np.clip(hits["y"] + dy, 0, ny - 1)
            x = np.clip(hits["x"] + dx, 0, nx - 1)
            touched[plane, y, x] = True
    place = plane, hits["y"], hits["x"]
    clear = (hits["significance"] >= DETECTABLE_SIGMA) & (hits["group"] > 0) & use[place]
    found = flagged[place][clear]
    quiet = use & ~touched
    return {
        "cosmic_rays": int(np.count_nonzero(clear)),
        "cosmic_rays_found": float(found.mean()) if found.size else float("nan"),
        "false_flags": float(flagged[quiet].mean()) if quiet.any() else float("nan"),
    }
