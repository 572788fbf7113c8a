"""Puts what the recipes of single parts trained together as nano's model folder: parts, vocabulary, voices.

The folder is what the stages of the language model start from; what they learn is exported by `language.exporting`.
"""

import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Final, cast

import torch
from torch import nn

from stepwave.checkpoints.convert import read_speaker_encoder
from stepwave.checkpoints.ctranslate2 import read_whisper
from stepwave.checkpoints.nano import save_part, save_tokenizer
from stepwave.checkpoints.runs import model_weights, newest_state, trained_state
from stepwave.checkpoints.vocabulary import NANO_TOKENS, NANO_VOCABULARY
from stepwave.checkpoints.voices import VOICES as VOICES_FILE
from stepwave.checkpoints.voices import read_voices, save_voices
from stepwave.data.clips import SpokenClip, read_spoken_clips, tokenised_folders, voice_vectors
from stepwave.data.manifests import read_clip
from stepwave.data.multi_store import MultiStore, Tensors
from stepwave.facts.errors import ConfigError
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE
from stepwave.models.adaptor import NANO_ADAPTOR, Adaptor
from stepwave.models.decoder import Decoder, DecoderConfig
from stepwave.models.detokenizer import Voice
from stepwave.models.encoder import WHISPER_BASE, AudioEncoder
from stepwave.models.flow import FlowMatching
from stepwave.models.flow_config import FlowConfig
from stepwave.models.nano_speech_tokenizer import NanoSpeechTokenizer, NanoSpeechTokenizerConfig
from stepwave.models.speaker import SpeakerEncoder
from stepwave.models.vocoder import Vocoder, VocoderConfig
from stepwave.prepare.nano import MIXES
from stepwave.signal.mel import speech_mel
from stepwave.training.language.smollm2 import smollm2_start
from stepwave.training.language.speech_start import start_speech_embeddings
from stepwave.training.parts.start import is_stored

VOICES: Final = {
    "joe": "piper/joe-even",
    "heart": "kokoro/af_heart",
    "michael": "kokoro/am_michael",
    "emma": "kokoro/bf_emma",
    "george": "kokoro/bm_george",
}
"""Names of the built-in voices, the assistant's first, and the synthesis voices that they were learnt from."""

PROMPT_CODES: Final = (30, 60)
"""Fewest and most codes (25 a second) of a built-in voice's prompt recording."""

TRAINED: Final[dict[str, tuple[Callable[[], nn.Module], str, str]]] = {
    "speech_tokenizer": (
        lambda: NanoSpeechTokenizer(NanoSpeechTokenizerConfig(), for_training=True),
        "nano_speech_tokenizer",
        "tokenizer.",
    ),
    "flow": (lambda: FlowMatching(FlowConfig.nano()), "nano_flow", ""),
    "vocoder": (lambda: Vocoder(VocoderConfig.nano()), "nano_vocoder", "vocoder."),
    "adaptor": (lambda: Adaptor(NANO_ADAPTOR), "nano_adaptor", "adaptor."),
}
"""Parts that have a run of their own: the module, the run, what the part's weights begin with in its checkpoints."""


def pack_nano(runs: Path, to: Path, parts: Collection[str] = ()) -> Iterator[str]:
    """Write nano's parts into the model folder `to`; yields a line per part.

    Named `parts` are taken from their runs and everything else stays as it is. Without names all parts are taken that
    were trained, those that stay frozen are written too, and a decoder is put in where there is none: SmolLM2's before
    any training, but for the rows of speech tokens. The adaptor comes along only then: one that a later stage trained
    belongs to that stage's decoder.

    Raises:
        ConfigError: a named part is unknown or has no checkpoint yet.
        CheckpointError: a starting point or a checkpoint is missing or damaged.
        OutputError: the disk is full, or writing is not allowed.
    """
    if unknown := [name for name in parts if name not in TRAINED]:
        raise ConfigError(f"{', '.join(unknown)} cannot be packed alone; parts with runs are {', '.join(TRAINED)}")
    whole = is_stored(to, "decoder")
    if not parts:
        yield from _pack_frozen(runs / "starting", to)
    packed: dict[str, nn.Module] = {}
    for name in parts or [name for name in TRAINED if name != "adaptor" or not whole]:
        build, run, prefix = TRAINED[name]
        if name not in parts and newest_state(runs / "training" / run) is None:
            yield f"{name}: {'kept' if is_stored(to, name) else 'not trained yet, left out'}"
            continue
        module = build()
        yield load_trained(module, runs, run, prefix)
        save_part(to, name, module)
        packed[name] = module
    if not parts:
        yield (
            "decoder, adaptor: kept" if whole else _pack_language(runs, to, cast(Adaptor | None, packed.get("adaptor")))
        )
    # A voice holds codes: it stands on the speech tokenizer, and on no other part.
    if not parts or "speech_tokenizer" in parts:
        voices = {voice.name: voice for voice in (*_stored_voices(to), *built_in_voices(runs))}
        if voices:
            save_voices(to, voices.values())
        yield f"voices: {', '.join(voices) or 'none, for lack of clips with codes'}"
    yield f"training logs: {', '.join(keep_logs(runs, to / 'training')) or 'none'}"


