"""A digest of all modules that a script uses, so that a change of one reruns the script's jobs."""

import functools
import hashlib
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
        path = _path(name)
        if path is None:
            continue
        found[name] = path.read_bytes()
        used = _imported(found[name], whole)
        if _in_library(name):  # it uses no script, and nothing that is installed beside it
            used = filter(_in_library, used)
        waiting += [(module, True) for module in used]
        # A package's own file runs at import, what its functions import on demand does not.
        waiting += [(parent, False) for parent in _parents(name)]
    return found


def _in_library(name):
    return name.split(".")[0] == LIBRARY


def _path(name):
    base = SCRIPTS.joinpath(*name.split("."))
    found = (path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file())
    return next(found, None)


def _parents(name):
    parts = name.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


def _imported(source, whole):
    """Yield the names that import statements mention; only those not indented unless `whole`."""
    for indent, module, names, modules in IMPORT.findall(source):
        if indent and not whole:
            continue
        words = [name.split()[0].decode() for name in (names or modules).strip(b"()").split(b",")
                 if name.split()]  # fmt: skip
        if not module:
            yield from words
            continue
        yield module.decode()
        yield from (f"{module.decode()}.{word}" for word in words)
