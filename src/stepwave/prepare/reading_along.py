"""Listening to a sound whose words are known: Whisper's greedy transcript, with those words as a draft.

A transcript is written token by token, each step as dear as a whole text at once. Here the expected text is given to
the decoder in one piece; where its likeliest tokens agree with the text, they are what greedy decoding would have
written, and only from a disagreement on must it go on writing (speculative decoding, Leviathan et al. 2023, with the
script as the draft). Two departures make it cheap and are not exact: the encoder sees the sound alone and not 30 s,
and the states of the silence after it are taken from one silent recording. A transcript that was given up half-way
counts as wrong, so what passes has been heard to its end.

By this project's own Whisper modules, in float32, on the CPU.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import tokenizers
import torch
from torch import Tensor

from stepwave.checkpoints.ctranslate2 import read_whisper
from stepwave.checkpoints.inspection import file_digest
from stepwave.facts.errors import AudioTooLongError, CheckpointIncompleteError, CheckpointNotFoundError
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.models.encoder import WHISPER_BASE, AudioEncoder
from stepwave.models.whisper_decoder import KeysAndValues, WhisperDecoder, WhisperDecoderConfig
from stepwave.signal.mel import log_mel
from stepwave.signal.resample import Samples

LONGEST_SECONDS: Final = 29.0
"""Longest sound that is listened to; the position table ends at 30 s."""
PADDING_SECONDS: Final = 0.5
"""Silence after the sound that the encoder still sees."""
PEAK: Final = 0.7
"""Sounds are brought to this peak, so that one silence fits all."""
MOST_CORRECTIONS: Final = 10
"""Disagreements with the draft after which listening stops: the clip says something else."""


@dataclass(frozen=True)
class Heard:
    """What was heard."""

    text: str
    """The transcript."""
    complete: bool
    """False where it was given up: too many disagreements with what was expected."""


class ReadingAlong:
    """Whisper, reading along with what should be said."""

    def __init__(
        self, encoder: AudioEncoder, decoder: WhisperDecoder, tokenizer: tokenizers.Tokenizer, name: str
    ) -> None:
        self.encoder, self.decoder, self.tokenizer, self.name = encoder.eval(), decoder.eval(), tokenizer, name
        self.end = self._id("<|endoftext|>")
        self._silence: list[KeysAndValues] | None = None

    @classmethod
    def open(cls, folder: Path) -> "ReadingAlong":
        """Multilingual Whisper base from a folder in CTranslate2's format.

        Raises CheckpointNotFoundError where `folder` holds no such model.
        """
        if not (folder / "model.bin").is_file():
            raise CheckpointNotFoundError(
                f"{folder} has no model.bin: Whisper base in CTranslate2's format is wanted to listen; "
                "run `stepwave prepare nano --step starting`, which brings it, or name its folder"
            )
        weights = read_whisper(folder / "model.bin")
        encoder, decoder = AudioEncoder(WHISPER_BASE), WhisperDecoder(WhisperDecoderConfig())
        encoder.load_state_dict(weights.encoder)
        decoder.load_state_dict(weights.decoder)
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        return cls(encoder, decoder, tokenizer, f"{folder.name} {file_digest(folder / 'model.bin')[:8]}, reading along")

    @torch.inference_mode()
    def hear(self, samples: Samples, expected: str, language: str = "en") -> Heard:
        """What is said in a sound `[n]` at 16 kHz that should say `expected`.

        Raises AudioTooLongError past `LONGEST_SECONDS`.
        """
        sounds = self._sounds(samples)
        prompt = [self._id(f"<|{mark}|>") for mark in ("startoftranscript", language, "transcribe", "notimestamps")]
        draft = [*self.tokenizer.encode(" " + expected.strip(), add_special_tokens=False).ids, self.end]
        written: list[int] = []
        for _ in range(MOST_CORRECTIONS):
            given = torch.tensor([[*prompt, *written, *draft]])
            hidden = self.decoder.read(given, sounds)
            likeliest = self.decoder.logits(hidden[0, len(prompt) + len(written) - 1 : -1]).argmax(dim=-1).tolist()
            agreed = next((at for at, token in enumerate(likeliest) if token != draft[at]), len(draft))
            written += draft[:agreed]
            if agreed == len(draft):
                return Heard(self._text(written), True)
            token = likeliest[agreed]
            if token == self.end:
                return Heard(self._text(written), True)
            written.append(token)
            draft = self._rest(draft[agreed:], token)
        return Heard(self._text(written), False)

    def _rest(self, draft: list[int], token: int) -> list[int]:
        """What may follow after `token` was heard where the draft began otherwise."""
        if token in draft[:3]:  # the draft has a mark or a short word too many
            return draft[draft.index(token) + 1 :]
        if not any(letter.isalnum() for letter in self.tokenizer.decode([token])):  # a mark that the draft lacks
            return draft
        return draft[1:] or [self.end]

    def _sounds(self, samples: Samples) -> list[KeysAndValues]:
        """What the decoder attends to: 1,500 states in each block, the sound's own and then those of silence."""
        if len(samples) > LONGEST_SECONDS * INPUT_SAMPLE_RATE:
            raise AudioTooLongError(
                f"a sound of {len(samples) / INPUT_SAMPLE_RATE:.1f} s came to be listened to, "
                f"which takes {LONGEST_SECONDS:g} s at most; cut it first"
            )
        if self._silence is None:
            burst = np.random.default_rng(0).standard_normal(INPUT_SAMPLE_RATE // 2).astype(np.float32)
            quiet = np.zeros(30 * INPUT_SAMPLE_RATE - len(burst), np.float32)
            self._silence = self.decoder.sounds(self._encode(np.concatenate([burst, quiet])))
        own = self._encode(np.pad(samples, (0, int(PADDING_SECONDS * INPUT_SAMPLE_RATE))))
        length = own.shape[1]
        return [
            (torch.cat([k, quiet_k[:, :, length:]], dim=2), torch.cat([v, quiet_v[:, :, length:]], dim=2))
            for (k, v), (quiet_k, quiet_v) in zip(self.decoder.sounds(own), self._silence, strict=True)
        ]

    def _encode(self, samples: Samples) -> Tensor:
        scaled = torch.from_numpy(samples * np.float32(PEAK / max(float(np.abs(samples).max()), 1e-4)))
        mel = log_mel(scaled, self.encoder.config.bands, right_padding=0)[None]
        states: Tensor = self.encoder.after_norm(self.encoder.hidden(mel))
        return states

    def _text(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids)).strip()

    def _id(self, mark: str) -> int:
        found = self.tokenizer.token_to_id(mark)
        if found is None:
            raise CheckpointIncompleteError(f"Whisper's tokenizer has no {mark}; wanted that of a multilingual Whisper")
        return int(found)
