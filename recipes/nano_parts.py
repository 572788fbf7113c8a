"""Runs of nano's parts beside the language model: speech tokenizer, adaptor, flow matching, vocoder.

Each function returns one whole run, ready for `stepwave train NAME`. All of them read what `stepwave prepare nano` left
under the runs folder, and keep away from what its step `checks` holds out.

Where a run starts: from the weights of the model in `STORED` where that folder holds the part, with a short warm-up and
a lower rate; else from nothing. Called with `start=None` a run starts from nothing, with another folder from that.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import torch
from tokenizers import Tokenizer as PlainTokenizer

from stepwave.checkpoints.ctranslate2 import read_whisper
from stepwave.data.clips import SpokenClip, read_spoken_clips, readings, tokenised_folders
from stepwave.data.held_out import read_held_out
from stepwave.data.multi_store import MultiStore
from stepwave.facts.errors import ConfigError
from stepwave.models.adaptor import NANO_ADAPTOR, Adaptor
from stepwave.models.discriminators import Discriminators
from stepwave.models.flow import FlowMatching
from stepwave.models.flow_config import FlowConfig
from stepwave.models.nano_speech_tokenizer import NanoSpeechTokenizer, NanoSpeechTokenizerConfig
from stepwave.models.vocoder import Vocoder, VocoderConfig
from stepwave.models.whisper_decoder import WhisperDecoder, WhisperDecoderConfig
from stepwave.prepare.nano import MIXES
from stepwave.training.config import OptimiserConfig, TrainConfig
from stepwave.training.experiment import Experiment
from stepwave.training.language.smollm2 import smollm2_start, stored_language
from stepwave.training.language.speech_start import start_code_embeddings
from stepwave.training.parts.adaptor import AdaptorAlignment, AlignmentItem
from stepwave.training.parts.flow import FlowTraining
from stepwave.training.parts.speech_tokenizer import SpeechTokenizerTraining, TokenizerItem, TokenizerPlan
from stepwave.training.parts.spelling import spell
from stepwave.training.parts.start import is_stored, load_stored, start_speaker_projection
from stepwave.training.parts.vocoder import VocoderPlan, VocoderTraining
from stepwave.training.run import Run

STORED: Final = Path("models/nano")
"""The model that runs start from, if it is there."""
CHECKED_CLIPS: Final = 24
"""Held-out clips that a validation goes through: few, since it interrupts training."""
VALIDATED_SOUNDS: Final = 8
"""Of which the vocoder speaks so many."""
LIBRISPEECH, LJSPEECH = "librispeech-251/", "ljspeech-32/"
"""What the voices of the held-out people begin with."""
OTHERS: Final = ("librispeech-251", "kokoro")
"""Whose voices flow matching shall take on, beside the assistant's."""
IMITATED_CODES: Final = 88
"""Codes of a stretch from which voices are learnt: 3.5 s, more than which says little more of a voice."""
OTHERS_MORE: Final = 2
"""How much more often than the assistant's clips theirs are drawn: there are a third as many."""


def nano_vocoder(folder: Path, device: str, start: Path | None = STORED) -> Run:
    """HiFi-GAN-type vocoder on all human-sounding voices; spectral losses, then adversarial."""
    again = is_stored(start, "vocoder")
    # The stored one has had spectral losses alone and not enough of them: on a CPU they come first, at a quarter of the
    # cost. Discriminators are not stored with a model: new ones first learn alone to tell its sound from people's.
    plan = VocoderPlan(discriminators_from=6_000, adversarial_from=6_300) if again else VocoderPlan()
    vocoder = OptimiserConfig(5e-4 if again else 1e-3, warmup_steps=100, betas=(0.8, 0.99), clip_norm=10.0)
    discriminators = OptimiserConfig(5e-4, betas=(0.8, 0.99), clip_norm=10.0)
    config = TrainConfig(
        "nano_vocoder",
        steps=8_000 if again else 9_000,
        optimisers={"vocoder": vocoder, "discriminators": discriminators},
        save_every=250,
        validate_every=500,
        log_every=25,
    )
    return Run(config, partial(_vocoder, folder, start if again else None, plan))


