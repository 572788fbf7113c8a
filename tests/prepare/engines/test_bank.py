from pathlib import Path

import pytest

from stepwave.facts.errors import ServiceError
from stepwave.prepare.engines.bank import VoiceBank
from stepwave.prepare.engines.contract import SYNTHESIS_RATE, ShiftedVoice
from stepwave.prepare.starting_points import StartingPoints


@pytest.fixture
def bank(tmp_path: Path) -> VoiceBank:
    return VoiceBank(StartingPoints(tmp_path))


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("parrot/polly", "no engine called 'parrot'; there are kokoro, piper, flite, espeak, festival"),
        ("openai/alloy", "none was given; name its address with --tts-url"),
        ("flite/slt@9", "shifted by '9'; wanted 0.6 to 1.6"),
        ("flite/slt@low", "shifted by 'low'"),
    ],
)
def test_a_voice_that_is_not_there_is_told(bank: VoiceBank, name: str, complaint: str) -> None:
    with pytest.raises(ServiceError, match=complaint):
        bank[name]


def test_a_model_of_this_project_speaks_in_its_stored_voices(bank: VoiceBank, tiny_nano: Path) -> None:
    samples = bank[f"stepwave/{tiny_nano}:bob"].speak("A word.")
    assert 0 < len(samples) <= 5 * SYNTHESIS_RATE
    shifted = bank[f"stepwave/{tiny_nano}:bob@1.2"]
    assert isinstance(shifted, ShiftedVoice)
    assert shifted.voice is bank[f"stepwave/{tiny_nano}:bob"]
