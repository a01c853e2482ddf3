"""The exposures of a run: found in a folder, by a glob, in a sheet; with their own parameters."""

import glob
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from onramp.configuration import Configuration
from onramp.errors import InputError, OutputError, ParameterError
from onramp.parameters import STEPS, Detector1Parameters, nearest, parse_steps
from onramp.pipelines import OF_ALL
from onramp.product_list import EXPOSURE, chosen_name, wanted_products

ENDING = "_uncal.fits"
NAME = "[A-Za-z0-9_][A-Za-z0-9_.+-]*"
SEPARATORS = {".tsv": "\t", ".csv": ","}


class Target(NamedTuple):
    """An exposure to process."""

    exposure: str
    """Name of its products."""
    uncal: str
    parameters: Detector1Parameters


def find(configuration: Configuration) -> dict[str, Target]:
    """
    Return the exposures that a configuration asks for, by name, in order.

    No file is opened but the sheet.

    Raises
    ------
    InputError
        If there is none, a file is missing, or a name is used twice or unfit for a file name.
    ParameterError
        If the sheet has an unknown column or value.
    """
    asked = configuration.exposures
    if Path(asked).suffix.lower() in SEPARATORS:
        rows = _read_sheet(asked)
    else:
        rows = [(os.path.basename(path).removesuffix(ENDING), path, {}) for path in _files(asked)]
    found = {}
    for exposure, uncal, own in rows:
        if not re.fullmatch(NAME, exposure):
            raise InputError(
                f"{asked}: exposure '{exposure}' cannot name a product: a letter or digit, then "
                f"letters, digits and _ . + -; rename {uncal}, or list it in a sheet under "
                "another name"
            )
        if exposure in found:
            raise InputError(
                f"{asked}: two exposures are named '{exposure}': {found[exposure].uncal} and "
                f"{uncal}; list them in a sheet under different names"
            )
        parameters = configuration.steps
        if own:
            parameters = _merged(configuration, own, f"{asked}: exposure '{exposure}'")
        found[exposure] = Target(exposure, uncal, parameters)
    _check_names(found.values())
    return found


def _check_names(targets):
    """Check that no two exposures write a file of the same name that was chosen by the user."""
    users = {}
    for target in targets:
        steps = target.parameters
        for option, name in (
            ("dark_current.dark_output", steps.dark_current.dark_output),
            ("ramp_fit.opt_name", steps.ramp_fit.save_opt and steps.ramp_fit.opt_name),
        ):
            if name:
                path = chosen_name(name, target.exposure)
                other = users.setdefault((option, path), target.exposure)
                if other != target.exposure:
                    raise ParameterError(
                        f"steps.{option}={name!r}: '{other}' and '{target.exposure}' would write "
                        f"the same file; put {EXPOSURE} in it, or a name for each in a sheet"
                    )


def _files(asked):
    if os.path.isdir(asked):
        with os.scandir(asked) as entries:
            found = sorted(entry.path for entry in entries if entry.name.endswith(ENDING))
        remedy = f"holds no *{ENDING} file; set exposures to another folder, a glob or a sheet"
    elif os.path.isfile(asked):
        found = [asked]
    elif glob.has_magic(asked):
        found = sorted(glob.glob(asked, recursive=True))
        remedy = f"matches no file in {os.getcwd()}; mend the glob in exposures"
    else:
        raise InputError(
            f"{asked}: no such file or folder (seen from {os.getcwd()}); set exposures to a "
            "folder, a glob or a sheet"
        )
    if not found:
        raise InputError(f"{asked}: {remedy}")
    for path in found:
        if not path.endswith(ENDING):
            raise InputError(f"{path}: its name does not end in {ENDING}; list it in a sheet")
    return found


def _read_sheet(path):
    """Return name, uncal file and own parameters for each row."""
    import pandas as pd

    try:
        sheet = pd.read_csv(
            path, sep=SEPARATORS[Path(path).suffix.lower()], dtype=str, comment="#",
            keep_default_na=False, skipinitialspace=True,
        )  # fmt: skip
    except FileNotFoundError:
        raise InputError(f"{path}: no such sheet (seen from {os.getcwd()})") from None
    except (OSError, ValueError) as problem:
        reason = str(problem).strip().splitlines()[0]
        raise InputError(f"{path}: is no table of exposures: {reason}") from None
    for column in ("exposure", "uncal"):
        if column not in sheet:
            raise InputError(
                f"{path}: column '{column}' is missing (found: {', '.join(map(str, sheet))}); "
                f"separate columns with {'tabs' if path.lower().endswith('.tsv') else 'commas'}"
            )
    if sheet.empty:
        raise InputError(f"{path}: lists no exposure; add a row for each")
    options = {column: _option(column, path) for column in sheet if column not in _OWN_COLUMNS}
    return [_row(values, options, path) for values in sheet.to_dict("records")]


_OWN_COLUMNS = "exposure", "uncal"


def _option(column, path):
    prefix, _, rest = str(column).partition(".")
    step, _, parameter = rest.partition(".")
    if prefix != "steps" or step not in STEPS or not parameter:
        hint = nearest(column, (*_OWN_COLUMNS, *(f"steps.{s}.<parameter>" for s in STEPS)))
        raise ParameterError(f"{path}: unknown column '{column}'; {hint}")
    if parameter in ("save_results", "maximum_cores"):
        raise ParameterError(
            f"{path}: column '{column}' concerns all exposures; set it in the configuration"
        )
    return step, parameter


def _row(values, options, path):
    exposure, uncal = values["exposure"].strip(), values["uncal"].strip()
    if not os.path.isfile(uncal):
        raise InputError(
            f"{path}: exposure '{exposure}': no such uncal file: '{uncal}' (seen from "
            f"{os.getcwd()})"
        )
    own = {}
    for column, (step, parameter) in options.items():
        if values[column].strip():
            own.setdefault(step, {})[parameter] = values[column].strip()
    return exposure, uncal, own


def _merged(configuration, own: Mapping[str, Mapping[str, Any]], origin):
    steps = configuration.steps.model_dump(exclude_unset=True)
    for step, values in own.items():
        steps[step] = {**steps.get(step, {}), **values}
    parameters = parse_steps(steps, origin)
    ramp = configuration.save_calibrated_ramp
    if suffixes(parameters, ramp) != suffixes(configuration.steps, ramp):
        raise ParameterError(
            f"{origin}: would have other products than the rest; skip the step for all exposures, "
            "or run this one on its own"
        )
    return parameters


def suffixes(steps: Detector1Parameters, save_calibrated_ramp: bool) -> tuple[str, ...]:
    """
    Return what the names of the products end in that every exposure is sure to have.

    Others are made beside these: by steps that only some instruments have, by the algorithm that
    an exposure is fitted with, or of what is found in it.
    """
    wanted = wanted_products(steps, not steps.ramp_fit.skip, save_calibrated_ramp, OF_ALL)
    return tuple(kind.suffix for kind in wanted)


def check_folder(path) -> None:
    """
    Check that the folder of the products can be made and written to.

    Raises
    ------
    OutputError
        If it cannot.
    """
    place = Path(path).absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise OutputError(f"output_dir: {path}: {place} is not a folder; choose another")
    if not os.access(place, os.W_OK | os.X_OK):
        raise OutputError(f"output_dir: {path}: {place} is not writable; choose another")
