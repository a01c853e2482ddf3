"""Files made from the configuration's model: its schema, its table of options, its defaults."""

import argparse
import sys
from pathlib import Path

import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from onramp.configuration import Configuration
from onramp.field_words import values_of
from onramp.parameters import Step

PROJECT = Path(__file__).resolve().parents[2]
SCHEMA = PROJECT / "workflow" / "schemas" / "config.schema.yaml"
README = PROJECT / "config" / "README.md"
BEGIN, END = "<!-- options: begin -->\n", "<!-- options: end -->\n"
OFF = "# "
"""Before a line that is there to be uncommented."""
MAXIMUM_CORES = {
    "anyOf": [
        {"enum": ["none", "quarter", "half", "all"]},
        {"type": "string", "pattern": "^[1-9][0-9]*$"},
        {"type": "integer", "minimum": 1},
    ]
}


def schema() -> str:
    """Return the JSON schema of the configuration, as YAML."""
    found = Configuration.model_json_schema()
    for model in found["$defs"].values():
        for name, option in model["properties"].items():
            if name == "maximum_cores":
                option.pop("type")
                option.update(MAXIMUM_CORES)
            for choice in option.get("anyOf", ()):
                if "ge" in choice:
                    choice["minimum"] = choice.pop("ge")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return yaml.safe_dump({**head, **found}, sort_keys=False, width=100)


def options(model=Configuration, prefix=""):
    """Yield each option: name with its section, type, default, meaning."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield f"{prefix}{name}", None, None, (field.annotation.__doc__ or "").strip()
            yield from options(field.annotation, f"{prefix}{name}.")
        else:
            default = None if field.default is PydanticUndefined else field.default
            yield f"{prefix}{name}", values_of(field), default, field.description


def _yaml(value):
    value = list(value) if isinstance(value, tuple) else value
    return yaml.safe_dump(value, default_flow_style=True).removesuffix("\n...\n").strip()


def table() -> str:
    """Return the table of options in Markdown."""
    lines = ["| option | value | default | meaning |", "|---|---|---|---|"]
    common = {f"steps.<step>.{name}": field for name, field in Step.model_fields.items()}
    for name, what, default, meaning in options():
        if name == "steps":
            lines.append(f"| **{name}** | | | {meaning.splitlines()[0]} |")
            lines += [
                f"| `{option}` | {values_of(field)} | `{_yaml(field.default)}` "
                f"| {field.description} |"
                for option, field in common.items()
            ]
        elif name.startswith("steps.") and name.split(".")[-1] in Step.model_fields and not default:
            continue
        elif what is None:
            lines.append(f"| **{name}** | | | {meaning.splitlines()[0]} |")
        else:
            lines.append(f"| `{name}` | {what} | `{_yaml(default)}` | {meaning} |")
    return "\n".join([*lines, ""])


def readme(text: str) -> str:
    """Return the README's text with the table between its markers renewed."""
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"{README}: the markers of the table of options are missing")
    return f"{before}{BEGIN}{table()}{END}{after}"


def defaults() -> str:
    """Return a configuration file with every option; the steps' parameters are commented out."""
    lines = [
        "# Every option at its default. README.md explains them. The parameters of the steps are",
        "# commented out: what is set here goes before what CRDS's parameter files say.",
    ]
    explained = set()
    for name, what, default, meaning in options():
        *sections, key = name.split(".")
        indent = "  " * len(sections)
        if what is None:
            lines += ["", f"{indent}# {meaning.splitlines()[0]}", f"{indent}{key}:"]
            continue
        comment = "" if meaning in explained and key in Step.model_fields else f"# {meaning}"
        explained.add(meaning)
        off = OFF if name.startswith("steps.") else ""
        lines.append(f"{f'{indent}{off}{key}: {_yaml(default)}':<46}{comment}".rstrip())
    return "\n".join([*lines, ""])


def main(arguments=None) -> int:
    """Write the generated files, or say which of them are out of date."""
    parser = argparse.ArgumentParser(
        prog="python -m onramp.configuration_files", description=__doc__
    )
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--write", action="store_true", help="write the schema and the table")
    task.add_argument("--check", action="store_true", help="fail if they are out of date")
    task.add_argument("--defaults", action="store_true", help="print a config.yaml of defaults")
    chosen = parser.parse_args(arguments)
    if chosen.defaults:
        print(defaults(), end="")
        return 0
    stale = []
    for path, fresh in ((SCHEMA, schema()), (README, readme(README.read_text()))):
        if path.exists() and path.read_text() == fresh:
            continue
        stale.append(path)
        if chosen.write:
            path.write_text(fresh)
    if stale and chosen.check:
        names = ", ".join(str(path.relative_to(PROJECT)) for path in stale)
        remedy = "run python -m onramp.configuration_files --write"
        print(f"{names}: out of date; {remedy}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
