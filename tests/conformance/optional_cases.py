"""What is compared of steps that are off by default, darks, and exposures in parts."""

import edits
from astropy.io import fits
from cases import SAVE_ALL, Case
from onramp.simulate import simulate

SMALL = {"nx": 64, "ny": 48}


def _small(name, steps, edit=edits.unchanged, *, mode="nircam_sub", **changes):
    return Case(name, mode, {**SMALL, **changes}, steps, edit)


def _charge_migration():
    def lost(threshold, **others):
        step = {"skip": False, "signal_threshold": threshold, "save_results": True}
        return {"charge_migration": step, **others}

    likely = {"ramp_fit": {"algorithm": "LIKELY"}}
    return [
        _small("charge_migration", lost(300)),
        _small("charge_migration_default", {"charge_migration": {"skip": False}}, ngroups=12),
        _small("charge_migration_of_all", lost(-1e6)),
        _small("charge_migration_of_2_groups", lost(100), ngroups=2),
        _small("charge_migration_of_3_groups", lost(100), ngroups=3),
        _small("charge_migration_dense_flags", lost(200), edits.many_saturated, dense_flags=True),
        _small("charge_migration_averaged", lost(500), mode="nircam_bright"),
        _small("charge_migration_likely", lost(300, **likely), ngroups=8),
        _small("charge_migration_likely_dense_flags", lost(200, **likely), edits.many_saturated,
               dense_flags=True, ngroups=8, nints=2),
        _small("charge_migration_likely_averaged", lost(500, **likely), mode="nircam_bright"),
        _small("charge_migration_likely_without_jumps",
               lost(300, jump={"skip": True}, **likely), ngroups=8),
        _small("charge_migration_without_jumps", lost(300, jump={"skip": True})),
        _small("charge_migration_single_pass", lost(300), ngroups=14, nints=1),
        _small("charge_migration_optional", lost(300, ramp_fit={"save_opt": True}), ngroups=8),
        _small("charge_migration_snowballs", lost(300, jump={"expand_large_events": True}),
               edits.snowballs),
        _small("charge_migration_clipped", lost(100), nints=100, ngroups=5, nx=40, ny=32),
        _small("charge_migration_all_saved", SAVE_ALL | lost(300)),
    ]  # fmt: skip


def _flicker_noise():
    def clean(**values):
        return {"clean_flicker_noise": {"skip": False, **values}}

    parts = {"save_mask": True, "save_background": True, "save_noise": True, "save_results": True}
    two = {"nints": 2, "ngroups": 5}
    nirspec = {"mode": "nirspec_bots", "nx": 512, "ny": 32, "nints": 2}
    return [
        _small("flicker", clean(**parts), **two),
        _small("flicker_user_mask", clean(user_mask="{folder}/mask.fits", **parts),
               edits.user_mask(), **two),
        _small("flicker_user_mask_and_median_image",
               clean(user_mask="{folder}/mask.fits", background_method="median_image", **parts),
               edits.user_mask(), nints=3, ngroups=4),
        _small("flicker_user_masks",
               clean(user_mask="{folder}/mask.fits", single_mask=False, **parts),
               edits.user_mask(2), **two),
        _small("flicker_user_masks_and_median_image",
               clean(user_mask="{folder}/mask.fits", single_mask=False,
                     background_method="median_image", **parts), edits.user_mask(2), **two),
        _small("flicker_user_mask_of_another_size",
               clean(user_mask="{folder}/mask.fits", **parts), edits.user_mask(cut=1), **two),
        _small("flicker_masks", clean(single_mask=False, **parts), nints=3, ngroups=4),
        _small("flicker_model", clean(background_method="model", **parts), nints=1, ngroups=5),
        _small("flicker_model_boxes", clean(background_method="model", n_sigma=9,
                                            background_box_size=[24, 30]),
               sources_per_megapixel=0.0, cosmic_rays_per_s_cm2=0.0, **two),
        _small("flicker_no_background", clean(background_method=None), **two),
        _small("flicker_median_image", clean(background_method="median_image", **parts), nints=3,
               ngroups=4),
        _small("flicker_median_image_of_1", clean(background_method="median_image"), nints=1),
        _small("flicker_by_channel", clean(fit_by_channel=True), **two),
        _small("flicker_histogram", clean(fit_histogram=True, save_mask=True), **two),
        _small("flicker_not_clipped", clean(n_sigma=0, **parts), **two),
        _small("flicker_of_1_group", clean(), ngroups=1),
        _small("flicker_of_2_groups", clean(), ngroups=2),
        _small("flicker_dense_flags", clean(), edits.many_saturated, dense_flags=True),
        _small("flicker_averaged", clean(), mode="nircam_bright"),
        _small("flicker_columns", clean(), mode="niriss_soss", nx=256, ny=48, nints=2,
               exp_type="NIS_IMAGE"),
        _small("flicker_flat", clean(apply_flat_field=True, **parts), edits.flat, **two),
        _small("flicker_fourier", clean(fit_method="fft", **parts), **nirspec),
        _small("flicker_fourier_elsewhere", clean(fit_method="fft"), **two),
        _small("flicker_likely", clean() | {"ramp_fit": {"algorithm": "LIKELY"}}, ngroups=6),
        _small("flicker_optional", clean() | {"ramp_fit": {"save_opt": True}}, ngroups=6),
        _small("flicker_after_charge_migration",
               clean() | {"charge_migration": {"skip": False, "signal_threshold": 300.0}}),
        _small("flicker_without_jumps", clean() | {"jump": {"skip": True}}, **two),
        _small("flicker_without_fit", clean() | {"ramp_fit": {"skip": True}}, **two),
    ]  # fmt: skip


