"""The reference pipeline in a Python environment of its own, made when it is first asked for."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
REQUIREMENTS = HERE / "requirements.txt"
VARIABLE = "ONRAMP_JWST_PYTHON"

_CHECK = """
import sys
from importlib.metadata import version
pins = dict(line.split("==") for line in open(sys.argv[1]).read().split())
sys.exit(any(version(name) != pin for name, pin in pins.items()))
"""


def reference_python():
    """
    Return the interpreter that runs the reference: $ONRAMP_JWST_PYTHON, else `.venv-jwst`'s.

    Raises
    ------
    RuntimeError
        If the interpreter given does not hold the versions that `requirements.txt` pins.
    subprocess.CalledProcessError
        If the environment cannot be made.
    """
    given = os.environ.get(VARIABLE)
    if given:
        if not _complete(given):
            raise RuntimeError(f"${VARIABLE}={given} does not hold what {REQUIREMENTS} asks for")
        return Path(given)
    folder = ROOT / ".venv-jwst"
    python = folder / "bin" / "python"
    if not _complete(python):
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS]
        subprocess.run(install, check=True)
    return python


def _complete(python):
    if not Path(python).exists():
        return False
    check = [python, "-c", _CHECK, REQUIREMENTS]
    return subprocess.run(check, stderr=subprocess.DEVNULL, check=False).returncode == 0
