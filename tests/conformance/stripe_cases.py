"""Striped subarrays, and exposures whose groups are not evenly spaced."""

import edits
import numpy as np
from astropy.io import fits
from cases import LOW_THRESHOLDS, SAVE_ALL, SMALL, Case
from onramp.stripes import Pattern

SUBSTRIPES = {"nx": 64, "xstart": 480}
BESIDE = {"subarray": "GENERIC", "nints": 1}
FRAMES = {"nframes": 2, "groupgap": 1}
ALL_GROUPS = {"ramp_fit": {"suppress_one_group": False}}


def _stripes(name, steps=None, edit=edits.unchanged, *, mode="nircam_dhs", crash="", refusal="",
             **changes):  # fmt: skip
    small = {
        "nircam_dhs": SUBSTRIPES,
        "niriss_superstripes": {"ny": 12},
        "nircam_superstripes": {"nx": 12, "nints": 1},
    }
    return Case(name, mode, {**small.get(mode, {}), **changes}, steps or {}, edit, crash, refusal)


def _without_reference_pixels(columns):
    """Return an edit that leaves no reference pixel in some columns."""

    def edit(files):
        with fits.open(files.references["mask"], mode="update") as hdus:
            bit = 1 << list(hdus["DQ_DEF"].data["NAME"]).index("REFERENCE_PIXEL")
            hdus["DQ"].data[:, columns] &= ~np.uint32(bit)
        return {}

    return edit


def _low_limits(files):
    """Lower the saturation limit of a third of the pixels to where ramps pass it."""
    rng = np.random.default_rng(12)
    with fits.open(files.uncal) as hdus:
        range_of_ramps = np.percentile(hdus["SCI"].data, (2, 99.9))
    with fits.open(files.references["saturation"], mode="update") as hdus:
        limit = hdus["SCI"].data
        chosen = rng.random(limit.shape) < 0.3
        limit[chosen] = rng.uniform(*range_of_ramps, limit.shape)[chosen]
    return {}


def _second_segment(files):
    """Say that the file holds the second half of an exposure."""
    with fits.open(files.uncal, mode="update") as hdus:
        nints = hdus[0].header["NINTS"]
        keywords = {"NINTS": 2 * nints, "INTSTART": nints + 1, "INTEND": 2 * nints}
        hdus[0].header.update(keywords)
    return {}


def read_times(spacing, nframes=1):
    """Return an edit that makes the uncal say when its groups are read."""

    def edit(files):
        with fits.open(files.uncal, mode="update") as hdus:
            header = hdus[0].header
            starts = 1 + spacing ** np.arange(header["NGROUPS"])
            times = header["TFRAME"] * (starts[:, None] + 0.4 * np.arange(nframes))
            text = bytes(hdus["ASDF"].data[0][0]).decode()
            said = f"  exposure:\n    read_times: {times.tolist()}\n  telescope"
            document = np.frombuffer(text.replace("  telescope", said).encode(), "u1")
            column = fits.Column("ASDF_METADATA", f"{document.size}B", array=document[None])
            hdus["ASDF"] = fits.BinTableHDU.from_columns([column], name="ASDF")
        return {}

    return edit


def _substripes():
    other = {**BESIDE, "ystart": 9}
    lines = Pattern(4, 100, 20, 30, 0, 0, 0, 0)
    transposed = {"mode": "niriss_superstripes", "ny": 48, "nx": 64, "pattern": lines}
    return [
        _stripes("substripes", SAVE_ALL),
        _stripes("substripes_of_4_amplifiers", xstart=500, nx=1060, nints=1, ngroups=3),
        _stripes("substripes_backwards", fastaxis=1, slowaxis=-2, ystart=2008),
        _stripes("substripes_in_a_row", pattern=Pattern(4, 10, 12, 20, 0, 0, 0, 0), ny=40, **other),
        _stripes("substripes_without_first_lines", pattern=Pattern(0, 1, 12, 20, 0, 0, 0, 0), ny=36,
                 **{**other, "ystart": 1}),
        _stripes("substripes_again", pattern=Pattern(1, 30, 7, 3, 1, 0, 0, 0), ny=24,
                 **{**other, "ystart": 1}),
        _stripes("substripes_transposed", subarray="GENERIC", xstart=9, **{
            **transposed, "fastaxis": 2, "slowaxis": 1}),
        _stripes("substripes_transposed_backwards", subarray="GENERIC", **transposed),
        _stripes("substripes_parity_off", {"refpix": {"odd_even_columns": False}}),
        _stripes("substripes_siglimit", {"refpix": {"siglimit": 1.5}}),
        _stripes("substripes_refpix_off", {"refpix": {"skip": True}}),
        _stripes("substripes_no_reference_pixels", edit=_without_reference_pixels(slice(40))),
        _stripes("substripes_one_parity", edit=_without_reference_pixels(slice(0, 40, 2))),
        _stripes("substripes_frames", inverse_linearity=True, **FRAMES),
        _stripes("substripes_zero_frame", ALL_GROUPS, _low_limits, zero_frame=True,
                 **FRAMES),
        _stripes("substripes_dense_flags", {"saturation": {"n_pix_grow_sat": 2}}, dense_flags=True),
        _stripes("substripes_likely", {"ramp_fit": {"algorithm": "LIKELY"}}),
    ]  # fmt: skip


