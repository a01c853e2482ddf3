"""What is compared: simulated exposures, parameters, and changes to their files."""

import edits
from case import SAVED_DARK, Case
from miri_cases import MIRI_CASES
from onramp.parameters import STEPS
from onramp.simulate import DEMONSTRATION

SMALL = {"nx": 64, "ny": 48}
STRIP = {"ny": 64, "ngroups": 6}
LOW_THRESHOLDS = {
    "rejection_threshold": 3.0,
    "three_group_rejection_threshold": 3.0,
    "four_group_rejection_threshold": 3.0,
}
AFTER_JUMPS = {
    "after_jump_flag_dn1": 20,
    "after_jump_flag_time1": 0.6,
    "after_jump_flag_dn2": 300,
    "after_jump_flag_time2": 1.2,
}
ALWAYS_OFF = "charge_migration", "picture_frame", "clean_flicker_noise", "persistence"
SAVE_ALL = {step: {"save_results": True} for step in STEPS if step not in ALWAYS_OFF}
SAVE_SKIPPED = {
    **SAVE_ALL,
    **{step: {"skip": True, "save_results": True} for step in ("superbias", "dark_current")},
}


NAMED_OPTIONAL = {"save_opt": True, "opt_name": "my_rate.fits"}


def _small(
    name, steps=None, edit=edits.unchanged, *, mode="nircam_sub", crash="", refusal="", **changes
):
    return Case(name, mode, {**SMALL, **changes}, steps or {}, edit, crash, refusal)


def _strip(name, steps=None, edit=edits.unchanged, *, mode="nircam_full", **changes):
    return Case(name, mode, {**STRIP, **changes}, steps or {}, edit)


def _demonstration():
    return [Case(f"demonstration_{mode.name}", mode.name, checked=True) for mode in DEMONSTRATION]


def _sizes():
    cases = [_small(f"groups_{n}", ngroups=n) for n in (1, 2, 3, 4, 5, 10, 20)]
    cases += [_small(f"integrations_{n}", nints=n, ngroups=4) for n in (1, 2, 3)]
    cases += [
        _small("integrations_120", nints=120, ngroups=4, nx=40, ny=32),
        _small("integrations_120_of_2_groups", nints=120, ngroups=2, nx=40, ny=32),
        _small("low_thresholds_3_groups", {"jump": LOW_THRESHOLDS}, nints=1, ngroups=3),
        _small("low_thresholds_4_groups", {"jump": LOW_THRESHOLDS}, nints=1, ngroups=4),
    ]
    return cases


def _frames():
    return [
        _small("frames_with_gap", mode="nircam_bright"),
        _small("frames_with_gap_of_2", mode="nircam_bright", groupgap=2),
        _small("frames_without_gap", mode="nircam_bright", groupgap=0),
        _small("frames_8_in_4_groups", mode="nircam_bright", nframes=8, groupgap=2, ngroups=4),
        _small("frames_8_in_1_group", mode="nircam_bright", nframes=8, groupgap=0, ngroups=1),
        _small(
            "group_scale", mode="nircam_bright", nframes=5, frame_divisor=8, groupgap=0, ngroups=5
        ),
        _small(
            "group_scale_off", {"group_scale": {"skip": True}}, mode="nircam_bright", nframes=5,
            frame_divisor=8, groupgap=0, ngroups=5,
        ),
    ]  # fmt: skip


def _dark():
    average = {"dark_current": {"average_dark_current": 0.05}}
    return [
        _small("dark_short", SAVED_DARK, dark_groups=3, ngroups=8),
        _small("dark_of_one_group", dark_groups=1, ngroups=5, crash="IndexError"),
        _small("dark_without_groups", edit=edits.flat_dark, crash="wrong number of dimensions",
               refusal="expected 3 dimensions"),
        _small("dark_short_averaged", SAVED_DARK, mode="nircam_bright", dark_groups=7),
        _small("dark_short_of_same_frames", SAVED_DARK, mode="nircam_bright", dark_groups=3,
               dark_nframes=2, dark_groupgap=3),
        _small("dark_of_same_frames", SAVED_DARK, mode="nircam_bright", dark_nframes=2,
               dark_groupgap=3),
        _small("dark_coarser", SAVED_DARK, dark_nframes=4, dark_groups=10),
        _small("dark_coarser_gap", mode="nircam_bright", edit=edits.dark_patterns(2, 4)),
        _small("dark_average_parameter", average),
        _small("dark_average_zero", {"dark_current": {"average_dark_current": 0.0}},
               edits.dark_current_image),
        _small("dark_average_keyword", edit=edits.header("dark", AVDRKCUR=0.07)),
        _small("dark_average_extension", edit=edits.dark_current_image),
        _small("dark_average_extension_of_zeros", edit=edits.dark_current_image_of_zeros),
        _small("dark_average_parameter_over_extension", average, edits.dark_current_image),
    ]  # fmt: skip


def _references():
    cases = [
        _small("references_of_the_full_frame", full_frame_references=True),
        _small("gain_factor", gain_factor=2.0),
        _small("gain_factor_off", {"gain_scale": {"skip": True}}, gain_factor=2.0),
        _small("gain_factor_in_the_exposure", edit=edits.gain_setting_in_the_exposure),
        _small("inverse_linearity", mode="nircam_bright", inverse_linearity=True),
        _small("inverse_linearity_8_frames", mode="nircam_bright", inverse_linearity=True,
               nframes=8, groupgap=1, ngroups=5),
        _small("inverse_linearity_2_groups", mode="nircam_bright", inverse_linearity=True,
               ngroups=2),
        _small("inverse_linearity_1_group", mode="nircam_bright", inverse_linearity=True,
               ngroups=1, crash="IndexError"),
        _small("inverse_linearity_unused", inverse_linearity=True),
        _small("ipc_kernel", edit=edits.ipc_kernel),
        _small("ipc_kernels", edit=edits.ipc_kernels, ystart=1),
        _small("ipc_kernels_of_the_subarray", edit=edits.ipc_kernels, crash="could not broadcast"),
        _strip("ipc_four_outputs", edit=edits.ipc_kernel),
    ]  # fmt: skip
    for kind in ("mask", "saturation", "superbias", "linearity", "dark"):
        cases.append(_small(f"no_{kind}", edit=edits.without(kind)))
    cases.append(_small("no_superbias_averaged", edit=edits.without("superbias"),
                        mode="nircam_bright"))  # fmt: skip
    return cases


def _flags():
    return [
        _small("dense_flags", dense_flags=True),
        _small("dense_flags_averaged", mode="nircam_bright", dense_flags=True),
        _small("dense_flags_120_integrations", dense_flags=True, nints=120, ngroups=4, nx=40,
               ny=32),
        _strip("dense_flags_four_outputs", dense_flags=True, noutputs=4),
        _small("dense_flags_nirspec", mode="nirspec_bots", dense_flags=True, nx=512, ny=32,
               nints=3),
        _small("many_saturated", edit=edits.many_saturated),
        _small("many_saturated_averaged", edit=edits.many_saturated, mode="nircam_bright"),
        _small("many_saturated_120_integrations", edit=edits.many_saturated, nints=120, ngroups=4,
               nx=40, ny=32),
        _small("group_of_zeros", edit=edits.group_of_zeros),
        _small("group_of_zeros_3_groups", edit=edits.group_of_zeros, ngroups=3),
        _small("all_saturated", edit=edits.all_saturated_from_start,
               refusal="saturated in its first group"),
        _small("grow_0", {"saturation": {"n_pix_grow_sat": 0}}, edits.many_saturated),
        _small("grow_3", {"saturation": {"n_pix_grow_sat": 3}}),
        _small("grow_3_averaged", {"saturation": {"n_pix_grow_sat": 3}}, mode="nircam_bright"),
        _small("readpatt_off", {"saturation": {"use_readpatt": False}}, edits.many_saturated,
               mode="nircam_bright"),
    ]  # fmt: skip


