"""
Where parameters come from.

An origin is a kind ("default", "parameter reference", "configuration file", "sheet", "command
line", "call"), and for files which one: "configuration file: mine.yaml". Origins are kept by
"step.parameter"; what is not listed is at its default.
"""

import json
import os
import sys

from onramp.parameters import STEPS, Detector1Parameters

DEFAULT, REFERENCE, FILE, SHEET = "default", "parameter reference", "configuration file", "sheet"
COMMAND_LINE, CALL = "command line", "call"
RUN = "ONRAMP_RUN"
"""Environment variable in which a workflow tells its jobs what they cannot see."""


def kind(origin: str) -> str:
    """Return an origin without the name of a file."""
    return origin.partition(":")[0]


def given(steps, origin) -> dict[str, str]:
    """Return the origins of parameters by step that come from one place."""
    return {
        f"{step}.{name}": origin for step, values in (steps or {}).items() for name in values or ()
    }


def with_references(known, files) -> dict[str, str]:
    """
    Return the origins of an exposure's parameters, those from parameter references among them.

    Parameters
    ----------
    known : dict of str to str or None
        What the workflow or the user has said.
    files : dict of str to str
        Name of the parameter reference by "step.parameter", for values that are one's.
    """
    found = {key: f"{REFERENCE}: {name}" for key, name in files.items()}
    said = (FILE, COMMAND_LINE, CALL)
    explicit = {key: origin for key, origin in (known or {}).items() if kind(origin) in said}
    return {**(known or {}), **found, **explicit}


def of_configuration(steps: Detector1Parameters, paths) -> dict[str, str]:
    """
    Return the origins of a configuration's parameters.

    Parameters
    ----------
    steps : Detector1Parameters
        As merged.
    paths : iterable of str
        The configuration files, in any order. A parameter that none of them gives the value that
        it has comes from the command line.
    """
    changed = list(_changes(Detector1Parameters(), steps))
    if not changed:
        return {}
    found = dict.fromkeys(changed, COMMAND_LINE)
    for path in paths:
        told = _told(path)
        for key in changed:
            step, name = key.split(".")
            values = told.get(step)
            if not (isinstance(values, dict) and name in values):
                continue
            if same(step, name, values[name], getattr(getattr(steps, step), name)):
                found[key] = f"{FILE}: {path}"
    return found


def _told(path):
    import yaml

    with open(path) as file:
        told = (yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}).get("steps")
    return told if isinstance(told, dict) else {}


def same(step, name, value, merged):
    """Return whether a file's value of a parameter is the merged one once it is converted."""
    told = Detector1Parameters.model_validate({step: {name: value}})
    return getattr(getattr(told, step), name) == merged


def _changes(before, after):
    for step in STEPS:
        old, new = getattr(before, step), getattr(after, step)
        for name in type(new).model_fields:
            if getattr(old, name) != getattr(new, name):
                yield f"{step}.{name}"


def share(steps: Detector1Parameters, paths, exposures, main_process: bool) -> None:
    """
    Tell the jobs of a workflow its command, its parameters' origins and where exposures are listed.

    Parameters
    ----------
    steps, paths
        As for `of_configuration`.
    exposures : str
        The folder, glob, file or sheet that lists the exposures.
    main_process : bool
        Whether this is the process that the user has started; others keep what it has told.
    """
    if RUN in os.environ and not main_process:
        return
    told = {"command": sys.orig_argv, "exposures": os.path.abspath(exposures),
            "origins": of_configuration(steps, paths)}  # fmt: skip
    os.environ[RUN] = json.dumps(told)


def command() -> list[str]:
    """Return the command that has been given: the workflow's, or this process's own."""
    return _shared().get("command") or list(sys.orig_argv)


def of_job(configured, parameters: Detector1Parameters) -> dict[str, str]:
    """
    Return the origins of an exposure's parameters in a workflow.

    Parameters
    ----------
    configured : dict of str to dict
        Parameters of all exposures, by step.
    parameters : Detector1Parameters
        Those of this one: where they differ, the sheet says so.
    """
    configured = Detector1Parameters.model_validate(configured)
    told = _shared()
    sheet = f"{SHEET}: {told.get('exposures', 'unknown')}"
    found = dict(told.get("origins", {}))
    for key in _changes(Detector1Parameters(), configured):
        found.setdefault(key, FILE)
    return found | dict.fromkeys(_changes(configured, parameters), sheet)


def _shared():
    return json.loads(os.environ.get(RUN) or "{}")
