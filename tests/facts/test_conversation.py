"""Messages map role names, freeze their parts and refuse what makes no turn."""

import numpy as np
import pytest

from stepwave.facts.conversation import AudioPart, Message, TextPart, TokensPart, role_named
from stepwave.facts.errors import AudioValueError, TemplateError


def test_roles_of_other_programs_are_mapped() -> None:
    assert role_named("user") == "human"
    assert role_named("function_output") == "input"
    assert Message("user", "hi").role == "human"


def test_an_unknown_role_is_refused_with_those_that_exist() -> None:
    with pytest.raises(TemplateError, match="role 'narrator'; a role is one of: system, human, assistant"):
        role_named("narrator")


def test_only_the_assistant_may_be_asked_for_content() -> None:
    assert Message("assistant", None).content is None
    with pytest.raises(TemplateError, match="'human' message without content"):
        Message("human", None)


def test_lists_become_tuples() -> None:
    parts = [TextPart("a"), TokensPart([1, 2])]
    message = Message("human", parts)
    assert message.content == (TextPart("a"), TokensPart((1, 2)))


@pytest.mark.parametrize("samples", [np.zeros((2, 5), np.float32), np.zeros(5, np.int16)])
def test_samples_must_be_a_row_of_floats(samples: np.ndarray) -> None:
    with pytest.raises(AudioValueError, match=r"wanted float samples of shape \[n\]"):
        AudioPart(samples)
