"""MIRI's exposures and steps that both pipelines process."""

import edits
import miri_edits
from case import SAVED_DARK, Case
from onramp.pipelines import steps_of

ALWAYS_OFF = "charge_migration", "picture_frame", "clean_flicker_noise", "persistence"
SMALL = {"nx": 72, "ny": 48, "xstart": 1, "ystart": 779, "subarray": "SUB64"}
EMI = {"emicorr": {"skip": False}}
SEQUENTIAL = {"emicorr": {"skip": False, "algorithm": "sequential"}}
SAVE_ALL = {step: {"save_results": True} for step in steps_of("MIRI") if step not in ALWAYS_OFF}


def _emicorr(**parameters):
    return {"emicorr": {"skip": False, **parameters}}


def _whole(name, mode, steps=None, edit=miri_edits.unchanged, **changes):
    return Case(f"miri_{name}", mode, changes, steps or {}, edit)


def _small(name, steps=None, edit=miri_edits.unchanged, *, refusal="", crash="", **changes):
    fields = {**SMALL, "ngroups": 8, "nints": 3, **changes}
    return Case(f"miri_{name}", "miri_sub64", fields, steps or {}, edit, crash, refusal)


def _modes():
    few = {"ngroups": 5, "nints": 2}
    return [
        _whole("full_fast", "miri_full", EMI, **few),
        _whole("full_slow", "miri_slow", EMI, **few),
        _whole("mrs_long", "miri_mrs_long", ngroups=6, nints=1),
        _whole("mrs_short", "miri_mrs_short", ngroups=4, nints=2),
        _whole("sub64", "miri_sub64", EMI, ngroups=10, nints=4),
        _whole("sub128", "miri_sub128", EMI, ngroups=6, interference=((164.0, 4.0),)),
        _whole("sub256", "miri_sub256", ngroups=5),
        _whole("brightsky", "miri_brightsky", EMI, ngroups=5, nints=1),
        _whole("slitlessprism", "miri_slitlessprism", EMI, ngroups=12, nints=6),
        _whole("mask1065", "miri_mask1065", EMI, ngroups=6),
        _whole("mask1140", "miri_mask1140", ngroups=5),
        _whole("mask1550", "miri_mask1550", ngroups=5),
        _whole("masklyot", "miri_masklyot", EMI, ngroups=5),
    ]


def _sizes():
    cases = [_small(f"groups_{n}", ngroups=n) for n in (1, 2, 3, 4, 5, 6, 7, 12, 40)]
    return [
        *cases,
        *(_small(f"integrations_{n}", nints=n, ngroups=6) for n in (1, 2)),
        _small("integrations_110", nints=110, ngroups=5, ny=16),
        _small("saved", SAVE_ALL | {"emicorr": {"skip": False, "save_results": True}}),
        _small("saved_first_frame", SAVE_ALL | {"firstframe": {"skip": False,
                                                               "save_results": True}}),
    ]  # fmt: skip


def _first_groups():
    bright = miri_edits.early_saturation
    first = {"firstframe": {"skip": False}}
    return [
        _small("bright", edit=bright),
        _small("bright_of_5_groups", edit=bright, ngroups=5),
        _small("bright_of_4_groups", edit=bright, ngroups=4),
        _small("bright_one_group_kept", {"ramp_fit": {"suppress_one_group": False}}, bright),
        _small("bright_none_skipped", edit=bright, rscd_groups=(0, 0)),
        _small("bright_many_skipped", edit=bright, rscd_groups=(9, 3), ngroups=14),
        _small("rscd_more_than_groups", rscd_groups=(20, 10)),
        _small("rscd_old_table", edit=miri_edits.old_rscd_table),
        _small("rscd_not_listed", edit=miri_edits.rscd_of_another_subarray),
        _small("first_frame", first),
        _small("first_frame_bright", first, bright),
        _small("first_frame_all", {"firstframe": {"skip": False, "bright_use_group1": False}},
               bright),
        _small("first_frame_of_3_groups", first, ngroups=3),
        _small("first_frame_of_4_groups", first, ngroups=4),
        _small("last_frame_off", {"lastframe": {"skip": True}}),
        _small("rscd_off", {"rscd": {"skip": True}}),
        _small("reset_off", {"reset": {"skip": True}}),
        _small("optional", {"ramp_fit": {"save_opt": True}}, bright),
        _small("likely", {"ramp_fit": {"algorithm": "LIKELY"}}),
        _small("group_limits", {"ramp_fit": {"firstgroup": 5, "lastgroup": 6}}),
        _small("dense_flags", dense_flags=True, ngroups=10),
        _small("without_jumps", {"jump": {"skip": True}}),
        _small("without_fit", {"ramp_fit": {"skip": True}}),
        _small("showers", {"jump": {"find_showers": True, "extend_min_area": 30,
                                    "time_masked_after_shower": 0.2}},
               miri_edits.showers, ngroups=14),
        _small("segment", EMI, miri_edits.second_segment),
        _small("segment_first", edit=miri_edits.first_segment),
    ]  # fmt: skip


