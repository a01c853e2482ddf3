"""Changes to a simulated MIRI exposure's files."""

import numpy as np
from astropy.io import fits
from edits import header, ipc_kernel, reference_output, showers, snowballs, unchanged, without

__all__ = ["header", "ipc_kernel", "reference_output", "showers", "snowballs", "unchanged",
           "without"]  # fmt: skip


def early_saturation(files):
    """Lower the saturation limit of a third of the pixels to what their first groups reach."""
    rng = np.random.default_rng(31)
    raw = fits.getdata(files.uncal, "SCI").astype(np.float32)
    with fits.open(files.references["saturation"], mode="update") as hdus:
        limit = hdus["SCI"].data
        chosen = rng.random(limit.shape) < 0.3
        chosen[:, :4] = False
        group = rng.integers(0, min(raw.shape[1], 12), limit.shape)
        integration = rng.integers(raw.shape[0])
        level = np.take_along_axis(raw[integration], group[None], axis=0)[0]
        limit[chosen] = level[chosen]
    return {}


def old_rscd_table(files):
    """Have an rscd reference that says nothing of the first integration."""
    with fits.open(files.references["rscd"], mode="update") as hdus:
        table = hdus["RSCD_GROUP_SKIP"]
        hdus["RSCD_GROUP_SKIP"] = fits.BinTableHDU.from_columns(
            [column for column in table.columns if column.name != "group_skip1"],
            name="RSCD_GROUP_SKIP",
        )
    return {}


def rscd_of_another_subarray(files):
    """Have an rscd reference that does not list the exposure's subarray."""
    with fits.open(files.references["rscd"], mode="update") as hdus:
        hdus["RSCD_GROUP_SKIP"].data["subarray"] = "BRIGHTSKY"
    return {}


def second_segment(files):
    """Make the exposure the second part of a longer one."""
    nints = fits.getval(files.uncal, "NINTS")
    return header("uncal", NINTS=2 * nints, INTSTART=nints + 1, INTEND=2 * nints)(files)


def first_segment(files):
    """Make the exposure the first part of a longer one."""
    nints = fits.getval(files.uncal, "NINTS")
    return header("uncal", NINTS=2 * nints, INTSTART=1, INTEND=nints)(files)


def one_reference_column_unusable(files):
    """Leave one output without a usable reference pixel on one side."""
    with fits.open(files.references["mask"], mode="update") as hdus:
        bit = np.uint32(1 << hdus["DQ_DEF"].data["NAME"].tolist().index("DO_NOT_USE"))
        hdus["DQ"].data[:, 2] |= bit
    return {}
