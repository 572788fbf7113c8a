"""A model behind OpenAI's HTTP interface, hosted or local: chat with sound, transcriptions, translations, speech.

    openai:URL#MODEL    URL as clients take it, which ends in /v1 as a rule

| wanted                          | route                                                                       |
| text, speech                    | /chat/completions, streamed, with `input_audio` and audio out; seed is sent |
| transcript                      | /audio/transcriptions, at temperature 0                                     |
| translation into English        | /audio/translations, at temperature 0                                       |
| other and spoken translations   | /chat/completions with a system prompt                                      |
| reading                         | /audio/speech, which knows no seed                                          |

A question with a system prompt of its own goes to /chat/completions whatever is wanted of its sound. Where an endpoint
refuses to stream sound, it is asked for the whole.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from stepwave.evaluation.answers import Produced
from stepwave.evaluation.question import Question, Said, Wanted, written_prompt
from stepwave.evaluation.subjects.chat_messages import Gathering, messages, read_stream, read_whole, tools
from stepwave.evaluation.subjects.endpoints import MOST_BYTES, SECONDS, VOICE, Patient, Target, system_prompt, wav_file
from stepwave.evaluation.subjects.options import SubjectOptions
from stepwave.facts.errors import ConfigError
from stepwave.prepare.writing.guarded_client import GuardedClient
from stepwave.prepare.writing.writer import DETAIL_BYTES, REFUSED, UNREADABLE, WriterError, key_of

_SPOKEN: Final = ("speech", "spoken_translation")
_T = TypeVar("_T")


class OpenAIEndpoint:
    """See `subject.Subject`. Raises ConfigError for a key that is not set, MissingExtraError."""

    def __init__(self, target: Target, key_env: str = "", parallel: int = 1, patient: Patient | None = None) -> None:
        self._target = target
        self.name = f"openai:{target.url}#{target.model}"
        self.revision = target.revision
        self.facts: dict[str, Any] = {
            "kind": "OpenAI endpoint", "url": target.url, "model": target.model, "voice": VOICE,
            "sampling": "the endpoint's own, with a seed in chat; transcriptions at temperature 0",
            "seconds": SECONDS,
        }  # fmt: skip
        self.at_once = max(1, parallel)
        key = key_of(key_env, target.url)
        self._guarded = GuardedClient(target.url, target.model, key, SECONDS, MOST_BYTES, "eval")
        self._patient = patient or Patient(target.url)
        self._streams = True

    def prepare(self, wanted: Wanted) -> None:
        """See `Subject.prepare`; whether the endpoint can do it is seen when it is asked."""
        if wanted in ("vocoded", "resynthesised"):
            raise ConfigError(f"{self.name} has no parts that can be measured by themselves; leave this check out")

    def ask(self, question: Question) -> Produced:
        """See `Subject.ask`."""
        if question.voice is not None:
            raise ConfigError("the speech interface takes no recording of a voice; leave this check out")
        if question.wanted == "reading":
            return self._read(question)
        if question.system is None and question.wanted == "transcript":
            return self._written(question, self._transcribed)
        if question.system is None and question.wanted == "translation" and question.answer_language == "en":
            return self._written(question, self._translated)
        produced = self._chat(question)
        # What repeats its own requests must not get the key into a record.
        produced = replace(produced, text=self._guarded.without_key(produced.text))
        if question.heard:
            heard = self._written(replace(question, turns=(question.last,)), self._transcribed)
            produced = replace(produced, heard=heard.text)
        return produced

    def _chat(self, question: Question) -> Produced:
        system = system_prompt(question)
        request: dict[str, Any] = {
            "model": self._target.model, "messages": messages(question, system), "seed": question.seed,
        }  # fmt: skip
        if question.tools:
            request["tools"] = tools(question)
        spoken = question.wanted in _SPOKEN
        if spoken:
            request["modalities"] = ["text", "audio"]
        prompt = written_prompt(system, question.turns, question.tools)
        return self._patient.ask(lambda: self._completed(request, spoken, prompt))

    def _completed(self, request: Mapping[str, Any], spoken: bool, prompt: str) -> Produced:
        if not self._streams:
            return self._completion(request, spoken, False, prompt)
        try:
            return self._completion(request, spoken, True, prompt)
        except WriterError as problem:
            if problem.reason != REFUSED:
                raise
        # Some endpoints give sound as a whole only; if it isn't that, this is refused for the same reason as before.
        produced = self._completion(request, spoken, False, prompt)
        self._streams = False
        return produced

    def _completion(self, request: Mapping[str, Any], spoken: bool, stream: bool, prompt: str) -> Produced:
        audio = {"audio": {"voice": VOICE, "format": "pcm16" if stream else "wav"}} if spoken else {}
        create = self._guarded.client.chat.completions.with_streaming_response.create
        gathering = Gathering(time.perf_counter())
        with self._guarded.named_problems(), create(**request, **audio, stream=stream) as response:
            body = self._guarded.bounded(response.iter_bytes())
            if stream:
                read_stream(body, gathering)
            else:
                read_whole(b"".join(body), gathering)
        return gathering.produced(prompt)

    def _written(self, question: Question, ask: Callable[[Question, bytes], bytes]) -> Produced:
        file = wav_file(question.recording)
        started = time.perf_counter()
        text = self._patient.ask(lambda: _words(ask(question, file)))
        seconds = time.perf_counter() - started
        return Produced(
            self._guarded.without_key(text.strip()), seconds=seconds, prompt=written_prompt(None, question.turns)
        )

    def _transcribed(self, question: Question, file: bytes) -> bytes:
        create = self._guarded.client.audio.transcriptions.with_streaming_response.create
        return self._body(create, file, language=question.language)

    def _translated(self, question: Question, file: bytes) -> bytes:
        # The client warns that OpenAI wants this route used no more; other servers keep it.
        warnings.filterwarnings("ignore", "deprecated$", DeprecationWarning)
        return self._body(self._guarded.client.audio.translations.with_streaming_response.create, file)

    def _body(self, create: Callable[..., Any], file: bytes, **settings: Any) -> bytes:
        sent = ("question.wav", file, "audio/wav")
        with (
            self._guarded.named_problems(),
            create(model=self._target.model, file=sent, response_format="json", temperature=0, **settings) as response,
        ):
            return b"".join(self._guarded.bounded(response.iter_bytes()))

    def _read(self, question: Question) -> Produced:
        text = question.last.text
        return self._patient.ask(lambda: self._spoken(text, written_prompt(None, (Said("user", text),))))

    def _spoken(self, text: str, prompt: str) -> Produced:
        create = self._guarded.client.audio.speech.with_streaming_response.create
        gathering = Gathering(time.perf_counter())
        # pcm: 24 kHz, 16 bits; a wav that is streamed can't tell its length.
        asked = create(model=self._target.model, voice=VOICE, input=text, response_format="pcm")
        with self._guarded.named_problems(), asked as response:
            for piece in self._guarded.bounded(response.iter_bytes()):
                gathering.add_pcm(piece)
        return gathering.produced(prompt)


def _words(body: bytes) -> str:
    try:
        return str(json.loads(body)["text"])
    except (ValueError, LookupError, TypeError, RecursionError):
        raise WriterError(UNREADABLE, f"no transcription: {body[:DETAIL_BYTES].decode('utf-8', 'replace')}") from None


def open_subject(target: str, options: SubjectOptions) -> OpenAIEndpoint:
    """The model that `URL#MODEL` names; see `OpenAIEndpoint`."""
    return OpenAIEndpoint(Target.parse("openai", target), options.key_env, options.parallel)
