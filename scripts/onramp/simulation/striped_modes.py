"""Modes with striped subarrays."""

from onramp.stripe_keywords import KEYWORDS
from onramp.stripes import Pattern


def striped_modes(make, nircam):
    """
    Return the modes.

    Parameters
    ----------
    make : type
        `onramp.simulation.modes.Mode`.
    nircam : callable
        Detector to the keywords of its optics.
    """
    near = {"instrument": "NIRCAM", "readpatt": "RAPID", "tso": True, "ngroups": 5, "nints": 2}
    dhs = near | {
        "detector": "NRCA1",
        "exp_type": "NRC_TSGRISM",
        "keywords": nircam("NRCA1"),
        "fastaxis": -1,
        "slowaxis": 2,
    }
    image = near | {
        "detector": "NRCB1",
        "exp_type": "NRC_IMAGE",
        "keywords": nircam("NRCB1"),
        "fastaxis": 1,
        "slowaxis": -2,
        "tso": False,
    }
    soss = {
        "instrument": "NIRISS",
        "detector": "NIS",
        "exp_type": "NIS_SOSS",
        "readpatt": "NISRAPID",
        "keywords": (("FILTER", "CLEAR"), ("PUPIL", "GR700XD")),
        "scene": "soss",
        "xstart": 2048,
        "ystart": 1793,
        "ny": 256,
        "nints": 2,
        "ngroups": 5,
        "noutputs": 1,
        "fastaxis": -2,
        "slowaxis": -1,
        "tso": True,
    }
    return (
        make(name="nircam_dhs", subarray="SUB164STRIPE4_DHS", tframe=0.8636, observation=20,
             ny=164, pattern=Pattern(1, 1526, 40, 85, 1, 1, 0, 0), **dhs),
        make(name="niriss_superstripes", subarray="SUB680STRIPE_SOSS", tframe=1.8344,
             observation=21, nx=684, pattern=Pattern(4, 0, 680, 0, 1, 1, 680, 3), **soss),
        make(name="nircam_superstripes", subarray="FULL_SUPSTP120", tframe=0.655, observation=22,
             ystart=2048, ny=124, pattern=Pattern(4, 0, 120, 0, 1, 1, 120, 17), **image),
        make(name="nircam_pure_superstripes", subarray="SUB64P_SUPSTP008", tframe=0.0084,
             observation=23, xstart=1851, ystart=1881, nx=64, ny=8, noutputs=1,
             pattern=Pattern(0, 0, 0, 0, 0, 0, 8, 8), **image),
        make(name="nircam_repeated_superstripes", subarray="SUB64P_SUPSTP002", tframe=0.0076,
             observation=24, xstart=1851, ystart=2046, nx=64, ny=8, noutputs=1,
             pattern=Pattern(1, 165, 1, 0, 1, 0, 1, 16), **image),
    )  # fmt: skip


def stripe_cards(pattern):
    """Return the primary header's cards of a pattern; none if there is none."""
    return list(zip(KEYWORDS, pattern))
