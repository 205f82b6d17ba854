"""Requests that nobody of good will makes: every one gets its refusal, and the desk goes on."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from models.desk import Problem
from streams.desk.api import guard
from streams.desk.api.app import Limits
from streams.desk.client import DeskClient
from tests.desk_bench import Bench, bench, task_of

SEALS = {"x-content-type-options": "nosniff", "cache-control": "no-store"}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("desk")
    limits = Limits(requests_per_second=10_000, hosts=frozenset({"desk.example"}))
    with bench(f"sqlite:///{folder / 'desk.sqlite'}", {"mail": task_of()}, limits) as b:
        yield b


@pytest.fixture(scope="module")
def http(here: Bench) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {here.token('root', 'admin')}"}
    with httpx2.Client(base_url=here.url, headers=headers, trust_env=False) as client:
        yield client


def refused(answer: httpx2.Response, status: int, code: str) -> str:
    """The message of a refusal that is a proper Problem, sealed like every answer."""
    problem = Problem.model_validate_json(answer.content)
    assert (answer.status_code, problem.code) == (status, code)
    assert {name: answer.headers[name] for name in SEALS} == SEALS
    assert "access-control-allow-origin" not in answer.headers
    assert "Traceback" not in answer.text
    assert "server" not in answer.headers
    return problem.message


def test_health_needs_no_token_and_says_nothing(here: Bench) -> None:
    answer = httpx2.get(f"{here.url}/v1/health", trust_env=False)
    assert answer.json() == {"status": "ok"}
    assert {name: answer.headers[name] for name in SEALS} == SEALS
    with DeskClient(here.url) as client:
        assert client.health()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:8480"},
        {"Host": ""},
        {"Host": "desk.example.evil.example"},
    ],
)
def test_web_pages_and_foreign_names_are_turned_away(
    http: httpx2.Client, headers: dict[str, str]
) -> None:
    refused(http.get("/v1/me", headers=headers), 403, "not_allowed")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "[::1]:8480", "desk.example:8480"])
def test_it_answers_to_its_own_names(http: httpx2.Client, host: str) -> None:
    assert http.get("/v1/me", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "token",
    ["", "Bearer", "Basic YTpi", "Bearer x y", f"Bearer {'a' * 5000}", "Bearer \x7f"],
)
def test_what_is_no_token_is_no_account(here: Bench, token: str) -> None:
    answer = httpx2.get(f"{here.url}/v1/me", headers={"Authorization": token}, trust_env=False)
    assert answer.headers.get("www-authenticate", "Bearer") == "Bearer"
    assert answer.status_code in (401, 429)


def test_unknown_tokens_of_one_address_are_slowed_down_and_known_ones_are_not(
    here: Bench, http: httpx2.Client
) -> None:
    headers = {"Authorization": "Bearer guess"}
    answers = [http.get("/v1/me", headers=headers) for _ in range(30)]
    assert refused(answers[-1], 429, "too_many")
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert http.get("/v1/me").status_code == 200
    here.clock.pass_by(3600)
    assert refused(http.get("/v1/me", headers=headers), 401, "not_signed_in")


def test_a_body_is_bounded_whatever_it_says_of_itself(http: httpx2.Client) -> None:
    big = b" " * (guard.SMALL + 1)
    refused(http.post("/v1/next", content=big), 413, "too_large")
    refused(http.post("/v1/next", content=iter([big[:40_000], big])), 413, "too_large")
    gold = {"task": "mail", "text": "x" * 200_000, "labels": ["spam"]}
    assert http.post("/v1/admin/gold", json=gold).status_code == 201
    gold["context"] = "ü" * 262_144
    gold["response"] = "ü" * 262_144
    refused(http.post("/v1/admin/gold", json=gold), 413, "too_large")


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"", 422),
        (b"[" * 20_000, 422),
        (b'{"count": 1e400}', 422),
        (b'{"count": NaN}', 422),
        (b'{"count": 6}', 422),
        (b'{"strange": 1}', 422),
        (b'{"\\ud800": 1}', 422),
        (b'{"task": "\\ud800"}', 422),
        (b"\xff\xfe", 422),
        (b'{"task": "' + b"a" * 60_000 + b'"}', 404),
    ],
)
def test_a_malformed_body_is_refused_by_where_and_why(
    http: httpx2.Client, body: bytes, status: int
) -> None:
    answer = http.post("/v1/next", content=body, headers=JSON)
    problem = Problem.model_validate_json(answer.content)
    assert answer.status_code == status
    assert len(problem.message) <= 1000


def test_only_json_is_read_as_json(http: httpx2.Client) -> None:
    body = json.dumps({"count": 1}).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        refused(
            http.post("/v1/next", content=body, headers={"Content-Type": kind}), 422, "malformed"
        )


def test_what_is_not_there_and_what_may_not_be_done(http: httpx2.Client) -> None:
    refused(http.get("/"), 404, "not_there")
    refused(http.get("/docs"), 404, "not_there")
    refused(http.get("/v1/tasks/%2e%2e%2fetc"), 404, "not_there")
    refused(http.delete("/v1/me"), 405, "wrong_method")
    assert http.delete("/v1/me").headers["allow"] == "GET"
    refused(http.post("/v1/leases/a%00b/decide", json={"answer": "ambiguous"}), 422, "malformed")


def test_a_fault_of_our_own_tells_nothing_but_that(
    here: Bench, http: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("streams.desk.queue.me", broken)
    assert "secret" not in refused(http.get("/v1/me"), 500, "internal")


def raw(here: Bench, request: bytes) -> bytes:
    where = urlsplit(here.url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        connection.sendall(request)
        connection.settimeout(10)
        return connection.recv(65_536)


def test_broken_http_is_refused(here: Bench) -> None:
    assert b" 400 " in raw(here, b"GARBAGE\r\n\r\n")
    assert b" 400 " in raw(here, b"GET /v1/me HTTP/1.1\r\nHost: a\r\nHost: 127.0.0.1\r\n\r\n")
    assert b" 403 " in raw(here, b"GET /v1/me HTTP/1.0\r\n\r\n")
    length = b"POST /v1/next HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %s\r\n\r\n"
    for wrong in (b"-1", b"1e3", b"9" * 30):
        assert raw(here, length % wrong)[9:12] in (b"400", b"413")


def test_a_body_that_never_comes_is_waited_for_in_vain(
    here: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.2)
    head = b"POST /v1/next HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n{"
    assert b" 408 " in raw(here, head)


def test_a_client_that_leaves_disturbs_nobody(here: Bench, http: httpx2.Client) -> None:
    where = urlsplit(here.url)
    for _ in range(5):
        with socket.create_connection((where.hostname, where.port)) as connection:
            connection.sendall(
                b"POST /v1/next HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n"
            )
    assert http.get("/v1/me").status_code == 200


def test_however_little_is_allowed_one_request_is(tmp_path: Path) -> None:
    limits = Limits(requests_per_second=0.05)
    with bench(f"sqlite:///{tmp_path / 'd.sqlite'}", {"mail": task_of()}, limits) as b:
        headers = {"Authorization": f"Bearer {b.token('ann')}"}
        with httpx2.Client(base_url=b.url, headers=headers, trust_env=False) as ann:
            assert [ann.get("/v1/tasks").status_code for _ in range(2)] == [200, 429]


def test_an_account_that_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    limits = Limits(requests_per_second=0.5)
    with bench(f"sqlite:///{tmp_path / 'd.sqlite'}", {"mail": task_of()}, limits) as b:
        headers = {"Authorization": f"Bearer {b.token('ann')}"}
        with httpx2.Client(base_url=b.url, headers=headers, trust_env=False) as ann:
            statuses = [ann.get("/v1/tasks").status_code for _ in range(7)]
            assert statuses == [200] * 5 + [429] * 2
            assert ann.get("/v1/tasks").headers["retry-after"] == "2"
            assert b.signed_in("bo").tasks()
            b.clock.pass_by(2)
            assert ann.get("/v1/tasks").status_code == 200
