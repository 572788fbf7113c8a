import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.evaluation.declaration import Places
from stepwave.evaluation.evaluate import Plan, evaluate
from stepwave.evaluation.reporting import report
from stepwave.evaluation.scoring.parts import Parts
from stepwave.evaluation.suites.asr import SUITE
from stepwave.signal.files import write_audio

ENGLISH, CHINESE = "whisper-english/1, word", "chinese/1, mixed"
EXPECTED = {
    # check: item, what the scripted model hears, errors and units by hand, convention
    "common-voice-en": ("common_voice_en_1", "A small red house", (1, 4), ENGLISH),
    "fleurs-en": ("en_us-test-1", "It costs $25!", (0, 3), ENGLISH),
    "librispeech-test-clean": ("1-2-0000", "", (3, 3), ENGLISH),
    "librispeech-test-other": ("1-2-0000", "he began again and again", (2, 3), ENGLISH),
    "aishell": ("BAC009S0764W0121", "今天有二十五度", (0, 7), CHINESE),
    "aishell-2": ("IT0011W0001", "聽音", (1, 3), CHINESE),
    "fleurs-zh": ("cmn_hans_cn-test-1", "这是一句话", (0, 5), CHINESE),
    "kespeech-phase1": ("1000_a", "你们", (1, 2), CHINESE),
    "wenetspeech-meeting": ("M", "开始开会", (2, 2), CHINESE),
    "wenetspeech-net": ("N", "我用 photos", (1, 3), CHINESE),
    "fleurs-ar": ("ar_eg-test-1", "ذهب احمد الى البيت", (0, 4), "arabic/1, word"),
    "common-voice-yue": ("common_voice_yue_1", "我系香港人", (1, 5), "cantonese/1, character"),
    "fleurs-ja": ("ja_jp-test-1", "今日は雨", (1, 4), "japanese/1, character"),
}


