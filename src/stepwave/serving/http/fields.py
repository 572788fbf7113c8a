"""Kinds of fields that several requests share."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

LONGEST_NAME: Final = 256


class Strict(BaseModel):
    """A record that refuses what it does not know: a setting that nobody reads would be ignored in silence."""

    model_config = ConfigDict(extra="forbid")


def _by_id(voice: Any) -> Any:
    return voice.get("id") if isinstance(voice, dict) else voice


VoiceName: TypeAlias = Annotated[
    str, Field(max_length=LONGEST_NAME), BeforeValidator(_by_id, json_schema_input_type=str | dict[str, str])
]
"""A voice's name; newer clients put it into an object as its id."""
Ignored: TypeAlias = Annotated[Any, Field(description="Taken, and without effect.")]
"""A field that says nothing to the model, such as whose bill it is."""


def only(*values: object) -> AfterValidator:
    """Refuse a field that asks for something this server can't do, unless it has one of `values` or is left out."""

    def check(value: object) -> object:
        if value is not None and value not in values:
            wanted = "".join(f"send {json.dumps(one)}, or " for one in values)
            raise ValueError(f"this server can't do that; {wanted}leave it out")
        return value

    return AfterValidator(check)
