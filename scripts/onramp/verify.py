"""Whether products, uncal files and reference files are what the records beside them say."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from onramp import cores as core_counts
from onramp.errors import InputError
from onramp.fits_sums import DamagedError, read_hdus
from onramp.frame_products import PARTS
from onramp.parameter_record import ENDING as PARAMETERS
from onramp.parameter_record import text as text_of_parameters
from onramp.product_list import DARK_PRODUCT, SUFFIXES
from onramp.provenance import ENDING
from onramp.provenance_record import Record, RecordError, find_record, load, open_regular
from onramp.wfss_contam import STEP

ENDINGS = (
    *(*SUFFIXES, DARK_PRODUCT.suffix, *(suffix for suffix, _ in PARTS.values())),
    *(STEP, "simul", "simul_slits", "contam"),
)
HEADER_START = 28_800  # bytes


class Finding(NamedTuple):
    """Something that is not as a record says."""

    file: str
    problem: str

    def __str__(self):
        return printable(f"{self.file}: {self.problem}")


class Verification(NamedTuple):
    """What came out of a verification."""

    records: int
    products: int
    inputs: int
    """Uncal and reference files that were compared."""
    findings: list[Finding]
    unreachable: list[str]
    """Uncal and reference files that are not where they were."""


def printable(text: str) -> str:
    """Return a text as one line that changes nothing in a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def text_of_summary(found: Verification) -> str:
    """Return the last line that is printed of a verification."""
    parts = (found.records, "record"), (found.products, "product"), (found.inputs, "input")
    checked = ", ".join(counted(*part) for part in parts)
    outcome = counted(len(found.findings), "difference") if found.findings else "all as recorded"
    gone = f"; {counted(len(found.unreachable), 'input')} out of reach" if found.unreachable else ""
    return f"{checked}: {outcome}{gone}"


def counted(number: int, word: str) -> str:
    """Return a number of things in words."""
    return f"{number} {word}{'s' * (number != 1)}"


def verify(path, cores=None, inputs=True) -> Verification:
    """
    Check products against their records.

    Parameters
    ----------
    path : str or Path
        A folder of products, one product, or one record.
    cores : int, optional
        Threads to take; by default those granted to this process.
    inputs : bool
        Whether to read uncal and reference files as well.

    Raises
    ------
    InputError
        If there is no record.
    """
    path = Path(path)
    slitless = path / STEP  # where a workflow has the products of that step
    folders = [path, slitless] if slitless.is_dir() else [path]
    records = [find_record(path)[0]] if path.name.endswith(".fits") else [path]
    if not path.is_file():
        records = _records(*folders)
    known = _Inputs()
    with ThreadPoolExecutor(core_counts.checked(cores)) as pool:
        found = list(pool.map(partial(_verify_record, known=known if inputs else None), records))
        list(pool.map(known.check, known.files()))
    findings = [finding for each in found for finding in each.findings]
    if path.is_dir():
        claimed = {name for each in found for name in each.claimed}
        for folder in folders:
            findings += _unclaimed(folder, claimed)
    return Verification(
        len(records), sum(len(each.claimed) for each in found), known.compared,
        findings + known.findings(), known.unreachable(),
    )  # fmt: skip


def _records(*folders):
    found = []
    for folder in folders:
        try:
            names = sorted(os.listdir(folder))
        except OSError as problem:
            raise InputError(
                f"{folder}: {problem.strerror}; give a folder of products"
            ) from problem
        found += [folder / name for name in names if name.endswith(ENDING) and name[0] != "."]
    if not found:
        raise InputError(f"{folders[0]}: holds no *{ENDING}; give a folder of products")
    return found


class _Checked(NamedTuple):
    findings: list
    claimed: tuple


def _verify_record(path, known):
    try:
        record = load(path)
    except RecordError as error:
        return _Checked([Finding(str(path), str(error).removeprefix(f"{path}: "))], ())
    findings = []
    for product in record.products:
        problem = compare(path.parent / product.file, product)
        findings += [Finding(str(path.parent / product.file), problem)] if problem else []
    if not record.slitless:
        problem = _compare_parameters(path.with_name(f"{record.exposure}{PARAMETERS}"), record)
        findings += [problem] if problem else []
    if known is not None:
        known.add(record)
    return _Checked(findings, tuple(product.file for product in record.products))


