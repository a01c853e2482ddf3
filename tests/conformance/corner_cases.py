"""What can go wrong in single steps: odd headers, odd samples, references that know little."""

import edits
import numpy as np
from astropy.io import fits
from case import SAVED_DARK, Case
from cases import AFTER_JUMPS, SAVE_ALL
from onramp.simulate import simulate

SMALL = {"nx": 64, "ny": 48}
FRAMES_8 = {"mode": "nircam_bright", "nframes": 8, "groupgap": 2, "ngroups": 4, "nints": 2}
LIKELY = {"ramp_fit": {"algorithm": "LIKELY"}}
ONE_GROUP_KEPT = {"ramp_fit": {"suppress_one_group": False}}


def _small(name, steps=None, edit=edits.unchanged, *, mode="nircam_sub", **changes):
    return Case(name, mode, {**SMALL, **changes}, steps or {}, edit)


def without_keyword(*names):
    """Take keywords out of the exposure."""

    def edit(files):
        with fits.open(files.uncal, mode="update") as hdus:
            for name in names:
                del hdus[0].header[name]
        return {}

    return edit


def stray_samples(value, share=0.03):
    """Put single samples, reference pixels among them, at one end of the converter's range."""

    def edit(files):
        with fits.open(files.uncal, mode="update") as hdus:
            data = hdus["SCI"].data
            data[np.random.default_rng(41).random(data.shape) < share] = value
        return {}

    return edit


def unusable_values(kind, *values, extension="SCI"):
    """Put values with which nothing can be done into a tenth of a reference's pixels each."""

    def edit(files):
        rng = np.random.default_rng(42)
        with fits.open(files.references[kind], mode="update") as hdus:
            data = hdus[extension].data
            for value in values:
                data[..., rng.random(data.shape[-2:]) < 0.1] = value
        return {}

    return edit


def all_of(*changes):
    """Make several changes, one after the other."""

    def edit(files):
        return {kind: path for change in changes for kind, path in change(files).items()}

    return edit


def _headers():
    return [
        _small("no_frame_divisor_of_5", edit=without_keyword("FRMDIVSR"), mode="nircam_bright",
               nframes=5, ngroups=5),
        _small("no_frame_divisor_of_4", edit=without_keyword("FRMDIVSR"), mode="nircam_bright",
               nframes=4, ngroups=5),
        _small("frame_divisor_of_powers", mode="nircam_bright", nframes=4, frame_divisor=8,
               ngroups=5),
        _small("frames_dropped_first", ONE_GROUP_KEPT,
               all_of(edits.many_saturated, edits.header("uncal", DRPFRMS1=3))),
        _small("frames_dropped_first_likely", LIKELY, edits.header("uncal", DRPFRMS1=3)),
        _small("no_word_of_frames_dropped", ONE_GROUP_KEPT,
               all_of(edits.many_saturated, without_keyword("DRPFRMS1", "DRPFRMS3"))),
        _small("first_group_below_0", {"ramp_fit": {"firstgroup": -2, "lastgroup": 3}}),
        _small("last_group_beyond", {"ramp_fit": {"firstgroup": 2, "lastgroup": 99}}),
        _small("first_group_after_last", {"ramp_fit": {"firstgroup": 4, "lastgroup": 2}}),
    ]  # fmt: skip


def _samples():
    top, floor = stray_samples(65535), stray_samples(0)
    return [
        _small("samples_at_the_top", edit=top),
        _small("samples_at_the_floor", edit=floor),
        _small("samples_at_either_end", ONE_GROUP_KEPT, all_of(top, stray_samples(0, 0.01)),
               zero_frame=True),
        _small("samples_at_the_top_in_8_frames", edit=top, **FRAMES_8),
        _small("samples_at_the_top_likely", LIKELY, top, ngroups=8),
        _small("samples_at_the_top_clipped", edit=top, nints=100, ngroups=4, nx=40, ny=32),
        _small("samples_astray_four_outputs", edit=all_of(stray_samples(65535, 0.005),
                                                         stray_samples(0, 0.002)),
               mode="nircam_full", nx=2048, ny=24, ngroups=4),
        _small("saturated_in_8_frames", edit=edits.many_saturated, **FRAMES_8),
        _small("saturated_in_8_frames_without_superbias", None,
               all_of(edits.many_saturated, edits.without("superbias")), **FRAMES_8),
        _small("jumps_everywhere", {"jump": AFTER_JUMPS}, cosmic_rays_per_s_cm2=3e5, ngroups=8),
        _small("jumps_everywhere_single_pass", cosmic_rays_per_s_cm2=2e5, ngroups=14, nints=1),
        _small("jumps_everywhere_likely", LIKELY, cosmic_rays_per_s_cm2=1e5, ngroups=8),
        _small("jumps_everywhere_optional", {"ramp_fit": {"save_opt": True}},
               cosmic_rays_per_s_cm2=3e5, ngroups=12, nints=2),
        _small("dark_sky", sky_e_per_s=0.0, sources_per_megapixel=0.0, cosmic_rays_per_s_cm2=0.0),
    ]  # fmt: skip


