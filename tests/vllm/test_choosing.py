"""What travels with a request arrives as it was, and nothing else is taken."""

import json

import pytest

from stepwave.facts.errors import ConfigError
from stepwave.generation.decode import DecodeSettings
from stepwave.generation.sampling import SamplingSettings
from stepwave.generation.slots import Guards
from stepwave.vllm.choosing import KEY, MOST_SAID, Choosing


def test_settings_come_back_as_they_were() -> None:
    settings = DecodeSettings(
        SamplingSettings(0.7, 20, 0.9, 1.1, seed=3), SamplingSettings(0.4), guards=Guards(same_code=50), said=(1, 2)
    )
    choosing = Choosing.of(settings)
    params = json.loads(json.dumps(choosing.sampling_params(9, (4, 5), 3)))
    assert Choosing.read(params["extra_args"]) == choosing
    assert (params["max_tokens"], params["stop_token_ids"], params["seed"]) == (9, [4, 5], 3)
    assert params["temperature"] == params["top_p"] == params["repetition_penalty"] == 1


def test_speech_is_chosen_as_text_unless_told_and_greedy_is_greedy_in_vllm_too() -> None:
    choosing = Choosing.of(DecodeSettings())
    assert choosing.speech == choosing.text
    assert choosing.greedy
    assert not choosing.penalises
    assert choosing.sampling_params(1, (), None)["temperature"] == 0
    assert not Choosing(speech=SamplingSettings(0.4)).greedy
    assert Choosing(speech=SamplingSettings(repetition_penalty=1.1)).penalises


def test_requests_that_say_nothing_are_left_alone() -> None:
    assert Choosing.read(None) is Choosing.read({}) is Choosing.read({"other": 1}) is None


@pytest.mark.parametrize(
    "said", [7, {"voice": 1}, {"text": {"temperature": -1}}, {"said": ["a"]}, {"said": [0] * (MOST_SAID + 1)}]
)
def test_what_is_not_understood_is_refused(said: object) -> None:
    with pytest.raises(ConfigError, match="extra_args, stepwave"):
        Choosing.read({KEY: said})
