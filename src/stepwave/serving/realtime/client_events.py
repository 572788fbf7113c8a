"""What a client may send, as OpenAI's protocol writes it; anything else is refused with the field named."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from stepwave.serving.errors import ApiError

MOST_TOOLS: Final = 128


class _Strict(BaseModel):
    """Unknown fields pass: clients are newer than servers. Known ones must have their type."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class FormatParam(_Strict):
    """A sound format; PCM has one rate."""

    type: str
    rate: Literal[24000] | None = None


class TranscriptionParam(_Strict):
    """That input is to be written down; it is done by the model itself, whatever name comes."""

    model: str | None = None
    language: str | None = None
    prompt: str | None = None


class InputParam(_Strict):
    """What comes in."""

    format: FormatParam | None = None
    transcription: TranscriptionParam | None = None
    turn_detection: dict[str, Any] | None = None
    noise_reduction: dict[str, Any] | None = None


class OutputParam(_Strict):
    """What goes out."""

    format: FormatParam | None = None
    voice: str | dict[str, Any] | None = None
    speed: float | None = None


class AudioParam(_Strict):
    """Both ways."""

    input: InputParam | None = None
    output: OutputParam | None = None


class ToolParam(_Strict):
    """A function that the client runs."""

    type: Literal["function"]
    name: str = Field(min_length=1, max_length=64)
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=lambda: {"type": "object", "properties": {}})


class ToolChoiceParam(_Strict):
    """One tool that must be called."""

    type: str
    name: str | None = None


class SettingsParam(_Strict):
    """What a session and a single response have in common."""

    instructions: str | None = Field(None, max_length=65_536)
    output_modalities: list[Literal["text", "audio"]] | None = Field(None, min_length=1, max_length=2)
    audio: AudioParam | None = None
    tools: list[ToolParam] | None = Field(None, max_length=MOST_TOOLS)
    tool_choice: str | ToolChoiceParam | None = None
    max_output_tokens: Annotated[int, Field(ge=1, le=65_536)] | Literal["inf"] | None = None


class SessionParam(SettingsParam):
    """The `session` of a `session.update`."""

    type: Literal["realtime"] = "realtime"
    model: str | None = None


class ContentParam(_Strict):
    """A part of an item."""

    type: Literal["input_text", "input_audio", "output_text", "output_audio", "text", "audio"]
    text: str | None = None
    audio: str | None = None
    transcript: str | None = None


class ItemParam(_Strict):
    """An item that the client adds."""

    type: Literal["message", "function_call", "function_call_output", "mcp_approval_response"]
    id: str | None = Field(None, min_length=1, max_length=64)
    role: Literal["system", "user", "assistant"] | None = None
    content: list[ContentParam] = Field(default_factory=list, max_length=64)
    call_id: str | None = Field(None, max_length=64)
    name: str | None = Field(None, max_length=64)
    arguments: str | None = None
    output: str | None = None
    approval_request_id: str | None = Field(None, max_length=64)
    approve: bool | None = None
    reason: str | None = Field(None, max_length=1_000)


class ResponseParam(SettingsParam):
    """What a `response.create` asks for beside the session's settings."""

    conversation: Literal["auto", "none"] | None = None
    input: list[ItemParam] | None = Field(None, max_length=256)
    metadata: dict[str, str] | None = None


class _Event(_Strict):
    event_id: str | None = Field(None, max_length=512)


class SessionUpdate(_Event):
    """Change settings."""

    type: Literal["session.update"]
    session: SessionParam


class Append(_Event):
    """More sound, in base64."""

    type: Literal["input_audio_buffer.append"]
    audio: str


class Commit(_Event):
    """What was appended is a question."""

    type: Literal["input_audio_buffer.commit"]


class Clear(_Event):
    """Forget what was appended."""

    type: Literal["input_audio_buffer.clear"]


class ItemCreate(_Event):
    """Add an item."""

    type: Literal["conversation.item.create"]
    item: ItemParam
    previous_item_id: str | None = None


class ItemRetrieve(_Event):
    """Show an item."""

    type: Literal["conversation.item.retrieve"]
    item_id: str


class ItemDelete(_Event):
    """Take an item back."""

    type: Literal["conversation.item.delete"]
    item_id: str


class ItemTruncate(_Event):
    """Tell how much of an answer was heard."""

    type: Literal["conversation.item.truncate"]
    item_id: str
    content_index: int = 0
    audio_end_ms: int = Field(ge=0)


class ResponseCreate(_Event):
    """Answer."""

    type: Literal["response.create"]
    response: ResponseParam | None = None


class ResponseCancel(_Event):
    """Stop answering."""

    type: Literal["response.cancel"]
    response_id: str | None = None


ClientEvent: TypeAlias = (
    SessionUpdate
    | Append
    | Commit
    | Clear
    | ItemCreate
    | ItemRetrieve
    | ItemDelete
    | ItemTruncate
    | ResponseCreate
    | ResponseCancel
)
_ADAPTER: Final[TypeAdapter[ClientEvent]] = TypeAdapter(Annotated[ClientEvent, Field(discriminator="type")])


def parse(text: str | bytes) -> ClientEvent:
    """The event that a message holds. Raises ApiError that says what is wrong with it."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise ApiError("got a message that is no JSON; wanted one event, a JSON object", code="invalid_json") from None
    if not isinstance(message, dict):
        raise ApiError("got JSON that is no object; wanted one event", code="invalid_json")
    try:
        return _ADAPTER.validate_python(message)
    except ValidationError as error:
        raise _refusal(message, error) from None


def event_id_of(text: str | bytes) -> str | None:
    """The id a client gave its message, if that much can be read."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    name = message.get("event_id") if isinstance(message, dict) else None
    return name if isinstance(name, str) else None


def _refusal(message: dict[str, Any], error: ValidationError) -> ApiError:
    first = error.errors()[0]
    if first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        known = ", ".join(sorted(str(one.model_fields["type"].annotation.__args__[0]) for one in ClientEvent.__args__))
        return ApiError(
            f"got an event of type {message.get('type')!r}; this server knows {known}",
            code="unknown_event",
            param="type",
        )
    place = ".".join(str(part) for part in first["loc"][1:])
    return ApiError(f"{place}: {first['msg']}", code="invalid_value", param=place)
