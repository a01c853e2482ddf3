"""What the fields of the parameters' models take, in words."""

from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

WORDS = {bool: "true or false", int: "whole number", float: "number", str: "text"}
SIGNS = ("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<=")


def values_of(field) -> str:
    """Return what values a field of a model takes."""
    return _in_words(field.annotation, field.metadata)


def _in_words(annotation, metadata=()):
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _in_words(parts[0], [*metadata, *parts[1:]])
    if origin is Literal:
        return " or ".join(f"`{_word(value)}`" for value in parts)
    if origin in (Union, UnionType):
        known = dict.fromkeys(_in_words(part, metadata) for part in parts if part is not NoneType)
        return " or ".join(known) + (", or null" if NoneType in parts else "")
    if origin is dict:
        return f"{_in_words(parts[1])} by type"
    if origin in (tuple, list):
        size = "list" if origin is list or Ellipsis in parts else f"{len(parts)} values"
        return f"{size}, each {_in_words(parts[0])}"
    if annotation is NoneType:
        return "null"
    return f"{WORDS[annotation]} {' and '.join(_bounds(metadata))}".strip()


def _bounds(metadata):
    limits = [each for part in metadata for each in getattr(part, "metadata", [part])]
    return [
        f"{sign} {getattr(limit, name)}"
        for limit in limits
        for name, sign in SIGNS
        if getattr(limit, name, None) is not None
    ]


def _word(value):
    return str(value).lower() if isinstance(value, bool) else str(value) or "''"