def lay(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def tone(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_audio(path, np.full(3_200, 0.1, np.float32), 16_000)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """All sets of the suite with an utterance or two each, in the layouts in which they are published."""
    data = tmp_path / "data"
    for release, language, text in (
        ("cv-corpus-9.0-2022-04-27", "en", "an older release"),
        ("cv-corpus-17.0-2024-03-15", "en", "The small red house."),
        ("cv-corpus-17.0-2024-03-15", "yue", "我係香港嘅。"),
    ):
        home = data / release / language
        lay(home / "test.tsv", "client_id\tpath\tsentence", f"x\tcommon_voice_{language}_1.wav\t{text}")
        tone(home / "clips" / f"common_voice_{language}_1.wav")
    for folder, text in (
        ("en_us", "It costs twenty-five dollars."),
        ("cmn_hans_cn", "这是一句话。"),
        ("ar_eg", "ذَهَبَ أحمد إلى البيت."),
        ("ja_jp", "今日は晴。"),
    ):
        lay(data / "fleurs" / folder / "test.tsv", f"7\t1.wav\t{text}\tx\tx\t3200\tMALE")
        tone(data / "fleurs" / folder / "audio/test/1.wav")
    for part in ("test-clean", "test-other"):
        lay(data / "LibriSpeech" / part / "1/2/1-2.trans.txt", "1-2-0000 HE BEGAN AGAIN")
        tone(data / "LibriSpeech" / part / "1/2/1-2-0000.flac")
    lay(data / "data_aishell/transcript/aishell_transcript_v0.8.txt", "BAC009S0764W0121 今天 有 25 度")
    tone(data / "data_aishell/wav/test/S0764/BAC009S0764W0121.wav")
    lay(data / "AISHELL-2/iOS/test/trans.txt", "IT0011W0001\t听音乐")
    tone(data / "AISHELL-2/iOS/test/wav/T0011/IT0011W0001.wav")
    kespeech = data / "KeSpeech"
    lay(
        kespeech / "Tasks/ASR/test/wav.scp",
        "1000_a Audio/1000/phase1/1000_a.wav",
        "1001_b Audio/1001/phase2/1001_b.wav",
    )
    lay(kespeech / "Tasks/ASR/test/text", "1000_a 你好<SPOKEN_NOISE>", "1001_b 再见")
    lay(kespeech / "Tasks/ASR/test/utt2subdialect", "1000_a Jiang-Huai", "1001_b Mandarin")
    lay(kespeech / "Tasks/ASR/test/utt2spk", "1000_a 1000", "1001_b 1001")
    tone(kespeech / "Audio/1000/phase1/1000_a.wav")
    tone(data / "WenetSpeech/audio/t.wav")
    segments = [
        {"sid": name, "begin_time": 0.0, "end_time": 0.1, "text": text, "subsets": [part]}
        for name, text, part in (("M", "开会", "TEST_MEETING"), ("N", "我用PHOTO", "TEST_NET"))
    ]
    audios = [{"aid": "t", "path": "audio/t.wav", "segments": segments}]
    lay(data / "WenetSpeech/WenetSpeech.json", json.dumps({"audios": audios}, ensure_ascii=False))
    return data


def measured(scripted: Any, places: Places, folder: Path, **chosen: Any) -> report.Report:
    def heard(question: Any) -> str:
        return EXPECTED[question.check][1]

    subject = scripted({each[0]: heard for each in EXPECTED.values()})
    return evaluate(Plan(SUITE, places, **chosen), subject, Parts(subject.ears), folder, lambda name, done, total: None)


def test_each_set_gives_the_known_figure(
    data: Path, tmp_path: Path, scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "draw", lambda figures, scores, path, title: None)
    told = measured(scripted, Places(data, data), tmp_path / "run")
    assert set(told.not_measured) == {"own"}
    assert [figure.check for figure in told.figures] == list(EXPECTED)
    for score in told.scores:
        item, _, counts, method = EXPECTED[score.check]
        assert score.score is not None, score.error
        assert (score.check, score.item) == (score.check, item)
        assert (score.check, score.score.amount, score.score.per) == (score.check, *counts)
        assert told.facts["methods"][score.check] == {score.measure: [method]}
    stored = json.loads((tmp_path / "run" / "run.json").read_text())
    assert stored["methods"] == json.loads((tmp_path / "run" / "report.json").read_text())["methods"]
    text = (tmp_path / "run" / "report.md").read_text()
    assert "Counted by arabic/1, word: fleurs-ar (word error)." in text


def test_a_clip_that_is_missing_fails_and_an_empty_transcript_misses_all(
    data: Path, tmp_path: Path, scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "draw", lambda figures, scores, path, title: None)
    lay(data / "LibriSpeech/test-clean/1/2/1-2.trans.txt", "1-2-0000 HE BEGAN AGAIN", "1-2-0001 AND STOPPED")
    told = measured(scripted, Places(data, data), tmp_path / "run", only="librispeech-test-clean")
    (figure,) = told.figures
    assert (figure.value, figure.n, figure.failed) == (100, 2, 1)
    assert "1-2-0001.flac" in told.scores[1].error


def test_kespeech_without_phases_in_its_paths_is_taken_whole(data: Path) -> None:
    lay(data / "KeSpeech/Tasks/ASR/test/wav.scp", "1000_a Audio/1000_a.wav", "1001_b Audio/1001_b.wav")
    (check,) = SUITE.chosen("kespeech")
    assert [item.id for item in check.items(Places(data, data))] == ["1000_a", "1001_b"]


def test_the_sample_is_read_and_sets_have_none(tmp_path: Path, scripted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "draw", lambda figures, scores, path, title: None)
    subject = scripted({"train": "The train to the coast leaves at ten in the morning."})
    plan = Plan(SUITE, Places(tmp_path, tmp_path, sample=True))
    told = evaluate(plan, subject, Parts(subject.ears), tmp_path / "run", lambda name, done, total: None)
    assert set(told.not_measured) == set(EXPECTED)
    (figure,) = told.figures
    assert (figure.check, figure.failed) == ("own", 0)
    scored = next(score.score for score in told.scores if score.item == "train")
    assert scored is not None
    assert (scored.amount, scored.per) == (1, 11)
    assert "SAMPLE" in (tmp_path / "run" / "report.md").read_text()
