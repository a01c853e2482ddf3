"""A digest of all modules that a script uses, so that a change of one reruns the script's jobs."""

import contextlib
import functools
import hashlib
import os
import re
from pathlib import Path

SCRIPTS = Path(__file__).parents[1]
LIBRARY = "onramp"
STEPS = "onramp.steps"
IMPORT = re.compile(
    rb"^( *)(?:from +([\w.]+) +import +(\([^)]*\)|[^\n]*)|import +([\w., ]+))", re.MULTILINE
)


def library_digest(*modules: str) -> str:
    """
    Digest the source of modules of the script layer and of all that they import from it.

    Parameters
    ----------
    *modules : str
        Names such as ``detector1``, a script, or ``onramp.detector1``.

    Returns
    -------
    str
        Hexadecimal; the same for the same contents, wherever and whenever the files were written.
    """
    digest = hashlib.sha256()
    for name, source in sorted(sources(modules).items()):
        digest.update(f"{name} {len(source)}\n".encode())
        digest.update(source)
    return digest.hexdigest()[:16]


@functools.cache
def kernel_digest(*more: str) -> str:
    """
    Digest all that compiled kernels can depend on: the modules of the steps, and what they import.

    Parameters
    ----------
    *more : str
        Modules that have kernels besides.
    """
    folder = SCRIPTS.joinpath(*STEPS.split("."))
    steps = (f"{STEPS}.{path.stem}" for path in folder.glob("*.py"))
    return library_digest("onramp.kernels", *more, *steps)


def sources(modules) -> dict[str, bytes]:
    """Return the source by name of modules and of all that they import from the script layer."""
    found, seen = {}, set()
    waiting = [(name, True) for name in modules]
    while waiting:
        name, whole = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        file = _file(name)
        if file is None:
            continue
        found[name], imported = _read(*file)
        used = [module for late, module in imported if whole or not late]
        if _in_library(name):  # it uses no script, and nothing that is installed beside it
            used = filter(_in_library, used)
        waiting += [(module, True) for module in used]
        # A package's own file runs at import, what its functions import on demand does not.
        waiting += [(parent, False) for parent in _parents(name)]
    return found


def _in_library(name):
    return name.split(".")[0] == LIBRARY


def _file(name):
    """Return a module's path, and its time and size; None if there is no such module."""
    base = f"{SCRIPTS}/{name.replace('.', '/')}"
    for path in (f"{base}.py", f"{base}/__init__.py"):
        with contextlib.suppress(OSError):
            status = os.stat(path)
            return path, status.st_mtime_ns, status.st_size
    return None


def _parents(name):
    parts = name.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


@functools.cache
def _read(path, _time, _size):
    """Return a file's content, and the imported names with whether they are on demand."""
    with open(path, "rb") as file:
        source = file.read()
    return source, tuple(_imported(source))


def _imported(source):
    for indent, module, names, modules in IMPORT.findall(source):
        late = bool(indent)
        words = [name.split()[0].decode() for name in (names or modules).strip(b"()").split(b",")
                 if name.split()]  # fmt: skip
        if not module:
            yield from ((late, word) for word in words)
            continue
        yield late, module.decode()
        yield from ((late, f"{module.decode()}.{word}") for word in words)
