"""The client turns what a desk says into values and errors, and what is no desk into one line."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from models.desk import Given, Wanted
from models.errors import ConfigurationError, Unavailable
from streams.desk import errors
from streams.desk.client import DeskClient

KINDS = errors.DeskError.__subclasses__()


def client_of(answer: Callable[[httpx2.Request], httpx2.Response]) -> DeskClient:
    return DeskClient("http://desk:8480/", "secret", transport=httpx2.MockTransport(answer))


def saying(status: int, body: Any, **headers: str) -> DeskClient:
    return client_of(lambda _: httpx2.Response(status, json=body, headers=headers))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_each_code_is_an_error_of_its_own(kind: type[errors.DeskError]) -> None:
    with (
        saying(kind.status, {"code": kind.code, "message": "said so"}) as client,
        pytest.raises(kind, match="said so"),
    ):
        client.me()


def test_an_unknown_code_is_a_refusal_all_the_same() -> None:
    with (
        saying(418, {"code": "teapot", "message": "no"}) as client,
        pytest.raises(errors.DeskError, match="no"),
    ):
        client.me()


def test_when_to_come_back_is_told() -> None:
    body = {"code": "too_many", "message": "slow down"}
    with (
        saying(429, body, **{"Retry-After": "7"}) as client,
        pytest.raises(errors.TooMany) as caught,
    ):
        client.me()
    assert caught.value.retry_after == 7
    with (
        saying(503, {"code": "unavailable", "message": "away"}, **{"Retry-After": "2"}) as client,
        pytest.raises(Unavailable, match="away") as away,
    ):
        client.me()
    assert away.value.retry_after == 2


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, text="<html>hello</html>"),
        httpx2.Response(200, json={"name": "ann"}),
        httpx2.Response(404, text="not found"),
        httpx2.Response(302, headers={"Location": "http://evil.example/"}),
        httpx2.Response(200, content=b"\xff"),
    ],
)
def test_what_is_no_desk_is_called_so(answer: httpx2.Response) -> None:
    with (
        client_of(lambda _: answer) as client,
        pytest.raises(Unavailable, match="no review desk"),
    ):
        client.me()


def test_nobody_there(free_port: int) -> None:
    with (
        DeskClient(f"http://127.0.0.1:{free_port}", "secret") as client,
        pytest.raises(Unavailable, match=f":{free_port} does not answer"),
    ):
        client.next(Wanted())


def test_too_slow() -> None:
    def slow(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("late", request=request)

    with client_of(slow) as client, pytest.raises(Unavailable, match="in time"):
        client.me()


@pytest.mark.parametrize("url", ["", "desk", "ftp://desk", "http://:::"])
def test_an_address_that_is_none_is_a_setting_to_mend(url: str) -> None:
    with pytest.raises(ConfigurationError, match="TIDEGAUGE_DESK__URL"):
        DeskClient(url, "secret").me()


@pytest.mark.parametrize("token", ["two words", "ünknown", "line\nbreak", "x" * 201])
def test_what_can_be_no_token_is_not_sent(token: str) -> None:
    with pytest.raises(errors.NotSignedIn):
        DeskClient("http://desk", token)


def test_what_is_sent() -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        receipt = {"answer": "a1", "undo_until": "2026-11-01T12:00:10Z"}
        return httpx2.Response(200, json=receipt)

    with client_of(answer) as client:
        client.decide("a/b", Given(answer="label", labels=("spam",)))
    [request] = asked
    assert str(request.url) == "http://desk:8480/v1/leases/a%2Fb/decide"
    assert request.headers["Authorization"] == "Bearer secret"
    assert b'"labels":["spam"]' in request.content
