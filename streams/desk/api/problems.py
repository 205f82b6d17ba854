"""Refusals on the wire: every error as a Problem, and the statuses each call can answer with."""

import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from models.desk import Problem
from models.errors import Unavailable
from streams.desk.errors import UNAVAILABLE, DeskError, NotAllowed, NotThere, TooMany

log = logging.getLogger(__name__)

MALFORMED, TOO_LARGE, TOO_SLOW, WRONG_METHOD, INTERNAL = (
    "malformed",
    "too_large",
    "too_slow",
    "wrong_method",
    "internal",
)
"""Codes that no error of the desk's own has: the request, or the desk itself, is broken."""

_SHOWN, _SAID = 300, 1000
"""Characters of a part of a message, and of all of it."""

_MEANINGS: Mapping[int, str] = {
    400: "The request is no proper HTTP or JSON.",
    401: "No token, an unknown or a revoked one.",
    403: "The account's role does not reach that far, or a web page asks.",
    404: "No such thing, or not this account's to see.",
    408: "The body came too slowly.",
    409: "It exists already, or what it acts on has moved on.",
    413: "The body is too large.",
    422: "The body, path or query does not fit; the message says where.",
    429: "Too many requests; Retry-After says when to come back.",
    500: "The desk is at fault; its log says how.",
    503: "The queue's database does not answer; nothing was changed.",
}

_ALWAYS = (400, 401, 403, 408, 413, 422, 429, 500, 503)

_CODES = {404: NotThere.code, 405: WRONG_METHOD, 413: TOO_LARGE, 403: NotAllowed.code}

Handler = Callable[[Request, Any], Awaitable[Response]]


def documented(*more: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a call for its documentation: those of every call, and a few more."""
    return {
        status: {"model": Problem, "description": _MEANINGS[status]}
        for status in sorted({*_ALWAYS, *more})
    }


def refusal(status: int, code: str, message: str, retry_after: float | None = None) -> Response:
    """A Problem as a response."""
    harmless = message[:_SAID].encode("utf-8", "replace").decode()
    body = Problem(code=code, message=harmless).model_dump_json().encode()
    headers = {}
    if retry_after is not None:
        headers["Retry-After"] = str(math.ceil(retry_after))
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(body, status, headers, media_type="application/json")


def broken() -> Response:
    """What is said of a fault of the desk's own."""
    return refusal(500, INTERNAL, "the review desk made a mistake; its log says more")


def install(app: FastAPI) -> None:
    """Have every error that a call may raise on purpose become a Problem."""
    handlers: dict[type[Exception], Handler] = {
        DeskError: _desk_error,
        Unavailable: _unavailable,
        RequestValidationError: _misshapen,
        HTTPException: _of_the_framework,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


async def _desk_error(request: Request, error: DeskError) -> Response:
    after = error.retry_after if isinstance(error, TooMany) else None
    return refusal(error.status, error.code, str(error), after)


async def _unavailable(request: Request, error: Unavailable) -> Response:
    log.warning("the queue cannot answer: %s", error)
    message = "the review desk cannot reach its queue now; nothing was changed, try again"
    return refusal(503, UNAVAILABLE, message, error.retry_after)


async def _misshapen(request: Request, error: RequestValidationError) -> Response:
    return refusal(422, MALFORMED, first_mistake(error))


def first_mistake(error: RequestValidationError) -> str:
    """Where a request does not fit and why; what it held there is not repeated."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    why = str(first["msg"]).removeprefix("Value error, ")
    return f"{where[:_SHOWN]}: {why[:_SHOWN]}"


async def _of_the_framework(request: Request, error: HTTPException) -> Response:
    said = _MEANINGS.get(error.status_code) or HTTPStatus(error.status_code).phrase
    answer = refusal(error.status_code, _CODES.get(error.status_code, MALFORMED), said)
    answer.headers.update(error.headers or {})
    return answer
