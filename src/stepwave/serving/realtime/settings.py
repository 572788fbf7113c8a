"""What a session is set to, changed by `session.update`, shown in `session.created` and `session.updated`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from stepwave.facts.rates import SPOKEN_TOKEN_RATE
from stepwave.serving.errors import ApiError
from stepwave.serving.realtime.audio_formats import AudioFormat
from stepwave.serving.realtime.client_events import FormatParam, SessionParam, SettingsParam, ToolChoiceParam
from stepwave.serving.turn_taking.settings import TurnSettings
from stepwave.serving.voices import SpokenVoice
from stepwave.text.schemas import ToolSchema


@dataclass(frozen=True)
class Settings:
    """Of a session, or of one response."""

    instructions: str | None = None
    """System prompt; None for the model's own."""
    spoken: bool = True
    """Whether answers have sound; a transcript comes with it."""
    input_format: AudioFormat = field(default_factory=AudioFormat)
    output_format: AudioFormat = field(default_factory=AudioFormat)
    voice: SpokenVoice = None
    """Whose voice answers have."""
    voice_said: str | None = None
    """The name the client used for it; None where it named none."""
    turns: TurnSettings | None = field(default_factory=TurnSettings)
    """How turns are found; None where the client commits them by hand."""
    transcription: dict[str, Any] | None = None
    """Whether questions are written down, as the client asked for it."""
    tools: tuple[ToolSchema, ...] = ()
    """The client's own, which it runs itself."""
    server_tools: tuple[ToolSchema, ...] = ()
    """Those that the server runs."""
    use_tools: bool = True
    """False where tools are declared and must not be called."""
    most_seconds: float | None = None
    """Longest answer; None for the model's bound."""

    @property
    def voice_shown(self) -> str:
        """What the client is told of the voice."""
        return self.voice_said or "default"

    @property
    def offered(self) -> tuple[ToolSchema, ...]:
        """The tools that the model is told of; a client's goes before the server's of the same name."""
        if not self.use_tools:
            return ()
        return (*(tool for tool in self.server_tools if tool.name not in self.tool_names), *self.tools)

    @property
    def tool_names(self) -> frozenset[str]:
        """What the client's own tools are called."""
        return frozenset(tool.name for tool in self.tools)

    def changed(self, param: SettingsParam, voice: SpokenVoice) -> Settings:
        """These with what `param` sets; `voice` is the one that it names (`voice_asked`).

        Raises ApiError, or MarkupError for a tool that can't be written.
        """
        given = param.model_fields_set
        new = self
        if "instructions" in given:
            new = replace(new, instructions=param.instructions or None)
        if param.output_modalities is not None:
            new = replace(new, spoken="audio" in param.output_modalities)
        if param.tools is not None:
            tools = tuple(ToolSchema(tool.name, tool.description, tool.parameters) for tool in param.tools)
            new = replace(new, tools=tools)
        if param.tool_choice is not None:
            new = replace(new, use_tools=_use_tools(param.tool_choice))
        if "max_output_tokens" in given:
            most = param.max_output_tokens
            new = replace(new, most_seconds=None if most in (None, "inf") else float(most) / SPOKEN_TOKEN_RATE)
        if param.audio is not None:
            new = new._with_output(param, voice)
        return new

    def updated(self, param: SessionParam, voice: SpokenVoice) -> Settings:
        """These with what a `session.update` sets."""
        new = self.changed(param, voice)
        heard = param.audio.input if param.audio is not None else None
        if heard is None:
            return new
        if heard.format is not None:
            new = replace(new, input_format=_format(heard.format))
        if "turn_detection" in heard.model_fields_set:
            new = replace(new, turns=TurnSettings.from_protocol(heard.turn_detection))
        if "transcription" in heard.model_fields_set:
            asked = heard.transcription
            new = replace(new, transcription=None if asked is None else asked.model_dump(exclude_none=True))
        return new

    def to_protocol(self, model: str) -> dict[str, Any]:
        """The `session` object."""
        most = "inf" if self.most_seconds is None else round(self.most_seconds * SPOKEN_TOKEN_RATE)
        return {
            "type": "realtime",
            "object": "realtime.session",
            "model": model,
            "instructions": self.instructions or "",
            "output_modalities": ["audio" if self.spoken else "text"],
            "audio": {
                "input": {
                    "format": self.input_format.to_protocol(),
                    "turn_detection": None if self.turns is None else self.turns.to_protocol(),
                    "transcription": self.transcription,
                    "noise_reduction": None,
                },
                "output": {
                    "format": self.output_format.to_protocol(),
                    "voice": self.voice_shown,
                    "speed": 1.0,
                },
            },
            "tools": [{"type": "function", **tool.entry()["function"]} for tool in self.tools],
            "tool_choice": "auto" if self.use_tools else "none",
            "max_output_tokens": most,
        }

    def _with_output(self, param: SettingsParam, voice: SpokenVoice) -> Settings:
        said = param.audio.output if param.audio is not None else None
        if said is None:
            return self
        if said.speed not in (None, 1.0):
            raise ApiError(
                f"got the speed {said.speed:g}; this model speaks at its own, 1.0",
                code="unsupported",
                param="audio.output.speed",
            )
        new = self if said.format is None else replace(self, output_format=_format(said.format))
        name = voice_asked(param)
        return new if name is None else replace(new, voice=voice, voice_said=name)


def voice_asked(param: SettingsParam) -> str | None:
    """The name of the voice that is asked for; None where none is."""
    voice = None if param.audio is None or param.audio.output is None else param.audio.output.voice
    return str(voice.get("id", "")) if isinstance(voice, dict) else voice


def _format(param: FormatParam) -> AudioFormat:
    return AudioFormat(param.type)


def _use_tools(choice: str | ToolChoiceParam) -> bool:
    if choice in ("auto", "none"):
        return choice == "auto"
    raise ApiError(
        "this model can't be made to call a tool; wanted tool_choice auto or none",
        code="unsupported",
        param="tool_choice",
    )
