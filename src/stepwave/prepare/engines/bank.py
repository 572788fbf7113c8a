"""Opens voices by name and keeps them open, since an engine costs seconds to start."""

from functools import cached_property

from stepwave.facts.errors import ServiceError
from stepwave.prepare.engines.contract import HIGHEST_SHIFT, LOWEST_SHIFT, ShiftedVoice, Voice
from stepwave.prepare.engines.kokoro import Kokoro, KokoroVoice
from stepwave.prepare.engines.own import OwnModel, OwnVoice
from stepwave.prepare.engines.piper import PiperVoice
from stepwave.prepare.engines.programs import PROGRAMS, CommandVoice
from stepwave.prepare.engines.speech_endpoint import EndpointSettings, EndpointVoice
from stepwave.prepare.starting_points import StartingPoints


class VoiceBank:
    """Voices by name (see the package), each opened when it is first asked for."""

    def __init__(self, points: StartingPoints, threads: int = 1, endpoint: EndpointSettings | None = None) -> None:
        self.points, self.threads, self.endpoint = points, threads, endpoint
        self.open: dict[str, Voice] = {}
        self._seed = 0
        self._models: dict[str, OwnModel] = {}

    @cached_property
    def kokoro(self) -> Kokoro:
        """The shared Kokoro engine."""
        return Kokoro(self.points, self.threads)

    def __getitem__(self, name: str) -> Voice:
        """The voice called `name`; raises ServiceError for an engine or voice that is not there."""
        if name not in self.open:
            plain, mark, factor = name.partition("@")
            self.open[name] = ShiftedVoice(self[plain], _shift(name, factor)) if mark else self._open(plain)
        return self.open[name]

    def begin(self, seed: int) -> None:
        """Let voices with chance in them start anew: what they say from here on depends on the seed alone."""
        for voice in self.open.values():
            if isinstance(voice, PiperVoice):
                voice.begin(seed)
        self._seed = seed

    def _open(self, name: str) -> Voice:
        engine, _, voice = name.partition("/")
        if engine == "kokoro":
            return KokoroVoice(self.kokoro, voice)
        if engine == "piper":
            return PiperVoice(self.points, self.threads, even=voice == "joe-even", seed=self._seed)
        if engine in PROGRAMS:
            return CommandVoice(engine, voice)
        if engine == "stepwave":
            model, _, stored = voice.partition(":")
            return OwnVoice(self._models.setdefault(model, OwnModel(model)), stored or None)
        if engine == "openai" and self.endpoint is not None:
            return EndpointVoice(self.endpoint, voice)
        if engine == "openai":
            raise ServiceError(f"{name} is spoken by an endpoint, and none was given; name its address with --tts-url")
        known = ", ".join(["kokoro", "piper", *PROGRAMS, "stepwave", "openai"])
        raise ServiceError(f"no engine called {engine!r}; there are {known}")


def _shift(name: str, factor: str) -> float:
    try:
        value = float(factor)
    except ValueError:
        value = 0.0
    if not LOWEST_SHIFT <= value <= HIGHEST_SHIFT:
        raise ServiceError(f"voice {name!r} is to be shifted by {factor!r}; wanted {LOWEST_SHIFT} to {HIGHEST_SHIFT}")
    return value
