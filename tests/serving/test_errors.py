"""What clients are told of errors."""

from __future__ import annotations

import pytest

from stepwave.facts.errors import (
    CheckpointError,
    LanguageServerError,
    MissingExtraError,
    ServiceError,
    StoppingError,
    TextError,
)
from stepwave.serving.errors import UNEXPECTED, ApiError, api_error


@pytest.mark.parametrize(
    ("error", "status", "code", "again"),
    [
        (ServiceError("64 requests are waiting"), 503, "overloaded", True),
        (StoppingError("the server stopped"), 503, "stopping", True),
        (LanguageServerError("the server sent no token_ids"), 503, "service_unavailable", True),
        (MissingExtraError("serve"), 501, "not_installed", False),
        (TextError("got an empty question"), 400, "invalid_value", False),
        (CheckpointError("a part is missing"), 500, "server_error", False),
    ],
)
def test_each_kind_has_a_code(error: Exception, status: int, code: str, again: bool) -> None:
    told = api_error(error)
    assert (told.status, told.code, told.retry_after is not None) == (status, code, again)
    assert told.body()["message"] == str(error)


def test_what_is_unexpected_tells_nothing_of_itself() -> None:
    assert api_error(KeyError("secret")).body() == {
        "message": UNEXPECTED, "type": "server_error", "param": None, "code": "server_error",
    }  # fmt: skip


def test_an_error_for_clients_stays_what_it_is() -> None:
    error = ApiError("no model of that name", 404, "model_not_found")
    assert api_error(error) is error