def _zero_frames():
    lone = {"ramp_fit": {"suppress_one_group": False}}
    return [
        _small("one_group_kept", lone, edits.many_saturated),
        _small("one_group_kept_of_1", lone, ngroups=1),
        _small("zero_frame", lone, edits.many_saturated, zero_frame=True),
        _small("zero_frame_averaged", lone, edits.many_saturated, mode="nircam_bright"),
        _small("zero_frame_suppressed", edit=edits.many_saturated, zero_frame=True),
        _small("zero_frame_grow_3", {**lone, "saturation": {"n_pix_grow_sat": 3}},
               edits.many_saturated, zero_frame=True, dense_flags=True),
        _small("zero_frame_nothing_done", {
            **lone, **{step: {"skip": True} for step in ("superbias", "refpix", "linearity")}
        }, edits.many_saturated, zero_frame=True),
        _strip("zero_frame_four_outputs", lone, edits.many_saturated, zero_frame=True, noutputs=4),
    ]  # fmt: skip


def _reference_pixels():
    cases = [
        _strip("four_outputs_bottom", noutputs=4),
        _strip("four_outputs_top", noutputs=4, ystart=1985),
        _strip("four_outputs_middle", noutputs=4, ystart=1001),
        _strip("sides_off", {"refpix": {"use_side_ref_pixels": False}}, noutputs=4),
        _strip("parity_off", {"refpix": {"odd_even_columns": False}}, noutputs=4),
        _strip("side_smoothing", {"refpix": {"side_smoothing_length": 5, "side_gain": 0.7}},
               noutputs=4),
        _strip("four_outputs_siglimit", {"refpix": {"siglimit": 1.5}}, noutputs=4),
        _small("siglimit", {"refpix": {"siglimit": 1.5}}),
        _small("one_output_parity_off", {"refpix": {"odd_even_columns": False}}),
        _small("no_reference_pixels", xstart=801, ystart=901),
        _small("no_usable_reference_pixels", edit=edits.all_reference_pixels_unusable),
        _small("reference_pixels_of_one_parity", edit=edits.odd_reference_columns_unusable,
               crash="arrays used as indices"),
        _small("edgeless_sub512s", mode="nirspec_bots", nx=512, ny=16, nints=2,
               subarray="SUB512S"),
        _small("edgeless_sub32", mode="nirspec_bots", nx=32, ny=32, nints=2, subarray="SUB32"),
        _small("not_edgeless", mode="nirspec_bots", nx=256, ny=32, nints=2, subarray="SUB1024A"),
        _small("niriss_soss", {"refpix": {"side_gain": 0.7}}, mode="niriss_soss", nx=2048, ny=96,
               nints=2),
        _small("fgs", mode="fgs_full", nx=2048, ny=48, ngroups=5),
    ]  # fmt: skip
    for fast, slow in ((1, 2), (-1, 2), (1, -2), (-1, -2)):
        axes = {"fastaxis": fast, "slowaxis": slow}
        cases.append(_strip(f"axes_{fast:+d}{slow:+d}_four_outputs", noutputs=4, **axes))
        cases.append(_small(f"axes_{fast:+d}{slow:+d}_one_output", **axes))
        axes = {"fastaxis": slow, "slowaxis": fast}
        cases.append(_strip(f"axes_{slow:+d}{fast:+d}_four_outputs", noutputs=4, nx=48, ny=2048,
                            xstart=2001, mode="fgs_full", **axes))  # fmt: skip
        cases.append(_small(f"axes_{slow:+d}{fast:+d}_one_output", **axes))
    return cases


