"""The stages on a tiny model: losses fall, only what should learn does, runs go on exactly where they stopped."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stepwave.checkpoints.runs import model_weights, newest_state
from stepwave.facts.errors import ConfigError, DataError, TrainingError
from stepwave.training.language.building import build_language_modelling, write_run
from stepwave.training.language.greedy import greedy_answers
from stepwave.training.language.modelling import LanguageModelling, label_counts
from stepwave.training.language.run import Checks
from stepwave.training.language.stages import Rates
from stepwave.training.language.starting import Start, open_start
from stepwave.training.parallel import Ranks
from stepwave.training.run import Run, find_recipes
from stepwave.training.trainer import Trainer

RECIPES = Path(__file__).resolve().parent / "recipes"
STAGES = ("tiny_1", "tiny_2", "tiny_3", "tiny_4", "tiny_sft")


def recipe(name: str, runs: Path) -> Run:
    return find_recipes(RECIPES)[name](runs, "cpu")


def train(run: Run, runs: Path) -> Trainer:
    trainer = Trainer(run.config, run.build(), runs / "training")
    write_run(trainer.folder, run.config, run.language, "cpu", 1)
    trainer.resume()
    trainer.run()
    return trainer


def losses(runs: Path, name: str, figure: str = "loss") -> list[float]:
    lines = (runs / "training" / name / "log.jsonl").read_text().splitlines()
    return [record[figure] for record in map(json.loads, lines) if figure in record]


def tensors(start: Start) -> dict[str, torch.Tensor]:
    parts = {"encoder": start.encoder, "adaptor": start.adaptor, "decoder": start.decoder}
    return {f"{part}.{name}": value for part, module in parts.items() for name, value in module.state_dict().items()}


@pytest.mark.slow
def test_five_stages_follow_one_another_and_change_only_what_learns(tiny_runs: Path) -> None:
    before = tensors(open_start(str(tiny_runs / "model"), tiny_runs / "training"))
    for name in STAGES:
        run = recipe(name, tiny_runs)
        assert run.language is not None
        train(run, tiny_runs)
        curve = losses(tiny_runs, name)
        assert sum(curve[-3:]) / 3 < 0.97 * sum(curve[:3]) / 3, (name, curve)
        after = tensors(open_start(name, tiny_runs / "training"))
        changed = {key for key, value in after.items() if not torch.equal(value, before[key])}
        learning = {
            "adaptor": {key for key in after if key.startswith("adaptor.")},
            "decoder": {key for key in after if key.startswith(("decoder.model.layers.", "decoder.model.norm."))},
            "embedding": {"decoder.model.embed_tokens.weight"},
        }
        assert changed == set().union(*(learning[part] for part in run.language.stage.rates)), name
        before = after


@pytest.mark.slow
def test_a_killed_run_ends_as_if_it_had_not_been_killed(tiny_runs: Path) -> None:
    whole = tiny_runs.parent / "whole"
    train(recipe("tiny_1", tiny_runs), tiny_runs)
    shutil.copytree(tiny_runs, whole)
    train(recipe("tiny_2", whole), whole)
    script = f"""
import os, signal
from pathlib import Path
from stepwave.training.run import find_recipes
from stepwave.training.trainer import Trainer

class Killed(Trainer):
    def _one_step(self, log):
        if self.step == 9:
            self.checkpoints.finish()  # the one begun at step 6; steps 7 to 9 are lost
            os.kill(os.getpid(), signal.SIGKILL)
        super()._one_step(log)