def _references():
    cases = [_small(f"no_{kind}", edit=miri_edits.without(kind))
             for kind in ("mask", "saturation", "reset", "linearity", "rscd", "dark")]  # fmt: skip
    return [
        *cases,
        _small("no_emicorr", EMI, miri_edits.without("emicorr")),
        _small("dark_short", SAVED_DARK, dark_groups=3),
        _small("dark_of_1_integration", SAVED_DARK, dark_integrations=1),
        _small("dark_of_5_integrations", SAVED_DARK, dark_integrations=5),
        _small("dark_mean", {"dark_current": {"average_dark_current": 0.1}}),
        _small("ipc", edit=miri_edits.ipc_kernel),
        _small("frames_averaged", SAVED_DARK, readpatt="FAST", nframes=4, ngroups=5),
    ]


def _reference_pixels():
    strip = {"ngroups": 4, "nints": 1}
    return [
        _whole("rows_together", "miri_full", {"refpix": {"odd_even_rows": False}}, **strip),
        _whole("siglimit", "miri_full", {"refpix": {"siglimit": 1.5}}, **strip),
        _whole("no_reference_pixels", "miri_full", None,
               miri_edits.one_reference_column_unusable, **strip),
        _whole("full_saved", "miri_full", SAVE_ALL, ngroups=3, nints=2),
    ]  # fmt: skip


def _interference():
    return [
        _small("joint_separately", _emicorr(fit_ints_separately=True)),
        _small("joint_of_3_groups", EMI, ngroups=3),
        _small("joint_of_2_groups", EMI, ngroups=2),
        _small("joint_fast", EMI, readpatt="FAST"),
        _small("joint_40_groups", EMI, ngroups=40, nints=2),
        _small("joint_unknown_subarray", EMI, subarray="SUB32"),
        _small("joint_dense_flags", EMI, dense_flags=True),
        _small("sequential", SEQUENTIAL, ngroups=12),
        _small("sequential_of_3_groups", SEQUENTIAL, ngroups=3),
        _small("sequential_of_4_groups", SEQUENTIAL, ngroups=4),
        _small("sequential_unscaled", _emicorr(algorithm="sequential", scale_reference=False),
               ngroups=12),
        _small("sequential_bins", _emicorr(algorithm="sequential", nbins=40), ngroups=12),
        _small("sequential_integrations", _emicorr(algorithm="sequential", nints_to_phase=2),
               ngroups=12),
        _small("sequential_cycles", _emicorr(algorithm="sequential", use_n_cycles=60),
               ngroups=12, nints=5),
        _whole("sequential_full", "miri_full", SEQUENTIAL, ngroups=4, nints=1),
        _whole("sequential_slow", "miri_slow", SEQUENTIAL, ngroups=4, nints=2),
        _small("onthefly", _emicorr(onthefly_corr_freq=[390.625, 218.52047]), ngroups=12),
        _small("onthefly_saved", _emicorr(onthefly_corr_freq=[390.625, 218.52047],
                                          save_intermediate_results=True), ngroups=12, nints=2),
        _whole("onthefly_saved_full", "miri_slow", _emicorr(
            onthefly_corr_freq=[10.039216], save_intermediate_results=True), ngroups=4, nints=1),
        _small("onthefly_empty_bins", _emicorr(onthefly_corr_freq=[10.039216]), ngroups=12),
        _small("onthefly_unknown_subarray", _emicorr(onthefly_corr_freq=[390.625]),
               subarray="SUB32"),
    ]  # fmt: skip