def _persistence():
    def windows(**values):
        return {"persistence": {"skip": False, "save_results": True, **values}}

    bright = edits.many_saturated
    of_others = {"persistence_time": 20, "persistence_array_file": "{folder}/windows.asdf"}
    saved = "{output}/windows.asdf"
    return [
        _small("persistence_without_time", windows(), bright),
        _small("persistence", windows(persistence_time=1), bright),
        _small("persistence_threshold", windows(persistence_time=2, dn_threshold=200.0), bright),
        _small("persistence_unusable", windows(persistence_time=1, persistence_dnu=True), bright),
        _small("persistence_tso", windows(persistence_time=3, dn_threshold=50.0), bright,
               mode="nirspec_bots", nx=64, ny=32, nints=4),
        _small("persistence_optional", windows(persistence_time=1, persistence_dnu=True)
               | {"ramp_fit": {"save_opt": True}}, bright),
        _small("persistence_likely", windows(persistence_time=1, persistence_dnu=True)
               | {"ramp_fit": {"algorithm": "LIKELY"}}, bright),
        _small("persistence_of_others", windows(**of_others, save_persistence=saved),
               edits.windows_of_others),
        _small("persistence_of_others_and_own",
               windows(**of_others, dn_threshold=200.0, save_persistence=saved),
               edits.windows_of_others_and_saturation, nints=3),
        _small("persistence_of_another_time",
               windows(**of_others | {"persistence_time": 21}, save_persistence=saved),
               edits.windows_of_others_and_saturation),
        _small("persistence_saved", windows(persistence_time=20, save_persistence=saved), bright),
    ]  # fmt: skip


def _kernels():
    sirs = {"refpix_algorithm": "sirs", "save_results": True}
    full = {"mode": "nircam_full", "nx": 2048, "ny": 2048, "nints": 1, "ngroups": 2,
            "zero_frame": True}  # fmt: skip
    return [
        _small("sirs", {"refpix": sirs}, edits.convolution_kernels, **full),
        _small("sirs_without_reference", {"refpix": sirs}, mode="nircam_full", ny=64, noutputs=4),
        _small("sirs_of_a_subarray", {"refpix": sirs}, edits.convolution_kernels, nints=1),
    ]  # fmt: skip


def _picture_frame():
    step = {"skip": False, "mask_science_regions": False, "save_results": True, "save_mask": True,
            "save_correction": True}  # fmt: skip
    full = {"subarray": "FULL", "nx": 2048, "ny": 2048, "xstart": 1, "ystart": 1, "noutputs": 4,
            "nints": 1, "ngroups": 3}  # fmt: skip
    both = {"picture_frame": step, "clean_flicker_noise": {"skip": False}}
    return [
        _small("picture_frame", both, edits.picture_frame, mode="nirspec_bots", **full),
        _small("picture_frame_of_a_subarray", {"picture_frame": step}, edits.picture_frame,
               mode="nirspec_bots", nints=2),
        _small("picture_frame_without_reference", {"picture_frame": step},
               edits.without("pictureframe"), mode="nirspec_bots",
               nints=2),
    ]  # fmt: skip


