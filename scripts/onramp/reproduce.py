"""Make an exposure's products again from their record, and compare the bits."""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits

from onramp import wfss_contam
from onramp.errors import InputError
from onramp.fits_sums import DamagedError, read_hdus
from onramp.parameters import Detector1Parameters
from onramp.provenance import SOFTWARE_KEYWORDS
from onramp.provenance_record import find_record, open_regular
from onramp.software import processor, software
from onramp.verify import compare, counted, printable, problem_of_input

SUMS = "CHECKSUM", "DATASUM"
HISTORY = "HISTORY", "COMMENT", ""


class Reproduction(NamedTuple):
    """What came out of making products again."""

    products: list[str]
    """Names of those compared."""
    surroundings: list[str]
    """What is not as it was: software, processor."""
    differences: list[str]
    """Of the products; empty if they have the same bits but for what names the software."""
    identical: bool
    """Whether every bit is the same."""


def reproduce(path, uncal=None, references=None, cores=None) -> Reproduction:
    """
    Make a product again from the record beside it, in a temporary folder, and compare.

    Parameters
    ----------
    path : str or Path
        A product, or a record for all its products.
    uncal : str or Path, optional
        Where the uncal file is now.
    references : str or Path, optional
        A folder where reference files are now.
    cores : int, optional
        Cores to use; by default those granted. Products do not depend on them.

    Raises
    ------
    OnrampError
        If there is no record, or an input is missing or not the one recorded.
    """
    path = Path(path)
    record_path, record = find_record(path)
    wanted = [p for p in record.products if path == record_path or p.file == path.name]
    raw = _locate(record.uncal, "uncal file", uncal)
    overrides = {
        kind: str(_locate(file, f"{kind} reference", _within(references, file))) if file else "N/A"
        for kind, file in record.references.files.items()
    }
    for file in record.files:
        problem = problem_of_input(file)
        if problem != "":
            raise InputError(
                f"{printable(file.path)}: {problem or 'missing or unreadable'}; put the file with "
                f"sha256 {file.sha256} there"
            )
    with tempfile.TemporaryDirectory(prefix="onramp-") as folder:
        again = Path(folder, "products")
        _run(record, raw, overrides, again, cores)
        found = [_compare(record_path.parent / p.file, again / p.file, p) for p in wanted]
    return Reproduction(
        [p.file for p in wanted],
        _surroundings(record),
        [printable(difference) for each in found for difference in each.differences],
        all(each.identical for each in found),
    )


def _within(folder, file):
    """Return where a folder has a recorded file, or one of its name, or None."""
    if folder is None:
        return None
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the folder where references are now")
    name = Path(file.path).name
    found = [os.path.abspath(Path(top, name)) for top, _, names in os.walk(folder) if name in names]
    same = (path for path in found if not problem_of_input(file.model_copy(update={"path": path})))
    return next(same, found[0] if found else Path(folder, name))


def _locate(file, what, other):
    """Return the path of a recorded input whose contents are the recorded ones."""
    moved = file.model_copy(update={"path": str(other)}) if other is not None else file
    problem = problem_of_input(moved)
    if problem is None:
        raise InputError(
            f"{printable(moved.path)}: the {what} is missing or unreadable; say where it is with "
            f"--{'uncal' if what == 'uncal file' else 'references'}"
        )
    if problem:
        raise InputError(
            f"{printable(moved.path)}: not the {what} that was used: {problem}; "
            f"find the file with sha256 {file.sha256}"
        )
    return Path(moved.path)


def _run(record, raw, overrides, output, cores):
    from onramp.dark import DARK_STEPS, process_dark
    from onramp.detector1 import named, process_exposure

    if record.slitless:
        beside = {name: overrides.pop(name, None) for name in wfss_contam.FILES}
        wfss_contam.process_wfss(
            raw,
            output,
            record.steps(),
            None,
            overrides,
            beside,
            cores,
            record.origins,
            record.date,
            context=record.references.context,
        )
        return
    others = {
        "origins": record.origins, "context": record.references.context, "date": record.date,
        "save_windows": False,
    }  # fmt: skip
    with named(raw, record.exposure) as uncal:
        if record.pipeline == "dark":
            steps = record.steps().model_dump(include=DARK_STEPS)
            parameters = Detector1Parameters.model_validate(steps)
            process_dark(uncal, output, parameters, None, overrides, cores, **others)
        else:
            process_exposure(
                uncal, output, record.steps(), None, overrides, cores, record.save_calibrated_ramp,
                **others,
            )  # fmt: skip


