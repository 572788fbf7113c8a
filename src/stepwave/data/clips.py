"""Spoken clips of tokenised manifests, each once, with its words: what parts other than the language model learn from.

Records of every kind are looked through, since a clip in a conversation is as good as one in a transcription. Which
tensors were computed of a clip is the store's business (`multi_store`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from stepwave.data.held_out import CHECK, HeldOut
from stepwave.data.manifests import MANIFEST, read_manifest
from stepwave.data.multi_store import Tensors
from stepwave.data.records import Clip, Kind, Record, Turn

SPEECH_KINDS: Final[frozenset[Kind]] = frozenset(
    {"speech", "asr", "tts", "s2tt", "t2st", "s2st", "continuation", "interleaved", "conversation", "tools"}
)
"""Kinds whose clips are one person's words; scenes and captions mix other sounds in."""
NOT_TO_IMITATE: Final = ("flite/", "espeak/", "festival/", "asterisk-en/")
"""Voices whose sound nobody should learn to make: rule-based ones buzz, telephone prompts lack the upper band."""
CLIPS_OF_A_VOICE: Final = 6
"""How many of a voice's clips its vector is the mean of."""


@dataclass(frozen=True)
class SpokenClip:
    """A clip and what is said in it."""

    clip: Clip
    text: str
    language: str = ""
    """ISO 639-1 code, where the record tells."""
    split: str = "train"
    """`train`, or the name of a held-out part."""

    @property
    def id(self) -> str:
        """The clip's, as stores know it."""
        return self.clip.id

    @property
    def voice(self) -> str:
        """Who speaks."""
        return self.clip.voice

    @property
    def fit_to_imitate(self) -> bool:
        """Whether vocoder and flow matching may learn from it: a human-sounding voice, heard close and alone."""
        treated = "room" in self.clip.attributes or "noise" in self.clip.attributes
        return not self.voice.startswith(NOT_TO_IMITATE) and not treated


def read_spoken_clips(folders: Iterable[Path], held_out: HeldOut | None = None) -> list[SpokenClip]:
    """Every clip with known words of the manifests in `folders`, each once, in their order.

    A clip that occurs in any record of another split than `train`, or that `held_out` holds, is of that split in all.
    Raises DataError for a manifest that can't be read.
    """
    clips: dict[str, SpokenClip] = {}
    for folder in folders:
        for record in read_manifest(folder):
            if record.kind not in SPEECH_KINDS:
                continue
            split = CHECK if held_out is not None and held_out.holds(record) else record.split
            for turn, clip in _said(record):
                known = clips.get(clip.id, SpokenClip(clip, turn.text, turn.language))
                clips[clip.id] = replace(known, split=split) if known.split == "train" else known
    return list(clips.values())


def tokenised_folders(folder: Path) -> list[Path]:
    """Folders under `folder` that hold a finished manifest, by name."""
    return sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))


def readings(name: str, store: Tensors, most: int = 10) -> list[str]:
    """Names under which a clip's frames are stored: its own, and `NAME~1` and so on as heard elsewhere."""
    names = [name, *(f"{name}~{number}" for number in range(1, most))]
    return [each for each in names if f"{each}.frames" in store]


def voice_vectors(clips: Iterable[SpokenClip], store: Tensors) -> dict[str, Tensor]:
    """One vector of length 1, float32, per voice: the mean over a few of its clips' `CLIP.speaker`."""
    found: dict[str, list[Tensor]] = {}
    for each in clips:
        vectors = found.setdefault(each.voice, [])
        if len(vectors) < CLIPS_OF_A_VOICE and f"{each.id}.speaker" in store:
            vectors.append(store[f"{each.id}.speaker"].float())
    return {voice: F.normalize(torch.stack(vectors).mean(0), dim=0) for voice, vectors in found.items() if vectors}


def _said(record: Record) -> Iterator[tuple[Turn, Clip]]:
    for turn in record.turns:
        if turn.clip is not None and turn.text.strip():
            yield turn, turn.clip