run = find_recipes(Path({str(RECIPES)!r}))["tiny_2"](Path({str(tiny_runs)!r}), "cpu")
Killed(run.config, run.build(), Path({str(tiny_runs / "training")!r})).run()
"""
    died = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert died.returncode == -signal.SIGKILL, died.stderr
    state = newest_state(tiny_runs / "training" / "tiny_2")
    assert state is not None
    assert state.name == "step-00000006"
    train(recipe("tiny_2", tiny_runs), tiny_runs)
    assert losses(tiny_runs, "tiny_2") == pytest.approx(losses(whole, "tiny_2"), abs=1e-6)
    ours, theirs = (newest_state(runs / "training" / "tiny_2") for runs in (tiny_runs, whole))
    assert ours is not None
    assert theirs is not None
    for name, value in model_weights(ours).items():
        # Sums are rounded as threads share them, and Adam magnifies that where gradients are near 0; a step is 2e-3.
        torch.testing.assert_close(value, model_weights(theirs)[name], rtol=0, atol=1e-5)


def gradients(runs: Path, name: str) -> dict[str, torch.Tensor]:
    """Gradients of the adaptor on the very records of `tiny_1`'s corpus, by another packing."""
    run = recipe(name, runs)
    experiment = run.build()
    assert isinstance(experiment, LanguageModelling)
    experiment.place(Ranks(), half=False, compiled=False)
    documents = {}
    while len(documents) < 4:
        for batch in experiment.batch(experiment.loader.steps):
            for row, records in enumerate(batch.records):
                for place, record in enumerate(records):
                    documents.setdefault(record, (batch, row, place))
    total = torch.zeros(())
    counted = torch.zeros(2)
    for batch, row, place in documents.values():
        only = torch.where(
            (batch.segments == place + 1) & (torch.arange(len(batch.ids)) == row)[:, None], batch.labels, -100
        )
        from dataclasses import replace

        alone = replace(batch, labels=only)
        total = total + experiment.model(alone)["text"]
        counted += label_counts([alone], experiment.model.special)
    (total / counted[0]).backward()
    return {"loss": (total / counted[0]).detach()} | {
        key: value.grad for key, value in experiment.model.adaptor.named_parameters() if value.grad is not None
    }


def test_packed_records_have_the_loss_and_gradients_of_records_alone(tiny_runs: Path) -> None:
    packed, alone = gradients(tiny_runs, "tiny_1"), gradients(tiny_runs, "tiny_unpacked")
    assert packed.keys() == alone.keys()
    for name, value in packed.items():
        torch.testing.assert_close(value, alone[name], rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_adapters_learn_alone_and_are_folded_for_whoever_goes_on(tiny_runs: Path) -> None:
    before = tensors(open_start(str(tiny_runs / "model"), tiny_runs / "training"))
    train(recipe("tiny_lora", tiny_runs), tiny_runs)
    assert losses(tiny_runs, "tiny_lora")[-1] < losses(tiny_runs, "tiny_lora")[0]
    state = newest_state(tiny_runs / "training" / "tiny_lora")
    assert state is not None
    assert all("lora" in name or name.startswith("adaptor.") for name in model_weights(state))
    after = tensors(open_start("tiny_lora", tiny_runs / "training"))
    assert after.keys() == before.keys()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert {name.rsplit(".", 2)[1] for name in changed if ".layers." in name} == {
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    }  # fmt: skip


def test_a_loss_that_is_not_finite_is_left_out_or_ends_the_run(
    tiny_runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = recipe("tiny_1", tiny_runs)
    trainer = Trainer(run.config, run.build(), tiny_runs / "training")
    experiment = trainer.experiment
    assert isinstance(experiment, LanguageModelling)
    weight = experiment.model.adaptor.linear2.weight
    with torch.no_grad():
        weight[0, 0] = float("nan")
    with pytest.raises(TrainingError, match=r"step 9: loss or gradients are not finite, 10 steps in a row, in asr-\d"):
        trainer.run()
    assert "tiny_1, step 3: loss or gradients are not finite; the step is left out" in capsys.readouterr().out


@pytest.mark.slow
def test_a_full_disk_costs_a_checkpoint_and_not_the_run(tiny_runs: Path) -> None:
    """The size of a file is limited as a full disk would: the first checkpoint can't be written, the last one can."""
    script = f"""
import resource
from pathlib import Path
from stepwave.training.run import find_recipes
from stepwave.training.trainer import Trainer

class Filling(Trainer):
    def _one_step(self, log):
        most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000 if self.step < 8 else most, most))
        super()._one_step(log)

run = find_recipes(Path({str(RECIPES)!r}))["tiny_1"](Path({str(tiny_runs)!r}), "cpu")
Filling(run.config, run.build(), Path({str(tiny_runs / "training")!r})).run()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "the checkpoint step-00000006 could not be written" in done.stdout
    assert sorted(path.name for path in (tiny_runs / "training" / "tiny_1").glob("step-*")) == ["step-00000012"]


@pytest.mark.slow
def test_a_run_whose_machine_is_wanted_back_keeps_what_it_learnt(tiny_runs: Path) -> None:
    """A cluster's SIGTERM reaches workers too, on which the last step still depends."""
    command = [sys.executable, "-m", "stepwave", "train", "tiny_endless", "--runs", str(tiny_runs)]
    with subprocess.Popen(
        [*command, "--recipes", str(RECIPES)], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as run:
        assert run.stdout is not None
        shown = [next(line for line in run.stdout if line.startswith("tiny_endless 3/"))]
        os.killpg(run.pid, signal.SIGTERM)
        shown += list(run.stdout)
    assert run.returncode == 0, shown
    state = newest_state(tiny_runs / "training" / "tiny_endless")
    assert state is not None
    assert int(state.name.removeprefix("step-")) >= 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda runs: shutil.rmtree(runs / "model"), "no model"),
        (lambda runs: shutil.rmtree(runs / "corpus"), "there is nothing at .*corpus"),
    ],
)
def test_what_is_missing_is_named(tiny_runs: Path, change: Callable[[Path], None], message: str) -> None:
    change(tiny_runs)
    run = recipe("tiny_1", tiny_runs)
    with pytest.raises((ConfigError, DataError), match=message):
        run.build().place(Ranks(), half=False, compiled=False)