def nano_vocoder_judged(folder: Path, device: str, start: Path | None = STORED) -> Run:
    """The same from a stored one that has had enough of spectral losses: against discriminators from the beginning."""
    if not is_stored(start, "vocoder"):
        raise ConfigError(f"nano_vocoder_judged goes on from a vocoder, and {start} holds none; run nano_vocoder")
    config = TrainConfig(
        "nano_vocoder_judged",
        steps=3_000,
        optimisers={
            "vocoder": OptimiserConfig(3e-4, warmup_steps=100, betas=(0.8, 0.99), clip_norm=10.0),
            "discriminators": OptimiserConfig(5e-4, betas=(0.8, 0.99), clip_norm=10.0),
        },
        save_every=250,
        validate_every=500,
        log_every=25,
    )
    return Run(config, partial(_vocoder, folder, start, VocoderPlan(discriminators_from=0, adversarial_from=300)))


def nano_speech_tokenizer(folder: Path, device: str, start: Path | None = STORED) -> Run:
    """Codes from the encoder's 25 Hz frames; the paper's tokenizer is CosyVoice 2's, trained on far more speech."""
    again = is_stored(start, "speech_tokenizer")
    plan = TokenizerPlan(continuous_steps=0, heads_first=150) if again else TokenizerPlan()
    config = TrainConfig(
        "nano_speech_tokenizer",
        steps=1_500 if again else 2_000,
        optimisers={"tokenizer": OptimiserConfig(1e-3 if again else 2e-3, warmup_steps=50)},
        precision="bfloat16",
    )
    return Run(config, partial(_speech_tokenizer, folder, start if again else None, plan))


def nano_adaptor(folder: Path, device: str, start: Path | None = STORED) -> Run:
    """Stage 1: the adaptor alone, by CTC against the language model's frozen token embeddings.

    The report trains it through the frozen language model on 100 B tokens; this start needs minutes (docs/nano.md).
    """
    again = is_stored(start, "adaptor") and is_stored(start, "decoder")
    optimiser = OptimiserConfig(5e-4 if again else 1e-3, warmup_steps=100, clip_norm=5.0)
    config = TrainConfig("nano_adaptor", steps=1_000 if again else 1_500, optimisers={"adaptor": optimiser})
    return Run(config, partial(_adaptor, folder, start if again else None))


def nano_flow(folder: Path, device: str, start: Path | None = STORED) -> Run:
    """Flow matching from codes to mel in any voice; the report's is CosyVoice 2's, far larger.

    It learns voices from clips made in several of them, where `stepwave prepare nano --step voices` has made any.
    """
    again = is_stored(start, "flow")
    config = TrainConfig(
        "nano_flow",
        steps=4_000 if again else 6_000,
        optimisers={"flow": OptimiserConfig(3e-4 if again else 1e-3, warmup_steps=100 if again else 200)},
        precision="bfloat16",
        log_every=25,
    )
    return Run(config, partial(_flow, folder, start if again else None))


def nano_flow_voices(folder: Path, device: str, start: Path | None = STORED) -> Run:
    """The same from a stored one that does not listen to whose voice it is told: that part of it starts anew."""
    if not is_stored(start, "flow"):
        raise ConfigError(f"nano_flow_voices goes on from a flow matching, and {start} holds none; run nano_flow")
    config = TrainConfig(
        "nano_flow_voices",
        steps=5_000,
        optimisers={"flow": OptimiserConfig(1e-3, warmup_steps=100)},
        precision="bfloat16",
        log_every=25,
        save_every=250,
        validate_every=500,
    )
    return Run(config, partial(_flow, folder, start, listens=False))


def _vocoder(folder: Path, start: Path | None, plan: VocoderPlan) -> Experiment:
    vocoder = Vocoder(VocoderConfig.nano())
    if start is not None:
        load_stored(vocoder, start, "vocoder")
    clips = [one for one in _clips(folder) if one.fit_to_imitate]
    checks = _checks(clips, LJSPEECH)[:VALIDATED_SOUNDS]
    return VocoderTraining(vocoder, Discriminators(), _trained_on(clips), checks, _store(folder, "pitch"), plan)


