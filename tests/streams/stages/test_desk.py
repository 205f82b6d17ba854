"""The desk's stage: items in once, letters for what is none, and back to where the queue stands."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition

from models.errors import Unavailable
from models.sample import Source
from streams.delivery.batches import Batch
from streams.delivery.dead_letter_limit import DeadLetterLimit, TooManyDeadLetters
from streams.delivery.dead_letters import LETTER, Bury
from streams.delivery.records import Incoming, Output
from streams.desk import queue
from streams.desk.queue import Arrival
from streams.process.vitals import Vitals
from streams.stages.desk import DeskStage, Ports, Positions, identify
from tests.desk_bench import NOON, review, task_of

TASK = task_of()
REVIEWS = "t.reviews"


def record(number: int, value: bytes | None = None, partition: int = 0) -> Incoming:
    source = Source(topic=REVIEWS, partition=partition, offset=number, at=NOON)
    body = review(number, TASK).encode() if value is None else value
    return Incoming(source, b"key", body)


def batch(records: Sequence[Incoming], epoch: int = 1) -> Batch:
    offsets = {TopicPartition(REVIEWS, r.source.partition): r.source.offset + 1 for r in records}
    return Batch(records, offsets, epoch)


class Log:
    """A consumer with positions of its own."""

    def __init__(self, **positions: int) -> None:
        self.at = {TopicPartition(REVIEWS, int(name[1:])): at for name, at in positions.items()}
        self.sought: list[tuple[int, int]] = []

    def assignment(self) -> set[TopicPartition]:
        return set(self.at)

    async def position(self, partition: TopicPartition) -> int:
        return self.at[partition]

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.sought.append((partition.partition, offset))
        self.at[partition] = offset


class Bench:
    """A stage over a real queue; the broker is a list."""

    def __init__(self, folder: Path, log: Log, limit: DeadLetterLimit | None = None) -> None:
        self.desk = queue.open_desk(f"sqlite:///{folder / 'desk.sqlite'}", {"mail": TASK})
        self.letters: list[Output] = []
        self.away = False
        self.vitals = Vitals("desk", "0")
        bury = Bury("t.dead-letters", "desk", identify, NOON.timestamp)
        ports = Ports(self.enqueue, self.positions, self.send, bury)
        self.stage = DeskStage(ports, log, self.vitals, limit or DeadLetterLimit())

    async def enqueue(self, arrivals: Sequence[Arrival], positions: Positions) -> int:
        if self.away:
            raise Unavailable("away")
        return await asyncio.to_thread(queue.enqueue, self.desk, arrivals, positions, NOON)

    async def positions(self) -> Positions:
        return await asyncio.to_thread(queue.positions, self.desk)

    async def send(self, outputs: Sequence[Output]) -> None:
        self.letters += outputs

    @property
    def enqueued(self) -> int:
        return queue.books(self.desk).enqueued


async def test_items_come_in_once_with_how_far_was_read(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Log(p0=0, p1=0))
    records = [record(0), record(1), record(2, partition=1)]
    assert await bench.stage.work(batch(records))
    assert await bench.stage.work(batch([replace(records[0], source=record(9).source)]))
    assert bench.enqueued == 3
    assert await bench.positions() == {(REVIEWS, 0): 10, (REVIEWS, 1): 3}
    assert bench.vitals.skipped == 1


@pytest.mark.parametrize(
    "value", [b"", b"{", b"[]", b'{"result_id": 7}', b"\xff", b'{"text": "a sample"}']
)
async def test_what_cannot_be_read_is_a_dead_letter_and_is_passed(
    tmp_path: Path, value: bytes
) -> None:
    bench = Bench(tmp_path, Log(p0=0))
    assert await bench.stage.work(batch([record(0, value), record(1)]))
    [letter] = bench.letters
    assert (letter.value, letter.key, letter.topic) == (value, b"key", "t.dead-letters")
    assert b"not a record of `reviews`" in dict(letter.headers)[LETTER]
    assert bench.enqueued == 1
    assert await bench.positions() == {(REVIEWS, 0): 2}


def test_a_letter_names_the_sample_behind_a_readable_record() -> None:
    item = review(4, TASK)
    who = identify(record(4))
    assert (who.sample_key, who.source, who.task) == (item.sample_key, item.source, "mail")


async def test_a_stage_that_can_read_next_to_nothing_stops_before_it_buries_all(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, Log(p0=0), DeadLetterLimit(0.5, 20))
    junk = [record(number, b"junk") for number in range(20)]
    for each in junk[:9]:
        await bench.stage.work(batch([each]))
    with pytest.raises(TooManyDeadLetters):
        await bench.stage.work(batch(junk[9:]))
    assert len(bench.letters) == 9


async def test_a_database_that_is_away_changes_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Log(p0=0))
    bench.away = True
    with pytest.raises(Unavailable):
        await bench.stage.work(batch([record(0)]))
    bench.away = False
    assert bench.enqueued == 0
    assert await bench.stage.work(batch([record(0)]))
    assert bench.enqueued == 1


async def test_a_restored_queue_reads_again_from_where_it_stands(tmp_path: Path) -> None:
    before = Bench(tmp_path, Log(p0=0, p1=0))
    await before.stage.work(batch([record(n) for n in range(3)]))
    log = Log(p0=7, p1=50)
    bench = Bench(tmp_path, log)
    done = await bench.stage.work(batch([record(7), record(50, partition=1)]))
    assert not done
    assert log.sought == [(0, 3)]
    assert await bench.positions() == {(REVIEWS, 0): 3, (REVIEWS, 1): 51}
    assert await bench.stage.work(batch([record(n) for n in range(3, 8)]))
    assert bench.enqueued == 9
    assert log.sought == [(0, 3)]


async def test_it_goes_back_also_when_nothing_new_comes(tmp_path: Path) -> None:
    before = Bench(tmp_path, Log(p0=0))
    await before.stage.work(batch([record(0)]))
    log = Log(p0=7)
    bench = Bench(tmp_path, log)
    assert not await bench.stage.work(batch([]))
    assert await bench.stage.work(batch([]))
    assert log.sought == [(0, 1)]


async def test_each_assignment_is_looked_at_anew(tmp_path: Path) -> None:
    log = Log(p0=0)
    bench = Bench(tmp_path, log)
    await bench.stage.work(batch([record(0)]))
    log.at[TopicPartition(REVIEWS, 0)] = 5
    assert await bench.stage.work(batch([]))
    assert log.sought == []
    assert not await bench.stage.work(batch([], epoch=2))
    assert log.sought == [(0, 1)]


async def test_a_queue_that_is_ahead_of_the_commits_reads_what_it_knows_again(
    tmp_path: Path,
) -> None:
    before = Bench(tmp_path, Log(p0=0))
    await before.stage.work(batch([record(n) for n in range(5)]))
    log: Any = Log(p0=2)
    bench = Bench(tmp_path, log)
    assert await bench.stage.work(batch([record(n) for n in range(2, 6)]))
    assert log.sought == []
    assert bench.enqueued == 6
