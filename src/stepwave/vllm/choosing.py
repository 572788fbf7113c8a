"""How the tokens of one answer are chosen, as it travels with a request to vLLM: in `extra_args` of its sampling.

vLLM knows one temperature for a whole answer. Here text and speech have settings of their own, as in our engine, and
the text of a reading can be given. `pattern.SpokenPattern` applies it on the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from stepwave.checkpoints.config_files import from_json, to_json
from stepwave.facts.errors import ConfigError
from stepwave.generation.sampling import SamplingSettings
from stepwave.generation.slots import Guards

if TYPE_CHECKING:  # vLLM's processes have no use for the decode loop
    from stepwave.generation.decode import DecodeSettings

KEY: Final = "stepwave"
"""The name in `extra_args`."""
MOST_SAID: Final = 16_384
"""Token ids of a text that is given."""


@dataclass(frozen=True)
class Choosing:
    """The choice of one answer's tokens; the fields are those of `DecodeSettings`."""

    text: SamplingSettings = field(default_factory=SamplingSettings)
    """Choice of text tokens. Its seed is not used here: it is vLLM's."""
    speech: SamplingSettings = field(default_factory=SamplingSettings)
    """Choice of speech tokens."""
    guards: Guards = field(default_factory=Guards)
    """Limits for answers that go round in circles."""
    said: tuple[int, ...] | None = None
    """Text ids of the spoken section where they are given."""

    def __post_init__(self) -> None:
        if self.said is not None and len(self.said) > MOST_SAID:
            raise ConfigError(f"{len(self.said)} ids of text are given to be said; wanted {MOST_SAID} at most")

    @classmethod
    def of(cls, settings: DecodeSettings) -> Choosing:
        """What of `settings` concerns choosing."""
        return cls(settings.text, settings.speech or settings.text, settings.guards, settings.said)

    @classmethod
    def read(cls, arguments: Mapping[str, Any] | None) -> Choosing | None:
        """What a request's `extra_args` say, None for nothing; raises ConfigError for what is not understood."""
        if not arguments or KEY not in arguments:
            return None
        return from_json(cls, arguments[KEY], f"extra_args, {KEY}")

    @property
    def greedy(self) -> bool:
        """Whether nothing is drawn."""
        return self.text.temperature == self.speech.temperature == 0

    @property
    def penalises(self) -> bool:
        """Whether it matters what was written before."""
        return not self.text.repetition_penalty == self.speech.repetition_penalty == 1

    def sampling_params(self, most: int, stop_ids: tuple[int, ...], seed: int | None) -> dict[str, Any]:
        """vLLM's `sampling_params` for an answer of at most `most` tokens.

        vLLM itself draws from what the plug-in leaves, with settings that change nothing.
        """
        return {
            "temperature": 0.0 if self.greedy else 1.0,
            "top_p": 1.0,
            "repetition_penalty": 1.0,
            "max_tokens": most,
            "stop_token_ids": list(stop_ids),
            "seed": seed,
            "detokenize": False,
            "extra_args": {KEY: to_json(self)},
        }
