"""A whole embedded instance with the scripted model, and what tests need to drive it."""

import asyncio
import json
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from benchmarks.rig import write_inputs
from models.settings import Kafka, Settings
from streams.delivery.kafka import new_producer
from streams.embedded.instance import Instance, instance
from streams.embedded.parts import Wanted
from streams.store.client import Store, connect_sync
from streams.store.figures.ledger import Ledger, ledger
from streams.store.figures.scope import Scope
from streams.topics import STAGES, Stage, Topics

TASK = """
name: t
kind: classification
instructions: Label the message.
labels:
  - {name: ham, definition: an ordinary message}
  - {name: spam, definition: an advertisement or a fraud}
judge: {kind: rubric}
routing: {budget: 0.2, audit: 0.05}
drift: {baseline: 200}
spend: {unpriced: allow}
cache_seconds: 0
review: {undo_seconds: 0}
"""

TEXTS = 4000
"""Of which the scripted model knows the labels."""

Seen = TypeVar("Seen")
Record = tuple[bytes | None, bytes | None]


@dataclass
class Rig:
    """A running instance under test."""

    running: Instance
    store: Store
    told: list[str] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        return self.running.settings

    async def send(self, records: Sequence[Record]) -> None:
        producer = new_producer(self.settings)
        await producer.start()
        try:
            topic = Topics.of(self.settings.kafka).samples
            stored = [await producer.send(topic, value, key=key) for key, value in records]
            await asyncio.gather(*stored)
        finally:
            await producer.stop()

    def ledger(self) -> Ledger:
        now = datetime.now(UTC)
        return ledger(self.store, Scope(now - timedelta(hours=1), now + timedelta(hours=1)))

    async def settled(self, samples: int, seconds: float = 120) -> Ledger:
        """The ledger once that many came in and none is in flight."""
        return await self.until(
            self.ledger,
            lambda books: books.samples_in >= samples and not books.in_flight,
            seconds,
        )

    async def until(
        self, look: Callable[[], Seen], good: Callable[[Seen], bool], seconds: float = 60
    ) -> Seen:
        """What a look sees once it is good; looking takes a tenth of the time at most."""
        end = time.monotonic() + seconds
        while True:
            began = time.monotonic()
            if good(seen := await asyncio.to_thread(look)):
                return seen
            now = time.monotonic()
            assert now < end, f"not within {seconds} s: {seen}"
            await asyncio.sleep(min(3.0, max(0.2, 9 * (now - began))))

    def count(self, table: str) -> int:
        return int(self.store.query(f"SELECT count() AS n FROM {table} FINAL")[0]["n"])

    def processes(self, stage: str) -> list[psutil.Process]:
        """The running processes of one stage."""
        found = []
        for child in psutil.Process().children(recursive=True):
            try:
                if child.cmdline()[-2:] == ["streams.worker", stage]:
                    found.append(child)
            except psutil.Error:
                continue
        return found

    def model(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask or change the scripted model."""
        base = self.settings.model.base_url.removesuffix("/v1")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{base}{path}", data=data)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


@dataclass(frozen=True)
class Parts:
    """Which processes an instance has; one that a test does without is not started for it."""

    stages: tuple[Stage, ...] = STAGES
    workers: int = 1


ALL = Parts()
LABELLING: tuple[Stage, ...] = ("annotate", "judge", "route", "sink")
"""From a sample to its row; nobody watches and nobody reviews."""


def samples(count: int, first: int = 0) -> list[Record]:
    return [
        (str(n).encode(), json.dumps({"id": str(n), "text": text(n)}).encode())
        for n in range(first, first + count)
    ]


def text(number: int) -> str:
    return f"message number {number}"


@asynccontextmanager
async def rig_in(
    folder: Path,
    task: str = TASK,
    kafka: Kafka | None = None,
    parts: Parts = ALL,
    **delivery: Any,
) -> AsyncIterator[Rig]:
    """An instance, on the embedded broker unless `kafka` names another."""
    file, key = write_inputs(folder, task, map(text, range(TEXTS)))
    settings = Settings(
        data=folder / "data",
        tasks=(file,),
        kafka=kafka or Kafka(),
        delivery={"health_seconds": 5, **delivery},
        desk={"port": 0},
    )
    wanted = Wanted(
        store=folder / "store",
        model="scripted",
        key=key,
        dashboard=False,
        workers=parts.workers,
        stages=parts.stages,
    )
    told: list[str] = []
    async with instance(settings, wanted, told.append) as running:
        store = connect_sync(running.settings.clickhouse)
        try:
            yield Rig(running, store, told)
        finally:
            store.close()


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig_in(tmp_path) as made:
        yield made


@pytest.fixture
def start_rig() -> Callable[..., AbstractAsyncContextManager[Rig]]:
    return rig_in


@pytest.fixture
def make_samples() -> Callable[..., list[Record]]:
    return samples
