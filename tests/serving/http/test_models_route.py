from __future__ import annotations

import httpx
import openai
import pytest

from ..conftest import TOKEN, Running


def test_the_one_model_is_listed(server: Running) -> None:
    with server.client as client:
        assert [model.id for model in client.models.list()] == ["nano"]
        assert client.models.retrieve("nano").owned_by == "stepwave"


def test_another_model_is_not_found(server: Running) -> None:
    with server.client as client, pytest.raises(openai.NotFoundError, match="no model 'some/other' here") as caught:
        client.models.retrieve("some/other")
    assert caught.value.code == "model_not_found"


def test_a_wrong_token_lets_nobody_in(server: Running) -> None:
    with openai.OpenAI(base_url=f"http://{server.address}/v1", api_key="wrong", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError):
            client.models.list()
        with pytest.raises(openai.AuthenticationError):
            client.audio.speech.create(model="nano", voice="alice", input="A river.")


def test_every_route_is_described_with_examples(server: Running) -> None:
    described = httpx.get(f"http://{server.address}/openapi.json").json()["paths"]
    assert {"/v1/models", "/v1/models/{name}"} <= described.keys()
    for path in ("/v1/chat/completions", "/v1/audio/speech"):
        assert described[path]["post"]["requestBody"]["content"]["application/json"]["examples"]
    for path in ("/v1/audio/transcriptions", "/v1/audio/translations"):
        assert described[path]["post"]["responses"]["200"]["content"]["application/json"]["examples"]
    assert httpx.get(f"http://{server.address}/docs").status_code == 200
    assert TOKEN not in str(described)
