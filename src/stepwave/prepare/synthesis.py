"""Speaks a list of texts into FLAC files: resumable, idempotent, on several processes.

An utterance's id is a digest of what makes its sound (voice, speed, text), so the same request is never spoken
twice, whoever asks. Which texts, and in which voices, is decided in `nano_texts`.
"""

import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stepwave.facts.errors import StepwaveError
from stepwave.prepare.engines.bank import VoiceBank
from stepwave.prepare.engines.contract import SYNTHESIS_RATE
from stepwave.prepare.starting_points import StartingPoints
from stepwave.signal.files import write_audio

MAX_SECONDS = 20.0
"""Longer clips are dropped: a batch costs what its longest clip costs."""

MIN_SECONDS = 0.25


@dataclass(frozen=True)
class Utterance:
    """One text spoken by one voice."""

    text: str
    voice: str
    """Name for `VoiceBank`, such as `kokoro/af_heart`."""
    speed: float = 1.0
    use: str = "tts"
    """What it is for: `answer`, `tts`, `asr` or `question`."""

    @property
    def id(self) -> str:
        """Digest of voice, speed and text, 16 hexadecimal digits."""
        return hashlib.sha256(f"{self.voice}|{self.speed:.3f}|{self.text}".encode()).hexdigest()[:16]

    def path(self, folder: Path) -> Path:
        """Where the sound of this utterance lies under `folder`."""
        return folder / self.id[:2] / f"{self.id}.flac"


@dataclass
class SynthesisReport:
    """What a run of `synthesise` did."""

    spoken: int = 0
    there_already: int = 0
    seconds: float = 0.0
    dropped: dict[str, int] | None = None

    def drop(self, reason: str) -> None:
        """Count one dropped utterance."""
        self.dropped = self.dropped or {}
        self.dropped[reason] = self.dropped.get(reason, 0) + 1


def synthesise(
    utterances: Iterable[Utterance], folder: Path, points: StartingPoints, processes: int | None = None
) -> Iterator[SynthesisReport]:
    """Speak every utterance that has no file yet; yields the growing report after each batch.

    A file appears under its final name only when complete, so the run may be stopped at any time and started again.
    """
    report = SynthesisReport()
    todo: list[Utterance] = []
    for utterance in dict.fromkeys(utterances):
        if utterance.path(folder).exists():
            report.there_already += 1
        else:
            todo.append(utterance)
    batches = [todo[start : start + 8] for start in range(0, len(todo), 8)]
    with ProcessPoolExecutor(processes or os.cpu_count() or 1, initializer=_open_bank, initargs=(points,)) as pool:
        for done in as_completed([pool.submit(_speak_batch, batch, folder) for batch in batches]):
            for seconds, reason in done.result():
                if reason:
                    report.drop(reason)
                else:
                    report.spoken += 1
                    report.seconds += seconds
            yield report
    yield report


_bank: VoiceBank


def _open_bank(points: StartingPoints) -> None:
    global _bank
    os.nice(10)
    _bank = VoiceBank(points)


def _speak_batch(batch: list[Utterance], folder: Path) -> list[tuple[float, str]]:
    outcomes = []
    for utterance in batch:
        try:
            samples = _bank[utterance.voice].speak(utterance.text, utterance.speed)
        except (StepwaveError, RuntimeError) as failure:
            outcomes.append((0.0, type(failure).__name__))
            continue
        seconds = len(samples) / SYNTHESIS_RATE
        if not MIN_SECONDS <= seconds <= MAX_SECONDS:
            outcomes.append((0.0, "too short" if seconds < MIN_SECONDS else "too long"))
            continue
        peak = float(np.abs(samples).max())
        path = utterance.path(folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_audio(path, (samples * (0.7 / max(peak, 0.7))).astype(np.float32), SYNTHESIS_RATE)
        outcomes.append((seconds, ""))
    return outcomes


def rate_line(report: SynthesisReport, started: float, total: int) -> str:
    """One line of progress: counts, hours and speed."""
    elapsed = max(time.monotonic() - started, 1e-9)
    done = report.spoken + report.there_already + sum((report.dropped or {}).values())
    return (
        f"{done}/{total} utterances, {report.seconds / 3600:.2f} h spoken, "
        f"{report.seconds / elapsed:.1f} s of sound per second"
    )
