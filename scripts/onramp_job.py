"""Surroundings of a rule's script: its log, its crash file, what is left of earlier ones."""

import contextlib
import datetime as dt
import hashlib
import json
import logging
import os
import platform
import signal
import sys
import time
import traceback
from pathlib import Path

from onramp import own_process
from onramp.errors import OnrampError
from onramp.printing import PlainFormatter, printable, printable_lines
from onramp.replacing import replacing

MODULES = "onramp", "numpy", "astropy", "numba", "pydantic"


class TerminatedError(BaseException):
    """The scheduler or the user ended this job with SIGTERM."""


def share_library():
    """Let this process and those it starts import the library beside this file, at little cost."""
    own_process.import_fits()
    folder = str(Path(__file__).parent)
    path = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if folder not in path:
        os.environ["PYTHONPATH"] = os.pathsep.join([folder, *path])


@contextlib.contextmanager
def job(snakemake):
    """
    Run the body of a rule's script.

    What the body logs goes to the rule's log file. If it fails, the rule's outputs are removed,
    `params.crash_file` (if there is one) tells what happened, and the process ends with status 1;
    if it succeeds, an older crash file is removed.
    """
    own_process.begin()
    name = snakemake.wildcards.get("exposure", snakemake.rule)
    crash_file = snakemake.params.get("crash_file")
    _start_log(snakemake.log[0])
    _sweep(snakemake.output)
    signal.signal(signal.SIGTERM, _terminate)
    begun = time.perf_counter()
    try:
        yield
    except KeyboardInterrupt:
        _remove(snakemake.output)
        logging.getLogger("onramp").warning("%s: interrupted", name)
        sys.exit(130)
    except BaseException as error:
        _remove(snakemake.output)
        line = reason(error)
        logging.getLogger("onramp").exception("%s: failed: %s", name, line)
        if crash_file:
            with contextlib.suppress(OSError):
                write_crash_file(crash_file, snakemake, error)
        sys.exit(1)
    if crash_file:
        Path(crash_file).unlink(missing_ok=True)
    seconds = time.perf_counter() - begun
    logging.getLogger("onramp").info("%s: %s done in %.2f s", name, snakemake.rule, seconds)
    own_process.end()


def reason(error: BaseException) -> str:
    """Return what went wrong in one line."""
    text = printable(" ".join(str(error).split()))
    if isinstance(error, OnrampError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def write_crash_file(path, snakemake, error):
    """Write what failed, on what, with what and where."""
    uncal = str(snakemake.input.get("uncal") or snakemake.input.cutouts)
    facts = {
        "exposure": snakemake.wildcards.exposure,
        "reason": reason(error),
        "uncal": _describe(uncal),
        "time": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "system": platform.platform(),
        "versions": {"python": platform.python_version(), **_versions()},
        "threads": snakemake.threads,
        "memory_mb": snakemake.resources.get("mem_mb"),
        "references": str(snakemake.input.get("references")),
        "steps": snakemake.params.get("steps"),
    }
    lines = [f"{key}: {json.dumps(value, default=str)}" for key, value in facts.items()]
    trace = printable_lines("".join(traceback.format_exception(error)))
    write("\n".join([*lines, "", trace]), path)


def write(text, path):
    """Write a text beside its final name, sync it, then rename it."""
    with replacing(path) as part, open(part, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _describe(uncal):
    from onramp.reference_index import read_primary

    found = {"file": os.path.abspath(uncal)}
    with contextlib.suppress(OSError):
        found["bytes"] = os.path.getsize(uncal)
        with open(uncal, "rb") as file:
            found["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        header = read_primary(uncal)
        for keyword in ("INSTRUME", "DETECTOR", "EXP_TYPE", "SUBARRAY", "READPATT"):
            found[keyword] = header.get(keyword)
    return found


def _versions():
    loaded = {name: sys.modules.get(name) for name in MODULES}
    return {name: module.__version__ for name, module in loaded.items() if module}


def _start_log(path):
    handler = logging.FileHandler(path, mode="w")
    handler.setFormatter(PlainFormatter("%(asctime)s %(levelname)-7s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)


def _terminate(*_):
    raise TerminatedError("by SIGTERM: cancelled, or over the scheduler's time or memory limit")


def _sweep(outputs):
    """Remove what a job that was killed left of these outputs under a name of its own."""
    for folder in {Path(path).parent for path in outputs}:
        names = tuple(f".{Path(path).name}." for path in outputs)
        with contextlib.suppress(OSError):
            for entry in os.scandir(folder):
                if entry.name.startswith(names) and entry.name.endswith(".part"):
                    os.unlink(entry)


def _remove(outputs):
    for path in outputs:
        with contextlib.suppress(OSError):
            Path(path).unlink()