def _superstripes():
    narrow = Pattern(4, 0, 204, 0, 1, 1, 204, 10)
    pure, again = "nircam_pure_superstripes", "nircam_repeated_superstripes"
    whole, soss = "nircam_superstripes", "niriss_superstripes"
    cleaned = {"clean_flicker_noise": {"skip": False, "save_results": True}}
    return [
        _stripes("superstripes", SAVE_ALL, mode=whole),
        _stripes("superstripes_transposed", SAVE_ALL, mode=soss),
        _stripes("superstripes_pure", SAVE_ALL, mode=pure),
        _stripes("superstripes_again", SAVE_ALL, mode=again),
        _stripes("superstripes_of_10_positions", mode=soss, subarray="SUB204STRIPE_SOSS", nx=208,
                 pattern=narrow, nints=1),
        _stripes("superstripes_of_a_part", mode=soss, subarray="GENERIC", nx=208, pattern=narrow,
                 nints=1),
        _stripes("superstripes_forwards", mode=pure, slowaxis=2, fastaxis=-1, ystart=100),
        _stripes("superstripes_frames", mode=pure, inverse_linearity=True, **FRAMES),
        _stripes("superstripes_zero_frame", {**SAVE_ALL, **ALL_GROUPS}, _low_limits, mode=pure,
                 zero_frame=True,
                 **FRAMES),
        _stripes("superstripes_again_zero_frame", edit=_low_limits, mode=again, zero_frame=True),
        _stripes("superstripes_dense_flags", {"saturation": {"n_pix_grow_sat": 2}}, mode=whole,
                 dense_flags=True),
        _stripes("superstripes_again_dense_flags", mode=again, dense_flags=True),
        _stripes("superstripes_low_thresholds", {"jump": LOW_THRESHOLDS}, mode=pure),
        _stripes("superstripes_of_1_group", mode=pure, ngroups=1),
        _stripes("superstripes_again_of_1_group", mode=again, ngroups=1, dark_groups=4),
        _stripes("superstripes_parity_off", {"refpix": {"odd_even_columns": False}}, mode=soss),
        _stripes("superstripes_at_the_edge", mode=soss, ystart=2037, dense_flags=True),
        _stripes("superstripes_second_segment", mode=pure, edit=_second_segment),
        _stripes("superstripes_flicker", cleaned, mode=pure),
        _stripes("superstripes_again_flicker", cleaned, mode=again),
        _stripes("superstripes_likely", {"ramp_fit": {"algorithm": "LIKELY"}}, mode=pure),
        _stripes("superstripes_refpix_off", {"refpix": {"skip": True}}, mode=pure,
                 crash="Unsupported shape", refusal="refpix.skip: false"),
        _stripes("superstripes_no_bias", mode=whole, edit=edits.without("superbias")),
    ]  # fmt: skip


def _uneven():
    small = {**SMALL, "mode": "nircam_sub"}
    frames = {**SMALL, "mode": "nircam_bright"}
    return [
        _stripes("uneven_groups", SAVE_ALL, read_times(1.4), **small),
        _stripes("uneven_3_groups", edit=read_times(1.4), ngroups=3, **small),
        _stripes("uneven_frames", edit=read_times(2.0, 2), inverse_linearity=True, **frames),
        _stripes("uneven_substripes", edit=read_times(1.4)),
        _stripes("uneven_superstripes", edit=read_times(1.4), mode="nircam_pure_superstripes"),
    ]


STRIPE_CASES = [*_substripes(), *_superstripes(), *_uneven()]
