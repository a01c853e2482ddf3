"""IRS2 exposures: full frames of few groups, since there are no others."""

import edits
import numpy as np
from astropy.io import fits
from cases import SAVE_ALL, Case
from onramp import interleaving

ROUNDING = 2e-5
"""Of the median magnitude: both pipelines transform samples in single precision, in orders of their
own, and what they leave differs by some 1e-6 of the noise."""

NO_FIT = {step: {"skip": True} for step in ("jump", "ramp_fit")}
"""For cases of earlier steps: the reference takes most of its time to fit four million ramps."""

LATER_OFF = {step: {"skip": True} for step in ("linearity", "dark_current", "jump", "ramp_fit")}


def bad_edges(files):
    """Call pixels at the edges bad reference pixels, and more blocks of interleaved ones."""
    with fits.open(files.references["mask"], mode="update") as hdus:
        names = list(hdus["DQ_DEF"].data["NAME"])
        bit = 1 << names.index("BAD_REF_PIXEL")
        science = interleaving.science_rows(hdus[0].header["DETECTOR"])
        hdus["DQ"].data[science[[2, 700, 716, 1300]], 1] |= bit
        hdus["DQ"].data[[648, 649, 650, 651, 668, 669, 670, 671, 1288, 1289, 1308], 77] |= bit
    return {}


def bad_edges_and_ipc(files):
    """Do the same, and add an ipc reference."""
    bad_edges(files)
    return edits.ipc_kernel(files)


def saturated(files):
    """Lower the saturation limit of half the pixels to where their ramps pass it."""
    rng = np.random.default_rng(11)
    with fits.open(files.uncal) as hdus:
        rows = interleaving.science_rows(hdus[0].header["DETECTOR"])
        raw = hdus["SCI"].data[0][:, rows].astype(np.float32)
    with fits.open(files.references["saturation"], mode="update") as hdus:
        limit = hdus["SCI"].data
        chosen = rng.random(limit.shape) < 0.5
        group = rng.integers(0, len(raw), limit.shape)
        limit[chosen] = np.take_along_axis(raw, group[None], axis=0)[0][chosen]
    return {}


def no_listed_pixels(files):
    """Take the list of bad pixels out of the refpix reference."""
    with fits.open(files.references["refpix"], mode="update") as hdus:
        del hdus["DQ"]
    return {}


ROUNDING_OF_THE_BIAS = 1e-3
"""Where no superbias is subtracted: samples of 12000 DN are rounded to 1e-3 DN."""


def _irs2(name, steps=None, edit=edits.unchanged, *, mode="nirspec_irs2_rapid", crash="",
          refusal="", rounding=ROUNDING, **changes):  # fmt: skip
    changes = {"ngroups": 2, **changes}
    return Case(name, mode, changes, steps or {}, edit, crash, refusal, rounding=rounding)


def _optional_steps():
    lost = {"skip": False, "signal_threshold": 300.0, "save_results": True}
    windows = {"skip": False, "persistence_time": 40, "dn_threshold": 200.0, "save_results": True}
    frame = {"skip": False, "mask_science_regions": False, "save_mask": True}
    cleaned = {"skip": False, "mask_science_regions": False, "single_mask": False}
    preserved = {"refpix": {"preserve_irs2_refpix": True}, "linearity": {"skip": True}}
    return [
        _irs2("irs2_charge_migration_and_persistence",
              {"charge_migration": lost, "persistence": windows}, ngroups=3),
        _irs2("irs2_picture_frame_and_flicker",
              {"picture_frame": frame, "clean_flicker_noise": cleaned}, edits.picture_frame,
              ngroups=3),
        _irs2("irs2_dark", {"superbias": {"save_results": True}}, mode="nirspec_irs2",
              frame_divisor=8)._replace(pipeline="dark"),
        _irs2("irs2_dark_preserved", preserved)._replace(pipeline="dark"),
    ]  # fmt: skip


IRS2_CASES = [
    _irs2("irs2", SAVE_ALL, mode="nirspec_irs2", ngroups=4),
    _irs2("irs2_rapid", SAVE_ALL, ngroups=5),
    _irs2("irs2_of_2_integrations", mode="nirspec_irs2", nints=2, ngroups=3),
    _irs2("irs2_rapid_of_2_integrations", NO_FIT, nints=2, ngroups=3),
    _irs2("irs2_of_1_group", ngroups=1),
    _irs2("irs2_saturated", {"saturation": {"n_pix_grow_sat": 2}}, saturated,
          mode="nirspec_irs2", ngroups=3, nframes=4),
    _irs2("irs2_bad_edges", NO_FIT | {"refpix": {"ovr_corr_mitigation_ftr": 1.5}}, bad_edges),
    _irs2("irs2_bad_edges_of_nrs1", NO_FIT | {"refpix": {"ovr_corr_mitigation_ftr": 1.5}},
          bad_edges, mode="nirspec_irs2", nframes=1),
    _irs2("irs2_means", NO_FIT | {"refpix": {"irs2_mean_subtraction": True}}, bad_edges),
    _irs2("irs2_means_without_parity",
          NO_FIT | {"refpix": {"irs2_mean_subtraction": True, "odd_even_columns": False,
                               "siglimit": 2.0}},
          mode="nirspec_irs2", nframes=1),
    _irs2("irs2_preserved", {**LATER_OFF, "refpix": {"preserve_irs2_refpix": True}}, bad_edges),
    _irs2("irs2_preserved_of_nrs1",
          {**LATER_OFF, "refpix": {"preserve_irs2_refpix": True, "irs2_mean_subtraction": True}},
          mode="nirspec_irs2", nframes=1),
    _irs2("irs2_preserved_for_later_steps", {"refpix": {"preserve_irs2_refpix": True}},
          crash="operands could not be broadcast", refusal="reference pixels in the frames"),
    _irs2("irs2_user_flags", NO_FIT | {"dq_init": {"user_supplied_dq": "{folder}/flags.fits",
          "save_results": True}}, edits.user_flags("extension")),
    _irs2("irs2_ipc", NO_FIT, bad_edges_and_ipc),
    _irs2("irs2_no_superbias", NO_FIT, edits.without("superbias"), ngroups=3, nframes=4,
          rounding=ROUNDING_OF_THE_BIAS),
    _irs2("irs2_no_listed_pixels", edit=no_listed_pixels, crash="has no len()"),
    *_optional_steps(),
]  # fmt: skip
