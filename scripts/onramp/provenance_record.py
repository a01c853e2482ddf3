"""The schema of provenance records, and reading one that nobody vouches for."""

import argparse
import json
import os
import re
import stat
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from onramp import wfss_contam
from onramp.errors import InputError, OnrampError
from onramp.parameters import Detector1Parameters
from onramp.provenance import ENDING, FORMAT, VERSION

SCHEMA = Path(__file__).resolve().parents[2] / "workflow" / "schemas" / "provenance.schema.json"
LARGEST = 4_000_000  # bytes
NAME = r"[^/\x00-\x1f\x7f]+"
"""A name without a folder."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Size = Annotated[int, Field(ge=0)]
Exposure = Annotated[str, StringConstraints(pattern=rf"^{NAME}$", max_length=200)]
FileName = Annotated[str, StringConstraints(pattern=rf"^{NAME}\.fits$", max_length=255)]
Origin = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=4200)]
Context = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,60}$")]
Kind = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,20}$")]


class RecordError(OnrampError):
    """A provenance record is missing or is none."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class RecordedFile(_Model):
    """A file that was read."""

    path: Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$", max_length=4096)]
    bytes: Size
    sha256: Sha256


class RecordedReferences(_Model):
    """The reference files by type; null stands for N/A."""

    context: Context | None = Field(description="CRDS context; null for a folder.")
    folder: str | None
    files: dict[Kind, RecordedFile | None]


class RecordedSoftware(_Model):
    """What made the products."""

    onramp: str
    commit: str | None = Field(description="Of the checkout, if it was one.")
    dirty: bool | None = Field(description="Whether its scripts were changed; null if unknown.")
    library: str = Field(description="Digest of the modules that process an exposure.")
    versions: dict[str, str]


class RecordedMachine(_Model):
    """Where they were made."""

    host: str
    system: str
    processor: str
    cores: int
    threads: dict[str, int]


class RecordedHdu(_Model):
    """An HDU's keywords DATASUM and CHECKSUM."""

    name: str
    datasum: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,10}$")]
    checksum: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z]{16}$")]


class RecordedProduct(_Model):
    """A product, beside the record."""

    file: FileName
    bytes: Size
    hdus: list[RecordedHdu]


class Record(_Model):
    """What is known of the making of an exposure's products."""

    format: Literal[FORMAT]
    version: Literal[VERSION]
    exposure: Exposure
    pipeline: Literal["detector1", "dark", "wfss_contam"] = "detector1"
    date: AwareDatetime = Field(description="DATE of the products.", strict=False)
    begun: AwareDatetime = Field(strict=False)
    ended: AwareDatetime = Field(strict=False)
    command: list[str]
    working_folder: str
    software: RecordedSoftware
    machine: RecordedMachine
    uncal: RecordedFile
    references: RecordedReferences
    files: list[RecordedFile] = Field(
        default=[], description="Further files, which parameters or the header name."
    )
    parameters: dict[str, dict] = Field(description="Of each step.")
    origins: dict[str, Origin] = Field(description="Of parameters; default where not listed.")
    save_calibrated_ramp: bool
    products: list[RecordedProduct]

    @property
    def slitless(self) -> bool:
        """Whether the products are those of wfss_contam."""
        return self.pipeline == wfss_contam.STEP

    @property
    def stem(self) -> str:
        """What the names of the products begin with."""
        return self.exposure.removesuffix(wfss_contam.RECORD) if self.slitless else self.exposure

    def steps(self):
        """Return the parameters, checked as any user's."""
        if self.slitless:
            from onramp.wfss.parameters import WfssParameters

            return WfssParameters.model_validate(self.parameters)
        return Detector1Parameters.model_validate(self.parameters)


def find_record(path) -> tuple[Path, Record]:
    """
    Return the record that a product is in, or the record itself.

    Raises
    ------
    OnrampError
        If there is none.
    """
    path = Path(path)
    if path.name.endswith(ENDING):
        return path, load(path)
    parts = path.name.removesuffix(".fits").split("_")
    stems = ["_".join(parts[:length]) for length in range(len(parts) - 1, 0, -1)]
    for name in (stem + kind for stem in stems for kind in ("", wfss_contam.RECORD)):
        candidate = path.with_name(name + ENDING)
        if candidate.is_file():
            record = load(candidate)
            if path.name in (product.file for product in record.products):
                return candidate, record
    raise InputError(f"{path}: no *{ENDING} beside it tells of it; give a product or its record")


def load(path) -> Record:
    """
    Read a record and check it against its schema.

    Raises
    ------
    RecordError
        If it is missing, unreadable or does not follow the schema.
    """
    path = Path(path)
    try:
        content = read_regular(path, LARGEST)
    except OSError as problem:
        raise RecordError(f"{path}: {problem.strerror or 'cannot be read'}") from problem
    version = _version(content)
    if version is not None and version != VERSION:
        raise RecordError(
            f"{path}: version={version}; this onramp reads version {VERSION}: use the one that "
            "wrote it"
        )
    try:
        record = Record.model_validate_json(content)
        record.steps()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ascii(".".join(str(part) for part in first["loc"]))[1:-1] or "content"
        message = first["msg"].removeprefix("Value error, ")
        raise RecordError(f"{path}: is no provenance record: {place}: {message}") from None
    if path.name != f"{record.exposure}{ENDING}":
        raise RecordError(f"{path}: is the record of '{record.exposure}', not of its own name")
    for product in record.products:
        if not product.file.startswith(f"{record.stem}_"):
            raise RecordError(f"{path}: '{product.file}' is no product of '{record.exposure}'")
    return record


def _version(content):
    """Return the version that a record claims, as far as that can be told, or None."""
    found = re.search(rb'^\s*\{\s*"format":\s*"[\w-]{1,40}",\s*"version":\s*(\d{1,6})', content)
    return int(found[1]) if found else None


def read_regular(path, largest):
    """
    Read a file that is no pipe, device or folder.

    Raises
    ------
    OSError
        If it is none, larger, or cannot be read.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > largest:
            raise OSError(0, f"larger than {largest} bytes")
        return file.read(largest + 1)


def open_regular(path):
    """Open a file that is no pipe, device or folder."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(0, "is no regular file")
    return open(file, "rb")


def schema() -> str:
    """Return the JSON schema of records."""
    found = Record.model_json_schema()
    found["properties"]["parameters"] = Detector1Parameters.model_json_schema(
        ref_template="#/$defs/{model}"
    )
    found["$defs"] |= found["properties"]["parameters"].pop("$defs")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps({**head, **found}, indent=1) + "\n"


def main(arguments=None) -> int:
    """Write the schema's file, or say that it is out of date."""
    parser = argparse.ArgumentParser(prog="python -m onramp.provenance_record", description=__doc__)
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--write", action="store_true", help="write the schema")
    task.add_argument("--check", action="store_true", help="fail if it is out of date")
    chosen = parser.parse_args(arguments)
    if chosen.write:
        SCHEMA.write_text(schema())
    elif not SCHEMA.exists() or SCHEMA.read_text() != schema():
        remedy = "run python -m onramp.provenance_record --write"
        print(f"{SCHEMA.name}: out of date; {remedy}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