def _jumps():
    clip = {"minimum_sigclip_groups": 20, "only_use_ints": False}
    return [
        _small("after_jumps", {"jump": AFTER_JUMPS}),
        _small("after_jumps_single_pass", {"jump": AFTER_JUMPS}, ngroups=14, nints=1),
        _small("after_jumps_clipped", {"jump": AFTER_JUMPS}, nints=100, ngroups=5, nx=40, ny=32),
        _small("neighbours_off", {"jump": {"flag_4_neighbors": False}}),
        _small("neighbours_wide", {"jump": {"min_jump_to_flag_neighbors": 2,
                                            "max_jump_to_flag_neighbors": 5000}}),
        _small("neighbours_off_clipped", {"jump": {"flag_4_neighbors": False}}, nints=100,
               ngroups=5, nx=40, ny=32),
        _small("clipped_over_all_groups", {"jump": clip}),
        _small("clipped_over_all_groups_saturated", {"jump": clip}, edits.many_saturated),
        _small("clipped_over_few_integrations", {"jump": {"minimum_sigclip_groups": 3}}),
        _small("single_pass_of_few_groups", {"jump": {"min_diffs_single_pass": 3}}, ngroups=5),
        _small("iterative_of_many_groups", {"jump": {"min_diffs_single_pass": 30}}, ngroups=15),
        _small("minimum_groups_without_effect", {"jump": {"minimum_groups": 8}}, ngroups=5),
    ]  # fmt: skip


def _fits():
    cases = [
        _small("first_and_last_group", {"ramp_fit": {"firstgroup": 1, "lastgroup": 3}}),
        _small("first_group", {"ramp_fit": {"firstgroup": 2}}),
        _small("last_group", {"ramp_fit": {"lastgroup": 0}}),
        _small("one_group_left_and_kept", {"ramp_fit": {"firstgroup": 2, "lastgroup": 2,
                                                        "suppress_one_group": False}}),
    ]  # fmt: skip
    skippable = "dq_init saturation superbias refpix linearity dark_current jump ramp_fit"
    for step in skippable.split():
        cases.append(_small(f"{step}_off", {step: {"skip": True}}))
    return [
        *cases,
        _small("gain_factor_without_fit", {"ramp_fit": {"skip": True}}, gain_factor=2.0,
               crash="No attribute 'err'"),
        _small("all_steps_saved", SAVE_ALL, edits.ipc_kernel, mode="nircam_bright", nframes=5,
               frame_divisor=8, gain_factor=2.0),
        _small("all_steps_saved_some_skipped", SAVE_SKIPPED, ngroups=2),
        _small("all_steps_saved_120_integrations", SAVE_ALL, nints=120, ngroups=4, nx=24, ny=16),
    ]  # fmt: skip


def _extended_events():
    balls = {"expand_large_events": True}
    own = {"min_jump_area": 15, "min_sat_area": 10, "expand_factor": 1.4, "edge_size": 10,
           "min_sat_radius_extend": 4.0, "sat_expand": 5, "snowball_time_masked_next_int": 1,
           "max_extended_radius": 8}  # fmt: skip
    faint = {"find_showers": True, "extend_min_area": 30, "time_masked_after_shower": 0.6}
    return [
        _small("snowballs", {"jump": balls}, edits.snowballs),
        _small("snowballs_own_parameters", {"jump": balls | own}, edits.snowballs),
        _small("snowballs_without_cores", {"jump": balls | {"sat_required_snowball": False}},
               edits.snowballs, ny=40, nx=72),
        _small("snowballs_without_mask", {"jump": balls | {"mask_snowball_core_next_int": False}},
               edits.snowballs, nints=3),
        _small("snowballs_clipped", {"jump": balls}, edits.snowballs, nints=100, ngroups=4, nx=40,
               ny=32),
        _small("snowballs_averaged", {"jump": balls}, edits.snowballs, mode="nircam_bright"),
        _strip("snowballs_four_outputs", {"jump": balls}, edits.snowballs, noutputs=4),
        _small("snowballs_saved", {"jump": balls | {"save_results": True}}, edits.snowballs),
        _small("showers", {"jump": faint}, edits.showers, ngroups=8),
        _small("showers_default", {"jump": {"find_showers": True}}, edits.showers, ngroups=12),
        _small("showers_of_few_groups", {"jump": faint}, edits.showers, nints=1, ngroups=5),
        _small("showers_clipped", {"jump": faint | {"minimum_sigclip_groups": 5}}, edits.showers,
               nints=6),
        _small("showers_after_snowballs", {"jump": balls | faint}, edits.snowballs, ngroups=8),
    ]  # fmt: skip


