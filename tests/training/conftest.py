"""What tests of training share: a folder of runs with a tiny model and a corpus of every kind of record."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from stepwave.data.manifests import write_line
from stepwave.data.records import Call, Clip, Record, Turn
from stepwave.prepare.pipeline.processes import Processes
from stepwave.prepare.pipeline.run import run_step
from stepwave.prepare.tokenise import Tokenise
from stepwave.signal.files import read_audio, write_audio
from stepwave.text.standard_tools import DATE_TIME

QUESTION = Path(__file__).resolve().parents[2] / "examples" / "question.wav"
RECIPES = Path(__file__).resolve().parent / "recipes"
SECONDS = (0.5, 0.8, 1.1, 1.6)


def records(clips: list[Clip]) -> Iterator[Record]:
    """A few records of every kind that the stages learn from."""
    for number, clip in enumerate(clips):
        other = clips[number - 1]
        words = " ".join(["one", "two", "three", "four"][: number + 1])

        def heard(of: Clip = clip, text: str = words) -> Turn:
            return Turn("human", text, of, spoken=True, language="en")

        def said(of: Clip = other, text: str = words) -> Turn:
            return Turn("assistant", text, of, spoken=True, language="en")

        def wrote(text: str = words) -> Turn:
            return Turn("assistant", text, language="en")

        asked = Turn("human", "How many?", language="en")
        yield Record(f"asr-{number}", "asr", (heard(), wrote()))
        yield Record(f"tts-{number}", "tts", (Turn("human", words, language="en"), said()))
        yield Record(f"s2tt-{number}", "s2tt", (heard(), wrote()))
        yield Record(f"t2st-{number}", "t2st", (Turn("human", words, language="en"), said()))
        yield Record(f"interleaved-{number}", "interleaved", (wrote(), said(), wrote()))
        yield Record(f"conversation-{number}", "conversation", (heard(), said(), heard(other), said(clip)))
        yield Record(f"caption-{number}", "caption", (heard(), wrote("A person counts.")))
        reasoning = {"reasoning": "I count the words."}
        yield Record(f"qa-{number}", "qa", (heard(), asked, wrote(str(number + 1))), details=reasoning)
        yield Record(f"text-{number}", "text", (Turn("human", f"He counted {words} and stopped.", language="en"),))
        call = Turn("assistant", "", calls=(Call("date_time", {}),))
        schemas = {"tools": [DATE_TIME.entry()]}
        tools = (heard(), call, Turn("input", '{"time": "noon"}'), said())
        yield Record(f"tools-{number}", "tools", tools, details=schemas)


@pytest.fixture(scope="session")
def tiny_material(tmp_path_factory: pytest.TempPathFactory, tiny_nano: Path) -> Path:
    """A folder with `model` and the tokenised `corpus`; tests copy it."""
    folder = tmp_path_factory.mktemp("material")
    shutil.copytree(tiny_nano, folder / "model")
    spoken = folder / "spoken"
    spoken.mkdir()
    samples = read_audio(QUESTION, sample_rate=16_000).samples
    clips = []
    for number, seconds in enumerate(SECONDS):
        path = spoken / f"{number}.wav"
        write_audio(path, np.ascontiguousarray(samples[: round(seconds * 16_000)]), 16_000)
        clips.append(Clip(f"clip-{number}", str(path), seconds=seconds))
    lines = [write_line(record, spoken) for record in records(clips)]
    (spoken / "manifest.jsonl").write_text("".join(lines), encoding="utf-8")
    step = Tokenise(spoken, model=str(folder / "model"), what=("codes", "frames"))
    list(run_step(step, folder / "corpus", Processes(0)))
    return folder


@pytest.fixture
def tiny_runs(tiny_material: Path, tmp_path: Path) -> Path:
    """A folder of runs of a test's own."""
    folder = tmp_path / "runs"
    shutil.copytree(tiny_material, folder)
    return folder
