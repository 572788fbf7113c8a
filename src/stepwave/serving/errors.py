"""Errors in the form that OpenAI's clients read: a status, and `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

from typing import Any, Final

from stepwave.facts.errors import (
    AudioError,
    ConfigError,
    LanguageServerError,
    MissingExtraError,
    ProtocolError,
    ServiceError,
    StepwaveError,
    StoppingError,
    TextError,
    ToolError,
)

UNEXPECTED: Final = "something went wrong inside the server; its log tells more"
_CLIENTS_FAULT: Final = (AudioError, TextError, ConfigError, ProtocolError, ToolError)


class ApiError(ProtocolError):
    """A request that is answered with an error of its own status and code."""

    def __init__(
        self,
        message: str,
        status: int = 400,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.kind = kind
        self.retry_after = retry_after
        """Seconds after which it may be tried again; None where that would not help."""

    def body(self) -> dict[str, Any]:
        """The `error` object."""
        return {"message": str(self), "type": self.kind, "param": self.param, "code": self.code}


def api_error(error: Exception) -> ApiError:
    """What a client is told of `error`: our own errors by their message, others without any detail."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, StoppingError):
        return ApiError(str(error), 503, "stopping", kind="server_error", retry_after=10)
    if isinstance(error, LanguageServerError):
        return ApiError(str(error), 503, "service_unavailable", kind="server_error", retry_after=1)
    if isinstance(error, ServiceError):
        return ApiError(str(error), 503, "overloaded", kind="server_error", retry_after=1)
    if isinstance(error, MissingExtraError):
        return ApiError(str(error), 501, "not_installed", kind="server_error")
    if isinstance(error, _CLIENTS_FAULT):
        return ApiError(str(error), 400, "invalid_value")
    if isinstance(error, StepwaveError):
        return ApiError(str(error), 500, "server_error", kind="server_error")
    return ApiError(UNEXPECTED, 500, "server_error", kind="server_error")
