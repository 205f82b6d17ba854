"""The door of the API: web pages are turned away, bodies are bounded, every answer is sealed.

A browser sends `Origin` with what a page of another site asks for, and the name that page gave our
address in `Host`. No page is served here, so any Origin and any foreign Host is refused: no web
page reaches the desk through a reviewer's browser.
"""

import asyncio
import logging
from collections.abc import Collection
from typing import Any

from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.desk.api.problems import MALFORMED, TOO_LARGE, TOO_SLOW, broken, refusal
from streams.desk.errors import NotAllowed

log = logging.getLogger(__name__)

SMALL, LARGE = 64 * 1024, 1024 * 1024
LARGE_AT = ("/v1/admin/gold", "/v1/admin/cancel")
"""Bytes of a body, at most, and the paths that take the larger ones."""

BODY_SECONDS = 10.0
_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})

_SEAL = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


class Refused(Exception):
    """A request that goes no further."""

    def __init__(self, answer: Response) -> None:
        """Remember what is answered."""
        super().__init__()
        self.answer = answer


class Left(Exception):
    """The client went away before its request was whole."""


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, hosts: Collection[str] = ()) -> None:
        """Besides this machine's own names, the desk answers to those in `hosts`."""
        self.app = app
        self.hosts = LOCAL_HOSTS | {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        sealed = Sealed(send)
        try:
            self._turn_pages_away(Headers(scope=scope))
            body = await _whole_body(scope, receive)
            _check_json(body)
            await self.app(scope, Replayed(body, receive), sealed)
        except Refused as refused:
            await refused.answer(scope, receive, sealed)
        except Left:
            log.debug("a client left before its request was whole")
        except Exception:  # whatever a call did not foresee: logged here, and nothing of it is told
            log.exception("%s %r failed", scope["method"], scope["path"])
            if not sealed.begun:
                await broken()(scope, receive, sealed)

    def _turn_pages_away(self, headers: Headers) -> None:
        host = host_in(headers.get("host", ""))
        if "origin" in headers or host not in self.hosts:
            message = (
                "web pages may not ask the review desk, and it answers only to this machine's "
                "names and the one in TIDEGAUGE_DESK__URL"
            )
            raise Refused(refusal(NotAllowed.status, NotAllowed.code, message))


class Sealed:
    """Sends a response with the headers that every answer carries."""

    def __init__(self, send: Send) -> None:
        """Send there."""
        self._send = send
        self.begun = False

    async def __call__(self, message: Message) -> None:
        """Send a part of the response."""
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in _SEAL.items():
                headers[name] = value
        await self._send(message)


class Replayed:
    """Gives a body that was read already, once; after that whatever the client does."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        """Hold the body."""
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        """The next message of the request."""
        body, self._body = self._body, None
        if body is None:
            return await self._receive()
        return {"type": "http.request", "body": body, "more_body": False}


def host_in(header: str) -> str:
    """The name in a Host header, without its port.

    >>> host_in("Desk:8480"), host_in("[::1]:8480"), host_in("[::1]")
    ('desk', '[::1]', '[::1]')
    """
    name = header.lower()
    return name if name.endswith("]") else name.rsplit(":", 1)[0]


async def _whole_body(scope: Scope, receive: Receive) -> bytes:
    """The body, read before anything else is done: within its size and its time.

    Raises:
        Refused: it is too large or too slow.
        Left: the client went away.
    """
    most = LARGE if scope["path"] in LARGE_AT else SMALL
    declared = Headers(scope=scope).get("content-length", "0")
    if not (declared.isascii() and declared.isdigit()):
        raise Refused(refusal(400, MALFORMED, "Content-Length is no number"))
    if len(declared) > len(str(LARGE)) or int(declared) > most:
        raise Refused(_too_large(most))
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read(receive, most)
    except TimeoutError:
        message = f"the body did not come within {BODY_SECONDS:g} s"
        raise Refused(refusal(408, TOO_SLOW, message)) from None


def _check_json(body: bytes) -> None:
    """See that a body is JSON that means something everywhere.

    The standard library takes halves of surrogate pairs, which no database and no other program
    does, and nesting as deep as its stack.

    Raises:
        Refused: it is not.
    """
    try:
        if body:
            _ANYTHING.validate_json(body)
    except ValidationError as exc:
        message = f"body: no proper JSON: {exc.errors()[0]['msg']}"
        raise Refused(refusal(422, MALFORMED, message)) from None


async def _read(receive: Receive, most: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Left
        body += message.get("body", b"")
        if len(body) > most:
            raise Refused(_too_large(most))
        if not message.get("more_body", False):
            return bytes(body)


def _too_large(most: int) -> Response:
    return refusal(413, TOO_LARGE, f"the body is larger than {most:,} bytes")
