"""Planned packs to batches: the work of the processes that prepare batches beside training."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from torch.utils.data import Dataset

from stepwave.data.collating import Batch, GroupLimits, collate
from stepwave.data.documents import Document, DocumentReader
from stepwave.data.mix import Drawn
from stepwave.data.packing import Pack
from stepwave.data.sources.contract import Source
from stepwave.facts.errors import ConfigError, DataError, MissingExtraError, StepwaveError


@dataclass(frozen=True, eq=False)
class PackReader(Dataset[Batch | DataError]):
    """Maps the packs of a micro-batch to the batch.

    What is to stop the run is returned as a DataError: one that is raised would leave its process with a traceback as
    its message.
    """

    reader: DocumentReader
    sources: Sequence[Sequence[Source]]
    """By portion and number, as `Drawn` names them."""
    tasks: Sequence[str]
    """Name of each portion."""
    padding: int
    """Id that fills rows."""
    sequence_length: int
    """Most positions of a row."""
    fixed_length: bool
    """Whether shorter rows are padded to it, or to the longest of their batch."""
    limits: GroupLimits
    stop: bool
    """Stop at a bad record, or leave it out and count it."""

    def __getitem__(self, packs: Sequence[Pack]) -> Batch | DataError:
        skipped: Counter[str] = Counter()
        problems: list[str] = []
        rows: list[list[Document]] = []
        for pack in packs:
            rows.append([])
            # What the records are together shorter than measured, one of them may be longer.
            spare = self.sequence_length - pack.length
            for drawn in pack.documents:
                spare += drawn.length
                source = self.sources[drawn.portion][drawn.source]
                try:
                    document = self._read(source, drawn, spare)
                except (ConfigError, MissingExtraError) as problem:
                    return DataError(_complaint(source, drawn, problem))
                except (StepwaveError, OSError) as problem:
                    if self.stop:
                        return DataError(_complaint(source, drawn, problem))
                    skipped[f"{self.tasks[drawn.portion]}: {type(problem).__name__}"] += 1
                    problems.append(_complaint(source, drawn, problem))
                    continue
                rows[-1].append(document)
                spare -= len(document.example.ids)
        length = self.sequence_length if self.fixed_length else None
        return collate(rows, self.padding, length, self.reader.heard, self.limits, skipped, problems)

    def _read(self, source: Source, drawn: Drawn, most: int) -> Document:
        document = self.reader.read(source, drawn.record)
        length = len(document.example.ids)
        if length > most:
            raise DataError(
                f"it became {length} positions, {drawn.length} were measured and there is room for {most}; "
                "index its source again"
            )
        return document


def _complaint(source: Source, drawn: Drawn, problem: Exception) -> str:
    return f"record {drawn.record} of {source.name} can't be used: {problem}"
