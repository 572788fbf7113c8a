"""What a client may send to `/v1/audio/transcriptions` and `/v1/audio/translations`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import UploadFile
from pydantic import Field, model_validator

from stepwave.serving.http.fields import Ignored, Strict, only


class TranslationForm(Strict):
    """A recording whose words are wanted in English."""

    file: UploadFile
    """wav, flac, mp3 or ogg of up to half an hour."""
    model: str
    response_format: Literal["json", "text", "verbose_json"] = "json"
    temperature: Annotated[float | None, only(0)] = None
    prompt: Ignored = None


class TranscriptionForm(TranslationForm):
    """A recording whose words are wanted."""

    language: Annotated[str | None, Field(max_length=32)] = None
    """Given back with verbose_json; the model finds the words without it."""
    stream: bool | None = None
    timestamp_granularities: Annotated[list[Literal["segment"]] | None, Field(alias="timestamp_granularities[]")] = None
    include: Annotated[list[str] | None, Field(alias="include[]"), only([])] = None
    chunking_strategy: Ignored = None

    @model_validator(mode="after")
    def _fits_together(self) -> TranscriptionForm:
        if self.timestamp_granularities and self.response_format != "verbose_json":
            raise ValueError("timestamp_granularities came without verbose_json, which alone has times")
        if self.stream and self.response_format != "json":
            raise ValueError(f"response_format is '{self.response_format}'; a stream is json alone")
        return self


def details(form: TranslationForm) -> dict[str, Any]:
    """What verbose_json tells of the task."""
    if isinstance(form, TranscriptionForm):
        return {"task": "transcribe", "language": form.language}
    return {"task": "translate", "language": "en"}
