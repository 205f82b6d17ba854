"""The desk's API from the other side: one method for each call, refusals as errors of ours.

Used by the reviewer's page, the terminal client and simulated reviewers. It imports nothing of the
desk's own works, so it can be used wherever the desk can be reached.
"""

from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, TypeAdapter, ValidationError

from models.desk import (
    TOKEN,
    Account,
    Books,
    Cancel,
    Cancelled,
    Credentials,
    Given,
    GoldItem,
    Held,
    Loan,
    Me,
    NewAccount,
    NewGold,
    Noted,
    Passed,
    Past,
    Problem,
    QueueLine,
    Receipt,
    TaskShown,
    Wanted,
)
from models.errors import ConfigurationError, Unavailable
from streams.desk.errors import UNAVAILABLE, DeskError, NotSignedIn, TooMany

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 20.0
IDLE_SECONDS = 10.0
"""A connection unused for longer is not used again: the desk keeps its own open for longer."""

_REFUSALS = {kind.code: kind for kind in DeskError.__subclasses__()}

Answer = TypeVar("Answer")


class DeskClient:
    """One account's way to the desk; threads may share it. Close it when done.

    Every method raises `DeskError` (by its code one of `streams.desk.errors`) when the desk
    refuses, and `Unavailable` when it cannot be reached or cannot answer now.
    """

    def __init__(
        self, url: str, token: str = "", transport: httpx2.BaseTransport | None = None
    ) -> None:
        """For the desk at `url`; a token is not needed for `health` only.

        Raises:
            NotSignedIn: this can be no token.
            ConfigurationError: this can be no address of a desk.
        """
        if token and not TOKEN.fullmatch(token):
            raise NotSignedIn("this is no token: it has no blanks and only plain characters")
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            self._http = httpx2.Client(
                base_url=self.url,
                headers=headers,
                timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
                limits=httpx2.Limits(keepalive_expiry=IDLE_SECONDS),
                trust_env=False,
                transport=transport,
            )
        except httpx2.InvalidURL as exc:
            raise ConfigurationError(f"TIDEGAUGE_DESK__URL: {url!r}: {exc}") from exc

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of its connections."""
        self._http.close()

    def health(self) -> bool:
        """The desk answers."""
        return self._get("/v1/health", dict[str, str]).get("status") == "ok"

    def me(self) -> Me:
        """Who the token belongs to."""
        return self._get("/v1/me", Me)

    def tasks(self) -> list[TaskShown]:
        """The tasks that are served."""
        return self._get("/v1/tasks", list[TaskShown])

    def task(self, name: str) -> TaskShown:
        """One task: guidelines and labels."""
        return self._get(f"/v1/tasks/{_part(name)}", TaskShown)

    def next(self, wanted: Wanted | None = None) -> list[Loan]:
        """Items to work on, in the order to work them, without those said to be held already."""
        return self._post("/v1/next", wanted or Wanted(), list[Loan])

    def heartbeat(self, lease: str) -> Held:
        """A sign of life: the item stays in this reviewer's hands."""
        return self._post(f"/v1/leases/{_part(lease)}/heartbeat", None, Held)

    def decide(self, lease: str, given: Given) -> Receipt:
        """Answer; may be repeated with the same answer when the receipt did not arrive."""
        return self._post(f"/v1/leases/{_part(lease)}/decide", given, Receipt)

    def skip(self, lease: str, passed: Passed | None = None) -> None:
        """Leave an item to others."""
        self._done(f"/v1/leases/{_part(lease)}/skip", passed or Passed())

    def escalate(self, lease: str, passed: Passed | None = None) -> None:
        """Pass an item on to a senior."""
        self._done(f"/v1/leases/{_part(lease)}/escalate", passed or Passed())

    def release(self, lease: str) -> None:
        """Give an item back unseen."""
        self._done(f"/v1/leases/{_part(lease)}/release", None)

    def undo(self, answer: str) -> Loan:
        """Take an own answer back within its undo time; the item, in hand again."""
        return self._post(f"/v1/answers/{_part(answer)}/undo", None, Loan)

    def history(self, limit: int = 20, before: datetime | None = None) -> list[Past]:
        """Own answers, newest first; older ones than `before`."""
        return self._get("/v1/history", list[Past], _page(limit, before))

    def books(self) -> Books:
        """The queue's books (admin)."""
        return self._get("/v1/admin/books", Books)

    def queue(self) -> list[QueueLine]:
        """What waits, by task, pool, lane and level (admin)."""
        return self._get("/v1/admin/queue", list[QueueLine])

    def cancel(self, wanted: Cancel) -> int:
        """Take open items out of the queue; how many (admin)."""
        return self._post("/v1/admin/cancel", wanted, Cancelled).cancelled

    def accounts(self) -> list[Account]:
        """All accounts (admin)."""
        return self._get("/v1/admin/accounts", list[Account])

    def add_account(self, new: NewAccount) -> Credentials:
        """Make an account; its token is in the answer and nowhere else (admin)."""
        return self._post("/v1/admin/accounts", new, Credentials)

    def revoke(self, name: str) -> None:
        """Make an account's token worthless (admin)."""
        self._done(f"/v1/admin/accounts/{_part(name)}/revoke", None)

    def gold(self, task: str | None = None) -> list[GoldItem]:
        """Gold items (admin)."""
        return self._get("/v1/admin/gold", list[GoldItem], {"task": task} if task else {})

    def add_gold(self, new: NewGold) -> GoldItem:
        """Add a gold item (admin)."""
        return self._post("/v1/admin/gold", new, GoldItem)

    def retire_gold(self, gold_id: str) -> None:
        """Plant a gold item no longer (admin)."""
        self._done(f"/v1/admin/gold/{_part(gold_id)}/retire", None)

    def audit(self, limit: int = 100, before: datetime | None = None) -> list[Noted]:
        """The audit log, newest first (admin)."""
        return self._get("/v1/admin/audit", list[Noted], _page(limit, before))

    def _get(
        self, path: str, kind: type[Answer], query: Mapping[str, str | int] | None = None
    ) -> Answer:
        return self._read(self._asked("GET", path, params=dict(query or {})), kind)

    def _post(self, path: str, body: BaseModel | None, kind: type[Answer]) -> Answer:
        return self._read(self._asked("POST", path, **_json(body)), kind)

    def _done(self, path: str, body: BaseModel | None) -> None:
        self._asked("POST", path, **_json(body))

    def _asked(self, method: str, path: str, **what: Any) -> httpx2.Response:
        try:
            answer = self._http.request(method, path, **what)
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as exc:
            raise ConfigurationError(f"TIDEGAUGE_DESK__URL: {self.url!r}: {exc}") from exc
        except httpx2.TimeoutException as exc:
            raise Unavailable(f"the review desk at {self.url} does not answer in time") from exc
        except httpx2.HTTPError as exc:
            raise Unavailable(f"the review desk at {self.url} does not answer: {exc}") from exc
        if answer.is_success:
            return answer
        raise self._refusal(answer)

    def _refusal(self, answer: httpx2.Response) -> Exception:
        """The error that a refusal stands for."""
        try:
            problem = Problem.model_validate_json(answer.content)
        except ValidationError:
            return self._stranger()
        after = _seconds(answer.headers.get("Retry-After", ""))
        if problem.code == UNAVAILABLE:
            return Unavailable(problem.message, after)
        if problem.code == TooMany.code:
            return TooMany(problem.message, after)
        return _REFUSALS.get(problem.code, DeskError)(problem.message)

    def _read(self, answer: httpx2.Response, kind: type[Answer]) -> Answer:
        try:
            return TypeAdapter(kind).validate_json(answer.content)
        except ValidationError as exc:
            raise self._stranger() from exc

    def _stranger(self) -> Unavailable:
        return Unavailable(f"what answers at {self.url} is no review desk of this version")


def _json(body: BaseModel | None) -> dict[str, Any]:
    if body is None:
        return {}
    return {"content": body.model_dump_json(), "headers": {"Content-Type": "application/json"}}


def _part(name: str) -> str:
    return quote(name, safe="")


def _page(limit: int, before: datetime | None) -> dict[str, str | int]:
    return {"limit": limit, **({"before": before.isoformat()} if before else {})}


def _seconds(text: str) -> float:
    """What a Retry-After header says; a second when it says nothing.

    >>> _seconds("3"), _seconds(""), _seconds("Fri, 31 Dec 1999 23:59:59 GMT")
    (3.0, 1.0, 1.0)
    """
    return float(text) if text.isascii() and text.isdigit() else 1.0
