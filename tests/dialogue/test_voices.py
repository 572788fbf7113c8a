import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from stepwave.dialogue.stepwave import Stepwave
from stepwave.dialogue.voices import REMEMBERED, VoiceMaker, Voices
from stepwave.facts.errors import AudioNotFoundError, AudioTooShortError, ConfigError
from stepwave.models.detokenizer import Voice
from stepwave.models.flow_stream import FlowStream
from stepwave.signal.files import Audio


def clip(seconds: float, rate: int = 22_050, silence: float = 0.0) -> Audio:
    noise = 0.1 * np.random.default_rng(2).standard_normal(int(seconds * rate))
    return Audio(np.concatenate([np.zeros(int(silence * rate)), noise]).astype(np.float32), rate)


def test_stored_voices_are_chosen_by_name(talker: Stepwave) -> None:
    voices = talker.engine.voices
    assert talker.voices == ["alice", "bob"]
    assert voices.choose("bob").name == "bob"
    assert voices.choose(None).name == "alice"
    assert voices.choose(voices.choose("bob")) is voices.choose("bob")
    with pytest.raises(ConfigError, match="no voice 'carol', and no file of that name; stored voices: alice, bob"):
        voices.choose("carol")


def test_the_model_has_a_voice_of_its_own(talker: Stepwave) -> None:
    stored = {name: talker.voice(name) for name in talker.voices}
    assert Voices(stored, lambda: pytest.fail("no clip came"), "bob").choose().name == "bob"
    with pytest.raises(ConfigError, match="'carol' is not stored"):
        Voices(stored, lambda: pytest.fail("no clip came"), "carol")
    with pytest.raises(ConfigError, match="give a recording"):
        Voices({}, lambda: pytest.fail("no clip came")).choose()


def test_a_recording_becomes_a_voice(talker: Stepwave, tmp_path: Path) -> None:
    audio = clip(2.0)
    soundfile.write(tmp_path / "me.wav", audio.samples, audio.sample_rate)
    voice = talker.voice(tmp_path / "me.wav")
    assert voice.name == "me"
    assert voice.prompt_codes.shape == (50,)
    assert voice.prompt_mel.shape == (100, 80)
    assert voice.speaker.shape == (6,)
    assert talker.say("Hi there.", voice, seed=0).seconds > 0
    assert isinstance(talker.voice(audio), Voice)


def test_at_most_ten_seconds_of_sound_are_taken(talker: Stepwave) -> None:
    voice = talker.voice(clip(13.0, 16_000, silence=3.0))
    assert voice.prompt_codes.shape == (250,)
    with_level = VoiceMaker(lambda heard: torch.zeros(len(heard) // 640, dtype=torch.long), lambda heard: torch.ones(6))
    assert with_level.make("a", clip(13.0, 16_000, silence=3.0)).prompt_mel.exp().mean() > 0.01


class Counting:
    """A maker without models, which keeps the names of what it made."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def make(self, name: str, audio: Audio) -> Voice:
        self.made.append(name)
        codes, speaker = (lambda heard: torch.zeros(len(heard) // 640, dtype=torch.long)), (lambda _: torch.ones(6))
        return VoiceMaker(codes, speaker).make(name, audio)


def test_a_recording_that_is_chosen_again_is_the_same_voice(tmp_path: Path) -> None:
    maker = Counting()
    voices = Voices({}, lambda: maker)
    first, other = clip(2.0), clip(2.5)
    soundfile.write(tmp_path / "me.wav", first.samples, first.sample_rate)
    voice, mine = voices.choose(first), voices.choose(tmp_path / "me.wav")
    again = Audio(first.samples.copy(), first.sample_rate)
    assert voices.choose(again) is voice
    assert voices.choose(tmp_path / "me.wav") is mine
    assert voices.choose(other) is not voice
    assert voices.choose(Audio(first.samples, 24_000)) is not voice
    assert maker.made == ["recording", "me", "recording", "recording"]
    with pytest.raises(AudioTooShortError):
        voices.choose(clip(0.5))
    assert voices.choose(again) is voice


def test_the_recordings_chosen_last_are_remembered() -> None:
    maker = Counting()
    voices = Voices({}, lambda: maker)
    clips = [clip(1.5 + number / 100) for number in range(REMEMBERED + 1)]
    made = [voices.choose(one) for one in clips[:REMEMBERED]]
    assert voices.choose(clips[0]) is made[0]
    voices.choose(clips[-1])
    assert voices.choose(clips[0]) is made[0]
    assert voices.choose(clips[1]) is not made[1]


def test_threads_that_choose_one_recording_share_its_voice() -> None:
    maker = Counting()
    voices, together = Voices({}, lambda: maker), threading.Barrier(4)

    def choose(_: int) -> Voice:
        together.wait(10)
        return voices.choose(clip(2.0))

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(choose, range(4)))) == 1
    assert maker.made == ["recording"]


def test_a_remembered_voice_keeps_its_prompt(talker: Stepwave) -> None:
    first = talker.voice(clip(2.2))
    held = talker.engine.detokenizer.heard

    def missing() -> FlowStream:
        pytest.fail("the prompt was forgotten")

    heard = held.stream(first, "seamless", missing)
    second = talker.voice(clip(2.2))
    assert held.stream(second, "seamless", missing) is heard


@pytest.mark.parametrize("audio", [clip(0.9), clip(0.5, silence=3.0)])
def test_less_than_a_second_of_sound_is_no_voice(talker: Stepwave, audio: Audio) -> None:
    with pytest.raises(AudioTooShortError, match="wanted at least 1 s of speech"):
        talker.voice(audio)


def test_a_folder_is_no_recording(talker: Stepwave, tmp_path: Path) -> None:
    with pytest.raises(AudioNotFoundError, match="is a folder"):
        talker.voice(tmp_path)
