"""Speech captions: all that is known and nothing else, in varied words; sounds behind the speech by recipe."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from stepwave.data.manifests import MANIFEST, read_clip, read_manifest
from stepwave.data.records import Clip, Record, Turn
from stepwave.facts.errors import ConfigError, DataError
from stepwave.prepare.acoustics.aspects import ASPECTS, ask, aspects_of, describe, melody_of, with_article
from stepwave.prepare.acoustics.captions import Captions
from stepwave.prepare.acoustics.phrases import phrase_table, phrasings
from stepwave.prepare.acoustics.stock import Stock
from stepwave.prepare.pipeline.processes import Processes
from stepwave.prepare.pipeline.run import read_totals, run_step

from .materials import a_weight, level_at, pulses, sound_record, speech_record, tone, write_manifest

EVERYTHING = {
    "gender": "female", "age": "twenties", "centroid_hz": 1_200, "emotion": "angry", "pitch_hz": 215.0,
    "pitch_range_semitones": 16.0, "pause_share": 0.3, "syllables_per_second": 6.5, "style": "formal",
}  # fmt: skip
HIGH = 3_075.0
"""Hz of a sound behind a voice of 150 Hz, between two of its harmonics."""
RECIPE = [
    {"label": "speech", "clip": "v", "start": 0.0, "seconds": 2.0, "gain_db": 0.0, "text": "Hello."},
    {"label": "rain", "clip": "a", "start": 0.0, "seconds": 4.0, "gain_db": -9.0},
    {"label": "dog", "clip": "b", "start": 1.0, "seconds": 1.0, "gain_db": -3.0},
    {"label": "coughing", "clip": "c", "start": 3.0, "seconds": 0.5, "gain_db": 0.0},
]


def spoken(attributes: dict[str, Any], style: dict[str, Any] | None = None) -> Turn:
    return Turn("human", "Hello.", Clip("v", attributes=attributes), spoken=True, style=style or {})


def made(step: Captions, folder: Path, workers: int = 0) -> list[Record]:
    list(run_step(step, folder, Processes(workers)))
    return list(read_manifest(folder))


def test_all_eleven_aspects_can_be_known() -> None:
    assert len(ASPECTS) == 11
    assert aspects_of(spoken(EVERYTHING), RECIPE) == {
        "gender": "woman", "age": "a young adult", "timbre": "bright", "emotion": "angry", "pitch": "high",
        "rhythm": "halting", "speed": "very fast", "style": "formal", "scenario": "outdoors in the rain",
        "event": "a dog barking", "vocal_sound": "a person coughing",
    }  # fmt: skip


def test_what_nobody_knows_is_null() -> None:
    assert aspects_of(spoken({})) == dict.fromkeys(ASPECTS)
    odd = {"gender": "robot", "age": "old-fashioned", "pitch_hz": "high", "emotion": 3, "timbre": "velvet"}
    assert aspects_of(spoken(odd)) == dict.fromkeys(ASPECTS)
    assert aspects_of(Turn("human", "Hello.")) == dict.fromkeys(ASPECTS)


def test_a_voice_is_not_known_by_its_name() -> None:
    turn = spoken({})
    assert turn.clip is not None
    named = replace(turn, clip=replace(turn.clip, voice="kokoro/af_heart"))
    assert aspects_of(named) == dict.fromkeys(ASPECTS)


def test_an_emotion_that_was_only_asked_for_is_not_heard() -> None:
    asked = spoken({}, {"emotion": "Sad", "style": "whispering"})
    assert aspects_of(asked)["emotion"] is None
    assert (aspects_of(asked, trust_style=True)["emotion"], aspects_of(asked, (), True)["style"]) == (
        "sad", "whispering",
    )  # fmt: skip
    noted = spoken({"emotion": "calm"}, {"emotion": "sad"})
    assert aspects_of(noted, trust_style=True)["emotion"] == "calm"


@pytest.mark.parametrize(
    ("age", "word"),
    [(7, "a child"), ("16", "a teenager"), (25, "a young adult"), ("fourties", "middle-aged"), (80, "elderly"),
     (-1, None), ("unknown", None), (True, None)],
)  # fmt: skip
def test_ages_in_years_and_in_the_words_of_corpora(age: object, word: str | None) -> None:
    assert aspects_of(spoken({"age": age}))["age"] == word


def test_a_caption_says_every_known_aspect_once() -> None:
    turn = spoken(EVERYTHING)
    captions = [describe(aspects_of(turn, RECIPE), melody_of(turn), Random(seed)) for seed in range(300)]
    said = {
        "angry": "angry", "high": "high-pitched", "bright": "bright", "rain": "outdoors in the rain",
        "dog": "a dog barking", "cough": "a person coughing", "rhythm": "halting", "speed": "very fast",
        "style": "formal", "who": "a young woman",
    }  # fmt: skip
    for text in captions:
        for words in said.values():
            assert text.lower().count(words) == 1, (words, text)
        assert "{" not in text
        assert text[0].isupper()
        assert text.endswith(".")
        assert " he " not in text.lower()
    assert len(set(captions)) > 290
    assert sum("lively intonation" in text for text in captions) > 50


def test_a_caption_says_nothing_of_what_is_not_known() -> None:
    turn = spoken({"pitch_hz": 80.0, "pause_share": 0.01})
    for seed in range(100):
        text = describe(aspects_of(turn), melody_of(turn), Random(seed)).lower()
        assert text.startswith("a person ")
        assert "very deep" in text
        assert "flow" in text
        for word in (" she ", " he ", "her ", "his ", "woman", "young", "intonation", "timbre", "fast", "slow", "none"):
            assert word not in f" {text} ", (word, text)


@pytest.mark.parametrize("aspect", ASPECTS)
def test_an_aspect_can_be_asked_for(aspect: str) -> None:
    aspects = aspects_of(spoken(EVERYTHING), RECIPE)
    value = aspects[aspect]
    assert value is not None
    pairs = {ask(aspect, aspects, Random(seed)) for seed in range(60)}
    assert len({question for question, _ in pairs}) >= 3
    keyword = {"pitch": "high", "speed": "fast", "rhythm": "halting"}.get(aspect, value)
    for question, answer in pairs:
        assert question.endswith("?")
        assert keyword in answer.lower()
        assert answer.endswith(".")


def test_every_phrasing_can_be_filled_in() -> None:
    names = ("value", "a_value", "shown", "a_shown", "who", "it", "its", "melody")
    columns = dict.fromkeys(names, "thing")
    for section in ("manner", "tells", "opens", "questions", "answers"):
        for key in phrase_table("captions")[section]:
            assert all("{" not in text.format_map(columns) for text in phrasings("captions", section, key))
    for section in ("questions", "answers"):
        assert set(phrase_table("captions")[section]) == set(ASPECTS)
    told = set(phrase_table("captions")["tells"])
    assert told == set(ASPECTS) - {"gender", "age"}  # these two are told by the first words of every caption


@pytest.mark.parametrize(("word", "found"), [("angry", "an angry"), ("calm", "a calm"), ("a dog", "a dog")])
def test_articles(word: str, found: str) -> None:
    assert with_article(word) == found


def test_speech_without_a_sound_stays_where_it_is(speech: Path, tmp_path: Path) -> None:
    records = made(Captions(speech), tmp_path / "out")
    assert Counter(record.kind for record in records) == {"caption": 2, "qa": 4}
    source = {record.id: record.clips[0] for record in read_manifest(speech)}
    for record in records:
        assert record.clips == [source[record.id.rsplit("-", 1)[0]]]
        aspects = record.details["aspects"]
        assert list(aspects) == list(ASPECTS)
        assert [aspects[name] for name in ("emotion", "style", "scenario", "event", "vocal_sound")] == [None] * 5
        if record.kind == "qa":
            assert record.details["answer"] == aspects[record.details["type"]] is not None
            assert [turn.role for turn in record.turns] == ["human", "human", "assistant"]
    assert '"emotion": null' in (tmp_path / "out" / MANIFEST).read_text()
    assert not list((tmp_path / "out" / "parts").glob("*.tar"))


def test_a_sound_behind_the_speech_is_in_the_recipe_and_in_the_mix(stored: Callable[..., Path], tmp_path: Path) -> None:
    label_of = {"rain": "scenario", "dog": "event", "coughing": "vocal_sound"}
    material = [sound_record(label, label, stored(label, tone(HIGH, 1.5))) for label in label_of]
    voices = [
        speech_record(
            f"v{number}", "Some words.", stored(f"v{number}", pulses(150.0, 2.0), 24_000), {"pitch_hz": 150.0}
        )
        for number in range(30)
    ]
    step = Captions(
        write_manifest(tmp_path / "speech", voices), write_manifest(tmp_path / "sounds", material), mixed_share=1.0
    )
    records = made(step, tmp_path / "out")
    told = [record for record in records if record.kind == "caption"]
    assert len(told) == 30
    found = Counter[str]()
    for record in told:
        other = next(each for each in record.details["recipe"] if each["label"] != "speech")
        voice = next(each for each in record.details["recipe"] if each["label"] == "speech")
        assert record.details["aspects"][label_of[other["label"]]] is not None
        assert voice["text"] == record.turns[0].text == "Some words."
        samples, _ = read_clip(record.clips[0], None)
        wanted = record.details["reference_db"] + other["gain_db"] - a_weight(HIGH)
        if other["label"] != "rain":  # which is looped, so that its phase is not that of one tone
            start, end = other["start"] + 0.15, other["start"] + other["seconds"] - 0.15
            assert level_at(samples, HIGH, start, end) == pytest.approx(wanted, abs=1.0)
            outside = start - 0.5 if start > 0.7 else end + 0.3
            assert level_at(samples, HIGH, outside, outside + 0.2) < wanted - 15
        if other["label"] == "rain":
            assert other["seconds"] == pytest.approx(record.seconds, abs=0.01)
            assert other["gain_db"] <= -6
        assert record.licence == "CC BY 4.0; CC0"
        assert record.clips[0].attributes["pitch_hz"] == 150.0
        found[other["label"]] += 1
    assert min(found[label] for label in label_of) >= 4
    asked = [record for record in records if record.kind == "qa"]
    assert {record.clips[0].file for record in asked} == {record.clips[0].file for record in told}


def test_a_recipe_that_is_there_already_is_used(stored: Callable[..., Path], tmp_path: Path) -> None:
    voice = speech_record("v", "Hello.", stored("v", pulses(150.0, 2.0), 24_000), {"pitch_hz": 150.0})
    voice = replace(voice, details={"recipe": RECIPE})
    other = sound_record("siren", "siren", stored("siren", tone(3_000, 1.0)))
    folders = write_manifest(tmp_path / "speech", [voice]), write_manifest(tmp_path / "sounds", [other])
    (told, *_) = made(Captions(*folders, mixed_share=1.0), tmp_path / "out")
    assert told.details["aspects"]["scenario"] == "outdoors in the rain"
    assert told.details["aspects"]["event"] == "a dog barking"
    assert told.clips[0].file == voice.clips[0].file


def test_any_number_of_workers_writes_the_same_captions(speech: Path, sounds: Path, tmp_path: Path) -> None:
    step = Captions(speech, sounds, mixed_share=0.7, seed=3)
    made(step, tmp_path / "here")
    made(step, tmp_path / "there", 2)
    for name in (MANIFEST, "dropped.jsonl"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


def test_what_cannot_be_used_is_dropped_with_a_reason(stored: Callable[..., Path], tmp_path: Path) -> None:
    known = {"pitch_hz": 120.0, "pause_share": 0.1}
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF????WAVE")
    voices = [
        speech_record("fine", "Hello.", stored("fine", pulses(120.0, 2.0), 24_000), known),
        speech_record("unknown", "Hello.", stored("unknown", pulses(120.0, 2.0), 24_000)),
        speech_record("silent", "Hello.", stored("silent", np.zeros(16_000, np.float32)), known),
        speech_record("broken", "Hello.", broken, known),
    ]
    other = sound_record("rain", "rain", stored("rain", tone(3_000, 1.0)))
    folders = write_manifest(tmp_path / "speech", voices), write_manifest(tmp_path / "sounds", [other])
    records = made(Captions(*folders, mixed_share=1.0), tmp_path / "out")
    assert {record.id.split("-")[0] for record in records} == {"fine"}
    assert read_totals(tmp_path / "out")["dropped"] == {
        "damaged sound": 1, "silent sound": 1, "too little is known of it": 1,
    }  # fmt: skip


@pytest.mark.parametrize("wrong", [{"questions": 12}, {"least_known": 0}, {"mixed_share": 2.0}, {"sample_rate": 8_000}])
def test_impossible_settings_are_refused(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="captions: "):
        Captions(tmp_path, **wrong)


def test_transcriptions_are_speech_too(speech: Path, tmp_path: Path) -> None:
    records = [
        replace(record, kind="asr", turns=(*record.turns, Turn("assistant", record.turns[0].text)))
        for record in read_manifest(speech)
    ]
    written = write_manifest(tmp_path / "asr", records)
    captions = [record for record in made(Captions(written), tmp_path / "out") if record.kind == "caption"]
    assert [record.turns[0].clip for record in captions] == [record.turns[0].clip for record in records]


def test_a_manifest_without_speech_is_told(sounds: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no records of the kind speech or asr"):
        made(Captions(sounds), tmp_path / "out")
    with pytest.raises(DataError, match="holds no speech of up to 9 s"):
        Stock.read(sounds, sounds)
