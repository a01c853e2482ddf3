from typing import Annotated, Literal

import pytest
from onramp.configuration import Configuration, References
from onramp.field_words import values_of
from onramp.parameters import STEPS, step_model
from pydantic import Field, create_model


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (bool, "true or false"),
        (Annotated[float, Field(gt=0, le=5)], "number > 0 and <= 5"),
        (int | None, "whole number, or null"),
        (Literal["a", "b"] | None, "`a` or `b`, or null"),
        (Literal[False], "`false`"),
        (None, "null"),
        (
            tuple[Annotated[int, Field(ge=1)], int] | None,
            "2 values, each whole number >= 1, or null",
        ),
        (tuple[float, ...], "list, each number"),
        (dict[Literal["a"], str], "text by type"),
        (str | list[str], "text or list, each text"),
    ],
)
def test_what_fields_take(annotation, words):
    field = create_model("Model", value=(annotation, ...)).model_fields["value"]
    assert values_of(field) == words


def test_every_option_can_be_told():
    models = [Configuration, References, *map(step_model, STEPS)]
    fields = [field for model in models for field in model.model_fields.values()]
    plain = [f for f in fields if not hasattr(f.annotation, "model_fields")]
    assert len(plain) > 100
    assert all(values_of(field) for field in plain)
