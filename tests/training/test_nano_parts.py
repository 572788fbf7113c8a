"""Each experiment of nano at tiny sizes: its loss falls on a handful of clips, and its batches come from the stores."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from stepwave.data.clips import SpokenClip
from stepwave.data.multi_store import MultiStore
from stepwave.data.records import Clip
from stepwave.data.store import StoreWriter
from stepwave.facts.errors import ConfigError
from stepwave.models.adaptor import Adaptor, AdaptorConfig
from stepwave.models.decoder import Decoder, DecoderConfig
from stepwave.models.discriminators import DiscriminatorConfig, Discriminators
from stepwave.models.flow import FlowMatching
from stepwave.models.flow_config import FlowConfig
from stepwave.models.nano_speech_tokenizer import NanoSpeechTokenizer, NanoSpeechTokenizerConfig
from stepwave.models.vocoder import Vocoder, VocoderConfig
from stepwave.models.whisper_decoder import WhisperDecoder, WhisperDecoderConfig
from stepwave.signal.files import read_audio, write_audio
from stepwave.text.tokenizer import Tokenizer
from stepwave.training.experiment import Experiment
from stepwave.training.language.speech_start import (
    start_code_embeddings,
    start_speech_embeddings,
)
from stepwave.training.parts.adaptor import AdaptorAlignment, AlignmentItem, edit_distance, scale_loss
from stepwave.training.parts.flow import FlowTraining
from stepwave.training.parts.speech_tokenizer import SpeechTokenizerTraining, TokenizerItem, TokenizerPlan
from stepwave.training.parts.start import start_speaker_projection
from stepwave.training.parts.vocoder import VocoderPlan, VocoderTraining

WIDTH = 16
CLIPS = {"one": 30, "two": 42, "three": 36}
TEXTS = {"one": "a river", "two": "the calm speaker", "three": "please listen"}

SMALL_FLOW = replace(
    FlowConfig.nano(), speaker_size=6, encoder_width=16, encoder_heads=2, encoder_hidden=24, encoder_blocks=1,
    encoder_up_blocks=1, width=16, depth=1, heads=2, head_size=8,
)  # fmt: skip


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tones of about a second with frames, codes, pitch and speaker vectors."""
    folder = tmp_path_factory.mktemp("material")
    generator = torch.Generator().manual_seed(0)
    with (
        StoreWriter(folder / "features") as features,
        StoreWriter(folder / "codes") as codes,
        StoreWriter(folder / "pitch") as pitch,
        StoreWriter(folder / "speakers") as speakers,
    ):
        for number, (name, frames) in enumerate(CLIPS.items()):
            features.add(f"{name}.frames", torch.randn(frames, WIDTH, generator=generator))
            codes.add(f"{name}.codes", torch.randint(0, 6561, (frames,), generator=generator).to(torch.int16))
            pitch.add(f"{name}.f0", torch.full((2 * frames,), 150.0 + 50 * number))
            speakers.add(f"{name}.speaker", torch.randn(6, generator=generator))
            time = np.arange(frames * 960) / 24_000
            tone = 0.3 * np.sin(2 * np.pi * (150 + 50 * number) * time) + 0.1 * np.sin(2 * np.pi * 900 * time)
            write_audio(folder / f"{name}.wav", tone.astype(np.float32), 24_000)
    return folder


def spoken(folder: Path) -> list[SpokenClip]:
    return [SpokenClip(Clip(name, str(folder / f"{name}.wav"), voice=name), TEXTS[name], "en") for name in CLIPS]


def stored(folder: Path, *names: str) -> MultiStore:
    return MultiStore([folder / name for name in names])


def losses_of(experiment: Experiment, steps: int, rate: float) -> list[float]:
    optimisers = {name: torch.optim.Adam(group, rate) for name, group in experiment.parameters().items()}
    seen = []
    for step in range(steps):
        torch.manual_seed(step)
        for losses in experiment.losses(experiment.batch(step)):
            (name,) = losses.optimisers
            optimisers[name].zero_grad()
            losses.minimise.backward()
            optimisers[name].step()
        seen.append(losses.minimise.item())
    return seen


