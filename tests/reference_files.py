"""Small reference files, and exposures that they are for."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
from astropy.io import fits
from onramp.reference_types import belongs_to
from onramp.references import (
    REFERENCE_TYPES,
    Reference,
    open_reference,
    select,
)

ARCHIVE = Path(__file__).parents[2] / "shared" / "data"
REGION = {"SUBSTRT1": 1, "SUBSTRT2": 1, "SUBSIZE1": 24, "SUBSIZE2": 20}
DEFINITION = [(1, "DO_NOT_USE"), (2, "HOT"), (4, "NO_SUCH_FLAG"), (1 << 31, "WARM")]


def an_exposure(**changes):
    facts = {
        "path": Path("jw1_nrca1_uncal.fits"),
        "name": "jw1_nrca1",
        "instrument": "NIRCAM",
        "detector": "NRCA1",
        "exp_type": "NRC_IMAGE",
        "readpatt": "RAPID",
        "date_obs": "2023-06-01T12:00:00.000",
        "shape": (2, 3, 8, 16),
        "subarray": SimpleNamespace(name="SUB64P", xstart=5, ystart=3, nx=16, ny=8),
    }
    facts |= {"stripes": None, "superstriped": False, "grating": "", **changes}
    return SimpleNamespace(area=facts["subarray"], **facts)


def definitions(rows=DEFINITION):
    columns = [
        fits.Column("Value", "J", bzero=1 << 31, array=np.array([v for v, _ in rows], np.uint32)),
        fits.Column("Name", "40A", array=[name for _, name in rows]),
    ]
    return fits.BinTableHDU.from_columns(columns, name="DQ_DEF")


def write(path, kind, images, keywords=(), table=None):
    """Write a reference; a keyword of None is left out."""
    header = {
        "REFTYPE": kind.upper(),
        "TELESCOP": "JWST",
        "INSTRUME": "NIRCAM",
        "DETECTOR": "NRCA1",
        "SUBARRAY": "FULL",
        "USEAFTER": "2022-01-01T00:00:00",
        **REGION,
        **({"NFRAMES": 1, "GROUPGAP": 0} if kind == "dark" else {}),
        **dict(keywords),
    }
    cards = [(name, value) for name, value in header.items() if value is not None]
    hdus = [fits.PrimaryHDU(header=fits.Header(cards))]
    hdus += [fits.ImageHDU(values, name=name) for name, values in images.items()]
    hdus += [table] if table is not None else []
    path.parent.mkdir(exist_ok=True)
    fits.HDUList(hdus).writeto(path)
    return path


def contents(kind, seed=1):
    rng = np.random.default_rng(seed)
    sizes = {"SCI": (20, 24), "DQ": (20, 24), "COEFFS": (4, 20, 24)}
    if kind == "dark":
        sizes["SCI"] = (5, 20, 24)
    if kind == "ipc":
        sizes["SCI"] = (3, 3)
    return {
        name: rng.integers(0, 8, sizes[name]).astype(np.uint32)
        if name == "DQ"
        else rng.normal(size=sizes[name]).astype(np.float32)
        for name in REFERENCE_TYPES[kind].dimensions
    }


NEAR_INFRARED = [kind for kind in REFERENCE_TYPES if belongs_to(kind, "NIRCAM")]


def opened(path, kind, exposure=None):
    return open_reference(Reference(kind, path, path.name, ""), exposure or an_exposure())


FITS_TYPES = [kind for kind in NEAR_INFRARED if kind not in ("sirskernel", "refpix")]
DEFAULT_TYPES = [kind for kind in FITS_TYPES if kind not in ("pictureframe", "flat")]


def chosen(folder, kind="gain", exposure=None, overrides=None):
    reference = select(exposure or an_exposure(), [kind], folder, overrides)[kind]
    return reference and reference.name
