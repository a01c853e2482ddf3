"""The parameters that an exposure was processed with, as a configuration that can be used again."""

import json

from onramp.origins import DEFAULT
from onramp.parameters import STEPS, Detector1Parameters

ENDING = "_parameters.yaml"
THREADS = "maximum_cores"
WIDTH = 60
"""Columns of a value, before the comment that tells where it comes from."""


def text(exposure: str, version: str, parameters: Detector1Parameters, origins) -> str:
    """
    Return the parameters of all steps as YAML, with the origin of each value as a comment.

    Numbers of threads, which have no effect and do not go with every configuration, are comments.

    Parameters
    ----------
    exposure : str
        Name of the exposure.
    version : str
        Version of onramp.
    parameters : Detector1Parameters
    origins : dict of str to str
        By "step.parameter", where that is not the default.
    """
    lines = [
        f"# {_comment(exposure)}: the parameters that onramp {version} used, and where from. Use "
        "them again with",
        "# snakemake --configfile, or --parameter_files, and this file's name.",
        "steps:",
    ]
    for step in STEPS:
        lines.append(f"  {step}:")
        for name, value in getattr(parameters, step).model_dump(mode="json").items():
            off = "# " if name == THREADS else ""
            told = f"    {off}{name}: {json.dumps(value)}"
            lines.append(f"{told:<{WIDTH}} # {_comment(origins.get(f'{step}.{name}', DEFAULT))}")
    return "\n".join([*lines, ""])


def _comment(words):
    """Return words as ASCII on one line."""
    return ascii(words)[1:-1]