def fell(losses: list[float], by: float) -> bool:
    tenth = max(1, len(losses) // 10)
    return sum(losses[-tenth:]) < by * sum(losses[:tenth])


def test_the_adaptor_learns_to_name_tokens(material: Path) -> None:
    torch.manual_seed(0)
    items = [AlignmentItem(name, (number, 5 + number)) for number, name in enumerate(CLIPS)]
    adaptor = Adaptor(AdaptorConfig(width=WIDTH, hidden=32, llm_width=24))
    experiment = AdaptorAlignment(
        adaptor, torch.randn(10, 24), stored(material, "features"), items, {"held": items}, budget=200
    )
    before = experiment.validate()["token_error_held"]
    assert fell(losses_of(experiment, 80, 1e-2), 0.3)
    with torch.no_grad():
        after = experiment.validate()["token_error_held"]
    assert after < before
    assert after < 50


def test_edit_distance() -> None:
    assert edit_distance([1, 2, 3], [1, 2, 3]) == 0
    assert edit_distance([], [4, 5]) == 2
    assert edit_distance([1, 9, 3, 4], [1, 2, 3]) == 2


def tokenizer_items(material: Path) -> list[TokenizerItem]:
    return [
        TokenizerItem(one.id, one.clip if one.id != "two" else None, one.text, (1, 2, 3, 4, 7 + place, 5))
        for place, one in enumerate(spoken(material))
    ]


def test_the_speech_tokenizer_learns(material: Path) -> None:
    torch.manual_seed(0)
    store = stored(material, "features")
    items = tokenizer_items(material)
    tokenizer = NanoSpeechTokenizer(
        NanoSpeechTokenizerConfig(width=WIDTH, hidden=32, kernel=3, lower_blocks=1, upper_blocks=1), for_training=True
    )
    whisper = WhisperDecoder(WhisperDecoderConfig(vocabulary=20, width=WIDTH, heads=2, layers=1, positions=16))
    plan = TokenizerPlan(continuous_steps=5, budget=200)
    experiment = SpeechTokenizerTraining(tokenizer, whisper, store, items, items, plan)
    frozen = [parameter.clone() for parameter in whisper.parameters()]
    assert fell(losses_of(experiment, 60, 5e-3), 0.7)
    assert all(torch.equal(a, b) for a, b in zip(frozen, whisper.parameters(), strict=True))
    with torch.no_grad():
        figures = experiment.validate()
    assert figures["codes_used"] > 5


def test_a_tokenizer_trained_before_keeps_its_codes_until_what_reads_them_has_learnt(material: Path) -> None:
    torch.manual_seed(0)
    config = NanoSpeechTokenizerConfig(width=WIDTH, hidden=32, kernel=3, lower_blocks=1, upper_blocks=1)
    tokenizer = NanoSpeechTokenizer(config, for_training=True)
    tokenizer.set_statistics(3 * torch.randn(50, WIDTH) + 1)
    mean = tokenizer.frame_mean.clone()
    whisper = WhisperDecoder(WhisperDecoderConfig(vocabulary=20, width=WIDTH, heads=2, layers=1, positions=16))
    items = tokenizer_items(material)
    plan = TokenizerPlan(continuous_steps=0, heads_first=6, budget=200)
    experiment = SpeechTokenizerTraining(tokenizer, whisper, stored(material, "features"), items, items, plan)
    assert torch.equal(tokenizer.frame_mean, mean)

    def codes() -> list[int]:
        frames = experiment.store["one.frames"].float()[None]
        return tokenizer.encode(frames, torch.tensor([frames.shape[1]]))[0].tolist()

    before = codes()
    heads = tokenizer.reconstruction.out.weight.detach().clone()
    losses_of(experiment, 6, 5e-2)
    assert codes() == before
    assert not torch.equal(tokenizer.reconstruction.out.weight, heads)
    losses_of(replace_plan(experiment, replace(plan, heads_first=0)), 6, 5e-2)
    assert codes() != before


def replace_plan(experiment: SpeechTokenizerTraining, plan: TokenizerPlan) -> SpeechTokenizerTraining:
    experiment.plan = plan
    return experiment


def test_an_adaptor_trained_before_stays_until_its_scorer_has_learnt(material: Path) -> None:
    torch.manual_seed(0)
    items = [AlignmentItem(name, (number, 5 + number), (3, 4)) for number, name in enumerate(CLIPS)]
    adaptor = Adaptor(AdaptorConfig(width=WIDTH, hidden=32, llm_width=24))
    store = stored(material, "features")
    experiment = AdaptorAlignment(adaptor, torch.randn(10, 24), store, items, {}, budget=200, heads_first=4)
    before = adaptor.linear2.weight.detach().clone()
    losses_of(experiment, 4, 1e-2)
    assert torch.equal(adaptor.linear2.weight, before)
    losses_of(experiment, 6, 1e-2)
    assert not torch.equal(adaptor.linear2.weight, before)


def test_the_vocoder_learns_with_and_without_discriminators(material: Path) -> None:
    torch.manual_seed(0)
    vocoder = Vocoder(replace(VocoderConfig.nano(), base_channels=16, f0_channels=8))
    discriminators = Discriminators(
        DiscriminatorConfig(periods=(2,), period_widths=(4,), windows=(512,), spectral_width=4)
    )
    plan = VocoderPlan(frames=16, batch=2, shifted=0.0, discriminators_from=25, adversarial_from=26)
    clips = spoken(material)
    experiment = VocoderTraining(vocoder, discriminators, clips, clips[:1], stored(material, "pitch"), plan)
    spectral = losses_of(experiment, 25, 3e-3)
    assert fell(spectral, 0.8)
    apart, together = ([each for each in experiment.losses(experiment.batch(step))] for step in (25, 26))
    assert [each.optimisers for each in apart] == [each.optimisers for each in together]
    assert [each.optimisers for each in apart] == [("discriminators",), ("vocoder",)]
    assert set(together[1].shown) - set(apart[1].shown) == {"adversarial", "features"}
    with torch.no_grad():
        assert set(experiment.validate()) == {"spectral", "mel", "f0"}


def test_a_segment_played_faster_has_its_pitch_raised_in_sound_and_track(material: Path) -> None:
    clips = spoken(material)[:1]
    plan = VocoderPlan(frames=20, batch=2, shifted=1.0, shift_octaves=(0.5, 0.5))
    vocoder = Vocoder(replace(VocoderConfig.nano(), base_channels=16, f0_channels=8))
    pitch = stored(material, "pitch")
    batch = VocoderTraining(vocoder, Discriminators(), clips, clips, pitch, plan).batch(0)
    raised = 150 * 2**0.5
    assert batch.waveform.shape == (2, 20 * 480)
    torch.testing.assert_close(batch.f0, torch.full((2, 20), raised), rtol=1e-3, atol=0.0)
    loudest = torch.fft.rfft(batch.waveform).abs().argmax(1) * 24_000 / batch.waveform.shape[1]
    torch.testing.assert_close(loudest, torch.full((2,), raised), rtol=0.02, atol=0.0)


def test_the_empty_upper_band_of_a_sound_at_16_khz_does_not_count(material: Path, tmp_path: Path) -> None:
    samples = read_audio(material / "one.wav", sample_rate=16_000).samples
    write_audio(tmp_path / "narrow.wav", samples, 16_000)
    vocoder = Vocoder(replace(VocoderConfig.nano(), base_channels=16, f0_channels=8))
    plan = VocoderPlan(frames=20, batch=4, shifted=0.0)
    bands = {}
    for name, file in (("wide", material / "one.wav"), ("narrow", tmp_path / "narrow.wav")):
        clips = [SpokenClip(Clip("one", str(file), voice=name), "a river")]
        experiment = VocoderTraining(vocoder, Discriminators(), clips, clips, stored(material, "pitch"), plan)
        bands[name] = experiment.batch(0).highest.tolist()
    assert bands == {"wide": [1.0] * 4, "narrow": pytest.approx([0.65] * 4)}


def test_clips_without_what_a_part_learns_from_are_told_of(material: Path) -> None:
    vocoder = Vocoder(replace(VocoderConfig.nano(), base_channels=16, f0_channels=8))
    clips, none = spoken(material), stored(material, "nothing")
    with pytest.raises(ConfigError, match=r"of 3 clips none has a known pitch .*--step pitch"):
        VocoderTraining(vocoder, Discriminators(), clips, [], none, VocoderPlan())
    with pytest.raises(ConfigError, match=r"of 3 clips none has codes .*--step tokens"):
        FlowTraining(FlowMatching(FlowConfig.nano()), clips, [], none)


def test_flow_matching_learns(material: Path) -> None:
    torch.manual_seed(0)
    clips = spoken(material)
    experiment = FlowTraining(FlowMatching(SMALL_FLOW), clips, clips, stored(material, "codes", "speakers"), batch=2)
    batch = experiment.batch(0)
    assert batch.mel.shape[1] == 2 * batch.codes.shape[1]
    assert fell(losses_of(experiment, 80, 1e-2), 0.5)
    with torch.no_grad():
        told = experiment.validate()
    assert set(told) == {"velocity", "encoder", "voice, told", "voice, of codes"}


def test_validation_tells_whose_voice_flow_matching_makes(material: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flow, clips = FlowMatching(SMALL_FLOW), spoken(material)
    experiment = FlowTraining(flow, clips, clips, stored(material, "codes", "speakers"))
    mels = {clip.id: experiment.mels[clip.clip].float() for clip in clips}

    def parrot(codes: Tensor, prompt_codes: None, prompt_mel: None, speaker: Tensor) -> Tensor:
        """Says everything as the speaker it is told would, whatever the codes."""
        name = next(name for name in CLIPS if torch.equal(experiment.store[f"{name}.speaker"].float(), speaker[0]))
        return mels[name].T[None]

    monkeypatch.setattr(flow, "generate", parrot)
    with torch.no_grad():
        told = experiment.validate()
    assert told["voice, told"] < 0.05 < 1 < told["voice, of codes"]


def test_flow_matching_takes_codes_of_one_voice_and_sound_of_another(material: Path, tmp_path: Path) -> None:
    made = {"one+1": 2, "one+2": 3}
    with StoreWriter(tmp_path / "voices") as writer:
        for name, value in made.items():
            writer.add(f"{name}.codes", torch.full((30,), value, dtype=torch.int16))
            writer.add(f"{name}.mel", torch.full((60, 80), float(value)))
            writer.add(f"{name}.speaker", torch.full((6,), float(value)))
    clips = [clip for clip in spoken(material) if clip.id == "one"]
    store = MultiStore([material / "codes", material / "speakers", tmp_path / "voices"])
    flow = FlowMatching(replace(FlowConfig.nano(), speaker_size=6, encoder_blocks=1, encoder_up_blocks=1, depth=1))
    batch = FlowTraining(flow, clips, [], store, batch=64).batch(0)
    own = batch.codes.float().std(1) > 0
    made_in = torch.where(batch.mel.std((1, 2)) > 0.01, 0.0, batch.mel.mean((1, 2)))
    # the mel and the speaker vector are of one voice, and so are the codes of a prompt
    for value in made.values():
        assert (batch.speaker[made_in == value] == value).all()
        assert (batch.own_codes[made_in == value] == value).all()
    # half in the clip's own voice, and in every voice with codes of every voice
    assert 0.3 < (made_in == 0).float().mean() < 0.7
    pairs = {
        (float(voice), 0 if of_own else int(code))
        for voice, of_own, code in zip(made_in, own, batch.codes[:, 0], strict=True)
    }
    assert pairs == {(voice, code) for voice in (0.0, 2.0, 3.0) for code in (0, 2, 3)}


def test_speakers_are_far_apart_for_flow_matching_from_the_start() -> None:
    generator = torch.Generator().manual_seed(0)
    flow = FlowMatching(replace(FlowConfig.nano(), encoder_blocks=1, encoder_up_blocks=1, depth=1))
    common = torch.rand(256, generator=generator)
    vectors = [common + 0.05 * torch.randn(256, generator=generator) for _ in range(300)]
    before = flow.project_speaker(torch.stack(vectors))
    start_speaker_projection(flow, vectors)
    told = flow.project_speaker(torch.stack(vectors))[:, 0]
    assert before.std(0).max() < 0.05
    assert told.mean(0).abs().max() < 1e-3
    assert told.std(0).min() > 0.5
    assert told.std(0).max() <= 1.01


def test_few_speakers_fill_the_projection_as_far_as_they_go() -> None:
    flow = FlowMatching(replace(FlowConfig.nano(), speaker_size=6, encoder_blocks=1, encoder_up_blocks=1, depth=1))
    vectors = list(torch.randn(10, 6, generator=torch.Generator().manual_seed(0)))
    start_speaker_projection(flow, vectors)
    told = flow.project_speaker(torch.stack(vectors))[:, 0]
    assert (told[:, :5].std(0) > 0.5).all()
    assert (told[:, 6:] == 0).all()


def test_codes_that_share_digits_start_alike_for_flow_matching() -> None:
    torch.manual_seed(0)
    flow = FlowMatching(replace(FlowConfig.nano(), encoder_blocks=1, encoder_up_blocks=1, depth=1))
    before = flow.input_embedding.weight.std().item()
    start_code_embeddings(flow, torch.Generator().manual_seed(0))
    table = flow.input_embedding.weight.detach()
    assert table.std().item() == pytest.approx(before, rel=0.02)
    # 0 and 1 differ in the lowest digit, 0 and 6560 in all eight.
    near, far = (table[0] - table[1]).norm(), (table[0] - table[6560]).norm()
    assert near < 0.6 * far


def test_adaptor_outputs_come_to_the_size_of_words(material: Path) -> None:
    torch.manual_seed(0)
    words = 0.2 * torch.randn(10, 24)
    items = [AlignmentItem(name, (number, 5 + number)) for number, name in enumerate(CLIPS)]
    adaptor = Adaptor(AdaptorConfig(width=WIDTH, hidden=32, llm_width=24))
    store = stored(material, "features")
    experiment = AdaptorAlignment(adaptor, words, store, items, {}, budget=200, scale=10.0)

    def outputs() -> torch.Tensor:
        return torch.cat([adaptor(store[name].float()[None])[0].detach() for name in store])

    with torch.no_grad():
        adaptor.linear2.bias.add_(1.0)
    assert scale_loss(outputs(), experiment.embedding_size) > 5
    losses_of(experiment, 80, 1e-2)
    assert scale_loss(outputs(), experiment.embedding_size) < 0.1
    assert outputs().pow(2).mean().sqrt() == pytest.approx(experiment.embedding_size, rel=0.2)


def test_speech_tokens_start_as_near_words_of_half_their_size(material: Path, tiny_tokenizer: Tokenizer) -> None:
    torch.manual_seed(0)
    store = stored(material, "features", "codes")
    base = tiny_tokenizer.special.speech_base
    rows = -(-(tiny_tokenizer.special.speech_padding_id + 1) // 64) * 64
    decoder = Decoder(DecoderConfig.tiny(rows, qwen=False))
    adaptor = Adaptor(AdaptorConfig(width=WIDTH, hidden=24, llm_width=32))
    words = decoder.model.embed_tokens.weight.detach()[:base]
    counts = start_speech_embeddings(decoder, adaptor, store, base)
    assert counts.sum() == sum(CLIPS.values())
    assert (counts > 0).sum() > 50
    seen = decoder.model.embed_tokens.weight.detach()[base:][: len(counts)][counts > 0]
    torch.testing.assert_close(seen.norm(dim=-1), 0.5 * words.norm(dim=-1).mean().expand(len(seen)), rtol=1e-3, atol=0)
