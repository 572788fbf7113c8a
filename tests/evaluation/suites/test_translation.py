from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sacrebleu

from stepwave.evaluation.declaration import Places, Suite
from stepwave.evaluation.evaluate import Plan, evaluate
from stepwave.evaluation.reporting import report
from stepwave.evaluation.scoring.parts import Parts
from stepwave.evaluation.suites import covost2, cvss
from stepwave.facts.errors import ConfigError
from stepwave.signal.files import write_audio

INTO_CHINESE = {"a.wav": ("我喜欢在早上喝茶。", "我喜欢早上喝茶。"), "b.wav": ("他昨天去了学校。", "他昨天去了学校。")}
INTO_ENGLISH = {
    "common_voice_zh-CN_1.mp3": ("she goes to the small school by bus", "She goes to the school by bus."),
    "common_voice_zh-CN_2.mp3": ("there are twenty five trees in the garden", "There are 25 trees in the garden!"),
}


def lay(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    rows = [f"{name}\tHello.\t{right}\ttest" for name, (right, _) in INTO_CHINESE.items()]
    lay(data / "covost2/covost_v2.en_zh-CN.tsv", "path\tsentence\ttranslation\tsplit", *rows, "c.wav\tx\ty\ttrain")
    lay(data / "covost2/covost_v2.en_de.tsv", "path\tsentence\ttranslation\tsplit", "a.wav\tHello.\tHallo.\ttest")
    english = [f"{name}\t你好。\t{right}\ttest" for name, (right, _) in INTO_ENGLISH.items()]
    lay(data / "covost2/covost_v2.zh-CN_en.tsv", "path\tsentence\ttranslation\tsplit", *english)
    lay(data / "cvss_c/zh-CN_en/test.tsv", *(f"{name}\t{right}" for name, (right, _) in INTO_ENGLISH.items()))
    for language, names in (("en", INTO_CHINESE), ("zh-CN", INTO_ENGLISH)):
        home = data / "cv-corpus-4-2019-12-10" / language
        lay(home / "validated.tsv", "client_id\tpath\tsentence", *(f"x\t{name}\t你好。" for name in names))
        (home / "clips").mkdir()
        for name in names:
            write_audio(home / "clips" / "sound.wav", np.full(3_200, 0.1, np.float32), 16_000)
            (home / "clips" / "sound.wav").rename(home / "clips" / name)
    return data


def measured(suite: Suite, scripted: Any, places: Places, folder: Path) -> report.Report:
    given = {Path(name).stem: said for name, (_, said) in {**INTO_CHINESE, **INTO_ENGLISH}.items()}
    answers = {f"{pair}-{name}": said for name, said in given.items() for pair in ("en_zh-CN", "zh-CN_en")}
    subject = scripted({**answers, **given})
    told = evaluate(Plan(suite, places), subject, Parts(subject.ears), folder, lambda name, done, total: None)
    assert {question.answer_language for question in subject.asked} == {"zh", "en"}
    return told


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "draw", lambda figures, scores, path, title: None)


def test_written_translations_get_sacrebleus_score_and_signature(data: Path, tmp_path: Path, scripted: Any) -> None:
    told = measured(covost2.SUITE, scripted, Places(data, data), tmp_path / "run")
    assert told.not_measured == {}
    for figure, texts, tokenizer in zip(told.figures, (INTO_CHINESE, INTO_ENGLISH), ("zh", "13a"), strict=True):
        right, said = zip(*texts.values(), strict=True)
        wanted = sacrebleu.corpus_bleu(list(said), [list(right)], tokenize=tokenizer).score
        assert (figure.n, figure.failed) == (2, 0)
        assert figure.value == pytest.approx(wanted)
        assert 0 < figure.value < 100
    text = (tmp_path / "run" / "report.md").read_text()
    assert "tok:zh|smooth:exp" in text
    assert "tok:13a|smooth:exp" in text


def test_spoken_translations_are_scored_as_they_are_heard(data: Path, tmp_path: Path, scripted: Any) -> None:
    told = measured(cvss.SUITE, scripted, Places(data, data), tmp_path / "run")
    assert told.not_measured == {}
    chinese, english = told.figures
    assert (chinese.check, english.check) == ("cvss-en-zh", "cvss-zh-en")
    heard = ["she goes to the school by bus", "there are 25 trees in the garden"]
    right = ["she goes to the small school by bus", "there are 25 trees in the garden"]
    assert english.value == pytest.approx(sacrebleu.corpus_bleu(heard, [right]).score)
    (method,) = told.facts["methods"]["cvss-zh-en"]["ASR-BLEU"]
    assert method.startswith("normaliser:whisper-english/1|nrefs:1|")


def test_an_answer_in_the_wrong_language_scores_next_to_nothing(data: Path, tmp_path: Path, scripted: Any) -> None:
    subject = scripted({f"en_zh-CN-{name[0]}": "I like tea in the morning" for name in INTO_CHINESE})
    plan = Plan(covost2.SUITE, Places(data, data), "covost2-en-zh")
    told = evaluate(plan, subject, Parts(subject.ears), tmp_path / "run", lambda name, done, total: None)
    (figure,) = told.figures
    assert (figure.value, figure.failed) == (0, 0)


def test_without_lists_or_recordings_it_says_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="get CoVoST 2 from"):
        covost2.SUITE.checks[0].items(Places(tmp_path, tmp_path))
    with pytest.raises(ConfigError, match="get CVSS from"):
        cvss.SUITE.checks[1].items(Places(tmp_path, tmp_path))


@pytest.mark.parametrize("suite", [covost2.SUITE, cvss.SUITE])
def test_samples_of_both_directions_are_scored(suite: Suite, tmp_path: Path, scripted: Any) -> None:
    subject = scripted({"train": "去海边的火车早上九点开。", "milk": "Please buy a bottle of milk."})
    plan = Plan(suite, Places(tmp_path, tmp_path, sample=True))
    told = evaluate(plan, subject, Parts(subject.ears), tmp_path / "run", lambda name, done, total: None)
    assert told.not_measured == {}
    amounts = {score.item: score.score.amount for score in told.scores if score.score}
    assert amounts["train"] == pytest.approx(1)
    assert amounts["milk"] == pytest.approx(1)
    assert amounts["ferry"] < 1
