"""Suites of published benchmarks, on their samples and on miniatures of their layouts: known errors, known scores."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.evaluation.answers import MadeCall, Produced
from stepwave.evaluation.catalogue import find_suite
from stepwave.evaluation.declaration import Places
from stepwave.evaluation.evaluate import Plan, evaluate
from stepwave.evaluation.material.mmau import mmau_items
from stepwave.evaluation.material.paralinguistic import SYSTEM, TASKS, paralinguistic_items
from stepwave.evaluation.material.toolcall import toolcall_items
from stepwave.evaluation.reporting import report
from stepwave.evaluation.scoring.judge import Verdict
from stepwave.evaluation.scoring.judge_prompts import JudgePrompt
from stepwave.evaluation.scoring.judges import Judges, RuleJudges
from stepwave.evaluation.scoring.parts import Parts
from stepwave.facts.errors import ConfigError, DataError
from stepwave.signal.files import write_audio

Run = Callable[..., dict[tuple[str, str], float]]


@pytest.fixture
def run(scripted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Puts a suite to a scripted subject; figures by measure and group, `""` for the whole."""
    monkeypatch.setattr(report, "draw", lambda figures, scores, path, title: None)

    def ask(
        name: str, answers: dict[str, Any], places: Places | None = None, judges: Sequence[Judges] = (RuleJudges(),)
    ) -> dict[tuple[str, str], float]:
        subject = scripted(answers)
        places = places or Places(tmp_path, tmp_path, sample=True)
        parts = Parts(subject.ears, *judges)
        told = evaluate(Plan(find_suite(name), places), subject, parts, tmp_path / "run", lambda *_: None)
        ask.questions = {question.item: question for question in subject.asked}  # type: ignore[attr-defined]
        ask.told = told  # type: ignore[attr-defined]
        return {(figure.name, figure.group): round(figure.value, 2) for figure in told.figures}

    return ask


