"""Changes to a simulated exposure's files, and references that the simulator does not write."""

import asdf
import numpy as np
from astropy.io import fits
from astropy.table import Table
from onramp.flags import BAD_REF_PIXEL, DEAD, DO_NOT_USE, HOT, NO_FLAT_FIELD, NON_SCIENCE

UNIX_EPOCH = 40587.0  # modified Julian date
SECONDS_OF_A_DAY = 86400.0


def unchanged(files):
    """Leave the files as they are."""
    return {}


def without(kind):
    """Have no reference of a type."""

    def edit(files):
        return {kind: "N/A"}

    return edit


def header(kind, **keywords):
    """Set keywords of the uncal file, or of a type of reference."""

    def edit(files):
        path = files.uncal if kind == "uncal" else files.references[kind]
        with fits.open(path, mode="update") as hdus:
            hdus[0].header.update(keywords)
        return {}

    return edit


def gain_setting_in_the_exposure(files):
    """Give GAINFACT in the exposure, and none in the gain reference."""
    return header("uncal", GAINFACT=2.0)(files)


def dark_current_image(files):
    """Add a map of the mean dark current to the dark reference."""
    with fits.open(files.references["dark"], mode="update") as hdus:
        shape = hdus["SCI"].shape[-2:]
        level = np.random.default_rng(5).uniform(0, 0.1, shape).astype(np.float32)
        hdus.append(fits.ImageHDU(level, name="AVDRKCUR"))
    return {}


def dark_current_image_of_zeros(files):
    """Add an empty map of the mean dark current to the dark reference, and give the mean itself."""
    with fits.open(files.references["dark"], mode="update") as hdus:
        shape = hdus["SCI"].shape[-2:]
        hdus[0].header["AVDRKCUR"] = 0.06
        hdus.append(fits.ImageHDU(np.zeros(shape, np.float32), name="AVDRKCUR"))
    return {}


def flat_dark(files):
    """Keep a single plane of the dark reference, without an axis of groups."""
    with fits.open(files.references["dark"], mode="update") as hdus:
        hdus["SCI"].data = hdus["SCI"].data[-1]
    return {}


def dark_patterns(nframes, groupgap):
    """Give the dark reference another read pattern."""
    return header("dark", NFRAMES=nframes, GROUPGAP=groupgap)


def all_saturated_from_start(files):
    """Put every sample above its saturation limit."""
    with fits.open(files.references["saturation"], mode="update") as hdus:
        hdus["SCI"].data[...] = 3.0
        hdus["DQ"].data[...] = 0
    return {}


def many_saturated(files):
    """Lower the saturation limit of half the pixels to where their ramps pass it."""
    rng = np.random.default_rng(11)
    raw = fits.getdata(files.uncal, "SCI").astype(np.float32)
    with fits.open(files.references["saturation"], mode="update") as hdus:
        limit = hdus["SCI"].data
        chosen = rng.random(limit.shape) < 0.5
        integration, group = rng.integers(raw.shape[0]), rng.integers(0, raw.shape[1], limit.shape)
        level = np.take_along_axis(raw[integration], group[None], axis=0)[0]
        limit[chosen] = level[chosen]
    return {}


def user_mask(*nints, cut=0):
    """Write mask.fits: where a user sees background alone, in each of some integrations."""

    def edit(files):
        with fits.open(files.uncal) as hdus:
            ny, nx = hdus["SCI"].shape[-2:]
        mask = np.random.default_rng(17).random((*nints, ny - cut, nx)) < 0.8
        image = fits.ImageHDU(mask.astype(np.float32), name="SCI")
        fits.HDUList([fits.PrimaryHDU(), image]).writeto(_folder(files) / "mask.fits")
        return {}

    return edit


