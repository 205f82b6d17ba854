"""Publishing: in order, deleted only when stored, and patient."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, OutOfOrderSequenceNumber

from models.desk import Given
from streams.desk import outbox, queue
from streams.desk.outbox import Publisher
from streams.process.vitals import Vitals
from tests.desk_bench import Bench, bench, task_of


class Broker:
    """Stores what is sent to it, unless told to fail."""

    def __init__(self) -> None:
        self.stored: list[tuple[bytes | None, int, bytes]] = []
        self.made = 0
        self.starts: list[Exception] = []
        self.ends: list[Exception | None] = []
        self.stuck = False
        self.hold = asyncio.Event()
        self.hold.set()

    def producer(self) -> Any:
        self.made += 1
        return Producer(self)


class Producer:
    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    async def start(self) -> None:
        if self.broker.starts:
            raise self.broker.starts.pop(0)

    async def stop(self) -> None:
        if self.broker.stuck:
            await asyncio.Event().wait()

    async def send(
        self, topic: str, value: bytes, key: bytes | None, partition: int
    ) -> "asyncio.Task[None]":
        assert topic == "t.decisions"
        return asyncio.create_task(self._store(value, key, partition))

    async def _store(self, value: bytes, key: bytes | None, partition: int) -> None:
        await self.broker.hold.wait()
        if self.broker.ends and (error := self.broker.ends.pop(0)):
            raise error
        self.broker.stored.append((key, partition, value))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(outbox, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(outbox, "POLL_SECONDS", 0.01)
    with bench(f"sqlite:///{tmp_path / 'desk.sqlite'}", {"mail": task_of()}) as b:
        yield b


def decide(here: Bench, count: int) -> int:
    """So many decisions and outcomes are in the outbox."""
    here.arrive(range(count))
    ann = here.signed_in("ann")
    for _ in range(count):
        [loan] = ann.next()
        ann.decide(loan.lease, Given(answer="label", labels=("spam",)))
    here.clock.pass_by(60)
    return len(here.published())


@asynccontextmanager
async def publishing(here: Bench, broker: Broker) -> AsyncIterator[Vitals]:
    vitals = Vitals("desk", "0")
    publisher = Publisher(here.desk, "t.decisions", broker.producer, vitals)
    task = asyncio.create_task(publisher.run())
    try:
        yield vitals
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(good: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while True:
            if good():
                return
            await asyncio.sleep(0.01)


async def test_messages_go_out_in_order_with_key_and_partition(here: Bench) -> None:
    count = await asyncio.to_thread(decide, here, 6)
    wanted = [(row.key, row.partition, row.value) for row in queue.waiting_messages(here.desk, 100)]
    broker = Broker()
    async with publishing(here, broker) as vitals:
        await until(lambda: vitals.emitted == count)
    assert broker.stored == wanted
    assert broker.stored[0][0] == f"m-{broker.stored[0][1]}".encode()
    assert queue.waiting_messages(here.desk, 100) == []


async def test_nothing_is_deleted_before_it_is_stored(here: Bench) -> None:
    count = await asyncio.to_thread(decide, here, 3)
    broker = Broker()
    broker.hold.clear()
    async with publishing(here, broker) as vitals:
        await asyncio.sleep(0.2)
        assert len(queue.waiting_messages(here.desk, 100)) == count
        broker.hold.set()
        await until(lambda: vitals.emitted == count)
    assert len(broker.stored) == count


@pytest.mark.parametrize("error", [KafkaConnectionError("away"), OutOfOrderSequenceNumber()])
async def test_a_failure_sends_all_again_by_a_new_producer(here: Bench, error: Exception) -> None:
    count = await asyncio.to_thread(decide, here, 2)
    broker = Broker()
    broker.ends = [None, error]
    async with publishing(here, broker) as vitals:
        await until(lambda: vitals.emitted == count)
    assert broker.made == 2
    assert len({value for _, _, value in broker.stored}) == count
    assert len(broker.stored) == count + (count - 1)
    assert queue.waiting_messages(here.desk, 100) == []


async def test_a_producer_that_does_not_stop_is_left_behind(
    here: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "STOP_SECONDS", 0.01)
    count = await asyncio.to_thread(decide, here, 1)
    broker = Broker()
    broker.ends, broker.stuck = [KafkaConnectionError("away")], True
    async with publishing(here, broker) as vitals:
        await until(lambda: vitals.emitted == count)
    assert broker.made == 2


async def test_a_broker_that_is_away_is_waited_for_and_told_of_once(
    here: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    count = await asyncio.to_thread(decide, here, 1)
    broker = Broker()
    broker.starts = [KafkaConnectionError("away") for _ in range(5)]
    with caplog.at_level(logging.WARNING):
        async with publishing(here, broker) as vitals:
            await until(lambda: vitals.emitted == count)
            await until(lambda: len(_told(caplog)) == 2)
    assert all(line.startswith("decisions wait in the outbox: ") for line in _told(caplog))
    assert vitals.retries == 5


def _told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == outbox.__name__]


async def test_a_database_that_is_away_is_waited_for(
    here: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = await asyncio.to_thread(decide, here, 1)
    broker, real = Broker(), queue.sent
    failures = [queue.QueueUnavailable("away")]

    def sent(desk: queue.Desk, seqs: list[int]) -> None:
        if failures:
            raise failures.pop()
        real(desk, seqs)

    monkeypatch.setattr(queue, "sent", sent)
    async with publishing(here, broker) as vitals:
        await until(lambda: vitals.emitted == count)
    assert len(broker.stored) == 2 * count
