"""nano's training runs: each function returns one whole run, ready for `stepwave train NAME`.

Every figure that departs from the report's recipe (section 3.2) is written beside it. All of them read what
`stepwave prepare nano` left under the runs folder.
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from stepwave.checkpoints.runs import model_weights, trained_state
from stepwave.data.joining import AND, Clip, join_some
from stepwave.data.recordings import Recording, read_recordings
from stepwave.data.rendering import Renderer, TrainingExample
from stepwave.data.store import TensorStore
from stepwave.models.adaptor import NANO_ADAPTOR, Adaptor
from stepwave.models.decoder import Decoder, DecoderConfig
from stepwave.text.prompts import NANO_PROMPTS
from stepwave.text.tokenizer import Tokenizer
from stepwave.training.config import OptimiserConfig, TrainConfig
from stepwave.training.run import Run
from stepwave.training.speech_rows import SharedDigits

CHECKED_CLIPS = 24
"""Held-out clips that a validation goes through: few, since it interrupts training."""


@dataclass(frozen=True)
class LanguageStart:
    """SmolLM2 with nano's vocabulary, before any training here."""

    tokenizer: Tokenizer
    embeddings: Tensor
    """`[vocabulary, 576]`, rows for new tokens included."""
    state: dict[str, Tensor]
    """All tensors of the language model by `models.decoder` names."""


def nano_language_start(folder: Path) -> LanguageStart:
    """Read SmolLM2-135M-Instruct and give it rows for the special and speech tokens."""
    from stepwave.checkpoints.gguf import read_llama
    from stepwave.checkpoints.vocabulary import NANO_TOKENS, NANO_VOCABULARY, extend_embedding, extend_tokenizer

    start = read_llama(folder / "starting" / "SmolLM2-135M-Instruct.Q4_1.gguf")
    extend_tokenizer(start.tokenizer, NANO_TOKENS)
    embeddings = extend_embedding(
        start.state["model.embed_tokens.weight"], NANO_VOCABULARY, torch.Generator().manual_seed(0)
    )
    state = {**start.state, "model.embed_tokens.weight": embeddings}
    return LanguageStart(Tokenizer(start.tokenizer, NANO_TOKENS), embeddings, state)


def nano_vocoder(folder: Path, device: str) -> Run:
    """HiFi-GAN-type vocoder on all synthesised voices and people's speech; spectral losses, then adversarial."""
    from stepwave.models.discriminators import Discriminators
    from stepwave.models.vocoder import Vocoder, VocoderConfig
    from stepwave.training.vocoder import VocoderPlan, VocoderTraining

    recordings = [r for r in _recordings(folder) if r.use in ("answer", "tts", "asr", "real") and r.split == "train"]
    pitch = _store(folder, "pitch")
    recordings = [r for r in recordings if r.fit_to_imitate and f"{r.id}.f0" in pitch]
    checks = [r for r in _recordings(folder) if r.use == "ljspeech" and f"{r.id}.f0" in pitch][:8]
    experiment = VocoderTraining(
        Vocoder(VocoderConfig.nano()),
        Discriminators(),
        recordings,
        checks,
        pitch,
        VocoderPlan(),
    )
    optimiser = OptimiserConfig(1e-3, warmup_steps=100, betas=(0.8, 0.99), clip_norm=10.0)
    config = TrainConfig(
        "nano_vocoder",
        steps=9_000,
        optimisers={"vocoder": optimiser, "discriminators": OptimiserConfig(5e-4, betas=(0.8, 0.99), clip_norm=10.0)},
        save_every=250,
        validate_every=500,
        log_every=25,
    )
    return Run(config, experiment)


