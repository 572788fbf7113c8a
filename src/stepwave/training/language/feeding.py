"""Opens what a language run is fed with: sources, their indexes, the loader, the checks.

Indexes tell how long each record is without reading sound; they are kept beside the runs, so that a second run over the
same sources starts at once.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from stepwave.data.collating import Batch
from stepwave.data.filters import FilterConfig
from stepwave.data.held_out import read_held_out
from stepwave.data.loader_config import LoaderConfig, Supply
from stepwave.data.loading import Loader
from stepwave.data.record_index import build_index
from stepwave.data.records import Record
from stepwave.data.rendering import Renderer
from stepwave.data.sources.contract import Source, SourceConfig
from stepwave.data.sources.opening import open_source
from stepwave.facts.errors import ConfigError
from stepwave.text.prompts import TASK_PROMPTS_NANO, TASK_PROMPTS_RELEASED
from stepwave.text.tokenizer import Tokenizer
from stepwave.training.language.run import LanguageRun
from stepwave.training.language.stages import Portion
from stepwave.training.parallel import Ranks

PROMPTS: Final[Mapping[str, Mapping[str, str]]] = {"nano": TASK_PROMPTS_NANO, "released": TASK_PROMPTS_RELEASED}


class Feeder:
    """Makes loaders for one run and one tokenizer.

    Args:
        run: what is fed.
        tokenizer: the model's.
        bands: of the encoder's mel.
        cache: folder where indexes are kept.
        seed: of the order of records.
    """

    def __init__(self, run: LanguageRun, tokenizer: Tokenizer, bands: int, cache: Path, seed: int) -> None:
        self.run, self.tokenizer, self.bands, self.cache, self.seed = run, tokenizer, bands, cache, seed
        self.renderer = Renderer(tokenizer, PROMPTS[run.prompts])
        self.held_out = None if run.feeding.held_out is None else read_held_out(Path(run.feeding.held_out))
        # Lengths change with the vocabulary and the prompts alone.
        self.fingerprint = f"{tokenizer.digest} {run.prompts} {run.feeding.heard}"

    def loader(self, ranks: Ranks) -> Loader:
        """This process's share of the stage's mix, without end.

        Raises ConfigError for a portion without sources or records, DataError for sources that can't be used.
        """
        stage, feeding = self.run.stage, self.run.feeding
        config = LoaderConfig(
            stage.sequence_length,
            stage.sequences_per_step,
            feeding.sequences_at_once,
            self.seed,
            documents=None if feeding.packed else 1,
            fixed_length=ranks.device.type == "cuda",
            heard=feeding.heard,
            bands=self.bands,
            workers=feeding.workers,
            pin_memory=ranks.device.type == "cuda",
            on_bad_record=feeding.on_bad_record,
            on_long_record=feeding.on_long_record,
        )
        return self._loader(config, stage.portions, ranks.data_rank, ranks.data_world, learning=True)

    def checks(self) -> dict[str, list[Batch]]:
        """A few held-out records of each check, the same in every run."""
        found: dict[str, list[Batch]] = {}
        for portion in self.run.checks.portions:
            config = LoaderConfig(
                self.run.stage.sequence_length,
                self.run.checks.records,
                micro_sequences=math.gcd(4, self.run.checks.records),
                documents=1,
                waiting=1,
                fixed_length=False,
                heard=self.run.feeding.heard,
                bands=self.bands,
            )
            with self._loader(config, (portion,), 0, 1, learning=False) as loader:
                found[portion.task] = loader.next_step()
        return found

    def _loader(
        self, config: LoaderConfig, portions: Sequence[Portion], rank: int, world: int, *, learning: bool
    ) -> Loader:
        supplies = [self._supply(portion, learning) for portion in portions if portion.tokens]
        return Loader(config, supplies, self.renderer, self.tokenizer.special.end_of_text, rank, world)

    def _supply(self, portion: Portion, learning: bool) -> Supply:
        if not portion.sources:
            raise ConfigError(
                f"the portion {portion.task} of {self.run.stage.name} names no sources; published recipes leave "
                "them to you: copy the recipe and name where its records are"
            )
        sources = [open_source(source, self.cache) for source in portion.sources]
        indexes = [
            build_index(
                source,
                self._filters(declared),
                partial(self._measure, source),
                self.cache,
                self.fingerprint,
                self.held_out if learning else None,
            )
            for declared, source in zip(portion.sources, sources, strict=True)
        ]
        return Supply(portion.task, portion.tokens, sources, indexes)

    def _filters(self, source: SourceConfig) -> FilterConfig:
        return replace(self.run.feeding.filters, kinds=source.kinds, split=source.split)

    def _measure(self, source: Source, record: Record) -> int:
        return self.renderer.measure(record, source)
