"""From records to what the encoder learns: what each kind tells, each clip once, reasons for what is left out."""

from dataclasses import replace

import pytest

from stepwave.data.records import Clip, Record, Turn
from stepwave.training.encoder.ctc_labels import CtcLabels
from stepwave.training.encoder.items import AGES, GENDERS, EncoderItem, EncoderItems, age_bands, event, events_in

LABELS = CtcLabels()
CLIP = Clip("one", "/sounds/one.flac", seconds=2.0, attributes={"gender": "female", "age": "thirties"})


def spoken(clip: Clip = CLIP, text: str = "Good day.", **changes: object) -> Record:
    record = Record("r", "speech", (Turn("human", text, clip, spoken=True, language="en"),))
    return replace(record, **changes)  # type: ignore[arg-type]


def item_of(*records: Record) -> EncoderItem:
    (item,) = EncoderItems(LABELS).add(records)
    return item


def test_speech_tells_words_age_and_gender() -> None:
    item = item_of(spoken())
    assert LABELS.text(item.words) == "good day"
    assert GENDERS[item.gender or 0] == "female"
    assert [AGES[band] for band in item.ages] == [30]
    assert item.events is item.spans is None
    assert item.mel_frames == 200


def test_the_words_of_a_transcription_may_be_its_answer() -> None:
    turns = (Turn("human", "", CLIP, spoken=True), Turn("assistant", "Good day.", language="en"))
    assert LABELS.text(item_of(Record("r", "asr", turns)).words) == "good day"


def test_sounds_tell_what_is_heard_however_it_is_spelled() -> None:
    item = item_of(
        Record("r", "sound", (Turn("human", clip=replace(CLIP, attributes={})),), details={"labels": ["Dog Bark"]})
    )
    assert item.events == {event("dog_bark")}
    assert not item.words
    assert item.gender is None


def test_a_scene_tells_when_each_sound_is_heard() -> None:
    recipe = [{"label": "rain", "clip": "a", "start": 0.5, "seconds": 1.0, "gain_db": 0.0}]
    item = item_of(spoken(text="", kind="caption", details={"recipe": recipe}))
    assert item.events == {"rain"}
    assert item.spans == (("rain", 0.5, 1.5),)
    assert events_in([item, item_of(spoken())]) == ("rain",)


def test_records_of_one_clip_are_one_item() -> None:
    about = Record("s", "sound", (Turn("human", clip=CLIP),), details={"labels": ["rain"]})
    item = item_of(spoken(), about, spoken())
    assert LABELS.text(item.words) == "good day"
    assert item.events == {"rain"}
    apart = replace(CLIP, id="two", start=3.0)
    assert len(list(EncoderItems(LABELS).add([spoken(), spoken(apart)]))) == 2


def test_what_gives_no_item_is_counted_by_reason() -> None:
    nameless = replace(CLIP, attributes={})
    items = EncoderItems(LABELS).add(
        [
            Record("t", "tts", (Turn("human", "Good day."), Turn("assistant", "Good day.", CLIP))),
            Record("e", "text", ()),
            spoken(replace(CLIP, seconds=0.0)),
            spoken(replace(CLIP, seconds=40.0)),
            spoken(replace(CLIP, seconds=0.02)),
            spoken(nameless, text=""),
            spoken(nameless, text="你好"),
        ]
    )
    assert list(items) == []
    assert dict(items.left_out) == {
        "not about a sound that is heard first": 2,
        "of unknown length": 1,
        "longer than 25 s": 1,
        "shorter than a frame": 1,
        "nothing is known of it": 2,
    }


def test_words_quicker_than_frames_can_spell_are_not_asked_for() -> None:
    item = item_of(spoken(text="abcdefghij " * 12))
    assert item.words == ()
    assert item.gender is not None


@pytest.mark.parametrize(
    ("noted", "years"),
    [
        (34, [30]), ("34", [30]), ("thirties", [30]), ("Adult", [20, 30, 40, 50]), (12.5, [0]), (80, [80]), (99, [80]),
        ("nineties", [80]), (0, []), (200, []), (True, []), (None, []), ("", []), ("unknown", []), (float("nan"), []),
    ],
)  # fmt: skip
def test_age_is_a_set_of_bands(noted: object, years: list[int]) -> None:
    assert sorted(AGES[band] for band in age_bands(noted)) == years
