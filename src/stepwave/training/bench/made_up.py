"""Made-up models and material of a given shape, to measure training where there is neither data nor a checkpoint.

Weights are random, and so are documents: something is heard, then answered in text and speech as spoken answers are
(one text token to four speech tokens). They go through the same packing, collating and workers as real ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stepwave.checkpoints.vocabulary import NANO_TOKENS
from stepwave.data.collating import Batch
from stepwave.data.examples import IGNORED, Example, Heard
from stepwave.data.loader_config import LoaderConfig, Supply
from stepwave.data.loading import Loader
from stepwave.data.records import Clip, Record, Turn
from stepwave.facts.errors import AudioNotFoundError, ConfigError
from stepwave.facts.rates import GROUP, TEXT_PER_GROUP, audio_positions
from stepwave.facts.tokens import MINI_KNOWN_IDS, SPEECH_CODES, SpecialTokens
from stepwave.models.adaptor import MINI_ADAPTOR, NANO_ADAPTOR, Adaptor, AdaptorConfig
from stepwave.models.decoder import Decoder, DecoderConfig
from stepwave.signal.resample import Samples
from stepwave.training.language.feeding import Feeder
from stepwave.training.language.lora import LoraConfig
from stepwave.training.language.model import SpeechLanguageModel
from stepwave.training.language.modelling import LanguageModelling
from stepwave.training.language.run import Feeding, LanguageRun, LossSettings
from stepwave.training.language.speech_rows import SharedDigits
from stepwave.training.language.stages import Part, Portion, Rates, Stage
from stepwave.training.parallel import Ranks

DOCUMENTS: Final = 512
"""How many different documents there are; they come again and again."""
HEARD: Final = 0.3
"""Share of a document's positions that are heard."""
PIECE_FRAMES: Final = 600
"""Most encoder frames of what is heard in one document, 24 s."""


@dataclass(frozen=True)
class Shape:
    """A model to be made up, and what it is fed with by default."""

    decoder: DecoderConfig
    adaptor: AdaptorConfig
    speech_base: int
    """Id of the first speech token."""
    by_slot: bool
    """Text slots are scored over text rows and speech slots over speech rows, as nano is trained."""
    sequence_length: int
    document_length: int
    """Positions of a document, on average."""
    shared_digits: bool = False

    @property
    def special(self) -> SpecialTokens:
        """A table of ids; the first of them stand for all special tokens."""
        return SpecialTokens(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, self.speech_base)


def shape_of(name: str, layers: int, full_head: bool) -> Shape:
    """One of the shapes `nano`, `mini-layers` and `tiny`.

    Args:
        name: of the shape.
        layers: blocks of `mini-layers`.
        full_head: whether `mini-layers` has all rows of the released vocabulary, which are 1.1 B parameters.

    Raises ConfigError for another name.
    """
    if name == "nano":
        return Shape(DecoderConfig.smollm2(), NANO_ADAPTOR, NANO_TOKENS.speech_base, True, 1_000, 250, True)
    if name == "mini-layers":
        base = MINI_KNOWN_IDS["<audio_0>"] if full_head else 1_600
        assert base is not None
        decoder = replace(DecoderConfig.mini(), layers=layers)
        decoder = decoder if full_head else replace(decoder, vocab_size=8_192)
        return Shape(decoder, MINI_ADAPTOR, base, False, 8_192, 1_000)
    if name == "tiny":
        return Shape(DecoderConfig.tiny(7_040, qwen=False), AdaptorConfig(16, 24, 32), 400, True, 200, 50)
    raise ConfigError(f"no shape called {name!r}; there are nano, mini-layers, tiny")


def made_up_run(
    shape: Shape, name: str, sequences_per_step: int, feeding: Feeding, lora: LoraConfig | None = None
) -> LanguageRun:
    """A stage in which all of a made-up model learns, or adaptor and `lora`'s adapters."""
    parts: list[Part] = ["adaptor", "decoder"]
    if lora is None:
        parts += ["embedding"] if shape.decoder.tied else ["embedding", "head"]
    stage = Stage(
        name,
        {part: Rates(1e-5) for part in parts},
        (Portion("conversation", 1),),
        shape.sequence_length,
        sequences_per_step,
        steps=1_000_000,
    )
    losses = LossSettings(by_slot=shape.by_slot)
    return LanguageRun(stage, "made up", losses, feeding, lora=lora, shared_digits=shape.shared_digits and lora is None)


