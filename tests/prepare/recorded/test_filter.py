"""`filter`: each reason drops what it should, is counted, and what stays says what was measured."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from recorded_material import RATE, Bench, Result, babble, recording, silence

from stepwave.data.records import Record, Turn
from stepwave.facts.errors import ConfigError
from stepwave.prepare.pipeline.steps import Step
from stepwave.prepare.recorded.filter import Filter
from stepwave.prepare.recorded.judging import Limits

pytest.importorskip("jiwer")
pytest.importorskip("whisper_normalizer")

WORDS = "one two three four five six"


def spoken(seed: int, seconds: float = 2.4) -> np.ndarray:
    half = babble(seconds / 2 - 0.3, seed)
    return np.concatenate((silence(0.2), half, silence(0.2), half[::-1], silence(0.2))).astype(np.float32)


@pytest.fixture
def material(bench: Bench, tmp_path: Path) -> Path:
    """Three recordings that stay, and one for every reason to go."""

    def one(name: str, sound: np.ndarray | None = None, text: str = WORDS, **given: object) -> Record:
        seed = sum(map(ord, name))
        return recording(tmp_path / f"{name}.flac", spoken(seed) if sound is None else sound, text, **given)

    noise = np.random.default_rng(0).standard_normal(len(spoken(0))).astype(np.float32)
    (tmp_path / "damaged.flac").write_bytes(b"RIFF....WAVE")
    return bench.manifest(
        [
            one("good", attributes={"heard": "One, two, three, four, five, six!", "gender": "female"}),
            one("unchecked"),
            one("chinese", text="今天天气很好我们走", language="zh", attributes={"heard": "今天天气很好我们走。"}),
            one("untold", text=" ..."),
            one("brief", spoken(1, 1.2), "one"),
            one("endless", spoken(2, 4.0)),
            one("french", language="fr"),
            one("cyrillic", text="раз два три четыре пять"),
            one("slow", text="one"),
            one("fast", text=" ".join(["word"] * 40)),
            one("slow-chinese", text="好", language="zh"),
            one("fast-chinese", text="好" * 40, language="zh"),
            one("misheard", attributes={"heard": "one two three four nine ten"}),
            one("misheard-chinese", text="今天天气很好我们走", language="zh", attributes={"heard": "今天下雨我们走"}),
            one("quiet", 0.02 * spoken(3)),
            one("loud", np.clip(0.98 * np.sign(spoken(4)) * (np.abs(spoken(4)) > 1e-3), -0.98, 0.98)),
            one("clipped", np.clip(8 * spoken(5), -1.0, 1.0)),
            one("noisy", spoken(6) + 0.08 * noise),
            one("again", 0.5 * spoken(sum(map(ord, "good")))),
            recording(tmp_path / "damaged.flac", text=WORDS),
            recording(tmp_path / "missing.flac", text=WORDS),
            Record("mute", "text", (Turn("human", WORDS),)),
        ]
    )


LIMITS = Limits(shortest=1.5, longest=3.0, slowest=0.6, languages=("en", "zh"), quietest=-50.0)


def test_every_reason_is_counted(bench: Bench, material: Path) -> None:
    done = bench.run(Filter(material, LIMITS))
    assert [record.id for record in done.records] == ["good", "unchecked", "chinese"]
    assert done.why == {
        "untold": "missing transcript",
        "brief": "too short",
        "endless": "too long",
        "french": "other language",
        "cyrillic": "other script than the language's",
        "slow": "words too slow",
        "fast": "words too fast",
        "slow-chinese": "words too slow",
        "fast-chinese": "words too fast",
        "misheard": "transcript differs from what is heard",
        "misheard-chinese": "transcript differs from what is heard",
        "quiet": "too quiet",
        "loud": "too loud",
        "clipped": "clipped",
        "noisy": "too noisy",
        "again": "same sound as another",
        "damaged": "damaged sound",
        "missing": "no such sound",
        "mute": "unusable record",
    }
    assert sum(done.dropped.values()) == len(done.why)
    assert done.dropped["words too fast"] == 2


def test_what_stays_says_what_was_measured(bench: Bench, material: Path) -> None:
    good, unchecked, chinese = (record.clips[0].attributes for record in bench.run(Filter(material, LIMITS)).records)
    assert good["gender"] == "female"
    assert (good["errors"], chinese["errors"], "errors" in unchecked) == (0, 0, False)
    assert good["pace"] == pytest.approx(6 / 2.4, rel=0.02)
    assert chinese["pace"] == pytest.approx(9 / 2.4, rel=0.02)
    assert -35 < good["loudness_lufs"] < -10
    assert good["snr_db"] > 20
    assert good["clipped"] == 0.0
    assert good["fingerprint"].startswith("1") or good["fingerprint"].startswith("2")


def test_texts_and_lengths_can_be_judged_without_opening_sounds(bench: Bench, material: Path) -> None:
    done = bench.run(Filter(material, LIMITS, sounds=False))
    assert {"quiet", "noisy", "clipped", "again"} <= {record.id for record in done.records}
    assert done.why["misheard"] == "transcript differs from what is heard"
    assert "snr_db" not in done.records[0].clips[0].attributes


def test_what_may_be_asked_for_besides(bench: Bench, tmp_path: Path) -> None:
    def one(name: str, seed: int, text: str, voice: str, **given: object) -> Record:
        return recording(tmp_path / f"{name}.flac", spoken(seed), text, voice=voice, **given)

    source = bench.manifest(
        [
            one("first", 1, WORDS, "anna", attributes={"heard": WORDS}),
            one("same words", 2, WORDS.upper() + ".", "anna", attributes={"heard": WORDS}),
            one("other speaker", 3, WORDS, "bert"),
            one("untold", 4, "", "anna"),
            one("untold too", 5, "", "anna"),
        ]
    )
    done = bench.run(Filter(source, Limits(text_needed=False), same_text=True))
    assert done.dropped == {"same text by the same speaker": 1}
    assert done.why == {"same words": "same text by the same speaker"}
    assert bench.run(Filter(source, Limits(check_needed=True))).dropped == {
        "missing transcript": 2, "transcript not checked": 1,
    }  # fmt: skip
    assert len(bench.run(Filter(source, Limits(text_needed=False))).records) == 5


def test_copies_may_stay_and_lengths_that_nobody_measured_are_filled_in(bench: Bench, tmp_path: Path) -> None:
    sound = spoken(1)
    records = [recording(tmp_path / f"{name}.flac", sound, WORDS, seconds=0.0) for name in ("one", "two")]
    source = bench.manifest(records)
    done = bench.run(Filter(source, same_sound=False))
    assert [record.seconds for record in done.records] == [len(sound) / RATE] * 2
    assert bench.run(Filter(source)).dropped == {"same sound as another": 1}


def test_workers_write_the_same_and_nothing_gives_nothing(
    bench: Bench, material: Path, same_in_a_worker: Callable[[Step, Result], None]
) -> None:
    step = Filter(material, LIMITS)
    same_in_a_worker(step, bench.run(step))
    assert bench.run(Filter(bench.manifest([]))).records == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shortest": 3.0, "longest": 2.0}, "wanted shortest below longest"),
        ({"quietest": 0.0}, "wanted quietest below loudest"),
        ({"least_script": 1.5}, "wanted a share"),
        ({"most_error": -0.1}, "wanted 0 or more"),
    ],
)
def test_limits_that_make_no_sense_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Limits(**settings)  # type: ignore[arg-type]