def nano_speech_tokenizer(folder: Path, device: str) -> Run:
    """Codes from the encoder's 25 Hz frames; the paper's tokenizer is CosyVoice 2's, trained on far more speech."""
    from tokenizers import Tokenizer as PlainTokenizer

    from stepwave.checkpoints.ctranslate2 import read_whisper
    from stepwave.models.nano_speech_tokenizer import NanoSpeechTokenizer, NanoSpeechTokenizerConfig
    from stepwave.models.whisper_decoder import WhisperDecoder, WhisperDecoderConfig
    from stepwave.training.speech_tokenizer import SpeechTokenizerTraining, TokenizerItem, TokenizerPlan

    decoder = WhisperDecoder(WhisperDecoderConfig())
    decoder.load_state_dict(read_whisper(folder / "starting" / "whisper-base" / "model.bin").decoder)
    text_ids = PlainTokenizer.from_file(str(folder / "starting" / "whisper-base" / "tokenizer.json"))
    prompt = [text_ids.token_to_id(f"<|{name}|>") for name in ("startoftranscript", "en", "transcribe", "notimestamps")]
    end = text_ids.token_to_id("<|endoftext|>")
    store = _store(folder, "features")

    def items(recordings: list[Recording]) -> list[TokenizerItem]:
        found = []
        for recording in recordings:
            ids = (*prompt, *text_ids.encode(f" {recording.text}", add_special_tokens=False).ids, end)
            for reading in ("", "~1"):
                if f"{recording.id}{reading}.frames" in store and (recording.split == "train" or not reading):
                    path = None if reading else recording.path
                    found.append(TokenizerItem(f"{recording.id}{reading}", path, recording.text, ids))
        return found

    recordings = _recordings(folder)
    experiment = SpeechTokenizerTraining(
        NanoSpeechTokenizer(NanoSpeechTokenizerConfig(), for_training=True),
        decoder,
        store,
        # What it must tell apart is human voices; rule-based ones would take most of its time.
        items([r for r in recordings if r.split == "train" and r.fit_to_imitate]),
        items([r for r in recordings if r.split == "check" and r.use == "real"])[:CHECKED_CLIPS],
        TokenizerPlan(),
        len(prompt),
    )
    config = TrainConfig(
        "nano_speech_tokenizer",
        steps=2_000,
        optimisers={"tokenizer": OptimiserConfig(2e-3, warmup_steps=50)},
        precision="bfloat16",
    )
    return Run(config, experiment)


def nano_adaptor(folder: Path, device: str) -> Run:
    """Stage 1: the adaptor alone, by CTC against the language model's frozen token embeddings.

    The report trains it through the frozen language model on 100 B tokens; this start needs minutes (docs/nano.md).
    """
    from stepwave.training.adaptor_alignment import AdaptorAlignment, AlignmentItem
    from stepwave.training.spelling import spell

    language = nano_language_start(folder)
    store = _store(folder, "features")

    def items(recordings: list[Recording]) -> list[AlignmentItem]:
        found = []
        for recording in recordings:
            tokens = tuple(language.tokenizer.encode(recording.text))
            letters = tuple(spell(recording.text))
            found += [AlignmentItem(name, tokens, letters) for name in _readings(recording, store)]
        return found

    recordings = _recordings(folder)
    checks = {
        "librispeech": items([r for r in recordings if r.use == "real" and r.split == "check"])[:CHECKED_CLIPS],
        "ljspeech": items([r for r in recordings if r.use == "ljspeech"])[:CHECKED_CLIPS],
    }
    experiment = AdaptorAlignment(
        Adaptor(NANO_ADAPTOR),
        language.embeddings,
        store,
        items([r for r in recordings if r.split == "train"]),
        checks,
    )
    config = TrainConfig(
        "nano_adaptor", steps=1_500, optimisers={"adaptor": OptimiserConfig(1e-3, warmup_steps=100, clip_norm=5.0)}
    )
    return Run(config, experiment)


