"""What products of superstripes hold: stripes up to superbias, whole frames from refpix on."""

import io

import numpy as np
from astropy.io import fits

from onramp.bands import band_height, split
from onramp.early_steps import EARLY_STEPS, output_of
from onramp.errors import InputError
from onramp.headers import BLOCK
from onramp.stripe_keywords import KEYWORDS

IN_STRIPES = *EARLY_STEPS, "superbias"
MODEL = "SuperstripeRampModel"
SCALES, WHEN = ("MJD_UTC", "BJD_TDB"), ("start", "mid", "end")
TIME_COLUMNS = "integration_number", *(f"int_{w}_{s}" for s in SCALES for w in WHEN)


def in_stripes(exposure, step) -> bool:
    """Tell whether what a step leaves is not yet put together to whole frames."""
    return exposure.superstriped and step in IN_STRIPES


def primary_header(exposure, step):
    """Return the uncal's primary header as it is after a step."""
    if not exposure.superstriped or in_stripes(exposure, step):
        return exposure.primary
    header, stripes = exposure.primary.copy(), exposure.stripes
    for keyword in KEYWORDS:
        del header[keyword]
    nints, whole = header["NINTS"], exposure.subarray
    values = {
        "NINTS": stripes.integrations(nints),
        "INTSTART": stripes.integrations(header.get("INTSTART") or 1),
        "INTEND": stripes.integrations(header.get("INTEND") or nints),
        "NGROUPS": exposure.shape[1],
        "SUBSIZE1": whole.nx,
        "SUBSIZE2": whole.ny,
        "SUBSTRT2" if stripes.along_y else "SUBSTRT1": (
            whole.ystart if stripes.along_y else whole.xstart
        ),
    }
    for keyword, value in values.items():
        header[keyword] = value
    return header


def read_times(exposure, step):
    """Return the read times that a product says, or None."""
    return None if in_stripes(exposure, step) else exposure.read_times


def tables(exposure, step) -> list[tuple[str, bytes]]:
    """Return the tables that go along with a ramp after a step, name and content."""
    if exposure.superstriped and not in_stripes(exposure, step):
        return integration_times(exposure)
    found = [(name, exposure.table(name)) for name in ("GROUP", "INT_TIMES")]
    return [(name, content) for name, content in found if content is not None]


def integration_times(exposure) -> list[tuple[str, bytes]]:
    """
    Return the tables of integrations that go along with slopes.

    With superstripes these are the times of whole frames, each from the start of the first stripe
    to the end of the last with the middle between, and those of the stripes.
    """
    content = exposure.table("INT_TIMES")
    if content is None:
        return []
    if not exposure.superstriped:
        return [("INT_TIMES", content)]
    stored = np.asarray(fits.BinTableHDU.fromstring(content).data)
    missing = [name for name in TIME_COLUMNS if name not in stored.dtype.names]
    if missing:
        raise InputError(
            f"{exposure.path}[INT_TIMES]: has no column {missing[0]}; fetch the file again"
        )
    number = exposure.stripes.number
    first = exposure.stripes.integrations(exposure.first_integration + 1)
    whole = np.zeros(len(stored) // number, stored.dtype)
    whole["integration_number"] = np.arange(len(whole)) + first
    for scale in SCALES:
        start, middle, end = (f"int_{when}_{scale}" for when in WHEN)
        whole[start] = stored[start][: len(whole) * number : number]
        whole[end] = stored[end][number - 1 :: number]
        whole[middle] = (whole[end] - whole[start]) / 2 + whole[start]
    kept = stored[: len(whole) * number]
    place = ("stripe_number", ">i4")
    names = list(stored.dtype.descr)
    stripes = np.zeros(len(kept), [names[0], place, *names[1:]])
    for name in stored.dtype.names:
        stripes[name] = kept[name]
    stripes["integration_number"] = np.repeat(whole["integration_number"], number)
    stripes["stripe_number"] = np.arange(len(kept)) % number + 1
    return [(name, _extension(name, rows)) for name, rows in
            (("INT_TIMES", whole), ("INT_TIMES_STRIPE", stripes))]  # fmt: skip


def _extension(name, rows):
    table = fits.BinTableHDU(rows, name=name)
    table.header["EXTVER"] = (1, "extension value")
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(buffer)
    return buffer.getvalue()[BLOCK:]


def take_early(recorders):
    """Take out of a stream's recorders those of steps that look at stripes; return them."""
    return {step: recorders.pop(step) for step in IN_STRIPES if step in recorders}


def write_early(stream, early, ramps):
    """
    Write what the steps leave of stripes.

    Parameters
    ----------
    stream : onramp.streaming.Stream
        After its survey.
    early : dict of str to callable
        From `take_early`.
    ramps : list of (str, list of Product)
        Products of these steps that hold zero frames, with their steps.
    """
    exposure, positions = stream.exposure, getattr(stream.calibration, "positions", ())
    height = band_height(exposure.raw_shape)
    for band in split(exposure.raw_shape[2], height) if early else ():
        for step, record in early.items():
            parts = [_after(step, position, band.first, band.last) for position in positions]
            data, groupdq, pixeldq = zip(*parts)
            record(band.first, _in_turn(data), _in_turn(groupdq), np.stack(pixeldq))
        for step, products in ramps:
            if exposure.zeroframe is not None:
                done = IN_STRIPES[: IN_STRIPES.index(step) + 1]
                frames = _in_turn(
                    [one.early_zeroframe(band.first, band.last, done) for one in positions]
                )
                for product in products:
                    product.write_rows("ZEROFRAME", band.first, frames)


def _after(step, calibration, first, last):
    if step != "superbias":
        return output_of(step, calibration, first, last)
    data, groupdq, _ = output_of("ipc", calibration, first, last)
    calibration.subtract_bias(first, data)
    return data, groupdq, calibration.quality(first, last)[1]


def _in_turn(parts):
    """Put the integrations of all positions into the order in which they were read."""
    return np.stack(parts, axis=1).reshape(-1, *parts[0].shape[1:])
