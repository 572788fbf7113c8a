"""Asks a model the items of a check and keeps the answers: resumable, one fresh session and one fixed seed per item.

Nothing is scored here. An item that fails is kept as failed; a later run tries it again, and its answer, once there,
is not asked for again.
"""

import contextlib
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from stepwave.evaluation.answers import Answer, AnswerFile, Item
from stepwave.evaluation.declaration import Check
from stepwave.evaluation.subject import Subject
from stepwave.evaluation.tasks import TASKS
from stepwave.facts.errors import OutputError, StepwaveError

ITEM_ERRORS: Final = (StepwaveError, RuntimeError, ValueError)
"""What fails one item and leaves the others to go on; anything else is our own slip and ends the run."""
Progress = Callable[[int, int], None]
"""Called with items done and items in all."""


def no_progress(done: int, total: int) -> None:
    """For callers that show nothing."""


def run_check(
    check: Check,
    items: Sequence[Item],
    subject: Subject,
    folder: Path,
    seed: int = 0,
    progress: Progress = no_progress,
) -> list[Answer]:
    """The answers to `items`, in their order; those that `folder` already has are taken from there.

    Raises:
        StepwaveError: the model can't do what the check asks for (a missing part); nothing is stored then.
        OutputError: an answer can't be stored.
    """
    file = AnswerFile(folder, check.name)
    if unanswered(check, items, folder):
        subject.begin(check.task, seed)
        if check.timed:
            file.clear()
            with contextlib.suppress(*ITEM_ERRORS):  # an item that fails does so again when it counts
                TASKS[check.task](subject, items[0])
    for done, item in enumerate(items):
        progress(done, len(items))
        if not _answered(file, item):
            _ask(check, item, subject, file, seed)
    progress(len(items), len(items))
    return [file.answers[item.id] for item in items]


def unanswered(check: Check, items: Sequence[Item], folder: Path) -> bool:
    """Whether a run would have to ask anything."""
    file = AnswerFile(folder, check.name)
    return any(not _answered(file, item) for item in items)


def stored_answers(check: Check, folder: Path) -> list[Answer]:
    """What a run left, without a model; empty where the check was not run."""
    return list(AnswerFile(folder, check.name).answers.values())


def _answered(file: AnswerFile, item: Item) -> bool:
    """Whether the file has an answer to just this item: one whose text or recording has changed is another."""
    answer = file.answers.get(item.id)
    return answer is not None and answer.item == item and answer.status != "failed"


def _ask(check: Check, item: Item, subject: Subject, file: AnswerFile, seed: int) -> None:
    # From the item's own name, so that leaving others out changes nothing about this one.
    own_seed = zlib.crc32(f"{seed} {check.name} {item.id}".encode())
    try:
        subject.begin(check.task, own_seed)
        produced = TASKS[check.task](subject, item)
    except ITEM_ERRORS as error:
        file.store_failure(item, error)
        return
    try:
        file.store(item, produced)
    except OutputError:
        raise
    except StepwaveError as error:
        file.store_failure(item, error)
