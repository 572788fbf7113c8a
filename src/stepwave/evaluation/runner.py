"""Asks a subject the items of a check and keeps the answers: resumable, one fixed seed per item, several at once.

Nothing is scored here. An item that fails is kept as failed; a later run tries it again, and its answer, once there,
is not asked for again.
"""

import contextlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final

from stepwave.evaluation.answers import Answer, AnswerFile, Produced
from stepwave.evaluation.declaration import Check
from stepwave.evaluation.items import Item
from stepwave.evaluation.recordings import checked_digests
from stepwave.evaluation.subject import Subject
from stepwave.evaluation.tasks import TASKS, Asked
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
    parallel: int = 1,
) -> list[Answer]:
    """The answers to `items`, in their order; those that `folder` already has are taken from there.

    As many as `parallel` are asked at once where the subject allows it; a timed check asks one after the other. Answers
    are stored as they come, so that a run that is stopped loses those alone that were being made.

    Raises:
        StepwaveError: the subject can't do what the check asks for (a missing part); nothing is stored then.
        OutputError: an answer can't be stored.
    """
    file = AnswerFile(folder, check.name)
    if unanswered(check, items, folder):
        subject.prepare(TASKS[check.task].wanted)
        if check.timed:
            file.clear()
            with contextlib.suppress(*ITEM_ERRORS):  # an item that fails does so again when it counts
                _ask(check, items[0], subject, seed)
    waiting = [item for item in items if not _answered(file, item)]
    done = len(items) - len(waiting)
    progress(done, len(items))
    at_once = 1 if check.timed else max(1, min(parallel, subject.at_once))
    for item, outcome in _outcomes(waiting, lambda item: _ask(check, item, subject, seed), at_once):
        _store(file, item, outcome)
        done += 1
        progress(done, len(items))
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


_Outcome = tuple[Produced, tuple[str, ...]] | Exception
"""What was produced, with the recordings' digests, or why nothing was."""


def _ask(check: Check, item: Item, subject: Subject, seed: int) -> _Outcome:
    # From the item's own name, so that leaving others out changes nothing about this one.
    own_seed = zlib.crc32(f"{seed} {check.name} {item.id}".encode())
    try:
        digests = checked_digests(item)
        return TASKS[check.task].run(subject, Asked(item, check.name, own_seed)), digests
    except ITEM_ERRORS as error:
        return error


def _outcomes(items: Iterable[Item], ask: Callable[[Item], _Outcome], at_once: int) -> Iterator[tuple[Item, _Outcome]]:
    """Each item with its outcome, as they are finished; no more than `at_once` are held in memory."""
    if at_once == 1:
        yield from ((item, ask(item)) for item in items)
        return
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="item")
    running: dict[Future[_Outcome], Item] = {}
    try:
        for item in items:
            running[pool.submit(ask, item)] = item
            if len(running) == at_once:
                yield from _finished(running)
        while running:
            yield from _finished(running)
    finally:
        # Where the caller stops, questions on their way are not waited for.
        pool.shutdown(wait=not running, cancel_futures=True)


def _finished(running: dict[Future[_Outcome], Item]) -> Iterator[tuple[Item, _Outcome]]:
    for future in wait(running, return_when=FIRST_COMPLETED).done:
        yield running.pop(future), future.result()


def _store(file: AnswerFile, item: Item, outcome: _Outcome) -> None:
    if isinstance(outcome, Exception):
        file.store_failure(item, outcome)
        return
    try:
        file.store(item, *outcome)
    except OutputError:
        raise
    except StepwaveError as error:
        file.store_failure(item, error)