def nano_flow(folder: Path, device: str) -> Run:
    """Flow matching from codes to mel on all human-sounding voices; the report's is CosyVoice 2's, far larger."""
    from stepwave.models.flow import FlowMatching
    from stepwave.models.flow_config import FlowConfig
    from stepwave.training.flow import FlowTraining
    from stepwave.training.speech_start import start_code_embeddings

    codes = _store(folder, "codes")
    recordings = [r for r in _recordings(folder) if r.fit_to_imitate and f"{r.id}.codes" in codes]
    # The assistant's voice is what nano says; it is drawn twice as often.
    heard = [r for r in recordings if r.split == "train"] + [r for r in recordings if r.use in ("answer", "tts")]
    checks = [r for r in recordings if r.split == "check" and r.use == "real"][:CHECKED_CLIPS]
    flow = FlowMatching(FlowConfig.nano())
    start_code_embeddings(flow, torch.Generator().manual_seed(0))
    experiment = FlowTraining(flow, heard, checks, codes, _store(folder, "speakers"))
    config = TrainConfig(
        "nano_flow",
        steps=6_000,
        optimisers={"flow": OptimiserConfig(1e-3, warmup_steps=200)},
        precision="bfloat16",
        log_every=25,
    )
    return Run(config, experiment)


def nano_transcription(folder: Path, device: str) -> Run:
    """Stage 1, second part: adaptor and language model learn to write down what is heard. No speech tokens yet.

    With speech tokens from the first step on, their larger loss keeps the model from listening (docs/log.md).
    """
    from stepwave.training.speech_start import match_embedding_scale

    language = nano_language_start(folder)
    features = _store(folder, "features")
    adaptor = Adaptor(NANO_ADAPTOR)
    adaptor.load_state_dict(_trained(folder, "nano_adaptor", "adaptor."))
    match_embedding_scale(adaptor, language.embeddings, features)
    decoder = Decoder(DecoderConfig.smollm2(language.embeddings.shape[0]))
    decoder.load_state_dict(language.state)
    return _language_run(folder, "nano_transcription", "nano_adaptor", (language, decoder, adaptor), None, 2e-4)


def nano_speech_text(folder: Path, device: str) -> Run:
    """Text and speech tokens together: transcribe, read aloud, answer aloud. The report's stages 2 to 4 and SFT in one.

    The report trains 1.4 T tokens in four stages; this run sees about a millionth of that, so conversations and
    readings come together, and the adaptor goes on learning.
    """
    from stepwave.training.speech_rows import share
    from stepwave.training.speech_start import start_speech_embeddings

    language = nano_language_start(folder)
    features, codes = _store(folder, "features"), _store(folder, "codes")
    adaptor = Adaptor(NANO_ADAPTOR)
    adaptor.load_state_dict(_trained(folder, "nano_transcription", "adaptor."))
    decoder = Decoder(DecoderConfig.smollm2(language.embeddings.shape[0]))
    decoder.load_state_dict(_trained(folder, "nano_transcription", "decoder."))
    base = language.tokenizer.special.speech_base
    digits = SharedDigits(decoder.config.hidden_size)
    share(decoder, digits, start_speech_embeddings(decoder, adaptor, features, codes, base), base)
    return _language_run(folder, "nano_speech_text", "nano_transcription", (language, decoder, adaptor), digits, 5e-4)


def _language_run(
    folder: Path,
    name: str,
    before: str,
    parts: tuple[LanguageStart, Decoder, Adaptor],
    digits: SharedDigits | None,
    rate: float,
) -> Run:
    """A run of the language model that goes on from the run `before`, at a peak learning rate of `rate`.

    It learns to speak where `digits`, what speech rows share, are given.
    """
    from stepwave.training.speech_text import SpeechTextTraining
    from stepwave.training.spelling import spell

    language, decoder, adaptor = parts
    features = _store(folder, "features")
    examples, checks = _conversations(folder, Renderer(language.tokenizer, NANO_PROMPTS), features, digits is not None)
    texts = {name: one.text for one in _recordings(folder) for name in _readings(one, features)}
    heard = {example.sound for example in examples if example.sound is not None}
    letters = {sound: spell(" ".join(texts[name] for name in sound.split(AND))) for sound in heard}
    special = language.tokenizer.special
    # Small batches: with so little speech, the number of steps counts for more than the quiet of each.
    experiment = SpeechTextTraining(decoder, adaptor, special, features, examples, checks, letters, 800, digits=digits)
    experiment.model["spelling"].load_state_dict(_trained(folder, before, "spelling."))
    optimiser = OptimiserConfig(rate, warmup_steps=50, final_fraction=0.05, betas=(0.9, 0.95), clip_each=True)
    config = TrainConfig(
        name,
        steps=4_000,
        optimisers={"decoder": optimiser},
        precision="bfloat16",
        save_every=250,
        validate_every=250,
    )
    return Run(config, experiment)


