"""What a client may send to `/v1/chat/completions`, checked field by field."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from stepwave.serving.http.fields import Ignored, Strict, VoiceName, only

MOST_MESSAGES: Final = 1000
MOST_TOOLS: Final = 128


class TextContent(Strict):
    """Text."""

    type: Literal["text"]
    text: str


class InputAudio(Strict):
    """A recording as base64."""

    data: str
    format: Literal["wav", "mp3", "flac", "ogg", "opus"] = "wav"
    """Only a hint: the file itself tells."""


class AudioContent(Strict):
    """Sound."""

    type: Literal["input_audio"]
    input_audio: InputAudio


def _as_parts(content: Any) -> Any:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


Texts: TypeAlias = Annotated[
    list[TextContent], BeforeValidator(_as_parts, json_schema_input_type=str | list[TextContent])
]
UserPart: TypeAlias = Annotated[TextContent | AudioContent, Field(discriminator="type")]
UserParts: TypeAlias = Annotated[
    list[UserPart], BeforeValidator(_as_parts, json_schema_input_type=str | list[UserPart])
]


class SystemMessage(Strict):
    """What the model is to be."""

    role: Literal["system", "developer"]
    content: Texts
    name: Ignored = None


class UserMessage(Strict):
    """A question, in text, sound or both."""

    role: Literal["user"]
    content: Annotated[UserParts, Field(min_length=1)]
    name: Ignored = None


class Function(Strict):
    """A call's function."""

    name: str
    arguments: str


class Call(Strict):
    """A call of a tool."""

    id: str
    type: Literal["function"] = "function"
    function: Function


class EarlierAudio(BaseModel):
    """A spoken answer of before, by its id; the rest of what was answered may stay on it."""

    model_config = ConfigDict(extra="ignore")
    id: str


class AssistantMessage(Strict):
    """An earlier answer."""

    role: Literal["assistant"]
    content: Texts | None = None
    audio: EarlierAudio | None = None
    tool_calls: list[Call] | None = None
    name: Ignored = None
    refusal: Ignored = None
    annotations: Ignored = None
    function_call: Annotated[Any, only()] = None


class ToolMessage(Strict):
    """What a tool came to."""

    role: Literal["tool"]
    content: Texts
    tool_call_id: str


Message: TypeAlias = Annotated[
    SystemMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")
]


class FunctionTool(Strict):
    """A tool's function."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: Ignored = None


class Tool(Strict):
    """A tool that the model may call."""

    type: Literal["function"]
    function: FunctionTool


class AudioWanted(Strict):
    """How a spoken answer is sent."""

    format: str
    """wav, mp3, flac, opus or pcm16; pcm16 alone where it is streamed."""
    voice: VoiceName | None = None


class StreamOptions(Strict):
    """Options of a stream."""

    include_usage: bool = False
    include_obfuscation: Ignored = None


class ChatRequest(Strict):
    """A conversation that is to be gone on with."""

    model: str
    messages: Annotated[list[Message], Field(min_length=1, max_length=MOST_MESSAGES)]
    modalities: list[Literal["text", "audio"]] | None = None
    audio: AudioWanted | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_completion_tokens: Annotated[int | None, Field(ge=1)] = None
    max_tokens: Annotated[int | None, Field(ge=1)] = None
    seed: Annotated[int | None, Field(ge=-(2**63), lt=2**63)] = None
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    tools: Annotated[list[Tool] | None, Field(max_length=MOST_TOOLS)] = None
    tool_choice: Annotated[Any, only("auto", "none")] = None
    n: Annotated[int | None, only(1)] = None
    frequency_penalty: Annotated[float | None, only(0)] = None
    presence_penalty: Annotated[float | None, only(0)] = None
    logit_bias: Annotated[Any, only({})] = None
    logprobs: Annotated[bool | None, only(False)] = None
    top_logprobs: Annotated[int | None, only(0)] = None
    stop: Annotated[Any, only([])] = None
    response_format: Annotated[Any, only({"type": "text"})] = None
    prediction: Annotated[Any, only()] = None
    web_search_options: Annotated[Any, only()] = None
    functions: Annotated[Any, only([])] = None
    function_call: Annotated[Any, only()] = None
    metadata: Ignored = None
    moderation: Ignored = None
    parallel_tool_calls: Ignored = None
    prompt_cache_key: Ignored = None
    prompt_cache_options: Ignored = None
    prompt_cache_retention: Ignored = None
    reasoning_effort: Ignored = None
    safety_identifier: Ignored = None
    service_tier: Ignored = None
    store: Ignored = None
    user: Ignored = None
    verbosity: Ignored = None

    @model_validator(mode="after")
    def _fits_together(self) -> ChatRequest:
        if self.speaks and self.audio is None:
            raise ValueError('modalities ask for "audio"; say how in audio: {"voice": ..., "format": ...}')
        if self.audio is not None and not self.speaks:
            raise ValueError('audio is given; add "audio" to modalities, or leave it out')
        if self.stream and self.audio is not None and self.audio.format != "pcm16":
            raise ValueError(f"audio.format is '{self.audio.format}'; streamed sound is pcm16 alone")
        return self

    @property
    def speaks(self) -> bool:
        """Whether the answer is to be spoken."""
        return "audio" in (self.modalities or ())

    @property
    def most_tokens(self) -> int | None:
        """Bound on the answer's tokens, text and speech together."""
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens
