"""One speaker vector per voice: the mean embedding of a few of its recordings, normalised."""

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F

from stepwave.data.recordings import Recording
from stepwave.data.store import StoreWriter, TensorStore
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.models.speaker import SpeakerEncoder
from stepwave.signal.files import read_audio

CLIPS_PER_VOICE = 6


@torch.inference_mode()
def store_speakers(recordings: list[Recording], encoder: SpeakerEncoder, folder: Path) -> Iterator[int]:
    """Store `VOICE.speaker` `[256]` for every voice without one; yields how many voices are done."""
    encoder.eval()
    stored = TensorStore(folder)
    clips: dict[str, list[Recording]] = {}
    for recording in recordings:
        clips.setdefault(recording.voice, []).append(recording)
    with StoreWriter(folder) as writer:
        for done, (voice, of_voice) in enumerate(clips.items(), 1):
            if f"{voice}.speaker" not in stored:
                vectors = [
                    encoder.embed(read_audio(clip.path, sample_rate=INPUT_SAMPLE_RATE).samples)
                    for clip in of_voice[:CLIPS_PER_VOICE]
                ]
                writer.add(f"{voice}.speaker", F.normalize(torch.stack(vectors).mean(0), dim=0))
            yield done