def _trained(folder: Path, run: str, prefix: str) -> dict[str, Tensor]:
    """The newest weights of a run that must have been trained before."""
    return model_weights(trained_state(folder, run), prefix)


def _conversations(
    folder: Path, renderer: Renderer, features: TensorStore, speaking: bool
) -> tuple[list[TrainingExample], dict[str, list[TrainingExample]]]:
    """Every transcription and chat, and with `speaking` every reading and answer, and a few of each held out."""
    recordings, codes = _recordings(folder), _store(folder, "codes")
    own = [r for r in recordings if speaking and r.use in ("answer", "tts") and f"{r.id}.codes" in codes]
    spoken = {r.text: codes[f"{r.id}.codes"].tolist() for r in own}
    answers: dict[str, list[str]] = {}
    for line in (folder / "dialogues.jsonl").read_text(encoding="utf-8").splitlines():
        dialogue = json.loads(line)
        answers.setdefault(dialogue["question"], []).append(dialogue["answer"])
    chooser = random.Random(0)
    examples: list[TrainingExample] = []
    checks: dict[str, list[TrainingExample]] = {"transcribe": [], "read": [], "answer": []}
    clips: list[Clip] = []
    for recording in recordings:
        said = answers.get(recording.text, []) if recording.use == "question" else []
        said = [answer for answer in said if answer in spoken]
        for name in _readings(recording, features):
            frames = features.length(f"{name}.frames")
            if recording.split == "check":
                if recording.use == "real":
                    checks["transcribe"].append(renderer.transcription(name, frames, recording.text))
                continue
            # The assistant's own voice is heard too, but a fifth of it is enough for one voice.
            if recording.use not in ("answer", "tts") or chooser.random() < 0.2:
                clips.append(Clip(name, frames, recording.text))
            if said:
                answer = chooser.choice(said)
                examples += [renderer.answer(name, frames, answer, spoken[answer])] * 2
    heard = join_some(clips, 0.5, chooser)
    # Once it can transcribe, half of the clips keep it able to.
    heard = heard[:: 2 if speaking else 1]
    examples += [renderer.transcription(clip.name, clip.frames, clip.text) for clip in heard]
    readings = [renderer.reading(text, code) for text, code in spoken.items()]
    held_out = set(chooser.sample(range(len(readings)), min(24, len(readings) // 10)))
    examples += [reading for index, reading in enumerate(readings) if index not in held_out] * 2
    checks["read"] = [readings[index] for index in sorted(held_out)]
    talk = [(question, answer) for question, given in answers.items() for answer in given]
    examples += [renderer.chat(*pair) for pair in chooser.sample(talk, min(1_500, len(talk)))]
    spoken_answers = [example for example in examples if example.task == "answer"]
    for example in chooser.sample(spoken_answers, min(24, len(spoken_answers) // 20)):
        checks["answer"].append(example)
        examples = [other for other in examples if other != example]
    checks["transcribe"] = checks["transcribe"][:CHECKED_CLIPS]
    return examples, checks


def _readings(recording: Recording, features: TensorStore) -> list[str]:
    """Names of a recording's encoded readings, as recorded and augmented."""
    names = [recording.id] + [f"{recording.id}~{reading}" for reading in range(1, 10)]
    return [name for name in names if f"{name}.frames" in features]


def _recordings(folder: Path) -> list[Recording]:
    return read_recordings(folder / "recordings.jsonl")


def _store(folder: Path, name: str) -> TensorStore:
    return TensorStore(folder / name)