def sound(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_audio(path, np.full(1_600, 0.1, np.float32), 16_000)


def test_paralinguistic_answers_are_judged_task_by_task(run: Run) -> None:
    figures = run(
        "paralinguistic",
        {
            "gender-g1_input": "You sound like a man.",
            "gender-g2_input": "You sound like a man.",
            "speed-s1_input": "You speak slowly. So slow.",
            "speed-s2_input": "You speak so fast.",
        },
    )
    # rules look for the reference's words, which a right answer in other words lacks
    assert figures == {("accuracy", "gender"): 50.0, ("accuracy", "speed"): 50.0, ("accuracy", ""): 50.0}
    questions = run.questions  # type: ignore[attr-defined]
    assert questions["gender-g1_input"].system == SYSTEM
    assert questions["gender-g1_input"].wanted == "speech"
    scores = {each.item: each.score for each in run.told.scores}  # type: ignore[attr-defined]
    assert scores["speed-s2_input"].predicted == "fast"
    assert run.told.facts["sample"] is True  # type: ignore[attr-defined]
    shown = report.markdown(run.told)  # type: ignore[attr-defined]
    assert "no scores" in shown
    assert "| accuracy, gender | sample, no score |  | 2 |" in shown
    assert "50" not in shown.split("![")[0]


def test_paralinguistic_tasks_are_read_as_the_hub_lays_them_out(tmp_path: Path) -> None:
    root = tmp_path / "Step-Audio_Paralinguistic"
    for folder, name in (("age", "识别说话人年龄"), ("vocalsound", "识别人声")):
        (root / folder).mkdir(parents=True)
        rows = [{"audio": f"{n}_input.wav", "task": {"name": name, "label": f"{n}", "answer": f"是{n}"}} for n in "12"]
        (root / folder / f"{folder}.json").write_text(json.dumps(rows), encoding="utf-8")
    items = paralinguistic_items(tmp_path)
    assert [item.id for item in items] == ["age-1_input", "age-2_input", "vocal-1_input", "vocal-2_input"]
    assert items[0].language == "zh"
    assert items[0].references == ("是1",)
    assert items[0].sound is not None
    assert items[0].sound.path == str(root / "age" / "audio" / "1_input.wav")
    assert set(TASKS.values()) == {
        "gender", "age", "timbre", "scenario", "event", "emotion", "pitch", "rhythm", "speed", "style", "vocal"
    }  # fmt: skip
    (root / "age" / "age.json").write_text('[{"audio": "x.wav"}]')
    with pytest.raises(DataError, match=r"age.json can't be read as items of a task \(KeyError: 'task'\); fetch it"):
        paralinguistic_items(tmp_path)
    with pytest.raises(ConfigError, match=r"holds no task of StepEval-Audio-Paralinguistic.*--data"):
        paralinguistic_items(tmp_path / "nowhere")


def called(name: str, **arguments: str) -> Produced:
    return Produced("Let me look.", calls=(MadeCall(name, json.dumps(arguments)),))


def test_tool_calls_are_counted_tool_by_tool(run: Run) -> None:
    figures = run(
        "toolcall",
        {
            "get_weather_positive-1": called("get_weather", location="paris"),
            "get_weather_negative-1": called("get_weather", location="the sky"),
            "web_search_positive-1": called("get_weather", location="the match"),
        },
    )
    assert figures["trigger precision", "weather"] == 50.0
    assert figures["trigger recall", "weather"] == 100.0
    assert figures["parameter accuracy", "weather"] == 100.0
    assert figures["trigger recall", "web_search"] == 0.0
    assert figures["type accuracy", "web_search"] == 0.0
    question = run.questions["web_search_positive-1"]  # type: ignore[attr-defined]
    assert [turn.side for turn in question.turns] == ["user", "assistant", "user"]
    assert question.turns[-1].samples is not None
    assert [tool.name for tool in question.tools] == ["timbre_rag", "get_date_time", "get_weather", "web_search"]


@dataclass
class OneVerdict:
    """Judges that say the same of every answer, and keep what they are asked."""

    right: bool
    asked: list[tuple[str, ...]] = field(default_factory=list)
    name: str = "one verdict"
    rules_only: bool = False

    def judge(self, prompt: JudgePrompt, language: str) -> "OneVerdict.Judge":
        return OneVerdict.Judge(self, f"{self.right} by {prompt.name}, {language}")

    @dataclass
    class Judge:
        judges: "OneVerdict"
        name: str

        def judge(self, question: str, reference: str, answer: str) -> Verdict:
            self.judges.asked.append((self.name, reference, answer))
            return Verdict(float(self.judges.right), "so it is")


def test_parameters_are_judged_where_there_is_a_judge_and_by_a_second_one(run: Run) -> None:
    first, second = OneVerdict(True), OneVerdict(False)
    answers = {"get_weather_positive-1": called("get_weather", location="the city of light")}
    figures = run("toolcall", answers, judges=(first, second))
    assert figures["parameter accuracy", "weather"] == 100.0
    assert first.asked == [
        ("True by tool-parameters/1, en", '{"location": "Paris"}', '{"location": "the city of light"}')
    ]
    assert len(second.asked) == 1
    agreed = run.told.facts["agreement"]["toolcall"]  # type: ignore[attr-defined]
    assert (agreed["items"], agreed["percent"]) == (1, 0)


def test_conversations_with_tools_are_read_as_the_hub_lays_them_out(tmp_path: Path) -> None:
    folder = tmp_path / "Step-Audio_Toolcall"
    folder.mkdir()
    turns = [
        {"from": "human", "value": {"type": "wav", "value": "some/where/a.wav"}, "text": "现在几点"},
        {"from": "gpt", "value": "好。<tool_call>function\nget_date_time\n{}</tool_call>"},
        {"from": "input", "value": "10:00"},
        {"from": "gpt", "value": "十点。"},
        {"from": "human", "value": "谢谢"},
        {"from": "gpt", "value": "不客气。"},
    ]
    (folder / "get_date_time_negative.jsonl").write_text(json.dumps(turns) + "\n\n", encoding="utf-8")
    (item,) = toolcall_items(tmp_path)
    assert (item.text, item.calls, item.references, item.language) == ("谢谢", (), ("不客气。",), "zh")
    assert item.tags == {"tool": "date_time", "kind": "negative"}
    first, second, third, _ = item.turns
    assert first.sound is not None
    assert first.sound.path == str(folder / "wav" / "a.wav")
    assert (second.text, second.calls[0].name, third.side) == ("好。", "get_date_time", "tool")
    (folder / "get_date_time_negative.jsonl").write_text(json.dumps(turns[:5]), encoding="utf-8")
    with pytest.raises(DataError, match=r"line 1 is no conversation .*not a question and its answer"):
        toolcall_items(tmp_path)
    with pytest.raises(ConfigError, match="holds no conversations of StepEval-Audio-Toolcall"):
        toolcall_items(tmp_path / "nowhere")


WEATHER = '<tool_call>function\nget_weather\n{"location": "Oslo"}</tool_call>'


@pytest.mark.parametrize(
    ("kind", "said", "problem"),
    [
        ("positive", '<tool_call>function\nget_weather\n{"location": }</tool_call>', "not in the form"),
        ("positive", "It is warm.", "does not call the tool under test in a positive one"),
        ("negative", WEATHER, "calls the tool under test in a negative one"),
    ],
)
def test_a_reference_that_contradicts_its_file_is_told(tmp_path: Path, kind: str, said: str, problem: str) -> None:
    turns = [{"from": "human", "value": "Warm?"}, {"from": "gpt", "value": said}]
    (tmp_path / f"get_weather_{kind}.jsonl").write_text(json.dumps(turns))
    with pytest.raises(DataError, match=problem):
        toolcall_items(tmp_path)


def test_other_separators_of_lines_are_text_and_other_bytes_are_told(tmp_path: Path) -> None:
    path = tmp_path / "get_weather_positive.jsonl"
    turns = [{"from": "human", "value": "Warm?\u2028Or cold?"}, {"from": "gpt", "value": WEATHER}]
    path.write_text(json.dumps(turns, ensure_ascii=False), encoding="utf-8")
    (item,) = toolcall_items(tmp_path)
    assert item.text == "Warm?\u2028Or cold?"
    weather = next(tool for tool in item.tools if tool.name == "get_weather")
    assert list(weather.parameters["properties"]) == weather.parameters["required"] == ["location"]
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="no text in UTF-8"):
        toolcall_items(tmp_path)


