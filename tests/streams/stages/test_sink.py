"""When the sink stops: what other stages wrote cannot be stored."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from models.settings import Kafka
from streams.delivery.batches import Batch, Pace, run_batches
from streams.delivery.dead_letter_limit import DeadLetterLimit, TooManyDeadLetters
from streams.delivery.records import Incoming, incoming
from streams.process.vitals import Vitals
from streams.stages.sink import SinkStage
from streams.store.sink import Written
from streams.store.writer import STORED_TOPICS, Kind
from streams.topics import Topics

TOPICS = Topics.of(Kafka())
KIND_OF: dict[str, Kind] = {getattr(TOPICS, word): word for word in STORED_TOPICS}
GOOD, BAD = b"{}", b"?"


def raw(topic: str, offset: int, value: bytes) -> Any:
    fields = {"topic": topic, "partition": 0, "offset": offset, "timestamp": 1000}
    return SimpleNamespace(**fields, key=None, value=value, headers=())


def batch(topics: Sequence[str], value: bytes = GOOD) -> list[Incoming]:
    return [incoming(raw(topic, n, value), 0) for n, topic in enumerate(topics)]


def stage() -> tuple[SinkStage, list[int]]:
    """A sink that makes a letter of every bad record, and how much it wrote at each time."""
    store: Any = None
    form: Any = None
    limit = DeadLetterLimit(0.5, 20)
    made = SinkStage(store, TOPICS, form, Vitals("sink", "0"), limit)
    written: list[int] = []

    async def write(records: Sequence[Incoming]) -> Written:
        written.append(len(records))
        letters: Counter[Kind] = Counter(KIND_OF[r.source.topic] for r in records if r.value == BAD)
        return Written(len(records) - letters.total(), 0, letters)

    made.sink = SimpleNamespace(write=write)  # type: ignore[assignment]
    return made, written


async def works(made: SinkStage, records: Sequence[Incoming]) -> bool:
    return await made.work(Batch(records, {}, 0))


async def test_unreadable_results_stop_it_after_their_batch_though_samples_are_stored() -> None:
    made, written = stage()
    samples, results = [TOPICS.samples] * 100, [TOPICS.results] * 20
    assert await works(made, [*batch(samples), *batch(results, BAD)])
    with pytest.raises(TooManyDeadLetters, match="unreadable or refused"):
        await works(made, batch(results))
    assert written == [120], "the batch after it is untouched"
    assert made.vitals.dead_letters == 20


async def test_a_few_unreadable_ones_do_not() -> None:
    made, _ = stage()
    for _ in range(20):
        assert await works(made, [*batch([TOPICS.results] * 15), *batch([TOPICS.results] * 5, BAD)])


@pytest.mark.parametrize("topic", [TOPICS.samples, TOPICS.decisions, TOPICS.dead_letters])
async def test_letters_of_what_others_write_are_not_blamed_on_stages(topic: str) -> None:
    made, written = stage()
    for _ in range(5):
        assert await works(made, [*batch([topic] * 100, BAD), *batch([TOPICS.results] * 50)])
    assert written == [150] * 5


async def test_what_other_topics_store_does_not_hide_a_fault() -> None:
    made, _ = stage()
    assert await works(made, [*batch([TOPICS.alarms] * 20, BAD), *batch([TOPICS.decisions] * 99)])
    with pytest.raises(TooManyDeadLetters):
        await works(made, [])


class Consumer:
    """Hands out bad results from the committed offset on."""

    def __init__(self, committed: dict[TopicPartition, int], count: int) -> None:
        self.committed = committed
        self.at = committed.get(TP, 0)
        self.count = count

    def subscribe(self, topics: list[str], listener: Any) -> None: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.committed.update(offsets)

    async def getmany(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        end = min(self.at + max_records, self.count)
        part = [raw(TOPICS.results, n, BAD) for n in range(self.at, end)]
        self.at = end
        if part:
            return {TP: part}
        await asyncio.sleep(timeout_ms / 1000)
        return {}


TP = TopicPartition(TOPICS.results, 0)


async def test_each_start_gets_past_the_batch_that_stopped_the_last_one() -> None:
    committed: dict[TopicPartition, int] = {}
    ends = []
    for _ in range(3):
        made, _ = stage()
        consumer, pace = Consumer(committed, 45), Pace(rows=15, within_ms=20, incarnation=0)
        running = run_batches(consumer, [TOPICS.results], made.work, pace, made.vitals)
        with pytest.raises(TooManyDeadLetters):
            await asyncio.wait_for(running, 10)
        ends.append(committed[TP])
    assert ends == [15, 30, 45], "what became letters is not made letters again"