def user_flags(kind="primary", cut=0):
    """Write flags.fits: what a user knows of some pixels, as 16-bit or 32-bit integers."""

    def edit(files):
        rng = np.random.default_rng(23)
        with fits.open(files.uncal) as hdus:
            ny, nx = hdus["SCI"].shape[-2:]
        size = ny - cut, nx
        bits = [0] * 12 + [DO_NOT_USE, HOT, DO_NOT_USE | DEAD, BAD_REF_PIXEL]
        flags = rng.choice(bits, size).astype(np.uint32)
        if kind == "primary":
            hdus = [fits.PrimaryHDU((flags & 0x7FFF).astype(np.int16))]
        else:
            hdus = [fits.PrimaryHDU(), fits.ImageHDU(flags, name="DQ")]
        fits.HDUList(hdus).writeto(_folder(files) / "flags.fits")
        return {}

    return edit


def windows_of_others(files):
    """Write windows.asdf: what earlier exposures of two detectors have left, for 20 s."""
    rng = np.random.default_rng(19)
    with fits.open(files.uncal) as hdus:
        start = (hdus[0].header["EXPSTART"] - UNIX_EPOCH) * SECONDS_OF_A_DAY
        detector, shape = hdus[0].header["DETECTOR"], hdus["SCI"].shape[-2:]
    rows, columns = np.nonzero(rng.random(shape) < 0.3)
    windows = {
        "filename": "jw90001001001_02101_00009_x_uncal.fits", "rows": rows, "cols": columns,
        "vals": start + rng.uniform(-10.0, 60.0, rows.size), "pers_time": 20,
    }  # fmt: skip
    another = {**windows, "vals": windows["vals"] + 1.0}
    asdf.AsdfFile({detector: windows, "ANOTHER": another}).write_to(_folder(files) / "windows.asdf")
    return {}


def windows_of_others_and_saturation(files):
    """Have ramps saturate as well."""
    return {**windows_of_others(files), **many_saturated(files)}


def _folder(files):
    return files.uncal.parents[1]


def group_of_zeros(files):
    """Put the first group of the first integration at the converter's floor everywhere."""
    with fits.open(files.uncal, mode="update") as hdus:
        hdus["SCI"].data[0, 0] = 0
    return {}


def odd_reference_columns_unusable(files):
    """Leave usable reference pixels in the even columns alone."""
    with fits.open(files.references["mask"], mode="update") as hdus:
        names = hdus["DQ_DEF"].data["NAME"].tolist()
        bit = np.uint32(1 << names.index("DO_NOT_USE"))
        hdus["DQ"].data[:, 1::2] |= bit
    return {}


def all_reference_pixels_unusable(files):
    """Leave no usable reference pixel."""
    with fits.open(files.references["mask"], mode="update") as hdus:
        names = hdus["DQ_DEF"].data["NAME"].tolist()
        bit = np.uint32(1 << names.index("DO_NOT_USE"))
        hdus["DQ"].data[hdus["DQ"].data & (1 << names.index("REFERENCE_PIXEL")) != 0] |= bit
    return {}


KERNEL = np.array(
    [[0.0002, 0.0046, 0.0003], [0.0049, 0.9792, 0.0061], [0.0001, 0.0044, 0.0002]], np.float32
)


def ipc_kernel(files):
    """Add an ipc reference with one kernel for all pixels."""
    return {"ipc": _write_ipc(files, KERNEL)}


def ipc_kernels(files):
    """Add an ipc reference with a kernel for each pixel."""
    with fits.open(files.references["gain"]) as hdus:
        shape = hdus["SCI"].shape
    scatter = np.random.default_rng(6).normal(1, 0.02, (*KERNEL.shape, *shape))
    kernels = KERNEL[..., None, None] * scatter
    return {"ipc": _write_ipc(files, kernels.astype(np.float32))}