def _references():
    nan, bad = np.nan, (np.nan, 0.0, -1.0)
    return [
        _small("gain_unusable", edit=unusable_values("gain", *bad)),
        _small("gain_unusable_likely", LIKELY, unusable_values("gain", *bad), ngroups=8),
        _small("gain_unusable_clipped", edit=unusable_values("gain", *bad), nints=100, ngroups=4,
               nx=40, ny=32),
        _small("readnoise_unusable", edit=unusable_values("readnoise", *bad)),
        _small("readnoise_unusable_likely", LIKELY, unusable_values("readnoise", *bad), ngroups=8),
        _small("superbias_unusable", edit=unusable_values("superbias", nan), mode="nircam_bright"),
        _small("dark_unusable", SAVED_DARK, unusable_values("dark", nan)),
        _small("dark_unusable_averaged", SAVED_DARK, unusable_values("dark", nan),
               mode="nircam_bright"),
        _small("linearity_unusable", edit=unusable_values("linearity", nan, 0.0,
                                                          extension="COEFFS")),
        _small("saturation_unusable", edit=unusable_values("saturation", nan, 0.0, -5.0)),
        _small("saturation_unusable_in_8_frames",
               edit=unusable_values("saturation", nan, 0.0, -5.0), **FRAMES_8),
    ]  # fmt: skip


def _optional_steps_of_miri():
    def of_miri(name, steps, edit=edits.unchanged, **changes):
        fields = {"nx": 72, "ny": 48, "ngroups": 9, "nints": 2, **changes}
        return Case(f"miri_{name}", "miri_sub64", fields, steps, edit)

    cleaned = {"skip": False, "save_mask": True, "save_background": True, "save_noise": True}
    lost = {"skip": False, "signal_threshold": 12000.0, "save_results": True}
    windows = {"skip": False, "persistence_time": 1, "dn_threshold": 200.0, "save_results": True}
    return [
        of_miri("flicker_saved", {"clean_flicker_noise": cleaned}),
        of_miri("flicker_masks_saved", {"clean_flicker_noise": {**cleaned, "single_mask": False}}),
        Case("miri_flicker_full", "miri_full", {"ngroups": 5, "nints": 1},
             {"clean_flicker_noise": cleaned}),
        of_miri("charge_migration_of_some", {"charge_migration": lost}),
        of_miri("charge_migration_of_all", {"charge_migration": {**lost, "signal_threshold": 0.0}})
        ._replace(refusal="fewer than two groups are usable"),
        of_miri("charge_migration_likely", {"charge_migration": lost, **LIKELY}),
        of_miri("persistence_of_faint", {"persistence": windows}),
        of_miri("jumps_everywhere", {"jump": AFTER_JUMPS}, cosmic_rays_per_s_cm2=1e6),
        of_miri("samples_at_the_top", {}, stray_samples(65535)),
        of_miri("gain_unusable", {}, unusable_values("gain", np.nan, 0.0, -1.0)),
        of_miri("readnoise_unusable", {}, unusable_values("readnoise", np.nan, 0.0)),
    ]  # fmt: skip


def segment_with_zero_frames(folder):
    """Make the last of two segments, of averaged frames, whose first frames are there too."""
    files = simulate("nircam_bright", folder, 71, **SMALL, nints=3, ngroups=4, noutputs=1)
    with fits.open(files.uncal, mode="update") as hdus:
        hdus[0].header.update(NINTS=8, INTSTART=6, INTEND=8, EXSEGNUM=2, EXSEGTOT=2)
        hdus["INT_TIMES"].data["integration_number"] += 5
    path = files.uncal.with_name(files.uncal.name.replace("_nrca4", "-seg002_nrca4"))
    files.uncal.rename(path)
    return files._replace(uncal=path)


def segment_with_all_times(folder):
    """Make the first of two segments, whose table of times is the whole exposure's."""
    files = simulate("nirspec_bots", folder, 72, nx=64, ny=32, nints=6, ngroups=5)
    with fits.open(files.uncal, mode="update") as hdus:
        hdus[0].header.update(INTSTART=1, INTEND=4, EXSEGNUM=1, EXSEGTOT=2)
        hdus["SCI"].data = hdus["SCI"].data[:4]
    return files


def _parts():
    return [
        Case("segment_with_zero_frames", segment_with_zero_frames, steps=ONE_GROUP_KEPT),
        Case("segment_with_zero_frames_saved", segment_with_zero_frames, steps=SAVE_ALL),
        Case("segment_with_all_times", segment_with_all_times),
        _small("integration_of_zeros_clipped", {}, edits.integration_of_zeros, nints=100,
               ngroups=4, nx=40, ny=32),
        _small("integration_of_zeros_optional",
               {"ramp_fit": {"save_opt": True, "opt_name": "segments"}},
               edits.integration_of_zeros),
        _small("integration_saturated_zero_frame", ONE_GROUP_KEPT, edits.integration_saturated,
               zero_frame=True),
    ]  # fmt: skip


CORNER_CASES = [
    *_headers(), *_samples(), *_references(), *_optional_steps_of_miri(), *_parts(),
]  # fmt: skip
