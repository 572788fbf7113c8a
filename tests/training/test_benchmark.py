"""Measured steps: figures fit together, phases hold what happened in them, FLOPs are those that PyTorch counts."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from stepwave.data.collating import Batch, collate
from stepwave.data.documents import Document, DocumentReader
from stepwave.facts.errors import ConfigError, TrainingError
from stepwave.models.encoder import EncoderConfig
from stepwave.training.bench.figures import as_json, comparison, figures_of, sections_of
from stepwave.training.bench.made_up import MadeUpDocuments, shape_of
from stepwave.training.bench.measuring import Length, Measurements, measure
from stepwave.training.bench.peaks import Peak, listed_peak, measured_peak
from stepwave.training.bench.plan import Changes, Plan, plan_recipe, plan_shape, variants
from stepwave.training.bench.step_times import WatchedTrainer
from stepwave.training.config import OptimiserConfig, TrainConfig
from stepwave.training.estimates.batch import batch_flops, document_lengths, mean_length, sizes_of_model
from stepwave.training.estimates.computation import attention_flops
from stepwave.training.experiment import Experiment, Losses
from stepwave.training.language.modelling import LanguageModelling
from stepwave.training.parallel import Ranks
from stepwave.training.run import Run, find_recipes

RECIPES = Path(__file__).resolve().parent / "recipes"
TINY = shape_of("tiny", layers=1, full_head=False)


class Clock:
    """Tells a time that only tests change."""

    def __init__(self, tick: float = 0.0) -> None:
        self.now, self.tick = 0.0, tick

    def __call__(self) -> float:
        self.now += self.tick
        return self.now

    def spend(self, seconds: float) -> None:
        self.now += seconds


class Slow(Experiment):
    """Spends seconds of a clock: 8 on its batch, and for each of two losses 1 forward and 2 backward."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.net = clock, nn.Linear(4, 1)

    def module(self) -> nn.Module:
        return self.net

    def parameters(self) -> dict[str, list[nn.Parameter]]:
        return {"net": list(self.net.parameters())}

    def batch(self, step: int) -> Tensor:
        self.clock.spend(8)
        return torch.ones(16, 4)

    def losses(self, batch: Tensor) -> Iterator[Losses]:
        for complete in (False, True):
            loss = self.net(batch).square().mean()
            loss.register_hook(lambda gradient: self.clock.spend(2))
            self.clock.spend(1)
            yield Losses(("net",), loss, {"loss": loss}, complete)

    def size(self, batch: Tensor) -> int:
        return len(batch)

    def validate(self) -> dict[str, float]:
        return {}


SLOW = TrainConfig("slow", 10, {"net": OptimiserConfig(1e-3)}, trackers=())


@pytest.fixture(autouse=True)
def _known_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwave.training.bench.measuring.find_peak", lambda device, dtype: Peak(1e9, measured=True))


@pytest.fixture
def measured() -> Measurements:
    return measure(plan_shape("tiny", Changes(at_once=2)), Ranks(), Length(steps=3, warmup=1), Clock(tick=0.25))


def test_a_slow_loader_shows_as_waiting_and_every_phase_as_itself(tmp_path: Path) -> None:
    clock = Clock()
    trainer = WatchedTrainer(SLOW, Slow(clock), tmp_path, clock=clock)
    trainer.optimisers["net"].register_step_post_hook(lambda *given: clock.spend(0.5))
    before = trainer.experiment.module().weight.detach().clone()
    for step in trainer.steps(2, flops=lambda batch: 7.0 * len(batch)):
        assert step.seconds == 14.5
        assert step.phases == {"waiting": 8, "forward": 2, "backward": 4, "optimiser": 0.5, "other": 0}
        assert (step.positions, step.flops) == (16, 112)
    assert not torch.equal(before, trainer.experiment.module().weight)
    assert not list((tmp_path / "slow").iterdir())


def test_figures_fit_together(measured: Measurements) -> None:
    found = figures_of(measured)
    assert len(measured.steps) == 3
    assert found.tokens == sum(step.positions for step in measured.steps) > 0
    assert found.tokens_per_second.overall * found.seconds == pytest.approx(found.tokens)
    assert found.step_seconds.overall * 3 == pytest.approx(found.seconds)
    assert sum(each.overall for each in found.phases.values()) == pytest.approx(1)
    assert found.utilisation is not None
    assert found.flops_per_second is not None
    flops = [step.flops for step in measured.steps]
    assert found.utilisation.overall == pytest.approx(sum(flops) / found.seconds / 1e9)
    assert 0 < found.utilisation.low <= found.utilisation.median <= found.utilisation.high < 1
    told = as_json(measured)
    assert told["steps"] == 3
    assert told["settings"]["sequences at once"] == 2
    assert told["memory"]["peak"] >= told["memory"]["before"] > 0
    (speed, phases, memory, _) = sections_of(measured)
    assert [row[0] for row in speed.rows] == ["seconds a step", "tokens a second", "model FLOPs a second", "MFU"]
    assert len(phases.rows) == len(found.phases)
    assert len(memory.rows) == 2


