from pathlib import Path

import pytest

from stepwave.data.held_out import read_held_out
from stepwave.data.recordings import Recording, write_recordings
from stepwave.data.records import Clip, Record, Turn
from stepwave.evaluation.declaration import Check, Places
from stepwave.evaluation.suites.nano_quick import PREPARED_SEED, SUITE, questions, timed_questions
from stepwave.facts.errors import ConfigError
from stepwave.prepare.checks import list_held_out
from stepwave.prepare.dialogues import everyday_dialogues


def names_to_items(places: Places) -> dict[str, int]:
    chosen = [check for check in SUITE.checks if check.task not in ("reply_heard", "timed_reply")]
    return {check.name: len(check.items(places)) for check in chosen}


def test_material_is_what_training_never_saw(shared_data: Path, tmp_path: Path) -> None:
    places = Places(shared_data, shared_data)
    assert names_to_items(places) == {
        "transcription-librispeech": 50,
        "transcription-ljspeech": 32,
        "speech": 100,
        "vocoder": 32,
        "resynthesis": 32,
    }
    list_held_out(shared_data, tmp_path, PREPARED_SEED)
    held_out = read_held_out(tmp_path)
    for check in SUITE.checks:
        if check.task in ("transcribe", "vocode", "resynthesise", "say"):
            for item in check.items(places):
                corpus = "librispeech-251" if "librispeech" in item.id else "ljspeech-32"
                speaker = Path(item.sound.path).stem.split("-")[0] if corpus == "librispeech-251" else "lj"
                clip = Clip(item.id, voice=f"{corpus}/{speaker}" if check.task != "say" else "piper/joe-even")
                assert held_out.holds(Record(item.id, "asr", (Turn("human", item.text, clip, spoken=True),)))


def test_questions_come_with_their_answers(tmp_path: Path) -> None:
    dialogue = next(each for each in everyday_dialogues(0, None) if each.split == "test")
    recordings = [
        Recording("a", "sounds/a.flac", dialogue.question, "check", "kokoro/af_nova", "check"),
        Recording("b", str(tmp_path / "b.flac"), "Who let the dogs out again?", "check", "kokoro/bm_lewis", "check"),
    ]
    write_recordings(tmp_path / "questions.jsonl", recordings)
    first, second = questions(Places(tmp_path / "none", tmp_path))
    assert first.sound.path == str(tmp_path / "sounds" / "a.flac")
    assert dialogue.answer in first.references
    assert second.sound.path == str(tmp_path / "b.flac")
    assert second.references == ()
    assert timed_questions(Places(tmp_path / "none", tmp_path)) == [first, second]


@pytest.mark.parametrize("check", SUITE.checks, ids=lambda check: check.name)
def test_missing_material_says_which_option_names_it(check: Check, tmp_path: Path) -> None:
    places = Places(tmp_path / "nowhere", tmp_path / "nothing")
    with pytest.raises(ConfigError, match=r"--data|--checks"):
        check.items(places)