def _surroundings(record):
    """Return what makes products now and is not what made them then, a line each."""
    now, then = software(record.pipeline), record.software
    pairs = [("onramp", now.version, then.onramp), ("commit", now.commit, then.commit),
             ("modules of onramp", now.library, then.library),
             ("processor", processor(), record.machine.processor)]  # fmt: skip
    names = sorted({*now.versions, *then.versions})
    pairs += [(name, now.versions.get(name), then.versions.get(name)) for name in names]
    return [
        printable(f"{name}: {new or 'unknown'}; it was {old or 'unknown'}")
        for name, new, old in pairs
        if new != old
    ]


class _Comparison(NamedTuple):
    differences: list
    identical: bool


def _compare(old, new, recorded):
    """Compare a product with the one made again, and the latter with the record."""
    if not new.is_file():
        return _Comparison([f"{recorded.file}: is not made any more"], False)
    problem = compare(old, recorded)
    if not old.is_file():
        against = compare(new, recorded)
        outcome = "the one made again has the recorded sums"
        if against:
            outcome = f"the one made again differs from the record: {against}"
        return _Comparison([f"{recorded.file}: missing; {outcome}"], False)
    if _same_bytes(old, new):
        if problem:  # the record's fault
            return _Comparison(
                [f"{recorded.file}: same bits, but not as recorded: {problem}"], False
            )
        return _Comparison([], True)
    differences = [f"{recorded.file}: {text}" for text in _differences(old, new)]
    if differences and problem:
        differences.append(f"{recorded.file}: is not as recorded: {problem}")
    return _Comparison(differences, False)


def _same_bytes(a, b):
    if os.path.getsize(a) != os.path.getsize(b):
        return False
    with open_regular(a) as first, open_regular(b) as second:
        while True:
            piece = first.read(1 << 22)
            if piece != second.read(1 << 22):
                return False
            if not piece:
                return True


def _differences(old, new):
    """Return what differs between two products, but for what names the software."""
    try:
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(open_regular(path)) for path in (old, new)]
            before, after = (read_hdus(file.fileno()) for file in files)
            if [h.name for h in before] != [h.name for h in after]:
                return [f"has the HDUs {', '.join(h.name for h in before)}; made again, "
                        f"{', '.join(h.name for h in after)}"]  # fmt: skip
            found = []
            for number, (a, b) in enumerate(zip(before, after)):
                found += [f"[{a.name}]: {text}" for text in _cards(a.header, b.header)]
                same = a.size == b.size and _data(files[0], a) == _data(files[1], b)
                if not same:
                    found.append(f"[{a.name}]: {_pixels(old, new, number)}")
            return found
    except DamagedError as error:
        return [str(error)]
    except OSError as problem:
        return [problem.strerror or "cannot be read"]


def _data(file, hdu):
    file.seek(hdu.offset)
    return file.read(hdu.size)


def _cards(before, after):
    old, new = (fits.Header.fromstring(header) for header in (before, after))
    skip = {*SUMS, *SOFTWARE_KEYWORDS, *HISTORY}
    found = []
    for keyword in [*old, *(key for key in new if key not in old)]:
        if keyword in skip:
            continue
        skip.add(keyword)
        a, b = old.get(keyword, "absent"), new.get(keyword, "absent")
        if repr(a) != repr(b):
            found.append(f"{keyword} = {a!r}; made again, {b!r}")
    if any(
        list(map(str, old.get(key, ()))) != list(map(str, new.get(key, ()))) for key in HISTORY[:2]
    ):
        found.append("other HISTORY or COMMENT")
    return found


def _pixels(old, new, number):
    with fits.open(old, memmap=False) as a, fits.open(new, memmap=False) as b:
        x, y = a[number].data, b[number].data
        if x is None or y is None or x.shape != y.shape or x.dtype != y.dtype or x.dtype.names:
            return "other data"
        unequal = (x != y) & ~((x != x) & (y != y))
        text = f"{np.count_nonzero(unequal)} of {x.size} values differ"
        if x.dtype.kind == "f" and unequal.any():
            with np.errstate(all="ignore"):
                relative = np.abs(x[unequal].astype(float) / y[unequal] - 1)
            text += f", by up to {np.nanmax(relative, initial=0.0):.2g} of their size"
        return text


def outcome(found: Reproduction) -> str:
    """Return the last line that is printed of a reproduction."""
    names = ", ".join(found.products)
    if found.identical:
        return f"{names}: made again, every bit the same"
    if not found.differences:
        return f"{names}: made again, the same but for what names the software"
    return f"{names}: made again, {counted(len(found.differences), 'difference')}"