def _optional():
    bright = miri_edits.early_saturation
    clean = {"clean_flicker_noise": {"skip": False, "save_results": True, "save_mask": True}}
    lost = {"charge_migration": {"skip": False, "signal_threshold": 12400.0, "save_results": True}}
    windows = {"persistence": {"skip": False, "persistence_time": 1, "persistence_dnu": True,
                               "save_results": True}}  # fmt: skip
    likely = {"ramp_fit": {"algorithm": "LIKELY"}}
    saved = {"ramp_fit": {"save_opt": True}}
    return [
        _small("charge_migration", lost, ngroups=10),
        _small("charge_migration_bright", lost | saved, bright, ngroups=10),
        _small("flicker", clean),
        _small("flicker_masks", {"clean_flicker_noise": clean["clean_flicker_noise"]
                                 | {"single_mask": False}}, bright),
        _small("flicker_optional", clean | saved, bright),
        _small("flicker_likely", clean | likely),
        _small("flicker_of_3_groups", clean, ngroups=3),
        _small("persistence", windows, bright),
        _small("persistence_optional", windows | saved, bright),
        _small("all_optional", EMI | clean | windows | {"charge_migration": {
            "skip": False, "signal_threshold": 12400.0}}, bright, ngroups=12),
        _small("reference_output", SAVE_ALL, miri_edits.reference_output),
    ]  # fmt: skip


def _showers():
    showers = {"find_showers": True, "extend_snr_threshold": 3.0, "extend_min_area": 30,
               "time_masked_after_shower": 0.2}  # fmt: skip
    likely = {"algorithm": "LIKELY", "save_opt": True}
    edit, many = miri_edits.showers, {"ngroups": 14}
    return [
        _small("showers_interference", EMI | {"jump": showers}, edit, **many),
        _small("showers_likely", {"jump": showers, "ramp_fit": likely}, edit, **many),
        _small("showers_optional", {"jump": showers, "ramp_fit": {"save_opt": True}}, edit, **many),
        _small("showers_after_snowballs", {"jump": showers | {"expand_large_events": True}}, edit,
               **many),
        _small("snowballs", {"jump": {"expand_large_events": True}}, miri_edits.snowballs, **many),
        _small("likely_bright", {"ramp_fit": likely}, miri_edits.early_saturation, ngroups=12),
    ]  # fmt: skip


def _dark():
    saved = {step: {"save_results": True} for step in ("reset", "linearity", "rscd", "lastframe")}
    cases = [
        _small("dark_pipeline", EMI),
        _small("dark_pipeline_saved", EMI | saved, miri_edits.early_saturation),
        _small("dark_pipeline_first_frame", {"firstframe": {"skip": False},
                                             "rscd": {"skip": True}}),
        _small("dark_pipeline_few_groups", ngroups=2),
        _small("dark_pipeline_segment", EMI, miri_edits.second_segment),
        _whole("dark_pipeline_full", "miri_full", EMI, ngroups=4, nints=1),
    ]  # fmt: skip
    return [case._replace(pipeline="dark") for case in cases]


MIRI_CASES = [
    *_modes(), *_sizes(), *_first_groups(), *_references(), *_reference_pixels(), *_interference(),
    *_optional(), *_showers(), *_dark(),
]  # fmt: skip


def _flicker_of_science():
    step = {"skip": False, "save_results": True, "save_mask": True, "mask_science_regions": True}
    by_integration = {**step, "single_mask": False, "apply_flat_field": True}
    return [
        _small("flicker_of_science", {"clean_flicker_noise": step}, edits.flat_of_regions),
        _small("flicker_of_science_by_integration", {"clean_flicker_noise": by_integration},
               edits.flat_of_regions),
        _small("flicker_of_science_without_flat", {"clean_flicker_noise": step},
               edits.without("flat")),
    ]  # fmt: skip


FLICKER_OF_SCIENCE = _flicker_of_science()