def _speech_tokenizer(folder: Path, start: Path | None, plan: TokenizerPlan) -> Experiment:
    tokenizer = NanoSpeechTokenizer(NanoSpeechTokenizerConfig(), for_training=True)
    if start is not None:
        load_stored(tokenizer, start, "speech_tokenizer")
    decoder = WhisperDecoder(WhisperDecoderConfig())
    decoder.load_state_dict(read_whisper(folder / "starting" / "whisper-base" / "model.bin").decoder)
    text_ids = PlainTokenizer.from_file(str(folder / "starting" / "whisper-base" / "tokenizer.json"))
    prompt = [text_ids.token_to_id(f"<|{name}|>") for name in ("startoftranscript", "en", "transcribe", "notimestamps")]
    end = text_ids.token_to_id("<|endoftext|>")
    store = _store(folder, "tokens", "augmented")

    def items(clips: Sequence[SpokenClip], most: int) -> list[TokenizerItem]:
        found = []
        for clip in clips:
            ids = (*prompt, *text_ids.encode(f" {clip.text}", add_special_tokens=False).ids, end)
            for name in readings(clip.id, store, most):
                found.append(TokenizerItem(name, clip.clip if name == clip.id else None, clip.text, ids))
        return found

    # What it must tell apart is human voices; rule-based ones would take most of its time.
    clips = [one for one in _clips(folder) if one.fit_to_imitate]
    checks = items(_checks(clips, LIBRISPEECH), 1)[:CHECKED_CLIPS]
    return SpeechTokenizerTraining(tokenizer, decoder, store, items(_trained_on(clips), 2), checks, plan, len(prompt))


def _adaptor(folder: Path, start: Path | None) -> Experiment:
    adaptor = Adaptor(NANO_ADAPTOR)
    if start is not None:
        load_stored(adaptor, start, "adaptor")
        language = stored_language(start)
    else:
        language = smollm2_start(folder / "starting" / "SmolLM2-135M-Instruct.Q4_1.gguf")
    store = _store(folder, "tokens", "augmented", "checks")

    def items(clips: Iterable[SpokenClip], most: int) -> list[AlignmentItem]:
        found = []
        for clip in clips:
            tokens, letters = tuple(language.tokenizer.encode(clip.text)), tuple(spell(clip.text))
            found += [AlignmentItem(name, tokens, letters) for name in readings(clip.id, store, most)]
        return found

    clips = _clips(folder)
    checks = {
        "librispeech": items(_checks(clips, LIBRISPEECH), 1)[:CHECKED_CLIPS],
        "ljspeech": items(_checks(clips, LJSPEECH), 1)[:CHECKED_CLIPS],
    }
    heads_first = 0 if start is None else 150
    return AdaptorAlignment(
        adaptor, language.embeddings, store, items(_trained_on(clips), 10), checks, heads_first=heads_first
    )


def _flow(folder: Path, start: Path | None, listens: bool = True) -> Experiment:
    flow = FlowMatching(FlowConfig.nano())
    store = _store(folder, "codes", "tokens", "voices")
    if start is not None:
        load_stored(flow, start, "flow")
    else:
        start_code_embeddings(flow, torch.Generator().manual_seed(0))
    if start is None or not listens:
        start_speaker_projection(flow, [store[name] for name in store if name.endswith(".speaker")])
    clips = _clips(folder)
    # Rule-based voices are no one's wish for a voice of nano's own, but a clip of one can be what somebody looks for.
    heard = [one for one in _trained_on(clips) if one.fit_to_imitate or f"{one.id}+1.codes" in store]
    # About as many clips of others as of the assistant.
    heard += [one for one in heard if one.voice.split("/")[0] in OTHERS for _ in range(OTHERS_MORE)]
    return FlowTraining(flow, heard, _checks(clips, LIBRISPEECH)[:CHECKED_CLIPS], store, crop=IMITATED_CODES)


def _clips(folder: Path) -> list[SpokenClip]:
    """All spoken English of the corpus, and the checks' clips."""
    folders = [*_spoken(folder, "tokens"), *_spoken(folder, "checks")]
    clips = read_spoken_clips(folders, read_held_out(folder / "checks"))
    return [one for one in clips if one.language in ("", "en")]


def _trained_on(clips: Iterable[SpokenClip]) -> list[SpokenClip]:
    return [one for one in clips if one.split == "train"]


def _checks(clips: Iterable[SpokenClip], voices: str) -> list[SpokenClip]:
    return [one for one in clips if one.split != "train" and one.voice.startswith(voices)]


def _store(folder: Path, *steps: str) -> MultiStore:
    """What the named steps computed of the corpus's speech, and of the checks; where two hold the same, the first's."""
    return MultiStore([path / "parts" for step in (*steps, "checks") for path in _spoken(folder, step)])


def _spoken(folder: Path, step: str) -> list[Path]:
    """Folders of a step without those of mixes: nobody learns to speak from them."""
    return [path for path in tokenised_folders(folder / step) if path.name not in MIXES]
