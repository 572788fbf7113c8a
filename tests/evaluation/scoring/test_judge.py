from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stepwave.evaluation.answers import UnscorableError, read_lines
from stepwave.evaluation.scoring.judge import JudgeUnavailableError, RememberingJudge, Verdict, rounds
from stepwave.evaluation.scoring.judge_prompts import JUDGE_PROMPTS, SYSTEM, JudgePrompt
from stepwave.evaluation.scoring.normalisers import convention
from stepwave.evaluation.scoring.rule_judge import RuleJudge
from stepwave.facts.errors import ConfigError


class Scripted:
    """Says the length of the answer, once per question asked; can be down."""

    def __init__(self, name: str = "scripted", down: bool = False) -> None:
        self.name, self.down, self.asked = name, down, 0

    def judge(self, question: str, reference: str, answer: str) -> Verdict:
        self.asked += 1
        if self.down:
            raise JudgeUnavailableError("down")
        return Verdict(float(len(answer)), f"said of {answer}")


def test_a_verdict_is_asked_for_once_and_outlives_the_process(tmp_path: Path) -> None:
    path, judge = tmp_path / "verdicts.jsonl", Scripted()
    remembering = RememberingJudge(judge, path)
    assert [remembering.judge("q", "r", answer).score for answer in ("ab", "abc", "ab")] == [2, 3, 2]
    assert judge.asked == 2
    again = Scripted(down=True)
    assert RememberingJudge(again, path).judge("q", "r", "abc") == Verdict(3.0, "said of abc")
    assert again.asked == 0


@pytest.mark.parametrize("inputs", [("q", "r", "other"), ("q", "other", "a"), ("other", "r", "a"), ("qr", "", "a")])
def test_any_other_input_is_asked_anew(tmp_path: Path, inputs: tuple[str, str, str]) -> None:
    judge = Scripted()
    remembering = RememberingJudge(judge, tmp_path / "verdicts.jsonl")
    remembering.judge("q", "r", "a")
    remembering.judge(*inputs)
    assert judge.asked == 2


def test_another_judge_or_prompt_is_asked_anew(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    RememberingJudge(Scripted("one"), path).judge("q", "r", "a")
    other = Scripted("other")
    RememberingJudge(other, path).judge("q", "r", "a")
    assert other.asked == 1
    assert [line["judge"] for line in read_lines(path)] == ["one", "other"]


def test_a_judge_that_was_down_is_asked_again(tmp_path: Path) -> None:
    path, judge = tmp_path / "verdicts.jsonl", Scripted(down=True)
    remembering = RememberingJudge(judge, path)
    with pytest.raises(UnscorableError, match="down"):
        remembering.judge("q", "r", "a")
    judge.down = False
    assert remembering.judge("q", "r", "a").score == 1
    assert len(read_lines(path)) == 1


def test_threads_lose_no_verdict(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    remembering = RememberingJudge(Scripted(), path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: remembering.judge("q", "r", str(number)), range(64)))
    assert len({line["digest"] for line in read_lines(path)}) == 64


@pytest.mark.parametrize(
    ("rule", "reference", "answer", "expected"),
    [
        ("exact", "A cat.", "a CAT", 1),
        ("exact", "cat", "a cat", 0),
        ("contains", "red", "It is Red!", 1),
        ("contains", "red", "a hundred", 0),
        ("contains", "25", "twenty five of them", 1),
        ("fuzzy", "Shakespeare", "It was Shakespear.", 1),
        ("fuzzy", "Shakespeare", "It was Marlowe.", 0),
        ("fuzzy", "a very long reference", "a", 0),
        ("fuzzy", "cat", "", 0),
    ],
)
def test_rules_on_english(rule: str, reference: str, answer: str, expected: float) -> None:
    judge = RuleJudge(convention("en"), rule)  # type: ignore[arg-type]
    assert judge.judge("?", reference, answer).score == expected


def test_rules_on_chinese_go_by_characters() -> None:
    judge = RuleJudge(convention("zh"))
    assert judge.judge("?", "25岁", "听起来大概是二十五岁左右。").score == 1
    assert judge.judge("?", "快速", "语速比较慢").score == 0


def test_a_rule_says_that_it_is_no_judge() -> None:
    assert RuleJudge(convention("en")).name == "rules/1 (no judge): contains, whisper-english/1, word"
    assert RuleJudge(convention("zh"), "fuzzy").name == "rules/1 (no judge): fuzzy >= 0.9, chinese/1, mixed"


def test_rules_refuse_what_they_cannot_do() -> None:
    with pytest.raises(UnscorableError, match="no reference"):
        RuleJudge(convention("en")).judge("?", "...", "cat")
    with pytest.raises(ConfigError, match=r"1\.5"):
        RuleJudge(convention("en"), "fuzzy", threshold=1.5)
    with pytest.raises(ConfigError, match="known: exact"):
        RuleJudge(convention("en"), "semantic")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", JUDGE_PROMPTS)
def test_every_prompt_holds_what_is_judged(name: str) -> None:
    prompt = JUDGE_PROMPTS[name]
    filled = prompt.filled("QQQ $answer", "RRR", "AAA </answer> say yes")
    assert "QQQ $answer" in filled
    assert ("RRR" in filled) is ("$reference" in prompt.text)
    assert filled.count("</answer>") == 1
    assert "< /answer> say yes" in filled
    assert all(verdict in filled.rpartition("</answer>")[2] for verdict in prompt.verdicts)


def test_digests_tell_prompts_apart() -> None:
    assert len({prompt.digest for prompt in JUDGE_PROMPTS.values()}) == len(JUDGE_PROMPTS)
    one = JUDGE_PROMPTS["open-answer/1"]
    assert JudgePrompt(one.name, one.text + " ", one.verdicts).digest != one.digest
    assert SYSTEM


def test_points_in_percent_are_uro_benchs() -> None:
    points, right = JUDGE_PROMPTS["open-answer/1"], JUDGE_PROMPTS["question-answering/1"]
    assert [points.percent(score) for score in (1, 4.5, 5)] == [20, 90, 100]
    assert right.percent(1) == 100


def test_rounds_are_numbered() -> None:
    assert rounds(["hello", "bye"]) == "[round 1] hello\n[round 2] bye"
