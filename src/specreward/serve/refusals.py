"""Errors in OpenAI's form: ``{"error": {"message", "type", "param", "code"}}``."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from specreward.errors import InputError, SpecRewardError

__all__ = ["Refusal", "add_handlers", "error_body", "reading"]

_log = logging.getLogger(__name__)

_TYPES = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}


@final
class Refusal(SpecRewardError):
    """A request that gets an error for an answer.

    Args:
        status: Of HTTP.
        message: What was expected, what came, what to do.
        code: A word for programs.
        param: The field at fault.
        headers: Of the response.
        report: What the search that failed had cost, where there was one.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        report: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.headers = {} if headers is None else dict(headers)
        self.report = report

    def response(self) -> JSONResponse:
        """As an answer to the request."""
        body = error_body(self.status, str(self), self.code, self.param)
        if self.report is not None:
            body["specreward"] = self.report
        return JSONResponse(body, self.status, self.headers)


def error_body(
    status: int, message: str, code: str | None = None, param: str | None = None
) -> dict[str, Any]:
    """The body of an error."""
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    line = " ".join(message.split())
    return {"error": {"message": line, "type": kind, "param": param, "code": code}}


@contextmanager
def reading() -> Iterator[None]:
    """What a client wrote is being read: what is wrong with it is the client's fault.

    Raises:
        Refusal: 400, in place of an InputError.
    """
    try:
        yield
    except InputError as error:
        raise Refusal(400, str(error)) from error


def add_handlers(app: FastAPI) -> None:
    """Every error of an app in this form."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(SpecRewardError, _failed)
    app.add_exception_handler(Exception, _unforeseen)


def _refused(_: Request, error: Refusal) -> JSONResponse:
    return error.response()


def _failed(_: Request, error: SpecRewardError) -> JSONResponse:
    _log.error("%s", error)
    return Refusal(500, str(error)).response()


def _unforeseen(_: Request, error: Exception) -> JSONResponse:
    return Refusal(500, f"{type(error).__name__} in the server: see its log").response()


def _http(_: Request, error: HTTPException) -> JSONResponse:
    return Refusal(error.status_code, str(error.detail), headers=error.headers).response()


def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
    """The first thing that is wrong with a body."""
    first = error.errors()[0]
    where = ".".join([str(part) for part in first["loc"][1:]])
    if first["type"] == "json_invalid":
        return Refusal(400, "the body is no JSON: " + str(first["ctx"]["error"])).response()
    if first["type"] == "value_error":  # in this package's words
        return Refusal(400, str(first["ctx"]["error"]), param=where or None).response()
    if isinstance(first.get("input"), bytes):
        return Refusal(400, "expected the header 'Content-Type: application/json'").response()
    got = "" if first["type"] == "missing" else f", got {repr(first.get('input'))[:200]}"
    message = f"{where or 'body'}: {first['msg']}{got}"
    return Refusal(400, message, param=where or None).response()
