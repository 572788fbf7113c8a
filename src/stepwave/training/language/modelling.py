"""The experiment of every stage: the speech language model on a mix of records, on one process or many.

What learns, how fast and on what is the stage's (`stages`); the losses are the model's (`model`); the
batches come from `data.loading`. Here they meet: parts are frozen or not, placed, sharded, fed and checked.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from stepwave.data.collating import Batch
from stepwave.data.loading import Loader
from stepwave.facts.tokens import SpecialTokens
from stepwave.layers.packed_documents import PackedDocuments
from stepwave.text.word_errors import word_errors
from stepwave.training.experiment import Experiment, Losses, Mean
from stepwave.training.language.feeding import Feeder
from stepwave.training.language.greedy import greedy_answers
from stepwave.training.language.lora import adapter_parameters, inject
from stepwave.training.language.model import SpeechLanguageModel
from stepwave.training.language.run import LanguageRun
from stepwave.training.parallel import Ranks, shard, split_matrices


class LanguageModelling(Experiment):
    """Trains the speech language model.

    Args:
        run: what learns and how.
        model: the parts, not yet on their device.
        feeder: opens training data and checks once it is known which of how many processes this is.
    """

    divisible = True
    loader: Loader
    checks: Mapping[str, Sequence[Batch]]

    def __init__(self, run: LanguageRun, model: SpeechLanguageModel, feeder: Feeder) -> None:
        self.run, self.model, self.feeder = run, model, feeder
        self.ranks = Ranks()
        model.requires_grad_(False)
        if run.lora is not None:
            inject(model.decoder, run.lora)
        adapters = {id(parameter) for parameter in adapter_parameters(model.decoder)}
        for part in run.stage.rates:
            for parameter in model.part_parameters(part):
                # Beside adapters, the matrices that they change stay as they are.
                if part != "decoder" or run.lora is None or id(parameter) in adapters:
                    parameter.requires_grad_(True)

    def module(self) -> nn.Module:
        """See `Experiment.module`."""
        return self.model

    def parameters(self) -> dict[str, list[nn.Parameter]]:
        """What learns, by part."""
        return {
            part: [parameter for parameter in self.model.part_parameters(part) if parameter.requires_grad]
            for part in self.run.stage.rates
        }

    def place(self, ranks: Ranks, half: bool, compiled: bool) -> None:
        """To the device, then split, compiled and sharded: in this order, as each builds on the one before.

        Raises ConfigError, DataError: see `Feeder.loader`.
        """
        self.ranks = ranks
        self.loader, self.checks = self.feeder.loader(ranks), self.feeder.checks()
        model, blocks = self.model, list(self.model.decoder.model.layers)
        model.to(ranks.device)
        if half:
            _halve_frozen(model)
        model.decoder.recompute = self.run.recompute
        split_matrices(model.decoder, ranks)
        if compiled:
            PackedDocuments.leave_out_of_compiling()
            for block in blocks:
                block.compile()
        shard(model, blocks, ranks, half, [] if model.encoder is None else [model.encoder])

    def batch(self, step: int) -> list[Batch]:
        """The micro-batches of this process. Raises DataError where a record is bad and the run is to stop."""
        assert self.loader.steps == step, (self.loader.steps, step)
        return self.loader.next_step()

    def losses(self, batch: list[Batch]) -> Iterator[Losses]:
        """One loss per micro-batch, each divided by the labels of the whole step over all processes."""
        counts = self.ranks.sum(label_counts(batch, self.model.special).to(self.ranks.device))
        weighted = self.run.losses.text_weight * counts[0] + counts[1]
        # Gradients are averaged over processes, losses are to be summed.
        scale = self.ranks.data_world / weighted.clamp_min(1.0)
        names = tuple(self.run.stage.rates)
        for place, micro in enumerate(batch):
            own = label_counts([micro], self.model.special)
            sums = self.model(micro.to(self.ranks.device, non_blocking=True))
            loss = self.run.losses.text_weight * sums["text"] + sums["speech"]
            yield Losses(
                names,
                scale * (loss + self.run.losses.z_loss * sums["z_loss"]),
                {
                    "loss": Mean(loss, self.run.losses.text_weight * own[0] + own[1]),
                    "text": Mean(sums["text"], own[0]),
                    "speech": Mean(sums["speech"], own[1]),
                },
                complete=place == len(batch) - 1,
            )

    def size(self, batch: list[Batch]) -> int:
        """Positions without padding."""
        return sum(micro.positions for micro in batch)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Mean loss and share of right tokens, of text and speech labels of each check, and word errors of some.

        Every process goes through all of them: sharded parameters are gathered by all together.
        """
        figures: dict[str, float] = {}
        for name, batches in self.checks.items():
            counts = label_counts(batches, self.model.special)
            sums: dict[str, float] = {}
            for batch in batches:
                for key, value in self.model(batch.to(self.ranks.device)).items():
                    sums[key] = sums.get(key, 0.0) + float(value)
            for kind, count in zip(("text", "speech"), counts.tolist(), strict=True):
                if count:
                    figures[f"{kind}_{name}"] = sums[kind] / count
                    figures[f"{kind}_right_{name}"] = sums[f"{kind}_right"] / count
            if name in self.run.checks.transcribed and self.ranks.mesh is None:
                figures[f"word_error_{name}"] = self._word_error(batches)
        return figures

    def _word_error(self, batches: Sequence[Batch]) -> float:
        """Word errors of greedy answers, in percent."""
        tokenizer, language = self.feeder.tokenizer, self.run.checks.language
        compared = [
            word_errors(tokenizer.decode(wanted), tokenizer.decode(said), language)
            for batch in batches
            for said, wanted in greedy_answers(self.model, batch.to(self.ranks.device))
        ]
        return 100 * sum(each.errors for each in compared) / max(1, sum(each.words for each in compared))

    def state(self) -> dict[str, Any]:
        """Where the loader stands."""
        return {"loader": self.loader.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on after the last step of a stopped run."""
        self.loader.restore(state["loader"])

    def describe(self, batch: list[Batch]) -> str:
        """The first records of a step."""
        names = [name for micro in batch for row in micro.records for name in row]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return ", ".join(names[:3]) + more


def _halve_frozen(model: nn.Module) -> None:
    """Hold frozen matrices in bfloat16, in which they are multiplied anyway; what learns stays float32."""
    for parameter in model.parameters():
        if not parameter.requires_grad and parameter.ndim > 1:
            parameter.data = parameter.data.bfloat16()


def label_counts(batches: Sequence[Batch], special: SpecialTokens) -> Tensor:
    """How many text and speech labels there are, `[2]`."""
    base, end = special.speech_base, special.speech_padding_id + 1
    text = sum(int(((batch.labels >= 0) & (batch.labels < base)).sum()) for batch in batches)
    speech = sum(int(((batch.labels >= base) & (batch.labels < end)).sum()) for batch in batches)
    return torch.tensor([text, speech], dtype=torch.float32)