def test_a_call_of_a_tool_that_is_not_offered_has_no_type(run: Run, tmp_path: Path) -> None:
    calculate = '<tool_call>function\ncalculate\n{"expression": "2+2"}</tool_call>'
    turns = [{"from": "human", "value": "Two and two?"}, {"from": "gpt", "value": calculate}]
    (tmp_path / "get_weather_negative.jsonl").write_text(json.dumps(turns))
    figures = run("toolcall", {"get_weather_negative-1": called("get_weather")}, Places(tmp_path, tmp_path))
    assert figures["trigger precision", "weather"] == 0.0
    assert ("type accuracy", "weather") not in figures


def test_recordings_outside_the_folder_are_refused(tmp_path: Path) -> None:
    row = {"id": "1", "audio_id": "../../a.wav", "question": "?", "choices": ["a"], "answer": "a", "task": "sound"}
    (tmp_path / "mmau-test-mini.json").write_text(json.dumps([row]))
    with pytest.raises(DataError, match=r"'../../a.wav', lies outside the folder"):
        mmau_items(tmp_path)


def test_no_conversations_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no conversations of StepEval-Audio-Toolcall"):
        toolcall_items(tmp_path / "nowhere")


def test_choices_are_read_by_both_rules(run: Run) -> None:
    figures = run(
        "mmau",
        {
            "music-1": "I hear it. <RESPONSE>a steady tone</RESPONSE>",
            "sound-1": "<RESPONSE>steadily</RESPONSE>",
            "speech-1": "Hard to say.",
        },
    )
    assert figures["accuracy", "music"] == 100.0
    assert figures["accuracy", "sound"] == 0.0
    assert figures["accuracy", "speech"] == 0.0
    assert figures["accuracy", ""] == pytest.approx(33.33)
    assert np.isnan(figures["accuracy of readable answers", "speech"])
    failed = [each for each in run.told.scores if each.score is None]  # type: ignore[attr-defined]
    assert [each.item for each in failed] == ["speech-1"]
    question = run.questions["speech-1"]  # type: ignore[attr-defined]
    assert question.turns[-1].text == (
        "Which number is said? Please choose the answer from the following options: [five, seven, nine] "
        "Output the final answer in <RESPONSE> </RESPONSE>."
    )


def test_an_answer_among_no_choices_and_a_missing_list_are_told(tmp_path: Path) -> None:
    row = {"id": "1", "audio_id": "a.wav", "question": "?", "choices": ["a", "b"], "answer": "c", "task": "sound"}
    with pytest.raises(ConfigError, match=r"holds no mmau-test-mini.json"):
        mmau_items(tmp_path)
    (tmp_path / "mmau-test-mini.json").write_text(json.dumps([row]))
    with pytest.raises(DataError, match="the answer of 1, 'c', is none of its choices"):
        mmau_items(tmp_path)


def test_a_missing_clip_fails_its_item_and_no_other(run: Run, tmp_path: Path) -> None:
    rows = [
        {"id": name, "audio_id": f"{name}.wav", "question": "?", "choices": ["a", "b"], "answer": "a", "task": "sound"}
        for name in ("there", "gone")
    ]
    (tmp_path / "mmau-test-mini.json").write_text(json.dumps(rows))
    sound(tmp_path / "there.wav")
    figures = run("mmau", {"there": "a"}, Places(tmp_path, tmp_path))
    assert figures["accuracy", ""] == 100.0
    (failed,) = {each.error for each in run.told.scores if each.item == "gone"}  # type: ignore[attr-defined]
    assert "gone.wav" in failed


def test_a_folder_of_a_sample_takes_no_answers_to_the_data_itself(run: Run, tmp_path: Path) -> None:
    run("mmau", {})
    with pytest.raises(ConfigError, match="holds answers to a sample, and this run is on the other"):
        run("mmau", {}, Places(tmp_path, tmp_path))


def test_a_suite_without_a_sample_says_so(tmp_path: Path, scripted: Any) -> None:
    from stepwave.evaluation.material.samples import sample_or

    with pytest.raises(ConfigError, match="there is no sample of this"):
        sample_or(Places(tmp_path, tmp_path, sample=True), "nothing")
    (tmp_path / "Here").mkdir()
    assert sample_or(Places(tmp_path, tmp_path), "nothing", "There", "Here") == tmp_path / "Here"
    assert sample_or(Places(tmp_path, tmp_path), "nothing") == tmp_path
