"""Two sinks that meet the same sample in two partitions at the same time, in many orders.

That takes a foreign topic whose producer spreads one key over partitions, and two sink processes.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.rows import Row
from models.sample import Source
from streams.delivery.records import Incoming
from streams.store.client import AsyncStore, Store
from streams.store.figures.ledger import ledger
from streams.store.figures.scope import Scope
from tests import data_records as data
from tests.data_records import TOPICS
from tests.streams.store.books import sink_on

pytestmark = pytest.mark.processes

MONTHS = Scope(data.NOON - timedelta(days=90), data.NOON + timedelta(days=90), task="messages")
TABLES = ("samples", "results", "first_records", "repeats")
STEPS = 4
"""Of one write that meets nobody: look up, claim, write rows, look again."""


class Crash(Exception):
    """What a test lets a process die of."""


class Stepping:
    """A store that takes one step each time it is told to, and may die before one."""

    def __init__(self, store: AsyncStore, die_at: int = 10_000) -> None:
        self.store = store
        self.may = asyncio.Semaphore(0)
        self.stepped = asyncio.Event()
        self.left = die_at

    async def query(self, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
        await self._turn()
        try:
            return await self.store.query(sql, parameters)
        finally:
            self.stepped.set()

    async def insert(self, rows: Sequence[Row]) -> None:
        if rows:
            await self._turn()
            try:
                await self.store.insert(rows)
            finally:
                self.stepped.set()

    async def command(self, sql: str, parameters: Any = None) -> None:
        await self._turn()
        try:
            await self.store.command(sql, parameters)
        finally:
            self.stepped.set()

    async def _turn(self) -> None:
        await self.may.acquire()
        self.left -= 1
        if self.left < 0:
            raise Crash


def record(partition: int) -> Incoming:
    """The same sample in one of two partitions, with timestamps a month apart."""
    at = data.NOON - timedelta(days=31 * partition)
    place = Source(topic=TOPICS.samples, partition=partition, offset=7 - partition, at=at)
    return Incoming(place, b"key", data.sample(1).encode(), ())


def result(partition: int) -> Incoming:
    """What the stages made of it there: different answers."""
    place = record(partition).source
    labels = ("scam",) if partition else ("personal",)
    said = data.result(1, source=place, annotation=data.annotation(1, labels=labels))
    return Incoming(place.model_copy(update={"topic": TOPICS.results}), b"key", said.encode(), ())


async def in_turns(stores: Sequence[Stepping], batches: Any, order: Iterable[int]) -> None:
    """Let each sink write its batch, one step at a time in the order given, then to the end."""
    tasks = [
        asyncio.create_task(sink_on(store).write(batch))
        for store, batch in zip(stores, batches, strict=True)
    ]
    for who in order:
        stores[who].stepped.clear()
        stores[who].may.release()
        stepped = asyncio.create_task(stores[who].stepped.wait())
        await asyncio.wait([tasks[who], stepped], return_when=asyncio.FIRST_COMPLETED)
        stepped.cancel()
    for store, task in zip(stores, tasks, strict=True):
        for _ in range(100):
            store.may.release()
        await asyncio.wait([task])
        if error := task.exception():
            assert isinstance(error, Crash)


def empty(store: Store) -> None:
    for name in TABLES:
        store.command("TRUNCATE TABLE {name:Identifier}", {"name": name})


def places(store: Store, table: str) -> list[int]:
    return sorted(row["partition"] for row in store.query(f"SELECT partition FROM {table} FINAL"))


ORDERS = [
    [0 if step in mine else 1 for step in range(2 * STEPS)]
    for mine in combinations(range(2 * STEPS), STEPS)
][::3]


async def test_one_of_two_at_once_is_the_first_in_any_order(
    async_store: AsyncStore, store: Store
) -> None:
    for order in ORDERS:
        empty(store)
        stores = [Stepping(async_store), Stepping(async_store)]
        await in_turns(stores, [[record(0)], [record(1)]], order)
        assert places(store, "samples") + places(store, "repeats") in ([0, 1], [1, 0]), order
        books = ledger(store, MONTHS)
        assert (books.samples_in, books.repeats) == (1, {"samples": 1}), order
        for partition in (0, 1):
            await sink_on(async_store).write([record(partition)])
        books = ledger(store, MONTHS)
        assert (books.samples_in, books.repeats) == (1, {"samples": 1}), order


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.lists(st.integers(0, 1), max_size=16),
    dies=st.tuples(st.integers(0, 10), st.integers(0, 10)),
)
async def test_whatever_dies_meanwhile_one_is_left(
    async_store: AsyncStore, store: Store, order: list[int], dies: tuple[int, int]
) -> None:
    """Both write sample and result, may die at any step, and are then started again."""
    empty(store)
    batches = [[record(n), result(n)] for n in (0, 1)]
    await in_turns([Stepping(async_store, at) for at in dies], batches, order)
    for batch in batches:
        await sink_on(async_store).write(batch)
    for table in ("samples", "results"):
        assert len(places(store, table)) == 1, table
    books = ledger(store, MONTHS)
    assert (books.samples_in, books.states["awaiting_review"], books.in_flight) == (1, 1, 0)
    assert books.repeats == {"samples": 1, "results": 1}