def _write_ipc(files, kernel):
    gain = files.references["gain"]
    path = gain.with_name(gain.name.replace("gain", "ipc"))
    primary = fits.getheader(gain)
    primary.update(REFTYPE="IPC", DATAMODL="IPCModel", FILENAME=path.name)
    primary.pop("GAINFACT", None)
    hdus = [fits.PrimaryHDU(header=primary), fits.ImageHDU(kernel, name="SCI")]
    fits.HDUList(hdus).writeto(path)
    return path


def snowballs(files):
    """Let large events fall: a saturated core that grows, jumps around it, some at the edges."""
    rng = np.random.default_rng(21)
    with fits.open(files.uncal, mode="update") as hdus:
        raw = hdus["SCI"].data
        nints, ngroups, ny, nx = raw.shape
        y, x = np.mgrid[:ny, :nx]
        for integration in range(nints):
            for _ in range(4):
                group = rng.integers(1, ngroups)
                radius, ratio = rng.uniform(3, 7), rng.uniform(0.6, 1.0)
                distance = np.hypot((y - rng.integers(ny)) / ratio, x - rng.integers(nx))
                signal = raw[integration, group:].astype(np.int64)
                signal += np.where(distance < 2 * radius, 3000, 0)
                for later, frame in enumerate(signal):
                    frame[distance < radius + 0.5 * later] = 65535
                raw[integration, group:] = np.minimum(signal, 65535)
        hdus["SCI"].data = raw
    return {}


def showers(files):
    """Let faint extended events fall on patches of some hundred pixels."""
    rng = np.random.default_rng(22)
    with fits.open(files.uncal, mode="update") as hdus:
        raw = hdus["SCI"].data
        nints, ngroups, ny, nx = raw.shape
        y, x = np.mgrid[:ny, :nx]
        for integration in range(nints):
            for _ in range(3):
                group = rng.integers(1, ngroups)
                distance = np.hypot(
                    (y - rng.integers(ny)) / rng.uniform(0.5, 1), x - rng.integers(nx)
                )
                raw[integration, group:] += np.where(distance < 9, 25, 0).astype(np.uint16)
        hdus["SCI"].data = raw
    return {}


def flat(files):
    """Add a flat reference with pixels that are 0 and NaN."""
    rng = np.random.default_rng(23)
    level = rng.normal(1, 0.05, fits.getdata(files.references["gain"], "SCI").shape)
    level[rng.random(level.shape) < 0.01] = 0
    level[rng.random(level.shape) < 0.01] = np.nan
    return {"flat": _write_image(files, "flat", "FlatModel", level)}


def flat_of_regions(files):
    """Add a flat reference that flags regions and pixels in each way that matters."""
    rng = np.random.default_rng(29)
    path = flat(files)["flat"]
    with fits.open(path, mode="update") as hdus:
        flags = hdus["DQ"].data
        flags[:, :9] = NON_SCIENCE
        flags[:7, 20:40] = DO_NOT_USE
        flags[rng.random(flags.shape) < 0.02] |= NO_FLAT_FIELD
        hdus["ERR"].data[rng.random(flags.shape) < 0.01] = np.nan
    return {"flat": path}


