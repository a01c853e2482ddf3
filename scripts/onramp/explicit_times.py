"""When each group of an exposure is read, where that is not evenly spaced."""

import itertools
import math

from onramp.errors import InputError

CLOCK = 10e-6  # of a sample [s]
ROW_PAUSE = 12  # samples at the end of a line
NAME = b"read_times"


def stored(exposure, content):
    """
    Return the read times that an uncal's ASDF extension holds.

    Parameters
    ----------
    exposure : Exposure
    content : bytes
        Data of the extension.

    Returns
    -------
    list of list of float or None
        One list a group [s]; None if there are none.

    Raises
    ------
    InputError
        If they are no times, or not of the exposure's groups.
    """
    if NAME not in content:
        return None
    import yaml

    from onramp.asdf_facts import read_head

    place = f"{exposure.path}[ASDF]: meta.exposure.read_times"
    try:
        tree = read_head(content[content.index(b"#ASDF") :])
        times = ((tree.get("meta") or {}).get("exposure") or {}).get("read_times")
        times = [[float(read) for read in group] for group in times or ()]
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, UnicodeDecodeError):
        raise InputError(f"{place} are no lists of times; fetch the file again") from None
    if not times:
        return None
    ngroups = exposure.shape[1]
    if len(times) != ngroups or not all(times):
        raise InputError(
            f"{place} are of {sum(map(bool, times))} groups, and NGROUPS={ngroups}; fetch the file "
            "again"
        )
    reads = [read for group in times for read in group]
    rising = all(a < b for a, b in itertools.pairwise(reads))
    if not (rising and all(map(math.isfinite, reads))):
        raise InputError(f"{place} do not rise; fetch the file again")
    return times


def of_stripes(exposure):
    """
    Return when the groups are read that superstripes read again and again within a frame become.

    Parameters
    ----------
    exposure : Exposure

    Returns
    -------
    list of list of float
        One list for each group and repeat, of one read for each frame averaged [s].

    Raises
    ------
    InputError
        If the header does not tell when.
    """
    stripes, readout, outputs = exposure.stripes, exposure.readout, exposure.subarray.noutputs
    if outputs < 1:
        raise InputError(f"{exposure.path}: NOUTPUTS={outputs}; expected 1 or 4; mend the header")
    width = stripes.placement.nx if stripes.along_y else stripes.placement.ny
    lines = stripes.pattern.reads1 + stripes.pattern.reads2
    extra_lines = 1 if outputs == 4 else 2 if outputs == 1 and width >= 9 else 3
    line = (width / outputs + ROW_PAUSE) * CLOCK

    def frame_time(count):
        return line * (count + extra_lines) + (outputs == 4) * CLOCK

    frame = frame_time(stripes.size)
    steps = [frame]
    if lines > 0:
        steps = [frame_time(lines)] + [line * lines] * (stripes.size // lines - 1)
    if len(steps) != stripes.repeats:
        raise InputError(
            f"{exposure.path}: MSTR_RD2={stripes.pattern.reads2} does not tell when each of the "
            f"{stripes.repeats} stripes of a frame is read; fetch the file again"
        )
    times, now = [], 0.0
    for _ in range(exposure.raw_shape[1]):
        for step in steps:
            times.append([now + step + n * frame for n in range(readout.nframes)])
            now += step
        now += frame * (readout.nframes - 1 + readout.groupgap)
    return times
