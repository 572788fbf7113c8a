"""A miniature of URO-Bench's archive, a subject with known answers, and judges with known verdicts."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.evaluation.declaration import Places
from stepwave.evaluation.evaluate import Plan, evaluate, score_again
from stepwave.evaluation.material.uro_bench import Part, part_items
from stepwave.evaluation.question import Question
from stepwave.evaluation.reporting.report import Report
from stepwave.evaluation.scoring.judge import Verdict
from stepwave.evaluation.scoring.judge_prompts import JudgePrompt
from stepwave.evaluation.scoring.parts import Parts
from stepwave.evaluation.suites import uro_bench
from stepwave.evaluation.suites.uro_bench import SUITE
from stepwave.facts.errors import ConfigError, DataError
from stepwave.signal.files import write_audio

BASIC = [part.name for parts in uro_bench.ENGLISH_BASIC.values() for part in parts]
PRO = [part.name for parts in uro_bench.ENGLISH_PRO.values() for part in parts]


@dataclass
class Points:
    """Judges that give the points that stand in the answer, and keep what they were asked."""

    asked: list[tuple[str, str, str, str]]
    name: str = "points"
    rules_only: bool = False

    def judge(self, prompt: JudgePrompt, language: str) -> "Points.One":
        return Points.One(self, prompt, f"points by {prompt.name}")

    @dataclass
    class One:
        judges: "Points"
        prompt: JudgePrompt
        name: str

        def judge(self, question: str, reference: str, answer: str) -> Verdict:
            self.judges.asked.append((self.prompt.name, question, reference, answer))
            word = next(word for word in reversed(answer.split()) if word in self.prompt.verdicts)
            return Verdict(self.prompt.verdicts[word], word)


def archive(folder: Path, track: str, names: Sequence[str], count: int = 1, **changed: Any) -> Path:
    for name in names:
        part = folder / "URO-Bench-data" / track / name
        (part / "wav").mkdir(parents=True)
        lines = []
        for number in range(count):
            write_audio(part / "wav" / f"{number}.wav", np.zeros(800, dtype=np.float32), 16_000)
            one = {
                "source_wav": f"wav/{number}.wav",
                "source_text": f"question {number}",
                "target_text": "good day to you",
            }
            if name.startswith(("MtBench", "Speaker")):
                lines.append(
                    {"id": number, "dialogue": [{"round": r, **one, "source_text": f"round {r}"} for r in (1, 2)]}
                )
            else:
                lines.append({"id": number, **one, **changed})
        (part / "test.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def figure(report: Report, name: str, group: str = "") -> float:
    return next(each.value for each in report.figures if each.name == name and each.group == group)


def test_basic_sets_are_scored_as_the_report_does(tmp_path: Path, scripted: Callable[..., Any]) -> None:
    data = archive(tmp_path / "data", "basic", BASIC)
    said = {f"{name}-0": "no" for name in ("GaokaoEval", "MLC")} | {"Gsm8kEval-0": "yes"}
    said |= {f"{name}-0": "it is 4" for name in ("Summary", "StoralEval", "AlpacaEval", "CommonEval")}
    said |= {"TruthfulEval-0": "1", "WildchatEval-0": "5", "Repeat-0": "good day to me"}
    subject, judges = scripted(said), Points([])
    plan = Plan(SUITE, Places(data, data), only="english-basic")
    report = evaluate(plan, subject, Parts(subject.ears, judges), tmp_path / "run", lambda *_: None)
    assert figure(report, "understanding", "Repeat") == pytest.approx(75)
    assert figure(report, "understanding", "Summary") == pytest.approx(80)
    assert figure(report, "understanding") == pytest.approx((75 + 80 + 0) / 3)
    assert figure(report, "reasoning") == pytest.approx((80 + 20 + 100 + 0) / 4)
    assert figure(report, "oral conversation") == pytest.approx((80 + 80 + 100) / 3)
    # As in table 6, of the sets and not of the three abilities.
    assert figure(report, "average") == pytest.approx((75 + 80 + 0 + 80 + 20 + 100 + 0 + 80 + 80 + 100) / 10)
    assert ("open-answer/1", "question 0", "good day to you", "5") in judges.asked
    assert score_again(tmp_path / "run", Parts(subject.ears, judges), lambda *_: None).figures == report.figures


def test_more_than_half_wrong_is_no_repetition(tmp_path: Path, scripted: Callable[..., Any]) -> None:
    part = {uro_bench.UNDERSTANDING: [Part("Repeat", "Repeat", "repeat")]}
    (item,) = part_items(archive(tmp_path, "basic", ["Repeat"]), "basic", "en", part)
    assert uro_bench._repeated(item, "good day").amount == 0.5
    assert uro_bench._repeated(item, "good").amount == 0
    assert uro_bench._repeated(item, "").amount == 0


def test_pro_sets_have_labels_rounds_and_no_made_up_emotion(tmp_path: Path, scripted: Callable[..., Any]) -> None:
    data = archive(tmp_path / "data", "pro", PRO, emotion="sad", style="poem", language="French")
    rounds: list[Question] = []

    def answered(question: Question) -> str:
        rounds.append(question)
        return f"{question.last.samples is not None} {len(question.turns)} 4"

    said: dict[str, Any] = {f"{name}-0": "yes" for name in ("ClothoEval-en", "MuChoEval-en", "MLCpro-en")}
    said |= {f"{name}-0": "5" for name in PRO if f"{name}-0" not in said} | {"MtBenchEval-en-0": answered}
    subject, judges = scripted(said), Points([])
    plan = Plan(SUITE, Places(data, data), only="english-pro")
    report = evaluate(plan, subject, Parts(subject.ears, judges), tmp_path / "run", lambda *_: None)
    assert figure(report, "reasoning", "MtBench") == pytest.approx(80)
    assert figure(report, "average, without GenEmotion") == pytest.approx((100 * 10 + 80) / 11)
    assert [len(each.turns) for each in rounds] == [1, 3]
    assert rounds[1].turns[1].text == "True 1 4"
    asked = {name: (question, reference, answer) for name, question, reference, answer in judges.asked}
    assert asked["conversation/1"] == (
        "[round 1] round 1\n[round 2] round 2",
        "[round 1] good day to you\n[round 2] good day to you",
        "[round 1] True 1 4\n[round 2] True 3 4",
    )
    assert asked["empathy/1"][1] == "sad | good day to you"
    assert asked["speaking-style/1"][1] == "poem | good day to you"
    assert asked["answer-language/1"][1] == "French"


def test_a_limit_takes_some_of_each_set(tmp_path: Path) -> None:
    data = archive(tmp_path, "basic", BASIC, count=2)
    items = part_items(data, "basic", "en", uro_bench.ENGLISH_BASIC)
    assert len({item.tags["dataset"] for item in items[: len(BASIC)]}) == len(BASIC)
    assert len(items) == 2 * len(BASIC)


def test_without_points_items_fail_and_are_not_zero(tmp_path: Path, scripted: Callable[..., Any]) -> None:
    data = archive(tmp_path / "data", "basic", BASIC)
    subject = scripted({f"{name}-0": "yes" for name in BASIC})
    plan = Plan(SUITE, Places(data, data), only="english-basic")
    report = evaluate(plan, subject, Parts(subject.ears), tmp_path / "run", lambda *_: None)
    average = next(each for each in report.figures if each.name == "average" and not each.group)
    assert (average.n, average.failed) == (10, 9)
    assert np.isnan(average.value)


def test_what_is_missing_or_broken_is_told(tmp_path: Path) -> None:
    data = archive(tmp_path, "basic", BASIC[1:])
    with pytest.raises(ConfigError, match=r"lacks Repeat; unpack URO-Bench-data\.zip"):
        part_items(data, "basic", "en", uro_bench.ENGLISH_BASIC)
    path = archive(tmp_path, "basic", ["Repeat"]) / "URO-Bench-data" / "basic" / "Repeat" / "test.jsonl"
    written = path.read_text().replace("question 0", "question\u20280")
    path.write_text(written, encoding="utf-8")
    items = part_items(data, "basic", "en", uro_bench.ENGLISH_BASIC)
    assert "question\u20280" in {item.text for item in items}
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="no text in UTF-8"):
        part_items(data, "basic", "en", uro_bench.ENGLISH_BASIC)
    for line in ('{"id": 1}', "no JSON", '{"id": 1, "source_text": "x", "source_wav": "../../../etc/passwd"}'):
        path.write_text(line + "\n")
        with pytest.raises(DataError, match="line 1: this is no item of URO-Bench"):
            part_items(data, "basic", "en", uro_bench.ENGLISH_BASIC)