def _dark():
    saved = {step: {"save_results": True} for step in ("saturation", "superbias", "linearity")}
    skipped = {step: {"skip": True} for step in ("refpix", "linearity")}
    cases = [
        _small("dark_pipeline", saved),
        _small("dark_pipeline_zero_frame", {}, mode="nircam_bright"),
        _small("dark_pipeline_inverse", {}, mode="nircam_bright", inverse_linearity=True),
        _small("dark_pipeline_ipc", {}, edits.ipc_kernel, ngroups=2),
        _small("dark_pipeline_skipped", skipped, mode="niriss_soss", nx=256, nints=2),
    ]
    return [case._replace(pipeline="dark") for case in cases]


def segment(folder):
    """Make the second of three segments of a time series."""
    files = simulate("nirspec_bots", folder, 70, nx=64, ny=32, nints=5, ngroups=5)
    with fits.open(files.uncal, mode="update") as hdus:
        hdus[0].header.update(NINTS=14, INTSTART=6, INTEND=10, EXSEGNUM=2, EXSEGTOT=3)
        hdus["INT_TIMES"].data["integration_number"] += 5
    path = files.uncal.with_name(files.uncal.name.replace("_nrs1", "-seg002_nrs1"))
    files.uncal.rename(path)
    return files._replace(uncal=path)


def _parts():
    clean = {"clean_flicker_noise": {"skip": False}}
    windows = {"persistence": {"skip": False, "persistence_time": 2, "dn_threshold": 50.0}}
    return [
        Case("segment", segment),
        Case("segment_saved", segment, steps=SAVE_ALL | clean | windows),
        _small("integration_of_zeros", {}, edits.integration_of_zeros),
        _small("integration_of_zeros_likely", {"ramp_fit": {"algorithm": "LIKELY"}},
               edits.integration_of_zeros),
        _small("integration_of_zeros_averaged", {}, edits.integration_of_zeros,
               mode="nircam_bright", nints=2),
        _small("integration_of_zeros_flicker", {"clean_flicker_noise": {
            "skip": False, "single_mask": False}}, edits.integration_of_zeros),
        _small("integration_saturated", {}, edits.integration_saturated),
        _small("integrations_cut_short", {}, edits.integrations_cut_short),
        _small("without_integration_times", windows, edits.without_integration_times),
        _small("reference_output", SAVE_ALL, edits.reference_output, mode="nircam_bright"),
    ]  # fmt: skip


def _user_flags():
    given = {"dq_init": {"user_supplied_dq": "{folder}/flags.fits", "save_results": True}}
    miri = {"nx": 72, "ny": 64, "nints": 2, "ngroups": 6}
    return [
        _small("user_flags", SAVE_ALL | given, edits.user_flags()),
        _small("user_flags_in_an_extension", given, edits.user_flags("extension"), ngroups=3),
        _small("user_flags_miri", given | {"emicorr": {"skip": False}}, edits.user_flags(),
               mode="miri_slitlessprism", **miri),
        _small("user_flags_of_another_size", given, edits.user_flags(cut=1))
        ._replace(crash="user_dq has shape", refusal="takes integers of shape"),
        _small("user_flags_skipped", {"dq_init": given["dq_init"] | {"skip": True}},
               edits.user_flags()),
    ]  # fmt: skip