def test_twice_as_fast_is_told_so(measured: Measurements) -> None:
    steps = tuple(replace(step, seconds=step.seconds / 2) for step in measured.steps)
    table = comparison({"slow": measured, "fast": replace(measured, steps=steps)})
    assert [row[2] for row in table.rows] == ["x 1.00", "x 2.00"]
    assert [row[4] for row in table.rows] == ["x 1.00", "x 2.00"]


def test_an_experiment_without_a_count_has_no_share_of_the_peak() -> None:
    clock = Clock()
    found = measure(Plan(SLOW, lambda: Slow(clock), None), Ranks(), Length(2, 0), clock)
    figures = figures_of(found)
    assert figures.utilisation is None
    assert figures.phases["waiting"].median == pytest.approx(8 / 14)
    assert as_json(found)["utilisation"] is None
    assert [row[0] for row in sections_of(found)[0].rows] == ["seconds a step", "tokens a second"]


@pytest.mark.parametrize(
    "failure",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has ..."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    ],
)
def test_full_memory_is_told_in_one_line(failure: Exception) -> None:
    class Large(Slow):
        def losses(self, batch: Tensor) -> Iterator[Losses]:
            raise failure

    with pytest.raises(TrainingError, match=r"the memory of cpu is full.*--recompute\)$") as told:
        measure(Plan(SLOW, lambda: Large(Clock()), None), Ranks(), Length(1, 0))
    assert ("2.50 GiB" in str(told.value)) == ("2.50 GiB" in str(failure))


def test_other_failures_stay_what_they_are() -> None:
    class Wrong(Slow):
        def losses(self, batch: Tensor) -> Iterator[Losses]:
            raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        measure(Plan(SLOW, lambda: Wrong(Clock()), None), Ranks(), Length(1, 0))


def tiny_experiment(changes: Changes | None = None) -> LanguageModelling:
    experiment = plan_shape("tiny", changes or Changes()).build()
    assert isinstance(experiment, LanguageModelling)
    experiment.place(Ranks(), half=False, compiled=False)
    return experiment


def batch_of(*rows: list[int]) -> Batch:
    """Rows of made-up documents by their numbers, with stored frames."""
    documents = MadeUpDocuments(TINY, 200, seed=0)
    reader = DocumentReader(documents, "frames", 80)
    return collate([[reader.read(documents, number) for number in row] for row in rows], padding=0)


def test_flops_are_those_that_pytorch_counts() -> None:
    experiment = tiny_experiment()
    batch = batch_of([3])
    with FlopCounterMode(display=False) as counter:
        for losses in experiment.losses([batch]):
            losses.minimise.backward()
    sizes, config = sizes_of_model(experiment), experiment.model.decoder.config
    ours = batch_flops(batch, sizes, experiment.run, experiment.model.special)
    # Here attention computes all scores and hides the later half; the estimate counts those that are asked for.
    length = batch.positions
    hidden = length * (attention_flops(config, length) - attention_flops(config, (length + 1) / 2))
    assert counter.get_total_flops() == pytest.approx(ours + hidden, rel=1e-6)


@pytest.mark.parametrize("heard", ["frames", "mel"])
def test_documents_cost_the_same_packed_and_alone(heard: Any) -> None:
    experiment = tiny_experiment()
    run = replace(experiment.run, feeding=replace(experiment.run.feeding, heard=heard))
    sizes = replace(sizes_of_model(experiment), encoder=EncoderConfig(width=16, heads=2, layers=2))

    def flops(*rows: list[int]) -> float:
        return batch_flops(batch_of(*rows), sizes, run, experiment.model.special)

    assert flops([0, 1], [2]) == pytest.approx(flops([0]) + flops([1]) + flops([2]))
    assert flops([]) == 0
    if heard == "mel":
        assert flops([0]) > batch_flops(batch_of([0]), sizes, experiment.run, experiment.model.special)


def test_lengths_of_packed_documents() -> None:
    segments = torch.tensor([[1, 1, 1, 2, 0, 0], [1, 1, 2, 2, 2, 2]])
    assert sorted(document_lengths(segments).tolist()) == [1, 2, 3, 4]
    assert mean_length(torch.tensor([1, 3])) == 2.5


