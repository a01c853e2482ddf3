"""What is compared of masks of NIRSpec's science regions."""

import edits
from astropy.io import fits
from cases import Case
from onramp.simulation import nirspec_optics

FULL = {"subarray": "FULL", "nx": 2048, "ny": 2048, "xstart": 1, "ystart": 1, "noutputs": 4,
        "nints": 1, "ngroups": 2, "tso": False, "scene": "slices"}  # fmt: skip
WHEEL = ("GWA_XTIL", 0.31), ("GWA_YTIL", 0.05), ("GWA_TILT", 41.0)


def optics(grating, speed=None, configuration=None, *edit):
    """Add references of the optics; the speed of the telescope, or an MSA metadata file."""

    def add(files):
        if speed is not None:
            fits.setval(files.uncal, "VELOSYS", value=speed, extname="SCI")
        if configuration is not None:
            path = files.uncal.with_name("shutters_msa.fits")
            nirspec_optics.write_configuration(path, configuration)
        found = edits.both(*edit)(files) if edit else {}
        return nirspec_optics.references(files.references["gain"].parent, grating) | found

    return add


def _case(name, band, grating, exp_type, edit=None, more=(), step=(), **changes):
    keywords = (("FILTER", band), ("GRATING", grating), ("FXD_SLIT", "S200A1"), *WHEEL, *more)
    cleaning = {"skip": False, "mask_science_regions": True, "save_mask": True, **dict(step)}
    steps = {"clean_flicker_noise": cleaning}
    given = {**FULL, "exp_type": exp_type, "keywords": keywords, **changes}
    return Case(f"regions_{name}", "nirspec_bots", given, steps, edit or optics(grating),
                headers_apart=("mask",))  # fmt: skip


def _configured(*fixed_slits):
    return optics("G235M", None, fixed_slits)


def _picture_frame(name, band, grating, exp_type, **changes):
    step = {"skip": False, "save_mask": True, "save_correction": True}
    case = _case(name, band, grating, exp_type, optics(grating, None, None, edits.picture_frame),
                 **changes)  # fmt: skip
    return case._replace(name=f"picture_frame_{name}", steps={"picture_frame": step},
                         headers_apart=("pctfrm_mask",))  # fmt: skip


MOS = ("MSAMETFL", "shutters_msa.fits"), ("MSAMETID", 2), ("PATT_NUM", 1)
SUB512 = {"subarray": "SUB512", "nx": 512, "ny": 32, "xstart": 1025, "ystart": 957, "noutputs": 1}
ALLSLITS = {"subarray": "ALLSLITS", "ny": 256, "ystart": 896}

NIRSPEC_CASES = [
    _case("of_slices", "F290LP", "G395H", "NRS_IFU", optics("G395H", 20300.0)),
    _case("of_slices_nrs2", "F290LP", "G395H", "NRS_IFU", detector="NRS2"),
    _case("of_slices_elsewhere", "F170LP", "G235M", "NRS_IFU", detector="NRS2"),
    _case("of_slices_prism", "CLEAR", "PRISM", "NRS_IFU", step={"fit_method": "fft"}),
    _case("of_slices_without_shutters", "F100LP", "G140H", "NRS_IFU",
          optics("G140H", None, None, edits.without("msaoper"))),
    _case("of_slits", "F290LP", "G395H", "NRS_FIXEDSLIT", optics("G395H", -15000.0)),
    _case("of_slits_nrs2", "F170LP", "G235M", "NRS_FIXEDSLIT", detector="NRS2"),
    _case("of_slits_prism", "CLEAR", "PRISM", "NRS_FIXEDSLIT", **ALLSLITS),
    _case("of_one_slit", "F290LP", "G395H", "NRS_BRIGHTOBJ", nints=3,
          step={"single_mask": False}, **SUB512),
    _case("of_shutters", "F170LP", "G235M", "NRS_MSASPEC", _configured(), MOS),
    _case("of_shutters_and_slits", "F170LP", "G235M", "NRS_MSASPEC",
          _configured(("S200A1", "Y"), ("S400A1", "N")), MOS),
    _case("of_shutters_at_another_dither", "F170LP", "G235M", "NRS_MSASPEC", _configured(),
          (*MOS[:2], ("PATT_NUM", 2)), detector="NRS2"),
    _picture_frame("beside_slits", "F290LP", "G395H", "NRS_FIXEDSLIT"),
    _picture_frame("beside_slices", "F100LP", "G140H", "NRS_IFU", detector="NRS2"),
    _picture_frame("without_slices", "F170LP", "G235M", "NRS_IFU", detector="NRS2"),
]  # fmt: skip
"""Full frames are what takes time here, so there are few."""
