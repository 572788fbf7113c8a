"""Parts on Ray Data: the same parts, by the same code, on one machine or many that share the output folder.

Needs the extra `prepare`. Ray is started, or an existing cluster is joined (`RAY_ADDRESS`), by Ray itself.
"""

import importlib
import os
import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepwave.facts.errors import MissingExtraError, StepwaveError
from stepwave.prepare.pipeline.parts import Codec, Part, PartReport, work_at
from stepwave.prepare.pipeline.steps import Step

_QUIET = {"logging_level": "ERROR", "log_to_driver": False}
"""Progress is told by the pipeline, the same for every place of work."""


@dataclass(frozen=True)
class RayData:
    """Runs parts on `count` Ray actors."""

    count: int

    def run(self, step: Step, parts: Iterable[Part], folder: Path, codec: Codec) -> Iterator[PartReport]:
        """See `Executor.run`. Raises MissingExtraError, and StepwaveError as `work_at` does."""
        # Ray writes a thank-you for its usage statistics and would send them; nothing here calls out unasked.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            ray: Any = importlib.import_module("ray")
            importlib.import_module("ray.data")
        except ImportError:
            raise MissingExtraError("prepare", "ray") from None
        packed = [{"part": pickle.dumps(part)} for part in parts]
        if not packed:
            return
        started = not ray.is_initialized()
        if started:
            ray.init(
                num_cpus=self.count if "RAY_ADDRESS" not in os.environ else None, include_dashboard=False, **_QUIET
            )
        try:
            ray.data.DataContext.get_current().enable_progress_bars = False
            done = ray.data.from_items(packed, override_num_blocks=len(packed)).map(
                _Actor,
                fn_constructor_args=(step, str(folder.resolve()), codec),
                compute=ray.data.ActorPoolStrategy(size=self.count),
                num_cpus=1,
            )
            for row in done.iter_rows():
                outcome = pickle.loads(row["report"])
                if isinstance(outcome, StepwaveError):
                    raise outcome
                yield outcome
        finally:
            if started:
                ray.shutdown()


class _Actor:
    """Works at parts inside Ray. Errors come back as values: Ray would wrap them and print a traceback."""

    def __init__(self, step: Step, folder: str, codec: Codec) -> None:
        self.step, self.folder, self.codec = step, Path(folder), codec
        self.worker: Any = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            self.worker = self.worker or self.step.open()
            part: Part = pickle.loads(row["part"])
            report: object = work_at(self.step, self.worker, part, self.folder, self.codec)
        except StepwaveError as problem:
            report = problem
        return {"report": pickle.dumps(report)}
