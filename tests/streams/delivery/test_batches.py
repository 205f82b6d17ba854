"""The batch loop on a stand-in consumer: what is committed, and when it is not."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition

from models.errors import StoreUnavailable
from streams.delivery.batches import Batch, Pace, run_batches
from streams.vitals import Vitals

TP = TopicPartition("t", 0)


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


async def run_until(consumer: Consumer, work: Any, done: Callable[[], bool]) -> None:
    pace = Pace(rows=10, within_ms=5, incarnation=0)
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
    consumer, seen = Consumer([[5, 6], "rebalance", [2, 3]]), list[int]()

    async def work(batch: Batch) -> bool:
        seen.extend(r.source.offset for r in batch.records)
        return True

    await run_until(consumer, work, lambda: bool(consumer.commits))
    assert consumer.commits == [{TP: 4}]
    assert seen == [2, 3], "what was gathered before comes again to its owner"


async def test_a_rebalance_during_the_work_commits_nothing() -> None:
    consumer, done = Consumer([[0]]), list[int]()

    async def work(batch: Batch) -> bool:
        if batch.records:
            await consumer.listener.on_partitions_revoked([])
        done.append(1)
        return True

    await run_until(consumer, work, lambda: len(done) > 3)
    assert consumer.commits == []