def background(slopes=(0.0, 0.0), step=0.0):
    """Add light that grows along rows and columns, and from channel to channel [DN a group]."""

    def add(files):
        with fits.open(files.uncal, mode="update") as hdus:
            data = hdus["SCI"].data
            ngroups, ny, nx = data.shape[1:]
            y, x = np.mgrid[:ny, :nx]
            light = slopes[0] * y + slopes[1] * x + step * (x // 512 % 2)
            groups = np.arange(ngroups)[:, np.newaxis, np.newaxis]
            data += np.round(groups * light).astype(np.uint16)
        return {}

    return add


def both(*edits):
    """Do several things."""
    return lambda files: {kind: path for edit in edits for kind, path in edit(files).items()}


def soss_traces(files):
    """Add a pastasoss reference of two orders, and turn the pupil wheel."""
    ny, nx = fits.getdata(files.uncal, "SCI").shape[2:]
    x = np.arange(0.0, nx, 2 if nx < 2048 else 1)
    along = x * 256 / nx
    curves = 20 + 2e-4 * (along - 90) ** 2, 38 - 1e-3 * (along - 200) ** 2
    traces = [
        {"spectral_order": n, "pivot_x": 120.0, "pivot_y": float(curve.mean()),
         "trace": np.column_stack([x, curve])}
        for n, curve in enumerate(curves, start=1)
    ]  # fmt: skip
    models = [
        {"spectral_order": n,
         "coefficients": np.array([2.8, -2.0, 0.01, 0.02, 0.003, 0.001]) / n,
         "scale_extents": np.array([[0.0, -0.3], [nx - 1.0, 0.3]])}
        for n in (1, 2)
    ]  # fmt: skip
    meta = {"reftype": "pastasoss", "pwcpos_cmd": 245.76, "pwcpos_bounds": [245.51, 246.01],
            "wavemap_wlmin": 0.5, "wavemap_wlmax": 5.5, "wavemap_nwl": 900, "soss_xdim": nx,
            "soss_ydim": ny + 20, "subarray_ymin": nx - ny}  # fmt: skip
    path = files.references["gain"].with_name("pastasoss.asdf")
    asdf.AsdfFile({"meta": meta, "traces": traces, "wavecal_models": models}).write_to(path)
    return header("uncal", PWCPOS=245.93)(files) | {"pastasoss": path}


def soss_background(files):
    """Add the traces, light with a step, templates of it and the first order's wavelengths."""
    nints, ngroups, ny, nx = fits.getdata(files.uncal, "SCI").shape
    y, x = np.mgrid[:ny, :nx]
    step = 700 + 0.1 * y
    models = [(2 + x / 900) * np.where(x < step, 0.8, 1.6), 1 + x / 2000 + (x > step), 0 * x + 2.0]
    templates = np.array(models, np.float32)
    templates[:, 3:5, 100:130] = np.nan
    templates[:, 7, 200:230] = 0
    brighter = 1 + 0.05 * np.arange(nints)
    with fits.open(files.uncal, mode="update") as hdus:
        light = brighter[:, None, None, None] * np.arange(ngroups)[:, None, None] * models[1] * 7
        hdus["SCI"].data += np.round(light).astype(np.uint16)
    folder = files.references["gain"].parent
    bkg, ranges = folder / "bkg.fits", folder / "wavelengthrange.asdf"
    rows = np.zeros((3, 256, nx), np.float32)
    first = 10 if ny == 96 else 0
    rows[:, first : first + ny] = templates
    kept = rows if ny == 96 else templates
    keywords = {"REFTYPE": "BKG", "TELESCOP": "JWST", "INSTRUME": "NIRISS"}
    primary = fits.PrimaryHDU(header=fits.Header(keywords))
    fits.HDUList([primary, fits.ImageHDU(kept, name="SCI")]).writeto(bkg)
    meta = {"reftype": "wavelengthrange"}
    rows = [[1, "CLEAR", 0.9, 2.4], [2, "CLEAR", 0.6, 1.2], [1, "F277W", 2.4, 3.1]]
    asdf.AsdfFile({"meta": meta, "wavelengthrange": rows}).write_to(ranges)
    return soss_traces(files) | {"bkg": bkg, "wavelengthrange": ranges}


def varying_source(place=(20.3, 25.8)):
    """Add a source (column, row) whose light changes, and say where it was to be."""

    def add(files):
        with fits.open(files.uncal, mode="update") as hdus:
            data = hdus["SCI"].data
            nints, ngroups, ny, nx = data.shape
            y, x = np.mgrid[:ny, :nx]
            shape = np.exp(-0.5 * ((x - place[0]) ** 2 + (y - place[1]) ** 2) / 1.7**2)
            light = 1 + 0.1 * np.sin(np.arange(nints))
            groups = np.arange(ngroups)[:, None, None]
            data += np.round(200 * light[:, None, None, None] * groups * shape).astype(np.uint16)
            hdus["SCI"].header["XREF_SCI"] = place[0] + 2.2
            hdus["SCI"].header["YREF_SCI"] = place[1] + 0.4
        return {}

    return add


def white_light(files):
    """Write the light curve that a table of another program would have, out of order."""
    nints = fits.getval(files.uncal, "NINTS")
    times = fits.getdata(files.uncal, "INT_TIMES")["int_mid_MJD_UTC"]
    table = Table({"MJD_UTC": times, "whitelight_flux": 3 + np.cos(np.arange(nints))})
    table[::-1].write(_folder(files) / "whtlt.ecsv")
    return {}


def convolution_kernels(files):
    """Add a sirskernel reference of kernels a few rows wide, those of the two sides different."""
    import asdf

    frequency = np.arange(129) / 256
    amplitudes = np.exp(-((frequency * np.arange(6, 14, 2)[:, np.newaxis]) ** 2))
    detector = fits.getval(files.uncal, "DETECTOR").lower()
    path = files.references["gain"].with_name("sirskernel.asdf")
    tree = {detector: {"gamma": 0.6 * amplitudes, "zeta": 0.4 * amplitudes**2}}
    asdf.AsdfFile({"meta": {"reftype": "sirskernel"}, **tree}).write_to(path)
    return {"sirskernel": path}


def picture_frame(files):
    """Add a picture frame reference that rises to the edges."""
    ny, nx = fits.getdata(files.references["gain"], "SCI").shape
    y, x = np.mgrid[:ny, :nx]
    level = np.hypot(x - nx / 2, y - ny / 2) / 1e5
    return {"pictureframe": _write_image(files, "pictureframe", "PictureFrameModel", level)}


def _write_image(files, kind, model, image):
    """Write a reference file of an image that covers what the gain covers."""
    gain = files.references["gain"]
    path = gain.with_name(gain.name.replace("gain", kind))
    primary = fits.getheader(gain)
    primary.update(REFTYPE=kind.upper(), DATAMODL=model, FILENAME=path.name)
    primary.pop("GAINFACT", None)
    hdus = [
        fits.PrimaryHDU(header=primary),
        fits.ImageHDU(image.astype(np.float32), name="SCI"),
        fits.ImageHDU(np.zeros(image.shape, np.float32), name="ERR"),
        fits.ImageHDU(np.zeros(image.shape, np.uint32), name="DQ"),
    ]
    fits.HDUList(hdus).writeto(path)
    return path


def integration_of_zeros(files):
    """Lose the second integration: zeros throughout."""
    with fits.open(files.uncal, mode="update") as hdus:
        hdus["SCI"].data[1] = 0
    return {}


def integration_saturated(files):
    """Saturate the second integration from its first group on."""
    with fits.open(files.uncal, mode="update") as hdus:
        hdus["SCI"].data[1] = 65535
    return {}


def integrations_cut_short(files):
    """Lose the last groups of the second integration and all of the last one."""
    with fits.open(files.uncal, mode="update") as hdus:
        hdus["SCI"].data[1, 2:] = 0
        hdus["SCI"].data[-1] = 0
    return {}


def without_integration_times(files):
    """Have no table of the times of integrations."""
    with fits.open(files.uncal, mode="update") as hdus:
        del hdus["INT_TIMES"]
    return {}


def reference_output(files):
    """Add the samples of a reference output."""
    with fits.open(files.uncal, mode="update") as hdus:
        nints, ngroups, ny, nx = hdus["SCI"].data.shape
        samples = np.random.default_rng(24).integers(5000, 9000, (nints, ngroups, ny, nx // 4))
        hdus.append(fits.ImageHDU(samples.astype(np.uint16), name="REFOUT"))
    return {}
