"""GigaSpeech and WenetSpeech: stretches of long recordings, and the file of gigabytes that lists them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from stepwave.data.manifests import read_clip
from stepwave.facts.errors import AudioEmptyError, AudioFormatError, AudioTooLongError, DataError
from stepwave.prepare.ingest import long_recordings
from stepwave.prepare.ingest.listening import Rules
from stepwave.signal.segments import read_segment


def steps_of_pitch(path: Path, hertz: list[int], rate: int = 16_000) -> Path:
    """A second of each tone, one after another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    times = np.arange(rate) / rate
    form = {"format": "OGG", "subtype": "OPUS"} if path.suffix == ".opus" else {}
    soundfile.write(path, np.concatenate([0.3 * np.sin(2 * np.pi * each * times) for each in hertz]), rate, **form)
    return path


def pitch(samples: np.ndarray, rate: int) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))))) * rate / len(samples)


def gigaspeech(folder: Path) -> None:
    steps_of_pitch(folder / "audio/podcast/P0000/POD1.opus", [300, 500, 700, 900])

    def segment(number: int, begin: float, end: float, text: str, subsets: list[str]) -> dict[str, Any]:
        about = {"sid": f"POD1_S{number:07d}", "speaker": "N/A", "begin_time": begin, "end_time": end}
        return {**about, "text_tn": text, "subsets": subsets}

    segments = [
        segment(0, 0.0, 1.0, "AS THEY'RE LEAVING <COMMA> CAN KASH <QUESTIONMARK>", ["{XL}", "{L}"]),
        segment(1, 1.0, 2.0, "<MUSIC>", ["{XL}"]),
        segment(2, 2.2, 2.8, "YES <PERIOD>", ["{XL}"]),
        segment(3, 3.0, 9.0, "BEYOND THE END", ["{XL}"]),
        segment(4, 2.0, 1.0, "BACKWARDS", ["{XL}"]),
        segment(5, 3.0, 4.0, "HELD OUT", ["{DEV}"]),
    ]
    audio = {"aid": "POD1", "path": "audio/podcast/P0000/POD1.opus", "source": "podcast", "segments": segments}
    lists = {"dataset": "GigaSpeech", "language": "EN", "audios": [audio]}
    (folder / "GigaSpeech.json").write_text(json.dumps(lists, indent=1))


def test_gigaspeech_is_cut_out_and_stored(tmp_path: Path, take: Any) -> None:
    gigaspeech(tmp_path)
    records, totals = take("gigaspeech", tmp_path, rules=Rules(untranscribed=True))
    assert totals["dropped"] == {"damaged sound": 1, "unusable entry of the corpus": 2}
    assert [record.turns[0].text for record in records.values()] == [
        "AS THEY'RE LEAVING, CAN KASH?",
        "YES.",
        "HELD OUT",
    ]
    yes = records["gigaspeech-POD1_S0000002"]
    assert (yes.split, records["gigaspeech-POD1_S0000005"].split) == ("train", "DEV")
    expected = {"recording": "POD1", "position": 2, "start": 2.2, "origin": "podcast", "part": "XL"}
    assert yes.details == expected
    clip = yes.clips[0]
    assert (clip.start, clip.voice) == (0.0, "")
    assert clip.file.endswith(".tar")
    samples, rate = read_clip(clip, None)
    assert len(samples) == pytest.approx(0.6 * rate, abs=2)
    assert pitch(samples, rate) == pytest.approx(700, abs=5)


def test_gigaspeech_can_stay_where_it_is(tmp_path: Path, take: Any) -> None:
    gigaspeech(tmp_path)
    records, _ = take("gigaspeech", tmp_path, splits=("DEV",), rules=Rules(copy=False))
    (record,) = records.values()
    clip = record.clips[0]
    assert (clip.file, clip.start, clip.seconds) == (str(tmp_path / "audio/podcast/P0000/POD1.opus"), 3.0, 1.0)
    assert pitch(*read_clip(clip)) == pytest.approx(900, abs=5)


def test_wenetspeech_says_how_sure_it_is(tmp_path: Path, take: Any) -> None:
    steps_of_pitch(tmp_path / "audio/train/youtube/B00000/Y1.opus", [300, 500])
    about = {"sid": "Y1_S00000", "begin_time": 0.5, "end_time": 1.5, "text": "怎么样这些日子", "confidence": 0.95}
    audio = {"aid": "Y1", "path": "audio/train/youtube/B00000/Y1.opus", "segments": [{**about, "subsets": ["M", "L"]}]}
    (tmp_path / "WenetSpeech.json").write_text(json.dumps({"audios": [audio]}, ensure_ascii=False), encoding="utf-8")
    records, _ = take("wenetspeech", tmp_path)
    record = records["wenetspeech-Y1_S00000"]
    assert (record.turns[0].text, record.turns[0].language) == ("怎么样这些日子", "zh")
    assert (record.details["confidence"], record.details["part"], record.split) == (0.95, "M", "train")
    with pytest.raises(DataError, match="no part XXL"):
        take("wenetspeech", tmp_path, splits=("XXL",))


@pytest.mark.parametrize("block", [7, 64, 2**22])
def test_lists_are_read_recording_by_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(long_recordings, "_BLOCK", block)
    path = tmp_path / "lists.json"
    audios = [{"aid": f"a{number}", "text": 'brackets ] } " and 好'} for number in range(9)]
    path.write_text(json.dumps({"before": {"x": [1]}, "audios": audios, "after": 1}, ensure_ascii=False), "utf-8")
    assert list(long_recordings.each_recording(path)) == audios
    path.write_text(path.read_text("utf-8")[:-60], "utf-8")
    with pytest.raises(DataError, match="damaged or cut short"):
        list(long_recordings.each_recording(path))


@pytest.mark.parametrize("ending", ["wav", "flac", "opus", "ogg", "mp3"])
def test_a_stretch_is_where_it_should_be(tmp_path: Path, ending: str) -> None:
    path = str(steps_of_pitch(tmp_path / f"long.{ending}", [300, 500, 700, 900]))
    audio = read_segment(path, 1.1, 0.8)
    assert audio.seconds == pytest.approx(0.8, abs=1e-3)
    assert pitch(audio.samples, audio.sample_rate) == pytest.approx(500, abs=5)
    lower = read_segment(path, 3.1, 0.8, sample_rate=8_000)
    assert (lower.sample_rate, len(lower.samples)) == (8_000, 6_400)
    assert pitch(lower.samples, 8_000) == pytest.approx(900, abs=5)


def test_a_stretch_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    path = str(steps_of_pitch(tmp_path / "two.wav", [300, 500]))
    assert read_segment(path, 1.0, 1.05).seconds == 1.0
    with pytest.raises(AudioFormatError, match="can be read"):
        read_segment(path, 1.0, 2.0)
    with pytest.raises(AudioEmptyError, match=r"ends at 2\.00 s"):
        read_segment(path, 2.0, 1.0)
    with pytest.raises(AudioTooLongError):
        read_segment(path, 0.0, 2.0, max_seconds=1.0)
    (tmp_path / "bad.flac").write_bytes(b"fLaC" + bytes(100))
    with pytest.raises(AudioFormatError, match="damaged"):
        read_segment(str(tmp_path / "bad.flac"), 0.0, 1.0)
