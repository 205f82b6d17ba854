"""When the sink stops: what other stages wrote cannot be stored."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from models.sample import Source
from models.settings import Kafka
from streams.delivery.batches import Batch
from streams.delivery.dead_letter_limit import DeadLetterLimit, TooManyDeadLetters
from streams.delivery.records import Incoming
from streams.stages.sink import SinkStage
from streams.store.sink import Written
from streams.topics import Topics
from streams.vitals import Vitals

TOPICS = Topics.of(Kafka())
SAMPLES, RESULTS = TOPICS.samples, TOPICS.results


def batch(*topics: str) -> Batch:
    at = datetime(2026, 3, 4, tzinfo=UTC)
    records = [
        Incoming(Source(incarnation=0, topic=t, partition=0, offset=n, at=at), None, b"{}")
        for n, t in enumerate(topics)
    ]
    return Batch(records, {}, 0)


def stage(letters: int) -> tuple[SinkStage, list[int]]:
    """A sink that can store all but so many records of a batch."""
    store: Any = None
    form: Any = None
    limit = DeadLetterLimit(0.5, 20)
    made = SinkStage(store, TOPICS, form, Vitals("sink", "0"), limit)
    written: list[int] = []

    async def write(records: Any) -> Written:
        written.append(len(records))
        return Written(len(records) - letters, 0, letters)

    made.sink = SimpleNamespace(write=write)  # type: ignore[assignment]
    return made, written


async def test_unreadable_results_stop_it_though_samples_are_stored() -> None:
    made, written = stage(letters=20)
    with pytest.raises(TooManyDeadLetters, match="unreadable or refused"):
        await made.work(batch(*[SAMPLES] * 100, *[RESULTS] * 20))
    assert written == [120], "and the batch, stored already, is not committed"


async def test_a_few_unreadable_ones_do_not() -> None:
    made, _ = stage(letters=5)
    for _ in range(20):
        assert await made.work(batch(*[RESULTS] * 20))


async def test_letters_of_other_stages_do_not_count() -> None:
    made, _ = stage(letters=0)
    assert await made.work(batch(*[TOPICS.dead_letters] * 100))
