"""A review desk for tests: a task, items, a clock to move, and the API on a loopback port."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from models.desk import AccountRole, NewAccount
from models.identity import digest
from models.record import Message
from models.review import Decision, Outcome, ReviewTask
from models.sample import Sample, Source
from models.settings import Desk as DeskSettings
from models.task import Task
from models.task_file import parse_task
from streams.desk import queue
from streams.desk.api.app import Limits, build
from streams.desk.client import DeskClient
from streams.desk.queue import Arrival
from streams.desk.server import listening, served, where

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
TASK = """
name: mail
version: "1"
kind: classification
description: Mail to us
instructions: Is it spam?
labels:
  - {name: ham, definition: an ordinary message}
  - {name: spam, definition: an advertisement or a fraud}
spend: {unpriced: allow}
review:
"""
TRUTH = ("ham", "spam")


def task_of(**review: Any) -> Task:
    """The task, reviewed so; neither gold nor repeats unless asked for."""
    wanted = {"gold_share": 0, "repeat_share": 0, "undo_seconds": 10} | review
    lines = "".join(f"  {name}: {value}\n" for name, value in wanted.items())
    return parse_task(TASK + lines, "mail.yaml")


def review(number: int, task: Task) -> ReviewTask:
    """The item of this number; its text names it."""
    sample = Sample(id=f"m-{number}", text=text_of(number), task=task.name)
    return ReviewTask(
        result_id=digest("result", str(number)),
        sample_key=sample.key(),
        source=Source(topic="t.samples", partition=number % 4, offset=number, at=NOON),
        sample=sample,
        task=task.identity,
        suggestion=("ham",),
        lane="uncertain",
        propensity=0.5,
        audit=False,
    )


def text_of(number: int) -> str:
    """The text of an item."""
    return f"message {number}"


def label_of(text: str) -> str:
    """The right label of a text."""
    return TRUTH[int(text.rpartition(" ")[2]) % 2]


@dataclass
class Clock:
    """The time, moved by hand."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Bench:
    """A desk with its queue, its API and its clock."""

    desk: queue.Desk
    clock: Clock
    url: str
    clients: list[DeskClient] = field(default_factory=list)

    def arrive(self, numbers: Sequence[int]) -> int:
        """Items of these numbers come in."""
        task = next(iter(self.desk.tasks.values()))
        arrivals = [Arrival(review(n, task), f"m-{n}".encode(), n % 4) for n in numbers]
        return queue.enqueue(self.desk, arrivals, {}, self.clock())

    def token(self, name: str, role: AccountRole = "reviewer") -> str:
        """A new account's token."""
        made = queue.add_account(
            self.desk, "test", NewAccount(name=name, role=role), False, self.clock()
        )
        return made.token

    def signed_in(self, name: str, role: AccountRole = "reviewer") -> DeskClient:
        """A new account's client; closed with the bench."""
        client = DeskClient(self.url, self.token(name, role))
        self.clients.append(client)
        return client

    def published(self) -> list[Decision | Outcome]:
        """What waits in the outbox, in order."""
        queue.tend(self.desk, self.clock())
        return [read(row.value) for row in queue.waiting_messages(self.desk, 100_000)]


def read(value: bytes) -> Decision | Outcome:
    """A message of `decisions`."""
    kind: type[Message] = Outcome if b'"kind":"outcome"' in value else Decision
    found = kind.model_validate_json(value)
    assert isinstance(found, Decision | Outcome)
    return found


@contextlib.contextmanager
def bench(url: str, tasks: Mapping[str, Task], limits: Limits | None = None) -> Iterator[Bench]:
    """A desk over the queue at this URL, answering on loopback until the block ends."""
    clock = Clock()
    desk = queue.open_desk(url, tasks)
    try:
        with answering(desk, clock, limits) as address:
            made = Bench(desk, clock, address)
            yield made
            for client in made.clients:
                client.close()
    finally:
        desk.close()


@contextlib.contextmanager
def answering(
    desk: queue.Desk,
    clock: Clock,
    limits: Limits | None = None,
    sock: socket.socket | None = None,
) -> Iterator[str]:
    """The API of a queue on a socket or a free loopback port, in a thread; its address."""
    sock = sock or listening(DeskSettings(port=0))
    address = where(sock)
    app = build(desk, clock, limits or Limits(requests_per_second=10_000))
    loop = asyncio.new_event_loop()
    serving = loop.create_task(served(app, sock))

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(serving)
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield address
    finally:
        loop.call_soon_threadsafe(serving.cancel)
        thread.join(20)
