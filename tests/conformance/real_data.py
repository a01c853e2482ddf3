"""Cases made of real exposures and references, where they are at hand beside the project."""

import numpy as np
from astropy.io import fits
from cases import Case
from environment import ROOT
from onramp.simulate import SimulatedExposure

DATA = ROOT.parent / "shared" / "data"
GUIDE_STAR = DATA / "jw01019001001_gs-acq1_2022117003102_uncal.fits"
SUPERBIAS = DATA / "jwst_nirspec_superbias_0075.fits"
DARK = DATA / "jwst_nirspec_dark_0046.fits"

SATURATION, GAIN, READ_NOISE = 60000.0, 1.9, 12.0
PLACED = "TELESCOP INSTRUME DETECTOR SUBSTRT1 SUBSTRT2 SUBSIZE1 SUBSIZE2 FASTAXIS SLOWAXIS"


def guide_star(folder):
    """Take flight pixels of a guide-star acquisition as if they were an FGS science image."""
    uncal = folder / "uncal" / GUIDE_STAR.name
    uncal.parent.mkdir(parents=True)
    with fits.open(GUIDE_STAR) as hdus:
        header = hdus[0].header
        header["EXP_TYPE"] = "FGS_IMAGE"
        hdus.writeto(uncal)
        shape = hdus["SCI"].shape[-2:]
    flags = fits.ImageHDU(np.zeros(shape, np.uint32), name="DQ")
    images = {
        "mask": [flags],
        "saturation": [_constant(SATURATION, shape), flags.copy()],
        "gain": [_constant(GAIN, shape)],
        "readnoise": [_constant(READ_NOISE, shape)],
    }
    references = dict.fromkeys(("superbias", "linearity", "dark"), "N/A")
    for kind, extensions in images.items():
        primary = fits.PrimaryHDU()
        primary.header["REFTYPE"] = kind.upper()
        for keyword in PLACED.split():
            primary.header[keyword] = header[keyword]
        references[kind] = uncal.with_name(f"{kind}.fits")
        fits.HDUList([primary, *extensions]).writeto(references[kind])
    return SimulatedExposure(uncal, references, None)


def _constant(value, shape):
    return fits.ImageHDU(np.full(shape, value, np.float32), name="SCI")


def archive_references(files):
    """Calibrate with the archive's superbias and dark instead of simulated ones."""
    return {"superbias": SUPERBIAS, "dark": DARK}


REAL_CASES = [
    Case("flight_guide_star", guide_star),
    Case("archive_superbias_and_dark", "nirspec_bots", {"nints": 3}, edit=archive_references),
    Case("archive_short_dark", "nirspec_bots", {"nints": 2, "ngroups": 14},
         edit=archive_references),
]  # fmt: skip


def at_hand():
    """Return whether the real files are there."""
    return all(path.exists() for path in (GUIDE_STAR, SUPERBIAS, DARK))