def _optional_results():
    kept = {"save_opt": True}
    return [
        _small("optional", {"ramp_fit": kept}),
        _small("optional_dense_flags", {"ramp_fit": kept}, dense_flags=True, ngroups=8),
        _small("optional_averaged", {"ramp_fit": kept}, mode="nircam_bright", dense_flags=True),
        _small("optional_of_1_group", {"ramp_fit": kept}, ngroups=1),
        _small("optional_of_2_groups", {"ramp_fit": kept}, ngroups=2),
        _small("optional_zero_frame", {"ramp_fit": kept | {"suppress_one_group": False}},
               edits.many_saturated, zero_frame=True),
        _small("optional_group_limits", {"ramp_fit": kept | {"firstgroup": 1, "lastgroup": 3}}),
        _small("optional_gain_factor", {"ramp_fit": kept}, gain_factor=2.0),
        _small("optional_with_snowballs", {"ramp_fit": kept, "jump": {"expand_large_events": True}},
               edits.snowballs),
        _small("optional_without_jumps", {"ramp_fit": kept, "jump": {"skip": True}}),
    ]  # fmt: skip


def _likelihood():
    likely = {"algorithm": "LIKELY"}
    alone = {"ramp_fit": likely, "jump": {"skip": True}}
    return [
        _small("likely", {"ramp_fit": likely}),
        _small("likely_saved", {"ramp_fit": likely | NAMED_OPTIONAL},
               ngroups=8),
        _small("likely_alone", alone, ngroups=10),
        _small("likely_of_4_groups", {"ramp_fit": likely}, ngroups=4),
        _small("likely_of_3_groups", {"ramp_fit": likely | {"save_opt": True}}, ngroups=3),
        _small("likely_of_1_integration", {"ramp_fit": likely}, nints=1, ngroups=20),
        _small("likely_averaged", alone, mode="nircam_bright"),
        _small("likely_zero_frame", {"ramp_fit": likely}, zero_frame=True),
        _small("likely_zero_frame_averaged", {"ramp_fit": likely}, edits.many_saturated,
               mode="nircam_bright", zero_frame=True),
        _small("likely_dense_flags", {"ramp_fit": likely}, dense_flags=True, ngroups=9),
        _small("likely_saturated", {"ramp_fit": likely}, edits.many_saturated),
        _small("likely_gain_factor", {"ramp_fit": likely | {"save_opt": True}}, gain_factor=2.0),
        _small("likely_group_limits", {"ramp_fit": likely | {"firstgroup": 1, "lastgroup": 6}},
               ngroups=8),
        _small("likely_average_dark", {"ramp_fit": likely,
                                       "dark_current": {"average_dark_current": 0.05}}),
        _small("likely_with_snowballs", {"ramp_fit": likely,
                                         "jump": {"expand_large_events": True}}, edits.snowballs),
        _small("likely_120_integrations", {"ramp_fit": likely}, nints=120, ngroups=4, nx=40, ny=32),
    ]  # fmt: skip


CASES = [
    *_demonstration(), *_sizes(), *_frames(), *_dark(), *_references(), *_flags(),
    *_zero_frames(), *_reference_pixels(), *_jumps(), *_fits(),
    *_extended_events(), *_optional_results(), *_likelihood(), *MIRI_CASES,
]  # fmt: skip