def _pack_frozen(starting: Path, to: Path) -> Iterator[str]:
    encoder = AudioEncoder(WHISPER_BASE)
    encoder.load_state_dict(read_whisper(starting / "whisper-base" / "model.bin").encoder)
    save_part(to, "encoder", encoder)
    yield "encoder: Whisper base, frozen"
    speaker = SpeakerEncoder()
    speaker.load_state_dict(read_speaker_encoder(starting / "resemblyzer.pt"))
    save_part(to, "speaker", speaker)
    yield "speaker: Resemblyzer's"


def _pack_language(runs: Path, to: Path, adaptor: Adaptor | None) -> str:
    """Vocabulary and decoder before any training; speech tokens start as what is heard while they sound."""
    language = smollm2_start(runs / "starting" / "SmolLM2-135M-Instruct.Q4_1.gguf")
    save_tokenizer(to, language.vocabulary)
    decoder = Decoder(DecoderConfig.smollm2(NANO_VOCABULARY))
    decoder.load_state_dict(language.state)
    seen = 0
    if adaptor is not None:
        folders = (*tokenised_folders(runs / "codes"), *tokenised_folders(runs / "tokens"))
        store = MultiStore([path / "parts" for path in folders if path.name not in MIXES])
        seen = int((start_speech_embeddings(decoder, adaptor, store, NANO_TOKENS.speech_base) > 0).sum())
    save_part(to, "decoder", decoder)
    return f"decoder: SmolLM2-135M-Instruct, not trained yet; {seen} speech tokens start as what they sound like"


def keep_logs(runs: Path, to: Path) -> list[str]:
    """Copy the loss curves of every run, as figures and as a picture; returns the names of the runs."""
    to.mkdir(parents=True, exist_ok=True)
    kept = []
    for log in sorted((runs / "training").glob("*/log.jsonl")):
        kept.append(log.parent.name)
        shutil.copyfile(log, to / f"{kept[-1]}.jsonl")
        picture = log.parent / "curves.png"
        if picture.exists():
            shutil.copyfile(picture, to / f"{kept[-1]}.png")
    return kept


def load_trained(module: nn.Module, runs: Path, run: str, prefix: str) -> str:
    """Give a module the weights under `prefix` in the newest checkpoint of `run`; returns a line that names it."""
    path = trained_state(runs, run)
    module.load_state_dict(model_weights(path, prefix))
    return f"{prefix.rstrip('.') or run}: {path.name} of {run}"


def built_in_voices(runs: Path) -> Iterator[Voice]:
    """Each of `VOICES` that speaks in the corpus, with a short clip as its prompt; others are left out.

    Codes that were computed anew (`codes/`) go before those of the corpus (`tokens/`).
    """
    folders = tokenised_folders(runs / "tokens")
    store = MultiStore([path / "parts" for path in (*tokenised_folders(runs / "codes"), *folders)])
    wanted = set(VOICES.values())
    clips = [one for one in read_spoken_clips(folders) if one.voice in wanted and one.split == "train"]
    vectors = voice_vectors(clips, store)
    for name, synthesised in VOICES.items():
        prompt = _prompt_clip((one for one in clips if one.voice == synthesised), store)
        if prompt is None or synthesised not in vectors:
            continue
        samples, _ = read_clip(prompt.clip, OUTPUT_SAMPLE_RATE)
        yield Voice.fitted(
            name, vectors[synthesised], store[f"{prompt.id}.codes"].long(), speech_mel(torch.from_numpy(samples)).T
        )


def _stored_voices(to: Path) -> Iterable[Voice]:
    return read_voices(to).values() if (to / f"{VOICES_FILE}.safetensors").is_file() else ()


def _prompt_clip(clips: Iterable[SpokenClip], store: Tensors) -> SpokenClip | None:
    """The first, by its id, that is fit to imitate and has a fitting length."""
    fewest, most = PROMPT_CODES
    fitting = [
        one
        for one in clips
        if one.fit_to_imitate and f"{one.id}.codes" in store and fewest <= store.length(f"{one.id}.codes") <= most
    ]
    return min(fitting, key=lambda one: one.id, default=None)
