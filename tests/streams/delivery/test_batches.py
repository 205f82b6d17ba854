"""The batch loop on a stand-in consumer: what is committed, and when it is not."""

import asyncio
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError, ProducerClosed

from models.errors import StoreUnavailable
from streams.delivery import batches
from streams.delivery.batches import REST, Batch, Pace, run_batches, unfinished_of
from streams.process.vitals import Vitals
from streams.process.watchdog import watched

TP = TopicPartition("t", 0)
LONG = 60_000


class Consumer:
    """Hands out its script: lists of offsets, or a call that moves partitions."""

    def __init__(self, script: list[list[int] | str]) -> None:
        self.script = script
        self.commits: list[dict[TopicPartition, int]] = []
        self.stopped = False
        self.listener: Any = None

    def subscribe(self, topics: list[str], listener: Any) -> None:
        self.listener = listener

    async def start(self) -> None: ...

    async def stop(self) -> None:
        self.stopped = True

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.commits.append(dict(offsets))

    async def getmany(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        if not self.script:
            await asyncio.sleep(timeout_ms / 1000)
            return {}
        step = self.script.pop(0)
        if isinstance(step, str):
            await self.listener.on_partitions_revoked([])
            return {}
        return {
            TP: [
                SimpleNamespace(
                    topic="t",
                    partition=0,
                    offset=n,
                    timestamp=1000,
                    key=b"k",
                    value=b"v",
                    headers=(),
                )
                for n in step
            ]
        }


async def run_until(
    consumer: Consumer, work: Any, done: Callable[[], bool], within_ms: int = 5
) -> None:
    pace = Pace(rows=10, within_ms=within_ms, incarnation=0)
    task = asyncio.create_task(run_batches(consumer, ["t"], work, pace, Vitals("sink", "0")))
    async with asyncio.timeout(10):
        while not done():  # noqa: ASYNC110 - any condition of the stand-ins
            await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert consumer.stopped


async def test_a_batch_is_committed_after_its_work() -> None:
    consumer, seen = Consumer([[0, 1, 2]]), list[int]()

    async def work(batch: Batch) -> bool:
        assert consumer.commits == []
        seen.extend(r.source.offset for r in batch.records)
        return True

    await run_until(consumer, work, lambda: bool(consumer.commits))
    assert (seen, consumer.commits) == ([0, 1, 2], [{TP: 3}])


async def test_work_that_fails_is_done_again_and_commits_once() -> None:
    consumer, tries = Consumer([[0, 1]]), 0

    async def work(batch: Batch) -> bool:
        nonlocal tries
        tries += bool(batch.records)
        if tries < 3:
            raise StoreUnavailable("away")
        return True

    await run_until(consumer, work, lambda: bool(consumer.commits))
    assert (tries, consumer.commits) == (3, [{TP: 2}])


async def test_deferred_work_commits_everything_later() -> None:
    consumer, calls = Consumer([[0, 1], [2, 3]]), 0

    async def work(batch: Batch) -> bool:
        nonlocal calls
        calls += 1
        return calls > 3

    await run_until(consumer, work, lambda: bool(consumer.commits))
    assert consumer.commits == [{TP: 4}]


async def test_offsets_of_a_lost_assignment_are_never_committed() -> None:
    consumer, seen = Consumer([[1], [5, 6], "rebalance", [2, 3]]), list[int]()

    async def work(batch: Batch) -> bool:
        seen.extend(r.source.offset for r in batch.records)
        await asyncio.sleep(0.1)  # so that the next batch gathers for a while
        return True

    await run_until(consumer, work, lambda: len(consumer.commits) > 1, LONG)
    assert consumer.commits == [{TP: 2}, {TP: 4}]
    assert seen == [1, 2, 3], "what was gathered before comes again to its owner"


async def test_what_comes_after_a_pause_is_worked_at_once() -> None:
    consumer, began = Consumer([[0]]), time.monotonic()

    async def work(_: Batch) -> bool:
        return True

    await run_until(consumer, work, lambda: bool(consumer.commits), LONG)
    assert time.monotonic() - began < LONG / 1000 / 2


async def test_the_longer_work_takes_the_more_is_gathered_for_it() -> None:
    consumer, sizes = Consumer([[0], [1], [2], [3]]), list[int]()

    async def work(batch: Batch) -> bool:
        sizes.append(len(batch.records))
        await asyncio.sleep(0.1)
        return True

    await run_until(consumer, work, lambda: sum(sizes) > 3, LONG)
    assert sizes == [1, 3]


async def test_a_full_batch_waits_for_nothing() -> None:
    consumer, worked = Consumer([[0], list(range(1, 11))]), list[float]()

    async def work(_: Batch) -> bool:
        await asyncio.sleep(0 if worked else 1)
        worked.append(time.monotonic())
        return True

    await run_until(consumer, work, lambda: len(worked) > 1, LONG)
    assert worked[1] - worked[0] < REST


async def test_a_rebalance_during_the_work_commits_nothing() -> None:
    consumer, done = Consumer([[0]]), list[int]()

    async def work(batch: Batch) -> bool:
        if batch.records:
            await consumer.listener.on_partitions_revoked([])
        done.append(1)
        return True

    await run_until(consumer, work, lambda: len(done) > 3)
    assert consumer.commits == []


async def test_a_batch_is_bounded_by_bytes_too() -> None:
    asked: list[int] = []
    made = Consumer([[n] for n in range(40)])
    plain = made.getmany

    async def getmany(timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        asked.append(max_records)
        got = await plain(timeout_ms, max_records)
        for part in got.values():
            for record in part:
                record.value = b"x" * 900_000
        return got

    made.getmany = getmany  # type: ignore[method-assign]
    sizes: list[int] = []

    async def work(batch: Batch) -> bool:
        sizes.append(sum(len(record.value) for record in batch.records))
        return True

    pace = Pace(rows=2000, within_ms=2000, incarnation=0, size=4_000_000)
    task = asyncio.create_task(run_batches(made, ["t"], work, pace, Vitals("sink", "0")))
    async with asyncio.timeout(10):
        while sum(sizes) < 30 * 900_000:  # noqa: ASYNC110 - any condition of the stand-ins
            await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert max(sizes) <= 4_000_000 + 900_000
    assert max(asked) == 4, "what is asked for fits, however large the records"


@pytest.mark.parametrize("error", [StoreUnavailable("away"), KafkaConnectionError("away")])
async def test_the_watchdog_knows_of_a_wait(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("random.uniform", lambda *_: 0.02)  # pauses of 0.1 s at most
    vitals, tries = Vitals("sink", "0"), 0

    async def work(_: Batch) -> bool:
        nonlocal tries
        tries += 1
        raise error

    async def unfinished() -> int:
        return 2000

    waiting = asyncio.create_task(batches._persist(work, Batch([], {}, 0), vitals))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):
            await watched(vitals, unfinished, 0.5)
    assert tries > 5
    assert vitals.note == str(error)
    waiting.cancel()


@pytest.mark.parametrize("error", [MessageSizeTooLargeError("big"), ProducerClosed()])
async def test_what_no_repetition_mends_is_raised(error: Exception) -> None:
    consumer, tries = Consumer([[0]]), 0

    async def work(batch: Batch) -> bool:
        nonlocal tries
        tries += bool(batch.records)
        raise error

    pace = Pace(rows=10, within_ms=5, incarnation=0)
    with pytest.raises(type(error)):
        await asyncio.wait_for(
            run_batches(consumer, ["t"], work, pace, Vitals("drift", "0")), timeout=10
        )
    assert (tries, consumer.commits) == (1, [])


async def test_what_is_unfinished_is_unread_or_in_work() -> None:
    class Reader:
        def assignment(self) -> set[TopicPartition]:
            return {TP}

        async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
            return {TP: 10}

        async def position(self, tp: TopicPartition) -> int:
            return 7

    vitals = Vitals("sink", "0")
    vitals.in_flight = 2
    assert await unfinished_of(Reader(), vitals) == 5