def test_made_up_documents_are_as_long_as_they_say() -> None:
    documents = MadeUpDocuments(TINY, 60, seed=0)
    reader = DocumentReader(documents, "frames", 80)
    read: list[Document] = [reader.read(documents, number) for number in range(40)]
    lengths = [len(document.example.ids) for document in read]
    assert lengths == documents.lengths[:40].tolist()
    assert max(lengths) == 60
    labels = [label for document in read for label in document.example.labels if label >= TINY.speech_base]
    assert max(labels) < TINY.special.speech_padding_id
    again = MadeUpDocuments(TINY, 60, seed=0)
    assert reader.read(again, 5).example == read[5].example


@pytest.mark.parametrize("attention", ["split", "mask"])
def test_ways_of_attention_learn_the_same(attention: Any) -> None:
    batch = batch_of([0, 1], [2])
    usual, changed = (tiny_experiment(changes) for changes in (Changes(), Changes(attention=attention)))
    assert changed.model.attention == attention
    found = [next(each.losses([batch])).minimise for each in (usual, changed)]
    torch.testing.assert_close(found[0], found[1])


def test_shapes_and_changes() -> None:
    given = Changes(sequence_length=100, recompute=True, packed=False, lora_rank=2, workers=0, precision="float32")
    plan = plan_shape("tiny", given, processes=3)
    language = plan.language
    assert language is not None
    assert (language.stage.sequence_length, language.stage.sequences_per_step) == (100, 3)
    assert (language.recompute, language.feeding.packed) == (True, False)
    assert language.stage.rates.keys() == {"adaptor", "decoder"}
    mini = shape_of("mini-layers", layers=2, full_head=True)
    assert (mini.decoder.layers, mini.decoder.vocab_size) == (2, 158_720)
    with pytest.raises(ConfigError, match="nano, mini-layers, tiny"):
        shape_of("huge", 1, False)
    with pytest.raises(ConfigError, match="choose a divisor"):
        plan_shape("tiny", Changes(at_once=2, sequences=3))
    with pytest.raises(ConfigError, match="at_once is 0"):
        Changes(at_once=0)
    with pytest.raises(ConfigError, match="0 steps"):
        Length(steps=0)


def test_variants_differ_in_what_is_compared() -> None:
    base = Changes(at_once=2)
    assert variants(base, None) == {"": base}
    assert [each.compiled for each in variants(base, "compile").values()] == [False, True]
    assert all(each.at_once == 2 for each in variants(base, "packed").values())


def test_a_recipe_is_measured_on_its_data(tiny_runs: Path) -> None:
    run = find_recipes(RECIPES)["tiny_1"](tiny_runs, "cpu")
    plan = plan_recipe(run, tiny_runs, Changes(at_once=1))
    found = measure(plan, Ranks(), Length(2, 0), Clock(tick=0.25))
    assert found.plan.config.name == "tiny_1"
    assert all(step.positions and step.flops for step in found.steps)
    assert not (tiny_runs / "training").exists()
    with pytest.raises(ConfigError, match="whose documents are real"):
        plan_recipe(run, tiny_runs, Changes(document_length=3))


@pytest.mark.slow
def test_two_processes_are_measured_together() -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    command = ["stepwave", "bench", "train", "--shape", "tiny", "--device", "cpu", "--steps", "2", "--warmup", "0"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*launcher, *command, "--json"], capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    told = json.loads(line)
    assert told["processes"] == told["settings"]["sequences in a step"] == 2
    # Two sequences of 200 positions in each step, nearly full.
    assert 600 < told["tokens"] <= 800
    assert told["tokens_per_second"]["overall"] * told["seconds"] == pytest.approx(told["tokens"])


def test_of_another_experiment_only_little_can_be_changed(tmp_path: Path) -> None:
    run = Run(SLOW, lambda: Slow(Clock()))
    assert plan_recipe(run, tmp_path, Changes(compiled=True)).config.compile
    with pytest.raises(ConfigError, match="recompute came for slow"):
        plan_recipe(run, tmp_path, Changes(recompute=True))


@pytest.mark.parametrize(
    ("name", "teraflops"),
    [
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA H200", 989),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA L4", 121),
        ("NVIDIA L40S", 362),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", None),
        ("NVIDIA A10G", None),
        ("Something New", None),
    ],
)
def test_peaks_by_name(name: str, teraflops: float | None) -> None:
    assert listed_peak(name) == (None if teraflops is None else teraflops * 1e12)


def test_a_peak_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    times: Callable[[], float] = Clock(tick=0.5)
    monkeypatch.setattr("time.perf_counter", times)
    assert measured_peak(torch.device("cpu"), torch.float32, seconds=1, side=10) == 2 * 10**3 / 0.5
