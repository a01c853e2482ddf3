"""What products record of their making: cards of their headers, and a file beside them."""

import hashlib
import json
import logging
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from onramp import cores, origins
from onramp.errors import InputError
from onramp.parameters import Detector1Parameters
from onramp.software import processor, software

log = logging.getLogger("onramp")

FORMAT = "onramp-provenance"
VERSION = 1
ENDING = "_provenance.json"
VERSION_KEYWORDS = {
    "python": ("V_PYTHON", "Version of Python"),
    "numpy": ("V_NUMPY", "Version of numpy"),
    "numba": ("V_NUMBA", "Version of numba"),
    "astropy": ("V_ASTROP", "Version of astropy"),
}
SOFTWARE_KEYWORDS = "CAL_SWV", "CAL_VCS", *(keyword for keyword, _ in VERSION_KEYWORDS.values())
WITHOUT_EFFECT = "maximum_cores", "save_results"
"""Parameters that change no bit of a product."""


class Provenance(NamedTuple):
    """What is known of an exposure's processing before it begins."""

    uncal: Path
    uncal_bytes: int
    uncal_sha256: str
    parameters: Detector1Parameters
    origins: dict[str, str]
    """By "step.parameter", where that is not the default."""
    context: str | None
    """CRDS context of the references; None for a folder."""
    date: datetime
    """When the products are made; they tell it."""


def find(uncal, parameters, known_origins=None, context=None, date=None) -> Provenance:
    """
    Gather what is known of an exposure's processing; reads the whole uncal file.

    Parameters
    ----------
    uncal : Path
    parameters : Detector1Parameters
    known_origins : dict of str to str, optional
        By "step.parameter", where that is not the default.
    context : str, optional
        CRDS context.
    date : datetime, optional
        Instead of now.

    Raises
    ------
    InputError
        If the uncal file cannot be read.
    """
    size, sha256 = digest_file(uncal)
    return Provenance(
        Path(uncal), size, sha256, parameters, dict(known_origins or {}), context,
        date or datetime.now(UTC),
    )  # fmt: skip


def digest_file(path, error=InputError) -> tuple[int, str]:
    """Return a file's size [byte] and sha256."""
    try:
        with open(path, "rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            return file.tell(), sha256
    except OSError as problem:
        raise error(f"{path}: {problem.strerror or 'cannot be read'}") from problem


def software_cards():
    """Return keyword, value and comment of what tells what has made a product."""
    known = software()
    return [
        ("CAL_SW", "onramp", "Calibration software"),
        ("CAL_SWV", known.version, "Calibration software version"),
        ("CAL_VCS", known.revision, "Commit of the software"),
        *((key, known.versions[name], text) for name, (key, text) in VERSION_KEYWORDS.items()),
    ]


def parameter_lines(provenance, steps) -> list[str]:
    """
    Return a line for each parameter that the output of some steps may depend on.

    Parameters
    ----------
    provenance : Provenance
    steps : iterable of str
    """
    lines = []
    for step in steps:
        values = getattr(provenance.parameters, step)
        for name in ("skip",) if values.skip else type(values).model_fields:
            if name in WITHOUT_EFFECT:
                continue
            origin = origins.kind(provenance.origins.get(f"{step}.{name}", origins.DEFAULT))
            lines.append(f"{step}.{name} = {getattr(values, name)!a} ({ascii(origin)[1:-1]})")
    return lines


def record(
    name, provenance, chosen, folder, products, *, save_ramp, threads, begun, pipeline="detector1",
    files=(),
) -> str:  # fmt: skip
    """
    Return what is to be known of an exposure's products next year, as JSON.

    Parameters
    ----------
    name : str
        The exposure's.
    provenance : Provenance
    chosen : dict of str to Reference or None
        By type; None stands for N/A.
    folder : str, Path or None
        Of the references.
    products : list of ProductFile
        Complete.
    save_ramp : bool
    threads : dict of str to int
        Used by each step that can use several.
    begun : datetime
    pipeline : str
        detector1, dark or wfss_contam.
    files : iterable of str
        Further files that decided the products.
    """
    known = software(pipeline)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "exposure": name,
        "pipeline": pipeline,
        "date": _moment(provenance.date),
        "begun": _moment(begun),
        "ended": _moment(datetime.now(UTC)),
        "command": origins.command(),
        "working_folder": os.getcwd(),
        "software": {
            "onramp": known.version,
            "commit": known.commit,
            "dirty": known.dirty,
            "library": known.library,
            "versions": known.versions,
        },
        "machine": {
            "host": platform.node(),
            "system": platform.platform(),
            "processor": processor(),
            "cores": cores.granted(),
            "threads": threads,
        },
        "uncal": {
            "path": os.path.realpath(provenance.uncal),
            "bytes": provenance.uncal_bytes,
            "sha256": provenance.uncal_sha256,
        },
        "references": {
            "context": provenance.context,
            "folder": os.path.abspath(folder) if folder is not None else None,
            "files": {kind: _reference(found) for kind, found in chosen.items()},
        },
        "files": [_file(path) for path in files],
        "parameters": provenance.parameters.model_dump(mode="json"),
        "origins": provenance.origins,
        "save_calibrated_ramp": save_ramp,
        "products": [
            {
                "file": product.path.name,
                "bytes": product.size,
                "hdus": [sums._asdict() for sums in product.sums],
            }
            for product in products
        ],
    }
    return json.dumps(content, indent=1) + "\n"


def tell_left_over(folder, name, written):
    """
    Warn of an earlier run's products that this one does not write again.

    Parameters
    ----------
    folder : path
        Of the products.
    name : str
        Of the record, without its ending.
    written : iterable of str
        Names of the products.
    """
    path = Path(folder, f"{name}{ENDING}")
    try:
        earlier = {str(product["file"]) for product in json.loads(path.read_bytes())["products"]}
    except (OSError, ValueError, KeyError, TypeError):
        return
    for product in sorted(earlier.difference(written)):
        if Path(product).name == product and path.with_name(product).exists():
            log.warning("%s: is of an earlier run, with other parameters: no record tells of it "
                        "now", path.with_name(product))  # fmt: skip


def _moment(date):
    return date.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _file(path):
    size, sha256 = digest_file(path)
    return {"path": os.path.abspath(path), "bytes": size, "sha256": sha256}


def _reference(reference):
    if reference is None:
        return None
    path = os.path.abspath(reference.path)
    return {"path": path, "bytes": os.path.getsize(path), "sha256": reference.sha256}
