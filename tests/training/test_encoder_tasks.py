"""Pre-training of the encoder: tasks are learnt, frozen layers stay, batches follow from seed and step alone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from stepwave.checkpoints.runs import newest_state
from stepwave.data.records import Clip, Record, Turn
from stepwave.facts.errors import CheckpointError, ConfigError, DataError
from stepwave.models.encoder import AudioEncoder, EncoderConfig
from stepwave.signal.files import read_audio, write_audio
from stepwave.signal.masking import Masking
from stepwave.training.config import OptimiserConfig, TrainConfig
from stepwave.training.encoder.ctc_labels import CtcLabels
from stepwave.training.encoder.figures import mean_average_precision
from stepwave.training.encoder.items import EncoderItem, EncoderItems
from stepwave.training.encoder.tasks import EncoderPlan, EncoderTraining, freeze, trained_encoder
from stepwave.training.trainer import Trainer

TINY = EncoderConfig(bands=80, width=32, heads=2, layers=2, positions=1500)
LABELS = CtcLabels()
PLAN = EncoderPlan(masking=None, budget=1_200, ages=1.0, genders=1.0)


def tone(folder: Path, name: str, hertz: float, seconds: float) -> Clip:
    """A buzzing tone that begins after a while of faint noise."""
    time = np.arange(int(16_000 * seconds)) / 16_000
    sound = 0.3 * np.sign(np.sin(2 * np.pi * hertz * time)) * (time > 0.3)
    sound = sound + 0.005 * np.random.default_rng(int(hertz)).standard_normal(len(time))
    path = folder / f"{name}.wav"
    write_audio(path, sound.astype(np.float32), 16_000)
    return Clip(name, str(path), seconds=seconds)


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[EncoderItem]:
    """Low and high tones that say different words as different people, and beeps of two kinds."""
    folder = tmp_path_factory.mktemp("tones")
    records = []
    for number in range(4):
        for name, hertz, text, person in (
            ("low", 120 + 9 * number, "go", {"gender": "male", "age": "sixties"}),
            ("high", 900 + 70 * number, "sing", {"gender": "female", "age": 24}),
        ):
            clip = replace(tone(folder, f"{name}-{number}", hertz, 0.7 + 0.1 * number), attributes=person)
            records.append(Record(clip.id, "speech", (Turn("human", text, clip, spoken=True, language="en"),)))
        for name, hertz in (("rain", 300), ("dog", 2200)):
            clip = tone(folder, f"{name}-{number}", hertz + 17 * number, 1.0)
            recipe = [{"label": name, "start": 0.3, "seconds": 0.7}]
            details = {"recipe": recipe} if number % 2 else {"labels": [name]}
            records.append(Record(clip.id, "sound", (Turn("human", clip=clip, spoken=True),), details=details))
    return list(EncoderItems(LABELS).add(records))


def training(items: list[EncoderItem], plan: EncoderPlan = PLAN, **changes: object) -> EncoderTraining:
    torch.manual_seed(0)
    encoder = AudioEncoder(TINY)
    # As small as real ones, or random positions drown what is heard.
    encoder.positional_embedding.weight.data.mul_(0.1)
    return EncoderTraining(encoder, items, items, LABELS, plan, **changes)  # type: ignore[arg-type]


def learn(experiment: EncoderTraining, steps: int, rate: float = 3e-3) -> None:
    groups = [
        {"params": parameters, "lr": rate if name == "encoder" else 3 * rate}
        for name, parameters in experiment.parameters().items()
    ]
    optimiser = torch.optim.AdamW(groups)
    for step in range(steps):
        (losses,) = experiment.losses(experiment.batch(step))
        optimiser.zero_grad()
        losses.minimise.backward()
        torch.nn.utils.clip_grad_norm_([each for group in groups for each in group["params"]], 1.0)
        optimiser.step()


def figures(experiment: EncoderTraining) -> dict[str, float]:
    experiment.model.eval()
    with torch.no_grad():
        return experiment.validate()


def test_every_task_is_learnt(items: list[EncoderItem]) -> None:
    experiment = training(items)
    before = figures(experiment)
    learn(experiment, 60)
    after = figures(experiment)
    for task in ("words", "ages", "genders", "events", "event_frames"):
        assert after[f"{task}_loss"] < 0.5 * before[f"{task}_loss"], task
    assert after["gender_accuracy"] == after["age_accuracy"] == after["event_precision"] == 100.0
    assert after["label_error"] < before["label_error"]
    assert after["unreadable"] == 0


def test_the_encoder_of_a_run_loads_without_its_heads(items: list[EncoderItem], tmp_path: Path) -> None:
    rate = OptimiserConfig(1e-3)
    config = TrainConfig("encoder", 1, {"encoder": rate, "heads": rate}, trackers=())
    experiment = training([replace(item, words=()) for item in items if item.gender is not None])
    before = {name: value.clone() for name, value in experiment.model.encoder.state_dict().items()}
    Trainer(config, experiment, tmp_path).run()
    path = newest_state(tmp_path / "encoder")
    assert path is not None
    loaded = trained_encoder(path, TINY).state_dict()
    assert equal(loaded, experiment.model.encoder.state_dict())
    assert not equal(loaded, before)
    again = training(experiment.items)
    resumed = Trainer(config, again, tmp_path)
    assert resumed.resume()
    assert equal(again.model.state_dict(), experiment.model.state_dict())
    with pytest.raises(CheckpointError, match="name the sizes it has"):
        trained_encoder(path, replace(TINY, layers=1))


def equal(one: dict[str, Tensor], other: dict[str, Tensor], prefix: str = "") -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items() if name.startswith(prefix))


@pytest.mark.parametrize("layers", [0, 1, None])
def test_only_the_layers_that_are_to_learn_change(items: list[EncoderItem], layers: int | None) -> None:
    experiment = training(items, replace(PLAN, trained_layers=layers))
    before = {name: value.clone() for name, value in experiment.model.encoder.state_dict().items()}
    learn(experiment, 1)
    after = experiment.model.encoder.state_dict()
    changed = {name.rsplit(".", 1)[0] for name, value in after.items() if not torch.equal(value, before[name])}
    learning = {
        name.rsplit(".", 1)[0] for name, each in experiment.model.encoder.named_parameters() if each.requires_grad
    }
    assert changed == learning
    if layers == 0:
        assert not changed
        assert set(experiment.parameters()) == {"heads"}
    elif layers == 1:
        assert {name.partition(".")[0] for name in changed} == {"blocks", "after_norm"}
        assert all(name.startswith("blocks.1.") for name in changed if name.startswith("blocks."))
    else:
        assert {"conv1", "positional_embedding", "blocks.0.attn.query"} <= changed


def test_more_layers_than_there_are_cannot_learn() -> None:
    with pytest.raises(ConfigError, match="3 layers are to learn, and the encoder has 2"):
        freeze(AudioEncoder(TINY), 3)


def test_heads_of_labels_that_a_batch_lacks_stay_as_they_are(items: list[EncoderItem]) -> None:
    experiment = training(items)
    before = {name: value.clone() for name, value in experiment.model.heads.state_dict().items()}
    experiment.items = [item for item in items if item.events is None]
    experiment.batches.lengths = [item.mel_frames for item in experiment.items]
    learn(experiment, 1)
    after = experiment.model.heads.state_dict()
    assert equal(before, after, "events.")
    for head in ("words.", "ages.", "genders."):
        assert not equal(before, after, head)


def test_clips_weigh_the_same_alone_and_beside_longer_ones(items: list[EncoderItem]) -> None:
    experiment = training(items)
    experiment.model.eval()
    spoken = sorted((item for item in items if item.words), key=lambda item: item.mel_frames)[::3]
    assert len({item.mel_frames % 2 for item in spoken} | {item.mel_frames for item in spoken}) > 2

    def ages(chosen: list[EncoderItem]) -> list[Tensor]:
        batch = experiment.collate(chosen)
        _, scores = experiment.model(batch.mel, batch.lengths, batch.targets, scored=True)
        return [*scores.ages, *scores.words[:, : 2 * (spoken[0].mel_frames // 4)]]

    with torch.no_grad():
        together = ages(spoken)
        for place, item in enumerate(spoken):
            alone = ages([item])
            torch.testing.assert_close(together[place], alone[0], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(together[len(spoken) + place], alone[1], atol=1e-5, rtol=1e-5)


def test_batches_follow_from_seed_and_step_alone(items: list[EncoderItem]) -> None:
    plan = replace(PLAN, masking=Masking())
    here, there, ahead = training(items, plan), training(items, plan), training(items, replace(plan, readers=2))
    for step in range(6):
        here.batch(step)
    for step in (5, 6):
        batches = [each.batch(step) for each in (here, there, ahead)]
        assert batches[0].clips == batches[1].clips == batches[2].clips
        assert torch.equal(batches[0].mel, batches[1].mel)
        assert torch.equal(batches[0].mel, batches[2].mel)
    assert not torch.equal(here.batch(0).mel, training(items, plan, seed=1).batch(0).mel)
    assert here.describe(here.batch(0)) == ", ".join(here.batch(0).clips)


def test_what_cannot_be_read_is_left_out_and_told_of(items: list[EncoderItem], tmp_path: Path) -> None:
    broken = replace(items[0], clip=replace(items[0].clip, id="gone", file=str(tmp_path / "gone.wav")))
    experiment = training([broken, *items])
    batch = experiment.collate([broken, items[1]])
    assert batch.clips == (items[1].clip.id,)
    assert "gone.wav" in experiment.collate.unreadable["gone"]
    assert figures(experiment)["unreadable"] == 1
    with pytest.raises(DataError, match="none of the 1 clips of a batch can be read"):
        experiment.collate([broken])


def test_nothing_to_learn_from_is_refused(items: list[EncoderItem]) -> None:
    with pytest.raises(ConfigError, match="at least one head"):
        training([])
    with pytest.raises(ConfigError, match="weights"):
        EncoderPlan(words=0, ages=0, genders=0, events=0, event_frames=0)


def real_records(shared_data: Path) -> Iterator[Record]:
    for path in sorted((shared_data / "esc10").glob("*/1-*.ogg"))[::8]:
        clip = Clip(path.stem, str(path), seconds=5.0)
        details = {"labels": [path.parent.name]}
        yield Record(clip.id, "sound", (Turn("human", clip=clip, spoken=True),), details=details)
    for path in sorted((shared_data / "librispeech-251").glob("*.flac"))[:2]:
        clip = Clip(path.stem, str(path), seconds=read_audio(path).seconds, attributes={"gender": "female"})
        yield Record(clip.id, "speech", (Turn("human", "chapter one", clip, spoken=True, language="en"),))


def test_recordings_of_people_and_things_go_through(shared_data: Path) -> None:
    experiment = training(list(EncoderItems(LABELS).add(real_records(shared_data))), replace(PLAN, budget=4_000))
    (losses,) = experiment.losses(experiment.batch(0))
    losses.minimise.backward()
    assert torch.isfinite(losses.minimise)
    assert experiment.size(experiment.batch(0)) > 0
    assert not experiment.collate.unreadable


def test_average_precision_of_a_ranking() -> None:
    scores = torch.tensor([[0.9, 0.1, 0.5], [0.8, 0.2, 0.4], [0.7, 0.3, 0.3], [0.6, 0.4, 0.2]])
    wanted = torch.tensor([[1, 1, 0], [0, 0, 0], [1, 0, 0], [0, 0, 0]]).bool()
    assert mean_average_precision(scores, wanted) == pytest.approx(((1 + 2 / 3) / 2 + 1 / 4) / 2)
    assert mean_average_precision(scores, torch.zeros(4, 3, dtype=torch.bool)) == 0.0