def build_made_up(run: LanguageRun, shape: Shape, seed: int = 0) -> LanguageModelling:
    """The experiment of a `made_up_run`. Raises ConfigError where documents do not fit its sequences."""
    torch.manual_seed(seed)
    model = SpeechLanguageModel(
        Adaptor(shape.adaptor),
        Decoder(shape.decoder),
        shape.special,
        run.losses,
        digits=SharedDigits(shape.decoder.hidden_size) if run.shared_digits else None,
    )
    # All that is asked of a feeder is a loader and checks.
    return LanguageModelling(run, model, cast(Feeder, MadeUpFeeder(run, shape, seed)))


@dataclass(frozen=True)
class MadeUpFeeder:
    """Feeds a run with made-up documents, as `training.language.feeding` does with real ones."""

    run: LanguageRun
    shape: Shape
    seed: int

    def loader(self, ranks: Ranks) -> Loader:
        """This process's share. Raises ConfigError: see `data.loading`."""
        stage, feeding, cuda = self.run.stage, self.run.feeding, ranks.device.type == "cuda"
        config = LoaderConfig(
            stage.sequence_length,
            stage.sequences_per_step,
            feeding.sequences_at_once,
            self.seed,
            documents=None if feeding.packed else 1,
            fixed_length=cuda,
            workers=feeding.workers,
            pin_memory=cuda,
            on_bad_record="stop",
            on_long_record="stop",
        )
        documents = MadeUpDocuments(self.shape, stage.sequence_length, self.seed)
        supply = Supply("conversation", 1.0, (documents,), (documents,))
        return Loader(config, (supply,), documents, documents.special.end_of_text, ranks.data_rank, ranks.data_world)

    def checks(self) -> Mapping[str, Sequence[Batch]]:
        """None: there is nothing to learn."""
        return {}


class MadeUpDocuments:
    """Source, index and renderer of made-up documents. Lengths lie between half and one and a half times the mean."""

    name = "made up"

    def __init__(self, shape: Shape, longest: int, seed: int) -> None:
        """No document is longer than `longest` positions."""
        self.special, self.width = shape.special, shape.adaptor.width
        rng = np.random.default_rng(seed)
        drawn = rng.uniform(0.5, 1.5, DOCUMENTS) * shape.document_length
        self.lengths: NDArray[np.int32] = np.clip(drawn, min(16, longest), longest).astype(np.int32)
        self.places: NDArray[np.int64] = np.arange(DOCUMENTS)
        self.frames = torch.from_numpy(rng.standard_normal((PIECE_FRAMES, self.width), np.float32)).half()

    def __len__(self) -> int:
        return DOCUMENTS

    def record(self, index: int) -> Record:
        """One document; its id is its number."""
        return Record(str(index), "conversation", (Turn("human", clip=Clip(str(index)), spoken=True),))

    def samples(self, clip: Clip) -> Samples:
        """Nothing was recorded."""
        raise AudioNotFoundError(f"clip {clip.id} was made up as encoder frames; there is no sound to read")

    def tensor(self, name: str) -> Tensor | None:
        """Encoder frames of what is heard in a document."""
        return self.frames[: self._heard(int(name.partition(".")[0]))]

    def length(self, name: str) -> int | None:
        """How many there are."""
        return self._heard(int(name.partition(".")[0]))

    def heard_clips(self, record: Record) -> Sequence[Clip]:
        """What is heard."""
        return record.clips

    def said_clips(self, record: Record) -> Sequence[Clip]:
        """None: what is said is made up with the answer."""
        return []

    def render(
        self, record: Record, pieces: Mapping[str, Sequence[int]], codes: Mapping[str, Sequence[int]]
    ) -> Example:
        """A mark, what is heard, another mark, and the answer, whose every position is labelled."""
        special, length = self.special, int(self.lengths[int(record.id)])
        (heard,) = pieces[record.id]
        rng = np.random.default_rng(int(record.id))
        said = length - heard - 2
        text = rng.integers(max(special.control) + 1, special.speech_base, said)
        speech = rng.integers(special.speech_base, special.speech_base + SPEECH_CODES, said)
        answer = np.where(np.arange(said) % GROUP < TEXT_PER_GROUP, text, speech).tolist()
        ids = [special.audio_start, *[special.audio_patch] * heard, special.audio_end, *answer]
        labels = [IGNORED] * (heard + 1) + [*answer, special.eot]
        place = Heard(record.clips[0], 0, 1, heard)
        return Example(tuple(ids), tuple(labels), "conversation", (place,))

    def _heard(self, index: int) -> int:
        """Encoder frames of a document: two to a position, fewer than would leave no room for an answer."""
        wanted = max(1, int(HEARD * self.lengths[index]))
        frames = min(2 * wanted, PIECE_FRAMES)
        assert audio_positions(frames) <= wanted
        return frames