def test_a_stage_whose_start_was_not_trained_says_so(tiny_runs: Path) -> None:
    run = recipe("tiny_2", tiny_runs)
    assert run.language is not None
    with pytest.raises(ConfigError, match="tiny_1"):
        build_language_modelling(run.language, tiny_runs)


def test_what_it_would_write_is_compared_in_words(tiny_runs: Path) -> None:
    """A model that has learnt four transcriptions by heart makes no error; a broken one gets nothing right."""
    run = recipe("tiny_lora", tiny_runs)
    assert run.language is not None
    rates = {part: Rates(1e-2) for part in ("adaptor", "decoder", "embedding")}
    stage = replace(run.language.stage, rates=rates, steps=40)
    portions = tuple(portion for portion in stage.portions if portion.task == "asr")
    learnt = replace(run.language, stage=replace(stage, portions=portions), lora=None)
    trainer = train(Run.of_language("learnt", learnt, tiny_runs, 100, 100, 10), tiny_runs)
    experiment = trainer.experiment
    assert isinstance(experiment, LanguageModelling)
    experiment.model.eval()
    (batch,) = experiment.checks["asr"]
    tokenizer = experiment.feeder.tokenizer
    for said, wanted in greedy_answers(experiment.model, batch):
        assert tokenizer.decode(wanted) in ("one", "one two", "one two three", "one two three four")
        assert tokenizer.decode(said) == tokenizer.decode(wanted)
    assert experiment.validate()["word_error_asr"] == 0.0
    with torch.no_grad():
        experiment.model.decoder.model.norm.weight.zero_()
    assert experiment.validate()["word_error_asr"] >= 100.0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="on a CPU torch.compile needs a C++ compiler")
@pytest.mark.filterwarnings("default")  # PyTorch's compiler warns of what it does itself
def test_compiled_blocks_learn_the_same(tiny_runs: Path) -> None:
    compiled_runs = tiny_runs.parent / "compiled"
    shutil.copytree(tiny_runs, compiled_runs)
    torch._dynamo.utils.counters.clear()
    for folder in (tiny_runs, compiled_runs):
        language = recipe("tiny_lora", folder).language
        assert language is not None
        run = Run.of_language("tiny_lora", replace(language, checks=Checks(())), folder, 100, 100, 1)
        config = replace(run.config, steps=3, precision="float32", compile=folder == compiled_runs)
        train(replace(run, config=config), folder)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0, "nothing was compiled"
    assert losses(compiled_runs, "tiny_lora") == pytest.approx(losses(tiny_runs, "tiny_lora"), abs=1e-5)
