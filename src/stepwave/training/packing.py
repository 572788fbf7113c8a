"""Puts what the recipes trained together as nano's model folder: parts, vocabulary, voices."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import torch

from stepwave.checkpoints.convert import read_speaker_encoder
from stepwave.checkpoints.ctranslate2 import read_whisper
from stepwave.checkpoints.gguf import read_llama
from stepwave.checkpoints.nano import save_part, save_tokenizer
from stepwave.checkpoints.runs import model_weights, trained_state
from stepwave.checkpoints.vocabulary import NANO_TOKENS, NANO_VOCABULARY, extend_tokenizer
from stepwave.checkpoints.voices import save_voices
from stepwave.data.recordings import Recording, read_recordings
from stepwave.data.store import TensorStore
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
from stepwave.signal.files import read_audio
from stepwave.signal.mel import speech_mel
from stepwave.training.speech_rows import SharedDigits, fold

VOICES = {
    "joe": "piper/joe-even",
    "heart": "kokoro/af_heart",
    "michael": "kokoro/am_michael",
    "emma": "kokoro/bf_emma",
    "george": "kokoro/bm_george",
}
"""Names of the built-in voices, the assistant's first, and the synthesis voices that they were learnt from."""

PROMPT_CODES = (30, 60)
"""Fewest and most codes (25 a second) of a built-in voice's prompt recording."""


def pack_nano(runs: Path, to: Path) -> Iterator[str]:
    """Write every part that is trained by now; yields a line per part.

    Raises:
        ConfigError: a part that others stand on has no checkpoint yet.
    """
    starting = runs / "starting"
    language = read_llama(starting / "SmolLM2-135M-Instruct.Q4_1.gguf")
    extend_tokenizer(language.tokenizer, NANO_TOKENS)
    save_tokenizer(to, language.tokenizer)
    encoder = AudioEncoder(WHISPER_BASE)
    encoder.load_state_dict(read_whisper(starting / "whisper-base" / "model.bin").encoder)
    save_part(to, "encoder", encoder)
    yield "encoder: Whisper base, frozen"
    speaker = SpeakerEncoder()
    speaker.load_state_dict(read_speaker_encoder(starting / "resemblyzer.pt"))
    save_part(to, "speaker", speaker)
    yield "speaker: Resemblyzer's"
    tokenizer = NanoSpeechTokenizer(NanoSpeechTokenizerConfig(), for_training=True)
    yield load_trained(tokenizer, runs, "nano_speech_tokenizer", "tokenizer.")
    save_part(to, "speech_tokenizer", tokenizer)
    flow = FlowMatching(FlowConfig.nano())
    yield load_trained(flow, runs, "nano_flow", "")
    save_part(to, "flow", flow)
    vocoder = Vocoder(VocoderConfig.nano())
    yield load_trained(vocoder, runs, "nano_vocoder", "vocoder.")
    save_part(to, "vocoder", vocoder)
    adaptor, decoder = Adaptor(NANO_ADAPTOR), Decoder(DecoderConfig.smollm2(NANO_VOCABULARY))
    yield load_trained(adaptor, runs, "nano_speech_text", "adaptor.")
    save_part(to, "adaptor", adaptor)
    yield load_trained(decoder, runs, "nano_speech_text", "decoder.")
    digits = SharedDigits(decoder.config.hidden_size)
    yield load_trained(digits, runs, "nano_speech_text", "digits.")
    fold(decoder, digits, NANO_TOKENS.speech_base)
    save_part(to, "decoder", decoder)
    save_voices(to, built_in_voices(runs))
    yield f"voices: {', '.join(VOICES)}"
    yield f"training logs: {', '.join(keep_logs(runs, to / 'training'))}"


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


def load_trained(module: torch.nn.Module, runs: Path, run: str, prefix: str) -> str:
    """Give a module the weights under `prefix` in the newest checkpoint of `run`; returns a line that names it."""
    path = trained_state(runs, run)
    module.load_state_dict(model_weights(path, prefix))
    return f"{prefix.rstrip('.') or run}: {path.name} of {run}"


def built_in_voices(runs: Path) -> Iterator[Voice]:
    """Each of `VOICES` that was spoken, with a short recording as its prompt; others are left out."""
    recordings = read_recordings(runs / "recordings.jsonl")
    codes, speakers = TensorStore(runs / "codes"), TensorStore(runs / "speakers")
    for name, synthesised in VOICES.items():
        clip = _prompt_clip([one for one in recordings if one.voice == synthesised], codes)
        if clip is None:
            continue
        samples = read_audio(clip.path, sample_rate=OUTPUT_SAMPLE_RATE).samples
        yield Voice.fitted(
            name,
            speakers[f"{synthesised}.speaker"].float(),
            codes[f"{clip.id}.codes"].long(),
            speech_mel(torch.from_numpy(samples)).T,
        )


def _prompt_clip(recordings: list[Recording], codes: TensorStore) -> Recording | None:
    fewest, most = PROMPT_CODES
    fitting = [one for one in recordings if f"{one.id}.codes" in codes]
    fitting = [one for one in fitting if fewest <= codes.length(f"{one.id}.codes") <= most]
    return min(fitting, key=lambda one: one.id, default=None)
