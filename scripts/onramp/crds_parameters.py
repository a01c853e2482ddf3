"""Parameter references of CRDS: which there are, and what they say in terms of our parameters."""

import json
import warnings
from types import MappingProxyType
from typing import NamedTuple

from pydantic import ValidationError

from onramp.errors import ParameterError, ReferenceFileError
from onramp.parameters import STEPS, Detector1Parameters, step_model
from onramp.step_parameters import Step

PIPELINE = "pars-detector1pipeline"
PARAMETER_TYPES = MappingProxyType(
    {f"pars-{step.replace('_', '')}step": step for step in STEPS} | {PIPELINE: None}
)
"""The step of each type of parameter reference; later ones win, and the pipeline's is the last."""

NOT_PARAMETERS = frozenset(
    ("pre_hooks", "post_hooks", "output_file", "output_dir", "output_ext", "output_use_model",
     "output_use_index", "suffix", "search_output_file", "input_dir", "save_calibrated_ramp",
     "save_results", "maximum_cores", "save_opt")
)  # fmt: skip
"""What concerns files and cores and is ours to say, whatever a parameter reference says."""

ANEW = "remove it from the cache, and it will be fetched anew"


class ParameterFile(NamedTuple):
    """What a parameter reference says."""

    values: dict[str, dict]
    """Parameters by step."""
    unused: dict[str, object]
    """Values that mean nothing here, by "step.parameter"."""


def read(path, kind, remedy=ANEW) -> ParameterFile:
    """
    Read a parameter reference.

    Parameters
    ----------
    path : Path
    kind : str
        Type, one of PARAMETER_TYPES.
    remedy : str
        What to do if it is none.

    Raises
    ------
    ReferenceFileError
        If the file is none.
    """
    tree = _tree(path, remedy)
    values, unused = {}, {}
    if PARAMETER_TYPES[kind] is not None:
        parts = [(PARAMETER_TYPES[kind], tree)]
    else:
        steps = tree.get("steps") or []
        if not isinstance(steps, list) or not all(isinstance(part, dict) for part in steps):
            raise ReferenceFileError(f"{path}: steps: is no list of steps; {remedy}")
        parts = [(None, tree), *((part.get("name"), part) for part in steps)]
    for step, part in parts:
        told = part.get("parameters") or {}
        if not isinstance(told, dict):
            raise ReferenceFileError(f"{path}: parameters: are not 'name: value'; {remedy}")
        known = step_model(step).model_fields if step in STEPS else {}
        for name, value in told.items():
            if name in NOT_PARAMETERS:
                continue
            value = _plain(value)
            if name in known:
                values.setdefault(step, {})[name] = value
            else:
                unused[f"{step or 'detector1'}.{name}"] = value
    return ParameterFile(values, unused)


def _tree(path, remedy):
    """Return the tree of an ASDF file as plain values; nothing in it is made an object."""
    import asdf

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with asdf.open(path, memmap=False, _force_raw_types=True) as file:
                tree = _plain(file.tree)
    except Exception as problem:
        reason = " ".join(str(problem).split())[:200]
        raise ReferenceFileError(f"{path}: is no ASDF file ({reason}); {remedy}") from None
    if not isinstance(tree, dict) or not ("parameters" in tree or "steps" in tree):
        raise ReferenceFileError(f"{path}: holds no parameters; is it a parameter reference?")
    return tree


def _plain(value):
    """Return a value of an ASDF tree as what JSON can hold."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return None if text == "None" else text


def apply(files, given: Detector1Parameters) -> tuple[Detector1Parameters, dict[str, str]]:
    """
    Put what parameter references say under what the user has said.

    Parameters
    ----------
    files : iterable of (str, dict)
        Name of each parameter reference and its parameters by step; later ones win.
    given : Detector1Parameters
        What has been set there, and only that, comes before the references.

    Returns
    -------
    parameters : Detector1Parameters
    origins : dict of str to str
        Name of the file by "step.parameter", for the values that come from one.

    Raises
    ------
    ParameterError
        If a reference asks for what is not supported; the message says how to do without.
    """
    files = list(files)
    if not files:
        return given, {}
    own = given.model_dump(exclude_unset=True)
    steps = {step: dict(values) for step, values in own.items()}
    origins = {}
    for file, values in files:
        for step, told in values.items():
            for name, value in told.items():
                if name not in own.get(step, {}):
                    steps.setdefault(step, {})[name] = _checked(step, name, value, file)
                    origins[f"{step}.{name}"] = file
    return Detector1Parameters.model_validate(steps), origins


def _checked(step, name, value, file):
    model: type[Step] = step_model(step)
    try:
        return getattr(model.model_validate({name: value}), name)
    except ValidationError:
        default = json.dumps(model.model_fields[name].default).strip('"')
        raise ParameterError(
            f"{file}: steps.{step}.{name}={value!r}: not supported; set steps.{step}.{name}: "
            f"{default} in the configuration to go without"
        ) from None