def _chosen_by_data():
    step = {"skip": False, "autoparam": True, "save_background": True, "save_noise": True,
            "save_mask": True}  # fmt: skip

    def chosen(name, edit=edits.unchanged, flat=None, **changes):
        edit = edits.both(flat or edits.without("flat"), edit)
        given = {"nints": 2, "ngroups": 4, **changes}
        return _small(f"flicker_chosen{name}", {"clean_flicker_noise": step}, edit, **given)

    full = {"mode": "nircam_full", "nx": 2048, "ny": 2048, "nints": 1, "ngroups": 3}
    niriss = {"mode": "niriss_soss", "nx": 256, "exp_type": "NIS_IMAGE", "scene": "field"}
    top = {"mode": "niriss_soss", "subarray": "FULL", "nx": 2048, "ny": 2048, "ystart": 1,
           "noutputs": 4, "nints": 1, "ngroups": 3, "exp_type": "NIS_IMAGE"}  # fmt: skip
    return [
        chosen(""),
        chosen("_with_flat", flat=edits.flat),
        chosen("_of_a_slope", edits.background((0.0, 2.0))),
        chosen("_of_two_slopes", edits.background((1.0, 1.0)), edits.flat),
        chosen("_of_channels", edits.background(step=9.0), **full),
        chosen("_of_a_level_frame", **full),
        chosen("_of_niriss", **niriss),
        chosen("_of_niriss_with_slopes", edits.background((1.0, 0.7)), **niriss),
        chosen("_of_niriss_channels", edits.background(step=9.0), **top),
        chosen("_elsewhere", exp_type="NRC_TSIMAGE"),
        *(
            _small(
                f"flicker_beside_traces{ending}",
                {
                    "clean_flicker_noise": {
                        "skip": False,
                        "mask_science_regions": True,
                        "save_mask": True,
                        "save_noise": True,
                        **more,
                    }
                },
                edits.soss_traces,
                mode="niriss_soss",
                nx=256,
                nints=2,
                **changes,
            )
            for ending, more, changes in (
                ("", {}, {}),
                ("_of_substrip96", {"single_mask": False}, {"subarray": "SUBSTRIP96"}),
            )
        ),
    ]


OPTIONAL_CASES = [
    *_user_flags(), *_charge_migration(), *_flicker_noise(), *_persistence(), *_kernels(),
    *_picture_frame(), *_dark(),
    *_parts(),
]  # fmt: skip


def _median_images():
    """Return cases of time series, cleaned against their scaled median."""

    def series(name, edit, more=(), **changes):
        step = {"skip": False, "background_method": "median_image", "save_mask": True,
                "save_background": True, **dict(more)}  # fmt: skip
        given = {"nints": 3, "ngroups": 4, **changes}
        return _small(f"flicker_median_image_{name}", {"clean_flicker_noise": step}, edit, **given)

    soss = {"mode": "niriss_soss", "nx": 2048}
    low = {**soss, "ny": 96, "subarray": "SUBSTRIP96"}
    traces, all_wavelengths = edits.soss_background, edits.without("wavelengthrange")
    images = {"exp_type": "NRC_TSIMAGE", "tso": True}
    bots = {"mode": "nirspec_bots", "nx": 512, "ny": 32, "tso": True}
    curve = {"light_curve": "{folder}/whtlt.ecsv"}
    regions = {"mask_science_regions": True}
    return [
        series("of_soss", traces, regions, **soss),
        series("of_substrip96", traces, **low),
        series("of_all_wavelengths", edits.both(traces, all_wavelengths), **soss),
        series("of_soss_without_templates", edits.both(traces, edits.without("bkg")), **soss),
        series("of_soss_dense_flags", edits.both(traces, edits.many_saturated), dense_flags=True,
               **soss),
        series("of_soss_with_light_curve", edits.both(edits.white_light, traces), curve, **soss),
        series("of_images", edits.varying_source(), **images),
        series("of_a_source_near_the_edge", edits.varying_source((4.2, 25.0)), **images),
        series("of_a_source_beyond_the_edge", edits.varying_source((-8.0, 25.0)), **images),
        series("of_a_wide_aperture", edits.varying_source(), subarray="SUB64P",
               keywords=(("PUPIL", "WLP8"), ("FILTER", "F212N")), **images),
        series("of_flat_images", edits.both(edits.flat, edits.varying_source()),
               {"apply_flat_field": True}, **images),
        series("of_miri_images", edits.both(edits.flat_of_regions, edits.varying_source()),
               mode="miri_sub64", tso=True),
        series("of_bots", edits.white_light, curve, **bots),
    ]  # fmt: skip


FLICKER_CHOSEN_BY_DATA = _chosen_by_data()
FLICKER_MEDIAN_IMAGES = _median_images()