def _compare_parameters(path, record):
    """Return what is wrong with the parameters beside a record, or None."""
    expected = text_of_parameters(
        record.exposure, record.software.onramp, record.steps(), record.origins
    )
    try:
        with open_regular(path) as file:
            same = file.read(len(expected) + 1) == expected.encode()
    except FileNotFoundError:
        return Finding(str(path), "missing")
    except OSError as problem:
        return Finding(str(path), problem.strerror or "cannot be read")
    return None if same else Finding(str(path), "the parameters are not the recorded ones")


def compare(path, product) -> str:
    """
    Return what differs between a file and what is recorded of it, or an empty text.

    Parameters
    ----------
    path : Path
    product : RecordedProduct
    """
    try:
        with open_regular(path) as file:
            length = os.fstat(file.fileno()).st_size
            if length != product.bytes:
                return f"{length} bytes; {product.bytes} are recorded"
            hdus = read_hdus(file.fileno())
    except FileNotFoundError:
        return "missing"
    except OSError as problem:
        return problem.strerror or "cannot be read"
    except DamagedError as error:
        return str(error)
    names, expected = [h.name for h in hdus], [h.name for h in product.hdus]
    if names != expected:
        return f"has the HDUs {', '.join(names)}; {', '.join(expected)} are recorded"
    for hdu, recorded in zip(hdus, product.hdus):
        if hdu.datasum != recorded.datasum:
            hint = "" if hdu.told_datasum == hdu.datasum else ", nor what their DATASUM says"
            return f"[{hdu.name}]: the data are not those recorded{hint}"
    for hdu, recorded in zip(hdus, product.hdus):
        if hdu.told_checksum != recorded.checksum or not hdu.adds_up:
            return f"[{hdu.name}]: the header is not the one recorded"
    return ""


def _unclaimed(folder, claimed):
    """Return products of onramp that no record knows."""
    found = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        ours = entry.name.endswith(tuple(f"_{suffix}.fits" for suffix in ENDINGS))
        if ours and entry.name not in claimed and entry.name[0] != "." and _by_onramp(entry.path):
            found.append(Finding(entry.path, "no record tells of it"))
    return found


def _by_onramp(path):
    try:
        with open_regular(path) as file:
            return b"CAL_SW  = 'onramp " in file.read(HEADER_START)
    except OSError:
        return False


class _Inputs:
    """The uncal and reference files of all records, each read once."""

    def __init__(self):
        self._users = {}
        self._problems = {}
        self._lock = Lock()

    def add(self, record: Record):
        """Take note of the files that a record names."""
        references = (file for file in record.references.files.values() if file)
        files = [record.uncal, *references, *record.files]
        with self._lock:
            for file in files:
                self._users.setdefault(file, []).append(record.exposure)

    def files(self):
        """Return the files to check."""
        return list(self._users)

    @property
    def compared(self):
        """The number of files that were compared."""
        return len(self._problems) - len(self.unreachable())

    def check(self, file):
        """Compare a file with what is recorded of it."""
        self._problems[file] = problem_of_input(file)

    def unreachable(self):
        """Return the paths of files that cannot be read."""
        return sorted({file.path for file, problem in self._problems.items() if problem is None})

    def findings(self):
        """Return a finding for each file that has changed."""
        found = []
        for file, problem in self._problems.items():
            if problem:
                first, *others = sorted(self._users[file])
                users = f"{first} and {len(others)} more" if others else first
                found.append(Finding(file.path, f"{problem} (used by {users})"))
        return sorted(found)


def problem_of_input(file) -> str | None:
    """
    Compare an uncal or reference file with what is recorded of it.

    Returns
    -------
    str or None
        What differs, nothing (an empty text), or None if the file cannot be read.
    """
    try:
        with open_regular(file.path) as opened:
            length = os.fstat(opened.fileno()).st_size
            if length != file.bytes:
                return f"{length} bytes; {file.bytes} are recorded"
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return None
    return "" if sha256 == file.sha256 else "the contents are not those recorded"
