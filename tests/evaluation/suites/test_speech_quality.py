"""The suite `speech_quality`: known mistakes give the known figures, and every figure comes of the sound it names."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.evaluation.answers import Arrival, Produced
from stepwave.evaluation.declaration import Places
from stepwave.evaluation.evaluate import Plan, evaluate
from stepwave.evaluation.figures import Figure
from stepwave.evaluation.material.sentences import CHINESE, ENGLISH
from stepwave.evaluation.reporting import report
from stepwave.evaluation.scoring import measures
from stepwave.evaluation.scoring.parts import Parts
from stepwave.evaluation.suites.speech_quality import SUITE, recordings, voices
from stepwave.facts.errors import ConfigError
from stepwave.signal.resample import Samples

from ..conftest import ScriptedSubject, tone

Run = Callable[..., dict[str, Figure]]
WORDS = [
    "The train to the coast leaves at nine in the morning.",
    "My sister has read all of these books more than once.",
    "Please bring some bread and a bottle of milk from the shop.",
]


@dataclass
class Lengths:
    """Takes voices for alike whose sounds are equally long."""

    compared: list[tuple[int, int]] = field(default_factory=list)

    def likeness(self, first: Samples, second: Samples) -> float:
        self.compared.append((len(first), len(second)))
        return 1.0 if len(first) == len(second) else 0.25


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Puts a check's sample to a scripted subject; figures by measure."""
    monkeypatch.setattr(report, "draw", lambda figures, scores, path, title: None)

    def ask(check: str, subject: ScriptedSubject, **parts: Any) -> dict[str, Figure]:
        plan = Plan(SUITE, Places(tmp_path, tmp_path, sample=True), only=check)
        told = evaluate(plan, subject, Parts(subject.ears, **parts), tmp_path / "run", lambda *_: None)
        return {figure.name: figure for figure in told.figures}

    return ask


def values(figures: dict[str, Figure]) -> dict[str, float]:
    return {name: round(figure.value, 2) for name, figure in figures.items()}


def test_text_read_aloud_is_read_back(run: Run) -> None:
    subject = ScriptedSubject(misheard={ENGLISH[0]: "The fairy leaves the old harbour at half past six."})
    figures = values(run("reading-en", subject))
    words = sum(len(text.split()) for text in ENGLISH[:2])
    assert figures["word error"] == round(100 * 1 / words, 2)
    assert [question.last.text for question in subject.asked] == list(ENGLISH[:2])
    # a tone is no speech: opinions are there, and low
    assert all(1 <= figures[f"DNSMOS, {kind}"] < 4 for kind in ("overall", "signal"))


def test_chinese_is_counted_by_characters(run: Run) -> None:
    subject = ScriptedSubject(misheard={CHINESE[1]: CHINESE[1].replace("夜里", "夜间")})
    figures = values(run("reading-zh", subject))
    characters = sum(character not in "，。？" for text in CHINESE[:2] for character in text)
    assert figures["character error"] == round(100 * 1 / characters, 2)


def test_a_recordings_voice_says_what_another_says(run: Run) -> None:
    subject, ear = ScriptedSubject(), Lengths()
    figures = values(run("voices", subject, voices=ear))
    assert [question.last.text for question in subject.asked[::2]] == [*WORDS[1:], WORDS[0]]
    assert all(question.voice is not None for question in subject.asked[::2])
    assert all(question.voice is None for question in subject.asked[1::2])
    assert figures["likeness to the recording"] == 0.25
    assert figures["how much nearer"] == 0
    assert figures["read back, word error"] == 0
    assert len(ear.compared) == 12  # three voices, by two measures, one of which is asked for a difference, too


def test_one_recording_alone_gives_no_voice_other_words(tmp_path: Path) -> None:
    (tmp_path / "list.tsv").write_text("path\ttext\na.wav\tHello.\n")
    (tmp_path / "a.wav").touch()
    with pytest.raises(ConfigError, match="list two recordings with other words"):
        voices(Places(tmp_path, tmp_path))


def test_answers_are_timed_from_the_questions_end(run: Run) -> None:
    sound = tone(20, 24_000)
    timed = Produced("Hello.", sound=sound, seconds=1.0, arrivals=(Arrival(0.5, 1.0), Arrival(1.75, 1.0)))
    subject = ScriptedSubject({item.id: timed for item in recordings(Places(Path(), Path(), sample=True))})
    subject.said += [(f"{number}", None) for number in range(18)] + [("Yellow.", None)]
    figures = values(run("answers", subject))
    assert figures["first sound, median"] == 0.5
    assert figures["real-time factor, worst"] == 0.5
    assert figures["gaps within a reply, worst"] == 0.25
    assert figures["sound against text, word error"] == 100


def test_parts_of_a_model_are_compared_with_the_recording(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        measures, "wideband_pesq", lambda first, second: float(np.abs(first).max() > np.abs(second).max())
    )
    figures = values(run("vocoder", Half()))
    assert figures["STOI"] == figures["ESTOI"] == 1
    assert figures["PESQ-wb"] == 1  # its package has to be compiled: here it tells that the original was louder
    for kind in ("overall", "signal"):
        assert 1 <= figures[f"original's DNSMOS, {kind}"] <= 5
        assert figures[f"original's DNSMOS, {kind}"] != figures[f"DNSMOS, {kind}"]
    assert figures["difference in word error"] == 0


class Half(ScriptedSubject):
    """Its vocoder makes everything half as loud, and its ears hear the same in everything."""

    def vocode(self, samples: Samples) -> Samples:
        return np.float32(0.5) * samples

    @property
    def ears(self) -> Any:
        @dataclass
        class Deaf:
            name: str = "deaf"

            def hear(self, samples: Samples, language: str = "en") -> str:
                return "the"

        return Deaf()


def test_who_has_no_parts_is_measured_by_what_is_heard(run: Run) -> None:
    with pytest.raises(ConfigError, match="no part for vocoded"):
        run("vocoder", ScriptedSubject(lacking={"vocoded"}))
