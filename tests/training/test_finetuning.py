"""Fine-tuning on a table of recordings, at tiny size: what learns, what is measured, and how it goes on."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stepwave.checkpoints.nano import check_digests
from stepwave.checkpoints.runs import model_weights, newest_state
from stepwave.checkpoints.voices import read_voices
from stepwave.dialogue.profile import NANO, save_profile
from stepwave.facts.errors import ConfigError
from stepwave.signal.files import read_audio, write_audio
from stepwave.training.finetuning import run as finetuning_run
from stepwave.training.finetuning.own_model import Finetuned, OwnModel, make_own_model
from stepwave.training.finetuning.recipe import finetuning
from stepwave.training.finetuning.run import Length
from stepwave.training.trainer import Trainer

QUESTION = Path(__file__).resolve().parents[2] / "examples" / "question.wav"
TEXTS = ("one", "two", "three", "four", "five", "six", "seven", "eight")


class Quiet:
    """Progress that nobody watches."""

    def now(self, what: str) -> None:
        pass

    def share(self, done: float) -> None:
        assert 0 <= done <= 1


@pytest.fixture
def wanted(tiny_nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OwnModel:
    """Eight cuts of a recording, to be learnt by a tiny model."""
    monkeypatch.setattr("stepwave.dialogue.loading.use_threads", lambda count: None)
    monkeypatch.setattr("stepwave.training.finetuning.own_model.use_threads", lambda count: None)
    model = tmp_path / "base"
    shutil.copytree(tiny_nano, model)
    save_profile(model, replace(NANO, longest_reading=8))
    samples = read_audio(QUESTION, sample_rate=16_000).samples
    lines = []
    for number, text in enumerate(TEXTS):
        piece = np.ascontiguousarray(samples[500 * number : 9_000 + 1_500 * number])
        write_audio(tmp_path / f"{number}.wav", piece, 16_000)
        lines.append(f"{number}.wav\t{text}\n")
    table = tmp_path / "my.tsv"
    table.write_text("".join(lines), encoding="utf-8")
    return OwnModel(
        table, tmp_path / "mine", model=str(model), length=Length(steps=12), runs=tmp_path / "runs", voice="me"
    )


def make(wanted: OwnModel) -> tuple[Finetuned, list[str]]:
    said: list[str] = []
    return make_own_model(wanted, Quiet(), said.append), said


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates at which a dozen steps change something."""
    monkeypatch.setattr(
        "stepwave.training.finetuning.recipe.PEAKS",
        {
            "lora": {"adaptor": 5e-3, "decoder": 2e-2},
            "full": {"adaptor": 5e-3, "decoder": 5e-3, "embedding": 1e-2},
        },
    )


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("way", ["lora", "full"])
def test_losses_on_what_was_held_out_fall_and_the_model_is_whole(wanted: OwnModel, way: str) -> None:
    done, said = make(replace(wanted, way=way))  # type: ignore[arg-type]
    assert done.before.keys() == done.after.keys() == {"text loss", "speech loss", "word error"}
    assert done.after["speech loss"] < done.before["speech loss"]
    assert done.after["text loss"] < done.before["text loss"]
    assert done.steps == 12
    assert "8 recordings, 0.1 minutes" in said
    assert check_digests(done.model) == []
    assert read_voices(done.model).keys() == {"alice", "bob", "me"}
    assert len(done.written) == 1
    assert done.written[0][0].text in TEXTS
    assert done.listen is not None
    assert {path.name for path in done.listen.iterdir()} == {"1-recording.wav", "1-before.wav", "1-after.wav"}
    state = newest_state(wanted.folder / "training" / "mine")
    assert state is not None
    learnt = model_weights(state)
    assert any("lora" in name for name in learnt) == (way == "lora")
    assert ("decoder.model.embed_tokens.weight" in learnt) == (way == "full")


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_the_same_call_goes_on_where_it_was_stopped(wanted: OwnModel, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Trainer._one_step

    def stopped(trainer: Trainer, log: object) -> None:
        step(trainer, log)  # type: ignore[arg-type]
        trainer.stopping = trainer.step == 5

    monkeypatch.setattr(Trainer, "_one_step", stopped)
    with pytest.raises(KeyboardInterrupt):
        make(wanted)
    assert not wanted.to.exists()
    before = json.loads((wanted.folder / "losses.json").read_text())["before"]
    monkeypatch.setattr(Trainer, "_one_step", step)
    done, said = make(wanted)
    assert "going on from step 5" in said
    assert {name: done.before[name] for name in before} == before
    log = [json.loads(line) for line in (wanted.folder / "training" / "mine" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log if "loss" in line] == list(range(1, 13))
    again, said = make(wanted)
    assert again == done
    assert not any("going on" in line for line in said)
    longer, said = make(replace(wanted, length=Length(steps=14)))
    assert "going on from step 12" in said
    assert longer.steps == 14
    assert longer.before == done.before


@pytest.mark.slow
def test_minutes_become_steps_but_not_too_many(wanted: OwnModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetuning_run, "MOST_PASSES", 4)
    done, said = make(replace(wanted, length=Length(minutes=60), tasks=("asr",)))
    assert done.steps == finetuning_run.LEAST_STEPS
    assert done.before.keys() == {"text loss", "word error"}
    assert done.listen is None
    assert any("more would fit into 60 minutes" in line for line in said)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda wanted: replace(wanted, way="full"), "a run with another way;"),
        (lambda wanted: replace(wanted, to=wanted.to.parent / "elsewhere" / "mine"), "a run with another to;"),
        (lambda wanted: add_line(wanted), "a run with another table;"),
    ],
)
def test_what_was_learnt_serves_one_wish_and_what_was_prepared_any(
    wanted: OwnModel, change: Callable[[OwnModel], OwnModel], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stepwave.training.finetuning.own_model._voices", stop)
    for each in (wanted, change(wanted), wanted):
        with pytest.raises(KeyboardInterrupt):
            make(each)
    learnt = wanted.folder / "training" / "mine" / "step-00000001"
    learnt.mkdir(parents=True)
    with pytest.raises(KeyboardInterrupt):
        make(wanted)
    with pytest.raises(ConfigError, match=message):
        make(change(wanted))
    assert learnt.is_dir()


def add_line(wanted: OwnModel) -> OwnModel:
    with wanted.table.open("a") as file:
        file.write("0.wav\tagain\n")
    return wanted


def test_what_is_there_already_is_not_replaced(wanted: OwnModel) -> None:
    wanted.to.mkdir()
    (wanted.to / "letter.txt").write_text("mine")
    with pytest.raises(ConfigError, match="there is something at"):
        make(wanted)


@pytest.mark.parametrize("length", [(None, None), (1.0, 5), (0.0, None), (None, 0)])
def test_a_length_is_minutes_or_steps(length: tuple[float | None, int | None]) -> None:
    with pytest.raises(ConfigError):
        Length(*length)


def test_the_recipe_trains_adapters_or_everything(tmp_path: Path) -> None:
    lora, full = (finetuning(tmp_path, "nano", 100, way) for way in ("lora", "full"))  # type: ignore[arg-type]
    assert lora.lora is not None
    assert lora.stage.rates.keys() == {"adaptor", "decoder"}
    assert full.lora is None
    assert full.stage.rates.keys() == {"adaptor", "decoder", "embedding"}
    assert [portion.task for portion in lora.checks.portions] == ["asr", "tts"]
